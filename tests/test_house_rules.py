"""House rules: what reading the files can tell.

They keep the map of the layers true, the names public, and the pieces in their places.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import gochan
from gochan._plugins import Hooks

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gochan"
PLUGINS = sorted((ROOT / "plugins").glob("gochan-*"))

# The rooms, in order: each uses only those above it. Users enter by the doors, which stand in none.
ROOMS = [
    "_core",
    "strategies",
    "_plugins",
    "_queue",
    "_children",
    "durable",
    "testing",
    "debug",
    "_command",
]
DOORS = {"gochan", "gochan.__main__", "gochan.lowlevel", "gochan.processes"}

needs_checkout = pytest.mark.skipif(not PLUGINS, reason="a source distribution has no plugins")


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


# Rooms


def modules() -> dict[str, Path]:
    """Return the modules of gochan by their full names; a package is its ``__init__``."""
    return {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the room that a module is in, by the name of its folder."""
    return [*module.split("."), ""][1]


def parent(module: str) -> str:
    return module.rpartition(".")[0]


class Import(NamedTuple):
    """One module of gochan uses another."""

    user: str
    used: str


@cache
def imports() -> tuple[Import, ...]:
    """Return who imports whom, for types alone included."""
    return (*find_imports(),)


def find_imports() -> Iterator[Import]:
    """Yield them; a name is that of a module if there is one.

    To import a module from its package is to use the module, not the package.
    """
    known = modules()
    for user, path in known.items():
        for node in ast.walk(parse(path)):
            for name in imported(node, path):
                if name.split(".")[0] != "gochan":
                    continue
                names = [name]
                if isinstance(node, ast.ImportFrom):
                    names = [f"{name}.{alias.name}" for alias in node.names]
                    names = [full if full in known else name for full in names]
                for used in dict.fromkeys(names):
                    if used in known and used != user:
                        yield Import(user, used)


def imported(node: ast.AST, path: Path) -> list[str]:
    """Return the full names of what ``node`` imports, if it is an import."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            package = path.parent.relative_to(ROOT).parts if level else ()
            parts = [*package[: len(package) - level + 1], *([module] if module else [])]
            if module or not level:
                return [".".join(parts)]
            return [".".join([*parts, alias.name]) for alias in names]
    return []


def test_every_room_is_on_the_map() -> None:
    """In the comment at the top of the package, in order; and there are no others."""
    text = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    assert re.findall(r"^#   (\w+)/ ", text, flags=re.MULTILINE) == ROOMS
    assert {room_of(name) for name in modules()} == {
        "",
        "__main__",
        "lowlevel",
        "processes",
        *ROOMS,
    }


def test_a_room_uses_only_rooms_above_it() -> None:
    """Not even for types alone. So a room can be read without those below it."""
    height = {name: number for number, name in enumerate(ROOMS)}
    wrong = [
        f"{user} imports {used}"
        for user, used in imports()
        if user not in DOORS
        if used in DOORS or height[room_of(used)] > height[room_of(user)]
    ]
    assert wrong == []


def test_a_room_is_used_by_its_face() -> None:
    """What is inside is nobody's business, but for `gochan.debug`, which looks everywhere."""
    wrong = [
        f"{user} imports {used}"
        for user, used in imports()
        if user not in DOORS and room_of(user) != "debug"
        if used.count(".") > 1 and not f"{user}.".startswith(f"{parent(used)}.")
    ]
    assert wrong == []


def test_no_modules_need_each_other() -> None:
    """Not even for types alone."""
    graph: dict[str, set[str]] = {}
    for user, used in imports():
        graph.setdefault(user, set()).add(used)
    order = [*TopologicalSorter(graph).static_order()]
    assert order.index("gochan._core._errors") < order.index("gochan._core._state")


FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_is_on_the_map_of_its_folder_above_those_that_use_it(folder: Path) -> None:
    """So it can be read from top to bottom, and shows where a new line belongs."""
    package = name_of(folder / "__init__.py")
    text = (folder / "__init__.py").read_text(encoding="utf-8")
    on_map = [f"{package}.{name}" for name in re.findall(r"^#   (\w+)  ", text, flags=re.MULTILINE)]
    there = [name for name in modules() if parent(name) == package]
    assert sorted(on_map) == there
    for user, used in imports():
        pair = [
            f"{package}.{name.removeprefix(f'{package}.').partition('.')[0]}"
            for name in (user, used)
        ]
        if {*pair} <= {*on_map}:
            assert on_map.index(pair[1]) <= on_map.index(pair[0]), f"{user} imports {used}"


def test_the_reading_of_imports_finds_every_import() -> None:
    """A rule about imports that finds none would never be broken."""
    found = {*imports()}
    assert Import("gochan._core._ending", "gochan._core._errors") in found
    assert Import("gochan", "gochan.strategies") in found


def test_few_things_are_needed() -> None:
    """Trio and pluggy; the command line alone has its extras."""
    extras = {
        "gochan._core": {"_gochan_chance"},
        "gochan.debug": {"pytest", "gochan_trace"},
        "gochan.durable": {"_gochan_chance"},
        "gochan.testing": {"hypothesis", "pytest", "_gochan_chance"},
        "gochan._command": {"click", "rich"},
        "gochan.durable._periodic": {"cronsim"},
        "gochan.durable._metrics": {"prometheus_client"},
        "gochan.durable._msgspec": {"msgspec"},
        "gochan.durable._opentelemetry": {"opentelemetry"},
        "gochan.durable._sqlite._by_apsw": {"apsw"},
        "gochan.durable._sqlite._transaction": {"apsw"},  # for a type alone
        "gochan._plugins._hooks": {"click"},  # for a type alone
    }
    for name, path in modules().items():
        needed = {
            used.partition(".")[0]
            for node in ast.walk(parse(path))
            for used in imported(node, path)
        }
        allowed = {"gochan", "trio", "pluggy", "_gochan_start"}
        for place, more in extras.items():
            if f"{name}.".startswith(f"{place}."):
                allowed |= more
        assert needed - sys.stdlib_module_names <= allowed, name


def test_strategies_know_neither_trio_nor_clocks_nor_chance() -> None:
    """They are told the time; so they can be tested, simulated and replayed.

    Only what stands between them and a channel knows what a task is.
    """
    for name, path in modules().items():
        if room_of(name) == "strategies" and name != "gochan.strategies._settling":
            needed = {
                used.partition(".")[0]
                for node in ast.walk(parse(path))
                for used in imported(node, path)
            }
            assert not needed & {"trio", "time", "datetime", "random", "asyncio", "threading", "os"}


# Names


PUBLIC = [
    importlib.import_module(name)
    for name in modules()
    if name.count(".") < 2 and not name.removeprefix("gochan").startswith("._")
]
# Modules of which `import gochan` knows nothing, since few programs need them.
BY_ITSELF = {"durable", "debug", "processes", "pytest_plugin", "testing"}

every_public_module = pytest.mark.parametrize("module", PUBLIC, ids=lambda m: m.__name__)


def public_objects() -> list[Any]:
    """Return the classes and functions that users can import."""
    things = [getattr(module, name) for module in PUBLIC for name in module.__all__]
    return [thing for thing in things if inspect.isclass(thing) or inspect.isroutine(thing)]


every_public_object = pytest.mark.parametrize(
    "thing",
    dict.fromkeys(public_objects()),
    ids=lambda thing: f"{thing.__module__}.{thing.__qualname__}",
)


@every_public_module
def test_all_is_sorted_and_complete(module: ModuleType) -> None:
    """Constants first; whatever has a public name is meant to be used, modules included."""
    names = list(module.__all__)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    assert len({*names}) == len(names)
    # Pytest adds names with an "@", since it loads a plugin of gochan's.
    there = {name for name in vars(module) if not name.startswith(("_", "@"))}
    assert there - {"annotations", "TYPE_CHECKING", *BY_ITSELF} == {*names}


def test_public_modules_are_public() -> None:
    """Each that has no underscore can be reached from ``import gochan``."""
    public = {
        "gochan",
        "gochan.debug",
        "gochan.durable",
        "gochan.lowlevel",
        "gochan.processes",
        "gochan.strategies",
        "gochan.testing",
    }
    assert public == {module.__name__ for module in PUBLIC}
    for module in PUBLIC:
        if module is not gochan:
            assert getattr(gochan, module.__name__.removeprefix("gochan.")) is module


def test_what_few_programs_need_is_imported_when_it_is_used() -> None:
    """The rest of ``import gochan`` has to be worth its time in each program; see also
    ``tests/benchmarks/import_time.py``.
    """
    program = """
import sys, gochan
rooms = {"_queue", "_children", "processes", "_command", "_plugins._plugins"}
rooms |= {"debug", "durable", "testing"}
late = {"pluggy", "importlib.metadata", "difflib", "pytest", "hypothesis", "click", "rich"}
late |= {f"gochan.{room}" for room in rooms}
print(sorted(late & {*sys.modules}))
assert {"debug", "hookimpl", "testing", "Chan"} <= {*dir(gochan)}
print(gochan.debug.report.__name__, gochan.testing.check_strategy.__name__)
print(type(gochan.hookimpl).__name__, gochan.hookimpl is gochan.hookimpl)
print(hasattr(gochan, "nonsense"), gochan.JobQueue.__module__)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "[]",
        "report check_strategy",
        "HookimplMarker True",
        "False gochan",
    ]


@every_public_module
def test_public_objects_go_by_the_name_under_which_they_are_imported(module: ModuleType) -> None:
    """In tracebacks, in ``repr``, and in the documentation."""
    wrong = [
        f"{thing.__module__}.{name}"
        for name in module.__all__
        if (thing := getattr(module, name)) in public_objects()
        if thing.__module__ not in {"gochan", module.__name__}
    ]
    assert wrong == []


# What must be written


@pytest.mark.parametrize("name", modules())
def test_every_module_says_what_it_is_about(name: str) -> None:
    """In one line, a sentence."""
    docstring = ast.get_docstring(parse(modules()[name]))
    assert docstring
    assert docstring.splitlines()[0].endswith(".")


@every_public_object
def test_everything_public_has_a_docstring(thing: Any) -> None:
    """Classes, functions, methods and properties; those of a base class count for overrides."""
    assert thing.__doc__
    if not inspect.isclass(thing):
        return
    assert not thing.__doc__.startswith(f"{thing.__name__}("), "that is what dataclass makes up"
    silent = [
        name
        for name, member in vars(thing).items()
        if not name.startswith("_")
        if inspect.isroutine(member) or isinstance(member, property)
        if not inspect.getdoc(getattr(thing, name))
    ]
    assert silent == []


# Tests

# Tests that belong to no single module.
ACROSS = {
    "core": {
        "at_the_call",  # what is done before others run
        "behaviours",  # what a channel does, in all ways to use it
        "go_semantics",  # the rules of Go
        "matching",  # selects that meet selects
        "properties",  # random programs, beside a model
        "threads",  # who may use a channel
    },
    "command": {
        "command_lines",  # of xargs and parallel
    },
    "strategies": {
        "strategies",  # the built-in ones
        "removal",  # what it costs, in all of them
        "trouble",  # strategies and listeners that fail
        "wrong_answers",  # what users of channels and queues see of them
    },
    "plugins": {
        "plugin_chains",  # strategies of several plugins in one chain
        "third_party",  # plugins of others, installed for real
    },
    "queue": {"law"},  # random programs around a queue, whose counts must add up
    "debug": {
        "debug",  # reports
        "traced_programs",  # random programs that are traced meanwhile
    },
    "testing": {"testing", "stores", "queues"},
}

# Modules whose tests are in the file of another, as users see both as one.
TOGETHER = {
    "core": {
        "alarm": "waiting",
        "cases": "select",
        "chooser": "choice",
        "closing": "ends",
        "ending": "channel",
        "lines": "waiting",
        "looking": "ends",
        "many": "batches",
        "misuse": "select",
        "parts": "channel",
        "receiving": "channel",
        "results": "select",
        "sending": "channel",
        "state": "channel",
        "statistics": "channel",
        "threads": "channel",
        "trio_private": "pacing",
        "waiters": "waiting",
        "words": "errors",
        "abandoned": "selector",
        "clocks": "selector",
        "decider": "selector",
        "members": "selector",
        "places": "selector",
    },
    "plugins": {
        "built_in": "hooks",
        **dict.fromkeys(
            ("discovery", "errors", "info", "installed", "loading", "making", "sentences"),
            "plugins",
        ),
    },
    "queue": {
        "announce": "stopping",
        "block": "opening",
        "cleanups": "stop",
        "countdown": "stop",
        "current_job": "jobs",
        "intake": "queue",
        "ledger": "queue",
        "lifecycle": "queue",
        "errors": "outcomes",
        "progress": "jobs",
        "results": "queue",
        "statistics": "queue",
        "stop_report": "stop",
        "submitting": "queue",
        "user_code": "queue",
        "workers": "queue",
    },
    "children": {
        **dict.fromkeys(("limits", "places"), "filling"),
        "posix_spawn": "starting",
        **dict.fromkeys(
            (
                "collected",
                "enlarging",
                "orphans",
                "pipes",
                "program",
                "scratch",
                "session",
                "spawning",
                "watcher",
                "writing",
            ),
            "child",
        ),
    },
    "command": {
        "options": "run",
        **dict.fromkeys(("attempt", "control"), "attempts"),
        "ignored_signals": "signals",
        "tally": "summary",
        **dict.fromkeys(
            (
                "backlog",
                "journal_error",
                "journal_file",
                "journal_input",
                "journal_rows",
                "run_row",
                "journaling",
            ),
            "journal",
        ),
        **dict.fromkeys(("held", "line_output", "order", "outlet", "outputs", "tag"), "output"),
        "record": "job_log",
        **dict.fromkeys(("item", "columns", "quoting"), "template"),
        **dict.fromkeys(("counting", "grouping", "reader", "source"), "lines"),
        **dict.fromkeys(("replacing", "saving"), "left_over"),
        "open_source": "arguments",
        **dict.fromkeys(("ages", "cells", "rows", "state"), "view"),
        **dict.fromkeys(
            ("painter", "terminal_text", "sequences", "stopped", "last_words"), "live_display"
        ),
        "keyboard": "keys",
        **dict.fromkeys(
            (
                "all_commands",
                "alone",
                "descriptors",
                "first_error",
                "parameters",
                "plugins_command",
                "run_command",
                "standard_files",
            ),
            "command_line",
        ),
        **dict.fromkeys(
            ("group", "paths", "input", "pace", "failures", "process", "stop"), "command_line"
        ),
        **dict.fromkeys(("as_json", "known", "words"), "jobs_command"),
        "built_in_commands": "plugin_commands",
        **dict.fromkeys(("completion_command", "completion_scripts", "suggestions"), "completion"),
        "man_command": "man_page",
        "open_display": "plain_display",
        "address": "place",
        "completing": "completion",
        **dict.fromkeys(("history", "lanes", "sparkline"), "picture"),
        **dict.fromkeys(("deeds", "known", "live", "screen"), "top_command"),
        "payloads": "submit_command",
        **dict.fromkeys(("shares", "warnings", "work"), "work_command"),
    },
}
# Rooms that are tested as users see them: by what they do, not file by file.
AS_A_WHOLE = {"strategies", "durable", "debug", "testing"}


def stems(paths: Iterable[Path]) -> set[str]:
    return {path.stem.removeprefix("test_").strip("_") for path in paths}


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_has_its_tests_and_the_other_way_round(room: str) -> None:
    """``gochan/_core/_select.py`` and ``tests/core/test_select.py``."""
    folder = room.strip("_")
    there = stems((ROOT / "tests" / folder).glob("test_*.py")) - ACROSS.get(folder, set())
    expected = stems((PACKAGE / room).rglob("*.py")) - {"init"}
    together = TOGETHER.get(folder, {})
    expected = {together.get(name, name) for name in expected}
    if room == "_command":
        expected |= {"main"}  # which is a door
    assert there <= expected if folder in AS_A_WHOLE else there == expected


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
HOOKS = [name for name, hook in vars(Hooks).items() if hasattr(hook, "gochan_spec")]


@needs_checkout
@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_tested_and_used(hook: str) -> None:
    """By a test that has its name in its own, and by a plugin that others can learn from."""
    tests = [
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(parse(path))
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_") and hook in node.name
    ]
    assert tests
    assert [plugin for plugin in PLUGINS if hook in implemented(plugin)]


def implemented(plugin: Path) -> set[str]:
    """Return the names of the functions of a plugin that are marked as hooks."""
    return {
        node.name
        for path in plugin.rglob("gochan_*/*.py")
        for node in ast.walk(parse(path))
        if isinstance(node, FUNCTIONS)
        if "hookimpl" in [ast.unparse(decorator) for decorator in node.decorator_list]
    }


@needs_checkout
@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_signature(hook: str) -> None:
    """As a heading, so that it can be found and linked to."""
    signature = inspect.signature(getattr(Hooks, hook))
    own = signature.replace(parameters=[*signature.parameters.values()][1:])
    text = re.sub(r"'([\w\[\], |.]+)'", r"\1", f"{hook}{own}")  # annotations are strings
    headings = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8").splitlines()
    assert f"## `{text}`" in headings


def test_no_hook_is_documented_that_is_not_there() -> None:
    """Nor one that has gone."""
    text = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    assert [*re.findall(r"^#+ `(gochan_\w+)", text, flags=re.MULTILINE)] == HOOKS


def test_there_are_hooks() -> None:
    """A rule about all hooks that finds none would never be broken."""
    assert "gochan_strategies" in HOOKS


# Files


def files(*suffixes: str) -> Iterator[Path]:
    """Find the files that are kept, as far as their names end like that."""
    left_out = {"build", "dist", "_build", "__pycache__", "node_modules"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in left_out and name[0] != "."]
        yield from (Path(folder, name) for name in names if name.endswith(suffixes))


def test_no_module_is_a_place_for_odds_and_ends() -> None:
    """A name says what is inside; these say nothing."""
    vague = {"util", "utils", "helper", "helpers", "common", "base", "misc", "manager", "tools"}
    assert [
        path for path in files(".py") if path.stem.strip("_").removeprefix("test_") in vague
    ] == []


def functions_of(plugin: Path) -> set[str]:
    """Return the names of the functions that a plugin has."""
    nodes = [node for path in plugin.rglob("*.py") for node in ast.walk(parse(path))]
    return {node.name for node in nodes if isinstance(node, FUNCTIONS)}


@needs_checkout
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_is_what_a_third_party_could_have_written(plugin: Path) -> None:
    """It has all that a distribution needs, and uses nothing private."""
    for needed in ("pyproject.toml", "README.md", "tests"):
        assert (plugin / needed).exists()
    assert list((plugin / "tests").glob("test_*.py"))
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    offers = functions_of(plugin) & {*HOOKS}
    assert not offers or project["entry-points"]["gochan"]
    if "gochan_strategies" in offers:
        assert (plugin / "tests" / "test_conformance.py").exists(), "it is held to its promises"
    assert project["name"] == plugin.name
    assert (plugin / plugin.name.replace("-", "_") / "py.typed").exists()
    for path in plugin.rglob("*.py"):
        for node in ast.walk(parse(path)):
            for name in imported(node, path):
                assert not re.match(r"gochan(\..*)?\._", name), path
                if isinstance(node, ast.ImportFrom) and name.split(".")[0] == "gochan":
                    assert not [alias.name for alias in node.names if alias.name[0] == "_"], path


@needs_checkout
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_is_in_the_table_of_the_readme(plugin: Path) -> None:
    """With a link to its folder; for who looks for one starts there."""
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\|.*\[`?{plugin.name}`?\]\(plugins/{plugin.name}\)", table, re.MULTILINE)


@needs_checkout
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_plugins_are_released_in_step(plugin: Path) -> None:
    """Of one version with gochan, and for this minor version alone; so `Strategy` may change."""
    ours, theirs = (
        tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for folder in (ROOT, plugin)
    )
    major, minor, *_ = ours["version"].split(".")
    assert theirs["version"] == ours["version"]
    bounds = {
        str(one.specifier)
        for one in map(Requirement, theirs["dependencies"])
        if one.name == "trio-gochan"
    }
    assert bounds == {str(SpecifierSet(f">={major}.{minor},<{major}.{int(minor) + 1}"))}


@needs_checkout
def test_the_plugin_to_copy_is_small() -> None:
    """All that an author must understand before writing one fits on two pages."""
    template = ROOT / "plugins" / "gochan-drop-oldest"
    files = (template / "pyproject.toml", template / "gochan_drop_oldest" / "__init__.py")
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) < 100


def requirements() -> Iterator[tuple[Path, Requirement]]:
    """Return what any of the projects here needs, but for the projects themselves."""
    for path in [ROOT / "pyproject.toml", *(plugin / "pyproject.toml" for plugin in PLUGINS)]:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
        own = settings.get("tool", {}).get("uv", {}).get("sources", {})
        groups: dict[str, list[Any]] = {
            **settings.get("dependency-groups", {}),
            **{
                "extra " + k: v
                for k, v in settings["project"].get("optional-dependencies", {}).items()
            },
            "run time": settings["project"].get("dependencies", []),
            "build": settings["build-system"]["requires"],
        }
        for group, texts in groups.items():
            for text in texts:
                if isinstance(text, str):
                    requirement = Requirement(text)
                    if requirement.name not in own or group == "run time":
                        yield path, requirement


def test_every_dependency_has_a_lower_bound() -> None:
    """Or else "the lowest versions" would be releases from before anything worked."""
    found = [*requirements()]
    assert {"trio", "pluggy", "pytest", "hatchling"} <= {one.name for _, one in found}
    unbounded = [
        f"{path.relative_to(ROOT)}: {one}"
        for path, one in found
        if not {clause.operator for clause in one.specifier} & {">=", "==", "~=", ">"}
    ]
    assert unbounded == []


@needs_checkout
def test_the_lock_file_is_not_kept() -> None:
    """It names the registry of the person who made it."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/uv.lock", "uv.lock"} & {*lines}


# The name "gochan" on the Python Package Index belongs to somebody else, and our own distributions
# are not there yet. Until they are, every command that is shown installs them from a folder.

INSTALLING = re.compile(
    r"(?:\b(?:pip3?|pipx|poetry|pdm|conda|uv(?: pip| tool)?)\s+(?:install|add)|\buvx|\bpipx run)\s"
    r"([^\n#&|;]*)"
)
ABSENT = re.compile(r"(trio-)?gochan(-[\w-]+)?(\[.*\])?([=<>~!@].*)?")
FOREIGN_PAGE = re.compile(r"pypi\.org/(?:project|p)/gochan(?![\w-])")


def cannot_be_installed(line: str) -> bool:
    for words in INSTALLING.findall(line):
        named = re.split(r"[\s'\"`,;)]+", words)
        if "--find-links" not in named and any(map(ABSENT.fullmatch, named)):
            return True
    return bool(FOREIGN_PAGE.search(line))


def test_every_command_that_installs_gochan_works_today() -> None:
    """From a clone, or from wheels that were built there."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(".py", ".md", ".toml", ".txt", ".rst", ".cfg", ".out")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if cannot_be_installed(line)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("pip install {}", True),
        ("`pip install {}`", True),
        ("python -m pip install --upgrade {} rich", True),
        ("pip install '{}[cli]'", True),
        ('uv add "{}>=1"', True),
        ("uv pip install trio {}", True),
        ("uvx {} plugins", True),
        ("https://pypi.org/project/{}/", True),
        ("pip install trio-{}", True),
        ("pip install 'trio-{}[cli]'", True),
        ("pip install . {}-drop-oldest", True),
        ("uvx --from 'trio-{0}[cli]' {0} plugins", True),
        ("pip install '.[cli]'  # and the command {}", False),
        ("pip install . ./plugins/{}-drop-oldest", False),
        ("pip install --find-links dist 'trio-{0}[cli]' {0}-order", False),
        ("uv add --editable ../{0} ../{0}/plugins/{0}-order", False),
        ("uv run {} plugins", False),
        ("pip install uv && uv run {} plugins", False),
        ("https://pypi.org/project/trio-{}/", False),
        ("https://pypi.org/project/{}-drop-oldest/", False),
    ],
)
def test_which_commands_cannot_be_run_today(line: str, wrong: bool) -> None:
    """The search must find what it is for, and nothing else."""
    assert cannot_be_installed(line.format("gochan")) is wrong

"""House rules: what reading the files can tell.

They keep the map of the layers true, the names public, and the pieces in their places.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement

import gochan
from gochan._hooks import Hooks

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gochan"
PLUGINS = sorted((ROOT / "plugins").glob("gochan-*"))

# Where users enter, and where everything comes together: on no layer, used by no module.
DOORS = {"__init__", "__main__", "lowlevel"}

needs_checkout = pytest.mark.skipif(not PLUGINS, reason="a source distribution has no plugins")


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


# Layers


def modules() -> dict[str, list[Path]]:
    """Return the modules of gochan by name, each with its files; a package counts as one."""
    files: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        files.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).append(path)
    return files


def layers() -> list[list[str]]:
    """Read the map of the layers in the package: from the bottom, the modules of each."""
    text = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    (rows,) = re.findall(r"^# The layers, .*\n#\n((?:#   .*\n)+)", text, flags=re.MULTILINE)
    found: list[list[str]] = []
    for row in rows.splitlines():
        title, rest = row[4:16].strip(), row[16:]
        if title:
            found.append([])
        found[-1] += [word for word in re.findall(r"\w+", rest) if word in modules()]
    return found


class Import(NamedTuple):
    """One module of gochan uses another."""

    user: str
    used: str
    at_run_time: bool


def imports() -> Iterator[Import]:
    for user, paths in modules().items():
        for path in paths:
            tree = parse(path)
            for_types = {
                node
                for block in ast.walk(tree)
                if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
                for node in ast.walk(block)
            }
            for node in ast.walk(tree):
                for name in imported(node, path):
                    first, _, rest = name.partition(".")
                    used = rest.split(".")[0] or "__init__"
                    if first == "gochan" and used != user:
                        yield Import(user, used, node not in for_types)


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


def test_every_module_is_on_the_map() -> None:
    """Once, in the comment at the top of the package."""
    mapped = [name for layer in layers() for name in layer]
    assert sorted(mapped) == sorted({*modules()} - DOORS)


def test_nothing_is_imported_from_a_layer_above() -> None:
    """Not even for types alone. So a layer can be read without those above it."""
    height = {name: number for number, layer in enumerate(layers()) for name in layer}
    upwards = [
        f"{user} imports {used}"
        for user, used, _ in imports()
        if user not in DOORS and (used in DOORS or height.get(user, 99) < height.get(used, 99))
    ]
    assert upwards == []


def test_no_modules_need_each_other_at_run_time() -> None:
    """Inside a layer, types may refer back and forth; values may not."""
    graph: dict[str, set[str]] = {}
    for user, used, at_run_time in imports():
        if at_run_time:
            graph.setdefault(user, set()).add(used)
    order = [*TopologicalSorter(graph).static_order()]
    assert order.index("_errors") < order.index("_channel") < order.index("_queue")


def test_the_reading_of_imports_sees_what_there_is() -> None:
    """A rule about imports that finds none would never be broken."""
    found = {*imports()}
    assert Import("_waiting", "_pacing", at_run_time=True) in found
    assert Import("_keeper", "_channel", at_run_time=False) in found
    assert Import("strategies", "_strategy", at_run_time=True) in found
    assert Import("__init__", "strategies", at_run_time=True) in found
    assert len(layers()) >= 7


def test_few_things_are_needed() -> None:
    """Trio and pluggy; the command line alone has its extras."""
    extras = {
        "_choosing": {"hypothesis"},
        "debug": {"pytest"},
        "testing": {"hypothesis", "pytest"},
    }
    extras |= {
        name: {"click", "rich"}
        for name in ("_command_line", "_display", "_listing", "_run", "_sim")
    }
    extras["_plot"] = {"matplotlib"}
    for name, paths in modules().items():
        needed = {
            used.partition(".")[0]
            for path in paths
            for node in ast.walk(parse(path))
            for used in imported(node, path)
        }
        allowed = {"gochan", "trio", "pluggy"} | extras.get(name, set())
        assert needed - sys.stdlib_module_names <= allowed, name


@pytest.mark.parametrize("module", ["_strategy", "strategies"])
def test_strategies_know_neither_trio_nor_clocks_nor_chance(module: str) -> None:
    """They are told the time; so they can be tested, simulated and replayed."""
    for path in modules()[module]:
        needed = {
            name.partition(".")[0]
            for node in ast.walk(parse(path))
            for name in imported(node, path)
        }
        assert not needed & {"trio", "time", "datetime", "random", "asyncio", "threading", "os"}


# Names


PUBLIC = [
    importlib.import_module(f"gochan.{name}".removesuffix(".__init__"))
    for name in modules()
    if name == "__init__" or not name.startswith("_")
]
# Modules of which `import gochan` knows nothing, since few programs need them.
BY_ITSELF = {"debug", "pytest_plugin", "testing"}

every_public_module = pytest.mark.parametrize("module", PUBLIC, ids=lambda m: m.__name__)


def public_objects() -> list[Any]:
    """Return the classes and functions that users can import."""
    things = [getattr(module, name) for module in PUBLIC for name in module.__all__]
    return [thing for thing in things if inspect.isclass(thing) or inspect.isroutine(thing)]


every_public_object = pytest.mark.parametrize(
    "thing", dict.fromkeys(public_objects()), ids=lambda thing: thing.__qualname__
)


@every_public_module
def test_all_is_sorted_and_complete(module: ModuleType) -> None:
    """Constants first; whatever has a public name is meant to be used, modules included."""
    names = list(module.__all__)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    assert len({*names}) == len(names)
    # Pytest adds names with an "@", since it loads a plugin of gochan's.
    there = {name for name in vars(module) if not name.startswith(("_", "@"))}
    assert there - {"annotations", *BY_ITSELF} == {*names}


def test_public_modules_are_public() -> None:
    """Each that has no underscore can be reached from ``import gochan``."""
    public = {
        "gochan",
        "gochan.debug",
        "gochan.lowlevel",
        "gochan.strategies",
        "gochan.testing",
    }
    assert public == {module.__name__ for module in PUBLIC}
    for module in PUBLIC:
        if module is not gochan:
            assert getattr(gochan, module.__name__.removeprefix("gochan.")) is module


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
    for path in modules()[name]:
        docstring = ast.get_docstring(parse(path))
        assert docstring, path
        assert docstring.splitlines()[0].endswith("."), path


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
    "costs",  # what must not grow
    "design_page",  # what the page about the design repeats
    "deadlocks",  # of `gochan.debug`: when all tasks wait for one another
    "go_semantics",  # the rules of Go, told again
    "house_rules",
    "leaks",  # of `gochan.debug`: tasks that nobody can wake any more
    "law",  # random programs around a queue, whose counts must add up
    "matching",  # selects that meet selects
    "parity",  # every slide and paragraph from Go has its place in the documents
    "plugin_chains",  # strategies of several plugins in one chain
    "programs",  # whole programs
    "reference",  # the pages that have everything public
    "pytest_plugin",  # what pytest loads, with a pytest of its own for each test
    "third_party",  # plugins of others, installed for real
    "properties",  # random programs, beside a model
    "tracing",  # what is recorded of them all, and their pictures
    "drawings",  # the pictures of the documentation
}

# Modules whose tests are in the file of another, as users see both as one.
TOGETHER = {"cases": "select", "lowlevel": "pacing", "standing": "selector"}


def test_every_module_has_its_tests_and_the_other_way_round() -> None:
    """``gochan/_select.py`` and ``tests/test_select.py``."""
    expected = {name.strip("_") for name in modules()} - {"init"}
    expected = {TOGETHER.get(name, name) for name in expected} | ACROSS
    there = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    assert there == expected


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
HOOKS = [name for name, hook in vars(Hooks).items() if hasattr(hook, "gochan_spec")]


@needs_checkout
@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_tested_and_used(hook: str) -> None:
    """By a test that has its name in its own, and by a plugin that others can learn from."""
    tests = [
        node.name
        for path in (ROOT / "tests").glob("test_*.py")
        for node in ast.walk(parse(path))
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_") and hook in node.name
    ]
    assert tests
    implementations = [
        path
        for plugin in PLUGINS
        for path in plugin.rglob("*.py")
        for node in ast.walk(parse(path))
        if isinstance(node, FUNCTIONS) and node.name == hook
        if "hookimpl" in [ast.unparse(decorator) for decorator in node.decorator_list]
    ]
    assert implementations


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


@needs_checkout
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_is_what_a_third_party_could_have_written(plugin: Path) -> None:
    """It has all that a distribution needs, and uses nothing private."""
    for needed in ("pyproject.toml", "README.md", "tests"):
        assert (plugin / needed).exists()
    assert list((plugin / "tests").glob("test_*.py"))
    assert (plugin / "tests" / "test_conformance.py").exists(), "it is held to its promises"
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == plugin.name
    assert (plugin / plugin.name.replace("-", "_") / "py.typed").exists()
    assert project["entry-points"]["gochan"]
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
    assert f"trio-gochan>={major}.{minor},<{major}.{int(minor) + 1}" in theirs["dependencies"]


@needs_checkout
def test_the_plugin_to_copy_is_small() -> None:
    """What has to be understood before one's own can be written fits on two pages."""
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
    """It names the registry of whoever made it."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/uv.lock", "uv.lock"} & {*lines}


# The name "gochan" on the Python Package Index belongs to somebody else.

INSTALLING = re.compile(
    r"(?:\b(?:pip3?|pipx|poetry|pdm|conda|uv(?: pip| tool)?)\s+(?:install|add)|\buvx|\bpipx run)\s"
    r"([^\n#&|;]*)"
)
FOREIGN = re.compile(r"gochan(\[.*\])?([=<>~!@].*)?")
FOREIGN_PAGE = re.compile(r"pypi\.org/(?:project|p)/gochan(?![\w-])")


def installs_somebody_elses(line: str) -> bool:
    for words in INSTALLING.findall(line):
        if "--from" not in words and any(map(FOREIGN.fullmatch, re.split(r"[\s'\"`,;)]+", words))):
            return True
    return bool(FOREIGN_PAGE.search(line))


def test_nobody_is_told_to_install_somebody_elses_package() -> None:
    """Ours is trio-gochan, with or without extras."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(".py", ".md", ".toml", ".txt", ".rst", ".cfg", ".out")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if installs_somebody_elses(line)
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
        ("pip install trio-{}", False),
        ("pip install 'trio-{}[cli]'", False),
        ("pip install trio-{0} {0}-drop-oldest", False),
        ("uvx --from 'trio-{0}[cli]' {0} plugins", False),
        ("uv run {} plugins", False),
        ("pip install uv && uv run {} plugins", False),
        ("pip install 'trio-{0}[cli]'  # and the command {0}", False),
        ("https://pypi.org/project/trio-{}/", False),
        ("https://pypi.org/project/{}-drop-oldest/", False),
    ],
)
def test_what_counts_as_somebody_elses_package(line: str, wrong: bool) -> None:
    """The search must find what it is for, and nothing else."""
    assert installs_somebody_elses(line.format("gochan")) is wrong

"""The reference: whether it has everything that is public, and every field of JSON."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

from .processes import finish
from .test_house_rules import PLUGINS, PUBLIC, needs_checkout

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
PAGES = sorted(REFERENCE.glob("*.md"))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


# Every name, once


def entries(*pages: Path) -> Iterator[str]:
    """Find the full names that pages, by default all, describe by a directive."""
    for page in pages or PAGES:
        module = ""
        for line in text_of(page).splitlines():
            match = re.fullmatch(r"\.\. (\w+):: ([\w.]+)(\(.*)?", line)
            if match is None:
                continue
            directive, name, _ = match.groups()
            if directive in {"module", "currentmodule"}:
                module = name
            elif directive == "automodule":
                imported = importlib.import_module(name)
                yield from (f"{name}.{one}" for one in imported.__all__)
            elif directive.startswith("auto") or directive == "decorator":
                yield name if "." in name else f"{module}.{name}"


def public_names() -> Iterator[str]:
    """Find the full names of what can be imported, each under one of the modules that have it."""
    plugins = [importlib.import_module(plugin.name.replace("-", "_")) for plugin in PLUGINS]
    for module in [*PUBLIC, *plugins]:
        own = [name for name, thing in vars(module).items() if inspect.isclass(thing)]
        for name in getattr(module, "__all__", ["DropOldest"] if "DropOldest" in own else []):
            thing = getattr(module, name)
            if not inspect.ismodule(thing):
                home = getattr(thing, "__module__", module.__name__)
                home = home if name in vars(sys.modules.get(home, module)) else module.__name__
                yield f"{home.split('._')[0]}.{name}"


@needs_checkout
def test_every_public_name_has_one_entry_and_the_other_way_round() -> None:
    """Those of the plugins included."""
    assert Counter(entries()) == Counter({*public_names()})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_with_many_entries_has_a_table_of_them(page: Path) -> None:
    """Which the build makes of the entries, so that the two agree."""
    if len([*entries(page)]) > 3:
        assert "\n```{names}\n```\n" in text_of(page)


def test_entries_are_found_in_every_way_in_which_they_are_written() -> None:
    """A search that misses some would let a page say things twice."""
    found = {*entries()}
    assert {
        "gochan.Chan",  # after a module
        "gochan.select",  # with a signature
        "gochan.ChanStatistics",  # on a page of its own
        "gochan.hookimpl",  # written by hand
        "gochan.lowlevel.yield_interval",
        "gochan.strategies.ADMIT",  # a constant
        "gochan.Refused",
    } <= found


# Every field, once


def fields(page: str, head: str) -> set[str]:
    """Return what stands as code in the first column of a table, found by its first line."""
    lines = iter(text_of(REFERENCE / page).splitlines())
    rows = takewhile(bool, dropwhile(lambda line: not line.startswith(head), lines))
    cells = [row.split("|")[1] for row in rows][2:]
    return {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize(
    ("page", "head", "arguments"),
    [
        ("plugins.md", "| field of a plugin |", ["plugins"]),
        ("plugins.md", "| field of a strategy |", ["plugins", "--strategies"]),
        ("statistics.md", "| field |", ["sim", "--scenario", "overload", "--strategy", "block"]),
    ],
)
def test_the_fields_of_json_are_those_in_the_tables(
    page: str, head: str, arguments: list[str]
) -> None:
    """Each of them, and no other."""
    rows = json.loads(finish(*arguments, "--json").out)
    assert {name for row in rows for name in row} == fields(page, head)


# Every option of `gochan run`


def options_of_run() -> list[list[str]]:
    """Return the options, each with all its names."""
    import click

    from gochan._command._run_command import run_command

    return [[*one.opts] for one in run_command.params if isinstance(one, click.Option)]


@pytest.mark.parametrize("names", options_of_run(), ids=lambda names: names[-1])
def test_the_page_of_gochan_run_describes_an_option(names: list[str]) -> None:
    """Not only in the help, which is on the page, too."""
    text = text_of(REFERENCE / "run.md").partition("Show this message and exit.")[2]
    assert any(re.search(rf"`[^`\n]*(?<![\w-]){name}\b", text) for name in names)


def test_what_users_of_other_programs_are_told_to_type_exists() -> None:
    """The last column has options of `gochan run`, unless it names another command."""
    page = REFERENCE.parent / "how-to" / "run-commands-side-by-side.md"
    cells = [line.split(" | ")[-1] for line in text_of(page).splitlines() if line[:1] == "|"]
    codes = [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]
    texts = [re.split(r"[|;]", code)[-1].strip() for code in codes]  # before, another program
    texts = [text for text in texts if text.startswith(("-", "gochan"))]
    found = {name for text in texts for name in re.findall(r"(?<!\S)--?[a-zA-Z0][\w-]*", text)}
    assert {"--line-buffer", "--journal", "-j"} <= found
    assert found - {name for names in options_of_run() for name in names} == set()

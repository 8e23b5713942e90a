"""The reference: whether it has everything that is public, and whether what it shows is so."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

from .processes import MODULE, finish
from .test_house_rules import PLUGINS, PUBLIC, needs_checkout

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
PAGES = sorted(REFERENCE.glob("*.md"))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


# Every name, once


def entries() -> Iterator[str]:
    """Find the full names that the pages describe by a directive."""
    for page in PAGES:
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


# The command line


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of one language; ``""`` is for those without."""
    found = re.findall(r"^```(\S*)\n(.*?)^```$", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return [text for kind, text in found if kind == language]


COMMAND_LINE = REFERENCE / "command-line.md"
USAGES = {text.split()[2]: text for text in blocks(COMMAND_LINE, "") if text.startswith("Usage: ")}
SESSIONS = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page, "console"))
]


@pytest.mark.parametrize("command", ["run", "plugins", "sim"])
def test_the_usage_is_what_the_command_says(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of the usual width."""
    monkeypatch.setenv("COLUMNS", "80")
    ended = finish(command, "--help")
    assert ended.out.decode() == USAGES[command]


def same(text: str) -> str:
    """Make what differs from run to run the same: times, versions, blanks at the end of a line."""
    text = re.sub(r"\b\d+\.\d\d s\b", "0.00 s", text)
    text = re.sub(r"\b\d+\.\d+\.\d+\b", "0.0.0", text)  # a version
    text = re.sub(r"(?m)^( seconds +)\d+\.\d", r"\g<1>0.0", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@needs_checkout
@pytest.mark.parametrize("session", SESSIONS)
def test_sessions_go_as_they_are_shown(session: str, tmp_path: Path) -> None:
    """Each command is typed into one shell, whose outputs both go to one place."""
    (folder := tmp_path / "bin").mkdir()
    shim = folder / "gochan"
    shim.write_text(f'#!/bin/sh\nexec {" ".join(MODULE)} "$@"\n')
    shim.chmod(0o755)
    (work := tmp_path / "work").mkdir()
    steps = re.findall(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*)", session, flags=re.MULTILINE)
    assert "".join(f"$ {command}{printed}" for command, printed in steps) == session
    for command, printed in steps:
        shell = subprocess.run(
            ["sh", "-c", f"exec 2>&1\n{command}"],
            cwd=work,
            env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        assert same(shell.stdout) == same(printed), command


def test_there_are_sessions_and_what_they_print_counts() -> None:
    """Times may differ; figures may not."""
    assert len(SESSIONS) == sum(text_of(page).count("```console") for page in PAGES) >= 6
    assert same("done  1.25 s  x\n seconds   1.3  \n") == "done  0.00 s  x\n seconds   0.0"
    assert same("50 %    1000") != same("50 %    1001")


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

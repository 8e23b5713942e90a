"""Every slide and every paragraph has its place among the pages that compare gochan with Go.

What the programs there print is compared when the pages themselves are run. Here is what a
reader relies on: that nothing is missing, that links lead somewhere, and that a program
can be taken in at a glance.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from .named_tests import names_of_tests

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "parity"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "index")

SLIDES = {*range(2, 39)}  # the first one introduces the author

PARAGRAPHS = [
    "In short, 1: the length of a channel",
    "In short, 2: select with a default",
    "In short, 3: close ends a loop",
    "In short, 4: wait with a timeout",
    "In short, 5: cancel a worker with a context",
    "In short, 5 again: leave at once, by a second look at the context",
    "In short, 6: a pool of workers, and no fairness",
    "In short, 7: no generic component",
    "The queue that is not a queue",
    "The simplest queue",
    "Slowing down the producers",
    "Enqueue without waiting",
    "Answer 503",
    "Stop the workers",
    "Wait for the workers",
    "Wait with a timeout",
    "Cancel the workers",
    "The select race",
    "A flag, or a second look at the context",
    "Cancel without a context",
    "A pool of workers",
    "Wait for the pool",
    "Cancel the pool",
    "A generic component",
]

LINES = 15  # of a program, imports and empty ones not counted


class Block(NamedTuple):
    """A fenced block: its language, and what it says."""

    language: str
    text: str


class Section(NamedTuple):
    """What a page has under one heading."""

    heading: str
    blocks: list[Block]

    @property
    def programs(self) -> list[str]:
        return [block.text for block in self.blocks if block.language == "python"]

    @property
    def go(self) -> list[str]:
        return [block.text for block in self.blocks if block.language == "go"]


class Row(NamedTuple):
    """A row of the index: what is shown, where, and by which tests it is held."""

    title: str
    links: list[str]
    tests: list[str]


def anchor_of(heading: str) -> str:
    """Return what a link to a heading ends with, here as on a forge."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@cache
def sections() -> dict[str, Section]:
    """Return the sections of all pages, each by the link that leads to it from the index."""
    found: dict[str, Section] = {}
    for page in PAGES:
        text = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
        _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
        for part in parts:
            heading, _, rest = part.partition("\n")
            fenced = re.findall(r"^```(\w*)\n(.*?)^```$", rest, flags=re.MULTILINE | re.DOTALL)
            link = f"{page}.md#{anchor_of(heading)}"
            assert link not in found, f"{heading!r} is there twice"
            found[link] = Section(heading, [Block(*block) for block in fenced])
    return found


@cache
def index() -> list[Row]:
    """Return the rows of the tables in the index, without their heads."""
    rows = []
    for line in (FOLDER / "index.md").read_text(encoding="utf-8").splitlines():
        if row := re.fullmatch(r"\| (.*) \| (.*\]\(.*) \| (.*) \|", line):
            title, links, tests = row.groups()
            found = re.findall(r"\]\(([^)]*)\)", links)
            rows.append(Row(title, found, tests.split("; ")))
    return rows


def numbers_in(title: str) -> set[int]:
    """Return the slides that a title names, as in "Slides 7 and 8"."""
    named = re.match(r"Slides? ([\d, and]+)", title)
    return {*map(int, re.findall(r"\d+", named[1]))} if named else set()


every_section = pytest.mark.parametrize("link", sections())
every_row = pytest.mark.parametrize("row", index(), ids=lambda row: row.title)


def test_every_slide_is_in_the_index() -> None:
    """And none that is not there."""
    assert set[int]().union(*(numbers_in(row.title) for row in index())) == SLIDES


def test_every_paragraph_is_in_the_index() -> None:
    """In the order of the article, which is that of the list here."""
    titles = [row.title for row in index() if not row.title.startswith(("Slide", "Title"))]
    assert titles == PARAGRAPHS


@every_section
def test_every_section_is_in_the_index(link: str) -> None:
    """Under each of the slides that its heading names."""
    titles = [row.title for row in index() if link in row.links]
    assert titles
    listed = set[int]().union(*map(numbers_in, titles))
    assert numbers_in(sections()[link].heading) == listed


@every_row
def test_every_link_of_the_index_leads_to_a_section(row: Row) -> None:
    """A page and a heading that are there."""
    assert [link for link in row.links if link not in sections()] == []


@every_row
def test_every_row_names_tests_that_are_there(row: Row) -> None:
    """So that the rule does not hang on one example."""
    assert row.tests
    assert [name for name in row.tests if name not in names_of_tests()] == []


@every_section
def test_every_heading_says_where_the_idea_comes_from(link: str) -> None:
    """Slides by their numbers, or the article; then the idea."""
    origin = r"(Title slide|Slides? \d+((, \d+)* and \d+)?( and article)?|Article): \S"
    assert re.match(origin, sections()[link].heading)


@every_section
def test_every_section_has_a_program_and_what_it_prints(link: str) -> None:
    """Go's comes first, and ours beside it; a block of definitions prints nothing."""
    blocks = " ".join(block.language for block in sections()[link].blocks)
    assert re.fullmatch(r"go ((python )+text ?)+", blocks), blocks


@every_section
def test_every_program_is_short(link: str) -> None:
    """It can be taken in at a glance; imports and empty lines do not count."""
    for program in sections()[link].programs:
        tree = compile(program, link, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        imports = {
            line
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        counted = [
            line
            for number, line in enumerate(program.splitlines(), 1)
            if line.strip() and number not in imports
        ]
        assert len(counted) <= LINES, program
        assert max(map(len, program.splitlines())) <= 100, program


@every_section
def test_the_program_in_go_is_short(link: str) -> None:
    """And narrow enough to stand beside ours."""
    for program in sections()[link].go:
        lines = program.expandtabs(4).splitlines()
        assert len([line for line in lines if line.strip()]) <= LINES, program
        assert max(map(len, lines)) <= 70, program


PACKAGES = {
    "http": "net/http",
    "signal": "os/signal",
    **{name: name for name in ("context", "errors", "fmt", "os", "strings", "sync", "syscall")},
    "time": "time",
}


def go_file(program: str) -> str:
    """Return a program around a block: its functions, and the rest as the body of main."""
    functions = re.findall(r"^func .*?^}\n", program, flags=re.MULTILINE | re.DOTALL)
    body = re.sub(r"^func .*?^}\n", "", program, flags=re.MULTILINE | re.DOTALL)
    used = [path for name, path in PACKAGES.items() if re.search(rf"\b{name}\.[A-Z]", program)]
    imports = "".join(f'import "{path}"\n' for path in sorted(used))
    names = re.findall(r"^func (\w+)", program, flags=re.MULTILINE)
    unused = "".join(f"var _ = {name}\n" for name in names)
    return f"package main\n\n{imports}\n{''.join(functions)}\n{unused}\nfunc main() {{\n{body}}}\n"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="needs a Go compiler")
def test_the_programs_in_go_are_go(tmp_path: Path) -> None:
    """Each compiles, and ``go vet`` finds nothing but the trap that slide 21 is about."""
    (tmp_path / "go.mod").write_text("module parity\n")
    for number, section in enumerate(sections().values()):
        for program in section.go:
            folder = tmp_path / f"p{number}"
            folder.mkdir()
            (folder / "main.go").write_text(go_file(program), encoding="utf-8")
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOCACHE": str(tmp_path / "cache")}
    vet = ["go", "vet", "-sigchanyzer=false", "./..."]
    ended = subprocess.run(vet, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_there_are_sections_and_rows() -> None:
    """Rules about all of them would never be broken if none were found."""
    assert len(sections()) > 30
    assert len(index()) > len(PARAGRAPHS)

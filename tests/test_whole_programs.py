"""What the copy button of a page copies is a program that runs, and prints what the page says."""

from __future__ import annotations

import importlib.util
import io
import linecache
import re
import sys
from contextlib import redirect_stdout
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import trio
from trio.testing import MockClock

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@cache
def extension() -> ModuleType:
    """Return the module that makes the programs when the site is built."""
    path = DOCS / "_extensions" / "slices.py"
    spec = importlib.util.spec_from_file_location("docs_slices", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses looks
    spec.loader.exec_module(module)
    return module


class Block(NamedTuple):
    """A block of a page: what it shows, what its button copies, and what that has to print."""

    page: str
    number: int
    shown: str
    copied: str
    printed: str


def blocks_of(page: Path) -> list[Block]:
    """Find the blocks of a page, but for those that are files, which console blocks run."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    expected = [
        following if kind == "text" else ""
        for (language, _), (kind, following) in pairwise([*fenced, ("", "")])
        if language == "python"
    ]
    shown = [block for language, block in fenced if language == "python"]
    files = [bool(re.match(r"# \w+\.py\n", block)) for block in shown]
    copied = extension().whole_programs(shown)
    name = page.relative_to(DOCS).as_posix()
    numbers = range(1, len(shown) + 1)
    blocks = zip(numbers, shown, copied, expected, strict=True)
    return [Block(name, *parts) for parts, file in zip(blocks, files, strict=True) if not file]


BLOCKS = [block for page in sorted(DOCS.rglob("*.md")) for block in blocks_of(page)]


def run_soon(function: Any, *arguments: Any, original: Any = trio.run, **options: Any) -> Any:
    return original(function, *arguments, **{"clock": MockClock(autojump_threshold=0), **options})


def without_lines(text: str) -> str:
    """Leave out what depends on where the program stands."""
    return re.sub(r"[\w.-]+, line \d+", "line", text.strip())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.number}")
def test_what_is_copied_runs(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """And at the end it has printed what the page says."""
    if "DATABASE_URL" in block.copied:
        monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("new_database")())
    monkeypatch.chdir(tmp_path)  # some write files
    code = compile(block.copied, "program.py", "exec", dont_inherit=True)
    lines = block.copied.splitlines(keepends=True)
    monkeypatch.setitem(
        linecache.cache, "program.py", (len(block.copied), None, lines, "program.py")
    )
    monkeypatch.setattr(trio, "run", run_soon)
    with redirect_stdout(io.StringIO()) as out:
        exec(code, {"__name__": "__main__"})
    assert without_lines(out.getvalue()).endswith(without_lines(block.printed)), block.copied


def test_a_program_stays_as_it_is_and_a_fragment_gets_a_frame() -> None:
    """With what it needs from earlier blocks, and nothing else."""
    whole = "import trio\n\ntrio.run(trio.sleep, 0)\n"
    first = (
        "LIMIT = 3\nunused = 4\n\n\ndef double(n):\n    return LIMIT * n\n\n\nprint(double(1))\n"
    )
    second = "# wait\nawait trio.sleep(double(2))\n"
    assert extension().whole_programs([whole, first, second]) == [
        whole,
        first,
        """\
import trio
import trio.testing


LIMIT = 3


def double(n):
    return LIMIT * n


async def main() -> None:
    # wait
    await trio.sleep(double(2))


trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))  # virtual time
""",
    ]


def test_a_block_that_goes_on_with_a_variable_has_all_that_led_to_it() -> None:
    """Not only the line that made it."""
    first = "from gochan import Chan\n\nnumbers = Chan(1)\nnumbers.send_nowait(1)\n"
    second = "print(await numbers.receive())\n"
    program = extension().whole_programs([first, second])[1]
    assert "    numbers = Chan(1)\n    numbers.send_nowait(1)\n\n    print(await" in program

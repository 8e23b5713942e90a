"""Blocks of lines, for the standard input of commands."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from gochan._command.run.items._blocks import BlockReader

from .. import processes
from ..processes import ONE, RunLines, finish, numbers

gochan = processes.gochan
run_lines = processes.run_lines


def test_blocks_are_the_input_byte_for_byte(run_lines: RunLines, tmp_path: Path) -> None:
    """Whatever it has: no end at the end, empty lines, bytes that are no characters, NUL bytes."""
    lines = b"\n\nfirst\r\n\0\xff\n" + numbers(2000) + b"x" * 500 + b"\nlast"
    ended = run_lines(lines, *ONE, "--pipe", "--block", "100", "cat")
    assert (ended.status, ended.out) == (0, lines)
    assert int(ended.summary["done"]) > 80


def test_no_line_is_cut(run_lines: RunLines) -> None:
    """One that is longer than a block is a block."""
    lines = [b"a" * 10, b"b" * 1000, b"c" * 99, b"d" * 50, b"e" * 48, b"f"]
    ended = run_lines(
        b"\n".join(lines), *ONE, "--pipe", "--block", "100", "sh", "-c", "cat; echo '|'"
    )
    blocks = [block.split() for block in ended.out.split(b"|\n")]
    assert blocks == [[lines[0]], [lines[1]], [lines[2]], lines[3:5], [lines[5]], []]


def test_blocks_may_have_a_number_of_lines(run_lines: RunLines) -> None:
    """However long those are; empty ones count, and the last block has what is left."""
    lines = b"a\n\n" + b"b" * 100_000 + b"\nc\nd"
    ended = run_lines(lines, *ONE, "--pipe", "-n", "2", "sh", "-c", "cat; echo '|'")
    assert ended.out.split(b"|\n") == [b"a\n\n", b"b" * 100_000 + b"\nc\n", b"d", b""]
    ended = run_lines(b"h\n1\n2\n", *ONE, "--pipe", "--header", "-n", "1", "cat")
    assert ended.out == b"h\n1\nh\n2\n"
    assert run_lines(b"1\n2\n", *ONE, "--pipe", "cat").summary == {"done": "1"}


def test_a_block_without_lines_is_refused(run_lines: RunLines) -> None:
    """It is as many as there is room for elsewhere, which would be one block."""
    ended = run_lines(b"1\n", "--pipe", "--batch", "0", "cat")
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.complaints
    assert "--block is in bytes" in line


def test_blocks_are_spread_over_workers(run_lines: RunLines) -> None:
    """Each line is in one of them."""
    lines = numbers(20_000)
    ended = run_lines(lines, "-j", "3", "--pipe", "--block", "10k", "cat")
    assert sorted(ended.out.split(), key=int) == lines.split()


def test_blocks_of_a_pipe_are_complete() -> None:
    """Though they arrive piece by piece."""
    writer = "printf 1; sleep 0.1; printf '2\\n3'; sleep 0.1; printf '4\\n5'"
    arguments = ["run", *ONE, "--pipe", "--block", "3", "sh", "-c", "cat; echo '|'"]
    ended = finish(*arguments, shell=f'({writer}) | "$@"')
    assert ended.out == b"12\n|\n34\n|\n5|\n"
    arguments.insert(1, "--header")
    assert finish(*arguments, shell=f'({writer}) | "$@"').out == b"12\n34\n|\n12\n5|\n"


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_blocks_that_were_not_done_are_left_over(tmp_path: Path, source: str) -> None:
    """With all that comes after them, byte for byte, after the header."""
    left, path = tmp_path / "left", tmp_path / "lines"
    lines = numbers(3000) + b"\n\nlast"
    path.write_bytes(b"header\n" + lines)
    arguments = ["run", *ONE, "--pipe", "--block", "100", "--header", "--left-over", left]
    shell = '"$@" <lines' if source == "file" else 'cat lines | "$@"'
    script = "grep -q '^120$' && exit 1; exit 0"
    ended = finish(*arguments, "sh", "-c", script, shell=shell, cwd=tmp_path)
    assert ended.status == 1
    rest = left.read_bytes()
    assert rest.startswith(b"header\n")
    rest = rest.removeprefix(b"header\n")
    assert lines.endswith(rest)
    first = int(rest.split()[0])
    assert 90 < first <= 120
    assert sum(int(count) for name, count in ended.summary.items() if name == "never started") > 0
    # What is left over can be the next input.
    command = ["run", *ONE, "--pipe", "--header", "--input", left, "cat"]
    assert finish(*command).out == b"header\n" + rest


def test_nothing_is_no_block(run_lines: RunLines) -> None:
    """No command runs for it, with a header or without."""
    for lines in (b"", b"header\n", b"header"):
        options = ["--header"] if lines else []
        ended = run_lines(lines, *options, "--pipe", "cat")
        assert (ended.status, ended.out, ended.summary) == (0, b"", {})


async def test_the_number_of_blocks_is_known_about(tmp_path: Path) -> None:
    """From the size of the file; of a pipe, only at its end."""
    path = tmp_path / "lines"
    lines = numbers(1000)
    path.write_bytes(lines)
    with closing(path.open("rb", buffering=0)) as file:
        reader = BlockReader(file, b"\n", 100)
        assert reader.total == -(-len(lines) // 100)
        assert reader.untouched is None
        await reader.count_ahead()
        assert reader.untouched == 1000
        while await reader.read():
            pass
        count = len([*reader.take()])
        assert reader.total == count
        assert reader.untouched == 0


async def test_the_number_of_blocks_with_a_number_of_lines_is_known_once_lines_are_counted(
    tmp_path: Path,
) -> None:
    """As that of lines is; the header is in no block."""
    path = tmp_path / "lines"
    path.write_bytes(b"header\n" + numbers(1000))
    with closing(path.open("rb", buffering=0)) as file:
        reader = BlockReader(file, b"\n", 100, 300, lambda _: None)
        assert reader.total is None
        await reader.read()
        blocks = reader.take()
        next(blocks)
        await reader.count_ahead()
        assert reader.total == 4
        while await reader.read():
            pass
        assert len([*blocks]) == 3
        assert reader.total == 4


async def test_lines_of_a_block_are_counted_as_they_arrive() -> None:
    """Piece by piece; at the end, what is there is a block."""
    read_end, write_end = os.pipe()
    with open(read_end, "rb", buffering=0) as file, open(write_end, "wb", buffering=0) as pipe:  # noqa: ASYNC230  # pipes
        reader = BlockReader(file, b"\n", 1, 2)
        for piece, blocks in ((b"a", []), (b"\n\n", [b"a\n\n"]), (b"b\nc\nd\n", [b"b\nc\n"])):
            pipe.write(piece)
            await reader.read()
            assert [item.block for item in reader.take()] == blocks
        pipe.close()
        await reader.read()
        assert [item.block for item in reader.take()] == [b"d\n"]


async def test_a_long_line_is_searched_once() -> None:
    """Though it arrives piece by piece."""
    read_end, write_end = os.pipe()
    with open(read_end, "rb", buffering=0) as file, open(write_end, "wb", buffering=0) as pipe:  # noqa: ASYNC230  # pipes
        reader = BlockReader(file, b"\n", 4)
        for piece in (b"h", b"ello wo", b"rld", b"!\nx"):
            pipe.write(piece)
            await reader.read()
            found = [item.block for item in reader.take()]
            assert found == ([b"hello world!\n"] if piece[-1:] == b"x" else [])

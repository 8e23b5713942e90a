"""Lines of input, read as they arrive."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

import pytest
import trio

from gochan._command.run.items._grouping import Grouping
from gochan._command.run.items._lines import LineReader

from .. import processes, terminals
from ..processes import (
    ONE,
    Gochan,
    RunLines,
    finish,
    start,
    wait_until,
)
from ..terminals import Terminal

gochan = processes.gochan
run_lines = processes.run_lines
terminal = terminals.terminal


# What is a line


@pytest.mark.parametrize(
    ("lines", "out"),
    [
        (b"", b""),
        (b"\n\n\n", b""),
        (b"a\n\n\nb\n", b"<a><b>"),
        (b"\na", b"<a>"),
        (b"a\nb", b"<a><b>"),
        (b" \n\r\n", b"< ><\r>"),
        (b"a\r\n-n\n--\n\xff\xfe\n", b"<a\r><-n><--><\xff\xfe>"),
        (b"a\na\n", b"<a><a>"),
    ],
)
def test_empty_lines_are_passed_over_and_the_last_needs_no_end(
    run_lines: RunLines, lines: bytes, out: bytes
) -> None:
    """A line is what is between two ends of line, and not empty. No lines, no commands."""
    ended = run_lines(lines, *ONE, "--", "printf", "<%s>")
    assert (ended.status, ended.out) == (0, out)


@pytest.mark.parametrize(
    ("options", "lines", "out"),
    [
        (["--null"], b"a\nb\0\0c", b"<a\nb><c>"),
        (["-0"], b"a\0", b"<a>"),
        (["-d", ","], b"a,b\n,,c", b"<a><b\n><c>"),
        (["-d", r"\t"], b"a\tb", b"<a><b>"),
        (["-d", r"\x1e"], b"a\x1eb", b"<a><b>"),
        (["-d", r"\0"], b"a\0b", b"<a><b>"),
        (["-d", "\udcff"], b"a\xffb", b"<a><b>"),
    ],
)
def test_another_byte_may_end_the_lines(
    run_lines: RunLines, options: list[str], lines: bytes, out: bytes
) -> None:
    """Then a newline is nothing special."""
    ended = run_lines(lines, *ONE, *options, "--", "printf", "<%s>")
    assert (ended.status, ended.out) == (0, out)


@pytest.mark.parametrize("delimiter", ["", "ab", "é", r"\x", r"\t\t"])
def test_what_ends_the_lines_is_one_byte(gochan: Gochan, delimiter: str) -> None:
    """Anything else is refused."""
    ended = gochan("run", "-d", delimiter, "echo")
    (complaint,) = ended.complaints
    assert (ended.status, ended.out) == (2, b"")
    assert "--delimiter" in complaint
    assert "not one byte" in complaint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-0", "-d", ","], "--null and --delimiter exclude each other"),
        (["-I", ""], "--place"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    gochan: Gochan, options: list[str], words: str
) -> None:
    """Before anything is read."""
    ended = gochan("run", *options, "echo")
    (complaint,) = ended.complaints
    assert (ended.status, ended.out) == (2, b"")
    assert words in complaint


def test_reading_from_a_terminal_is_said(terminal: Terminal) -> None:
    """Once, since nothing else would happen until somebody types a line."""
    with start("run", *ONE, "-q", "echo", stdin=terminal.slave) as running:
        running.expect("gochan: reading lines from the terminal; end with Ctrl-D\n")
        terminal.type(b"a\n\x04")
        ended = running.ended()
    assert (ended.status, ended.out) == (0, b"a\n")
    assert ended.err.count("reading") == 1


def test_a_reader_that_wants_no_more_ends_the_run_without_a_word() -> None:
    """As with xargs."""
    ended = finish("run", *ONE, "-q", "echo", shell='seq 1000 | { "$@"; echo $? >&2; } | head -3')
    assert (ended.out, ended.err) == (b"1\n2\n3\n", "141\n")


# Where lines come from


@pytest.mark.parametrize("arguments", [(), ("--input", "-")])
def test_lines_come_from_standard_input(arguments: tuple[str, ...]) -> None:
    """By default, and when asked for."""
    ended = finish("run", *ONE, *arguments, "--", "echo", lines=b"a\nb\n")
    assert (ended.status, ended.out) == (0, b"a\nb\n")


def test_a_line_is_worked_on_as_soon_as_it_arrives(tmp_path: Path) -> None:
    """While the writer goes on writing. A line that has only begun waits for its end."""
    with start("run", "--", "echo", stdin=subprocess.PIPE) as running:
        running.write(b"first\nsec")
        wait_until(lambda: running.out == b"first\n", "the first line")
        running.write(b"ond\nthird")
        wait_until(lambda: running.out == b"first\nsecond\n", "the second line")
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert running.ended().out == b"first\nsecond\nthird\n"


@pytest.fixture
def pipe() -> Iterator[tuple[LineReader, int]]:
    """A reader of a pipe, and the other end to write to."""
    read_end, write_end = os.pipe()
    with open(read_end, "rb", buffering=0) as file:
        yield read_lines(file), write_end
        with suppress(OSError):  # a test may have closed it
            os.close(write_end)


def read_lines(file: BinaryIO, batch: int = 1) -> LineReader:
    return LineReader(file, b"\n", Grouping(batch, 1 << 30, len))


async def test_input_that_does_not_block_is_waited_for(pipe: tuple[LineReader, int]) -> None:
    """A program that shares the pipe with us may have made it so."""
    reader, write_end = pipe
    os.set_blocking(reader._file.fileno(), False)

    def waiting() -> int:
        return trio.lowlevel.current_statistics().io_statistics.tasks_waiting_read

    before = waiting()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.read)
        while waiting() == before:  # noqa: ASYNC110  # nobody tells us
            await trio.sleep(0.001)
        os.write(write_end, b"late\n")
    assert [item.lines for item in reader.take()] == [(b"late",)]


def test_an_endless_input_comes_to_an_end() -> None:
    """It ends when the run does."""
    ended = finish("run", "--", "false", shell='yes | "$@"')
    assert ended.status == 1
    assert ended.summary["failed"] >= "1"


# How many there are


async def read_all(reader: LineReader) -> int:
    """Return how many items there are."""
    while await reader.read():
        pass
    return len([*reader.take()])


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", 0),
        (b"a", 1),
        (b"a\nb", 2),
        (b"\n\n\na\n\n", 1),
        (b"a\n" * 200_000, 200_000),
        (b"\n".join(b"x" * (n % 7) for n in range(100_000)), 100_000 - len(range(0, 100_000, 7))),
        (b"x" * 300_000 + b"\n" + b"y" * 300_000, 2),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
async def test_lines_of_a_file_are_counted_ahead(
    tmp_path: Path, content: bytes, lines: int, batch: int
) -> None:
    """From where it is read; empty ones do not count. Before that, and of a pipe, it is unknown."""
    path = tmp_path / "lines"
    path.write_bytes(b"skipped\n" + content)
    with closing(path.open("rb", buffering=0)) as file:
        file.seek(len(b"skipped\n"))
        reader = read_lines(file, batch)
        assert (reader.total, reader.untouched) == (None, None)
        await reader.count_ahead()
        expected = -(-lines // batch)
        assert (reader.total, reader.untouched) == (expected, lines)
        assert await read_all(reader) == expected
        assert (reader.total, reader.untouched) == (expected, 0)
        assert reader.exhausted


async def test_the_total_of_a_pipe_is_known_at_its_end(pipe: tuple[LineReader, int]) -> None:
    """Not before."""
    reader, write_end = pipe
    os.write(write_end, b"a\nb\n")
    await reader.count_ahead()
    await reader.read()
    assert len([*reader.take()]) == 2
    assert reader.total is None
    os.close(write_end)
    assert not await reader.read()
    assert (reader.total, reader.exhausted) == (2, True)


@pytest.mark.parametrize("path", [Path("/proc/self/mem")])
async def test_a_file_that_cannot_be_counted_has_no_total(path: Path) -> None:
    """It cannot be read either."""
    with closing(path.open("rb", buffering=0)) as file:
        reader = read_lines(file)
        await reader.count_ahead()
        assert reader.total is None


async def test_the_count_of_a_short_file_is_waited_for(
    tmp_path: Path, autojump_clock: trio.abc.Clock
) -> None:
    """For a second, if something is left of it."""
    path = tmp_path / "lines"
    path.write_bytes(b"a\n")
    with closing(path.open("rb", buffering=0)) as file:
        reader = read_lines(file)
        since = trio.current_time()
        await reader.wait_counted()
        assert trio.current_time() - since == 1
        assert await read_all(reader) == 1
        await reader.wait_counted()
        assert trio.current_time() - since == 1


async def test_counting_ends_with_the_reader(tmp_path: Path) -> None:
    """It may be a long file."""
    path = tmp_path / "lines"
    path.write_bytes(b"a\n")
    with closing(path.open("rb", buffering=0)) as file:
        reader = read_lines(file)
        reader.close()
        await reader.count_ahead()
        assert reader.total is None


# What cannot be passed on


@pytest.mark.parametrize("bad", [b"c\0d", b"\0"])
def test_a_line_that_cannot_be_passed_on_is_named_by_its_number(
    run_lines: RunLines, tmp_path: Path, bad: bytes
) -> None:
    """As an editor counts. Those before it are done, it is left over, and so are those after it."""
    left = tmp_path / "left"
    ended = run_lines(b"a\n\nb\n" + bad + b"\ne\n", *ONE, "--left-over", left, "--", "echo")
    (complaint,) = ended.complaints
    assert complaint.startswith("gochan: line 4 of the input cannot be passed on: ")
    assert (ended.status, ended.out) == (2, b"a\nb\n")
    assert left.read_bytes() == bad + b"\ne\n"
    assert ended.summary == {"done": "2", "never started": "2"}


# The rest, when a run has ended


async def test_a_pipe_that_is_silent_is_not_waited_for(
    pipe: tuple[LineReader, int], autojump_clock: trio.abc.Clock
) -> None:
    """For more than a second."""
    reader, _ = pipe
    since = trio.current_time()
    await reader.wait_for_rest(10)
    assert trio.current_time() - since == 1


async def test_a_pipe_is_waited_for_while_lines_arrive_but_not_for_ever(
    pipe: tuple[LineReader, int], autojump_clock: trio.abc.Clock
) -> None:
    """For ten seconds in all."""
    reader, _ = pipe

    async def go_on() -> None:
        while True:
            await trio.sleep(0.9)
            reader._arrived += 1

    since = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        await reader.wait_for_rest(10)
        nursery.cancel_scope.cancel()
    assert trio.current_time() - since == 10


async def test_what_a_pipe_brings_later_is_put_aside(pipe: tuple[LineReader, int]) -> None:
    """Byte for byte, after what was read before; its lines are counted."""
    reader, write_end = pipe
    os.write(write_end, b"taken\nhe")
    await reader.read()
    assert len([*reader.take()]) == 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.put_rest_aside)
        for number, piece in enumerate((b"ld\n", b"\nx", b"y")):
            os.write(write_end, piece)
            while reader._arrived < 8 + 3 + 2 * (number > 0) + (number > 1):  # noqa: ASYNC110
                await trio.sleep(0.001)
        os.close(write_end)
    rest = reader.rest()
    assert rest.file is not None
    assert rest.size is not None
    assert b"".join(rest.held) == b"he"
    assert os.pread(rest.file.fileno(), 100, rest.offset) == b"ld\n\nxy"
    assert (reader.untouched, reader.exhausted, reader.unread) == (2, False, False)
    reader.close()


async def test_the_start_of_a_line_is_left_if_a_pipe_brings_no_more(
    pipe: tuple[LineReader, int],
) -> None:
    """Then there is nothing to be put aside, and not all is used nevertheless."""
    reader, write_end = pipe
    os.write(write_end, b"taken\nhe")
    await reader.read()
    assert len([*reader.take()]) == 1
    os.close(write_end)
    await reader.put_rest_aside()
    assert b"".join(reader.rest().held) == b"he"
    assert (reader.untouched, reader.exhausted, reader.unread) == (1, False, False)


async def test_the_end_of_a_pipe_is_noticed_at_once(
    pipe: tuple[LineReader, int], autojump_clock: trio.abc.Clock
) -> None:
    """Also between two looks."""
    reader, _ = pipe
    since = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.wait_for_rest, 10)
        await trio.sleep(0.3)
        reader.ended.set()
    assert trio.current_time() - since == 0.3
    await reader.wait_for_rest(10)
    assert trio.current_time() - since == 0.3


async def test_a_file_is_not_waited_for(tmp_path: Path) -> None:
    """What it has is there."""
    path = tmp_path / "lines"
    path.touch()
    with closing(path.open("rb", buffering=0)) as file:
        await read_lines(file).wait_for_rest(10)

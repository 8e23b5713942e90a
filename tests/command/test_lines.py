"""Lines of input, read as they arrive."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gochan._command.run._lines import LineReader

from .. import processes
from ..processes import (
    ONE,
    RunLines,
    finish,
    start,
    wait_until,
)

gochan = processes.gochan
run_lines = processes.run_lines


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
        (b"a\na\n", b"<a><a>"),
    ],
)
def test_empty_lines_are_passed_over_and_the_last_needs_no_end(
    run_lines: RunLines, lines: bytes, out: bytes
) -> None:
    """A line is what is between two ends of line, and not empty. No lines, no commands."""
    ended = run_lines(lines, *ONE, "--", "printf", "<%s>")
    assert (ended.status, ended.out) == (0, out)


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
    with open(read_end, "rb", buffering=0) as file, open(write_end, "wb", buffering=0):
        yield LineReader(file), write_end


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
    assert [*reader.take()] == [b"late"]


def test_an_endless_input_comes_to_an_end() -> None:
    """It ends when the run does."""
    ended = finish("run", "--", "false", shell='yes | "$@"')
    assert ended.status == 1
    assert ended.summary["failed"] >= "1"


# What cannot be passed on


@pytest.mark.parametrize("bad", [b"c\0d", b"\xff"])
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
    await reader.wait_for_rest()
    assert trio.current_time() - since == 1


async def test_a_pipe_is_waited_for_while_lines_arrive_but_not_for_ever(
    pipe: tuple[LineReader, int], autojump_clock: trio.abc.Clock
) -> None:
    """For ten seconds in all."""
    reader, _ = pipe

    async def go_on() -> None:
        while True:
            await trio.sleep(0.9)
            reader.number += 1

    since = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        await reader.wait_for_rest()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - since == 10


async def test_the_end_of_a_pipe_is_noticed_at_once(
    pipe: tuple[LineReader, int], autojump_clock: trio.abc.Clock
) -> None:
    """Also between two looks."""
    reader, _ = pipe
    since = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.wait_for_rest)
        await trio.sleep(0.3)
        reader.all_taken.set()
    assert trio.current_time() - since == 0.3
    await reader.wait_for_rest()
    assert trio.current_time() - since == 0.3


async def test_a_file_is_waited_for_to_its_end(
    tmp_path: Path, autojump_clock: trio.abc.Clock
) -> None:
    """However long that takes."""
    path = tmp_path / "lines"
    path.touch()
    with closing(path.open("rb")) as file:
        reader = LineReader(file)
        since = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.wait_for_rest)
            await trio.sleep(100)
            await wait_all_tasks_blocked()
            reader.all_taken.set()
        assert trio.current_time() - since == 100

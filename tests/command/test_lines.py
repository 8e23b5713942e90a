"""Lines of input, read as they arrive."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

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
    """By default, and if one says so."""
    ended = finish("run", *ONE, *arguments, "--", "echo", lines=b"a\nb\n")
    assert (ended.status, ended.out) == (0, b"a\nb\n")


def test_a_line_is_worked_on_as_soon_as_it_comes(tmp_path: Path) -> None:
    """While whoever writes the lines goes on. A line that has just begun waits for its end."""
    with start("run", "--", "echo", stdin=subprocess.PIPE) as running:
        running.write(b"first\nsec")
        wait_until(lambda: running.out == b"first\n", "the first line")
        running.write(b"ond\nthird")
        wait_until(lambda: running.out == b"first\nsecond\n", "the second line")
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert running.ended().out == b"first\nsecond\nthird\n"


def test_input_that_does_not_block_is_waited_for() -> None:
    """Whoever shares a pipe with us may have made it so."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    with start("run", "--", "echo", stdin=read_end) as running:
        os.close(read_end)
        time.sleep(1)
        os.write(write_end, b"late\n")
        os.close(write_end)
        ended = running.ended()
    assert (ended.status, ended.out) == (0, b"late\n")


def test_an_endless_input_comes_to_an_end() -> None:
    """When the run does."""
    ended = finish("run", "--", "false", shell='yes | "$@"')
    assert ended.status == 1
    assert ended.summary["failed"] >= "1"

"""The lines that were not done: none is lost, and none is both done and left over."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gochan._command.run import _left_over

from .. import processes
from ..processes import (
    INT,
    ONE,
    TERM,
    Gochan,
    RunLines,
    Terminal,
    changed,
    finish,
    numbers,
    sleepers,
    start,
    wait_until,
)

gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker
terminal = processes.terminal


# Which lines


def test_no_line_is_both_done_and_left_over_and_none_is_lost(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """Those left over come in the order of the input, equal lines as often as they were there."""
    lines = [
        f"{kind} {number % 40}" for number, kind in enumerate(["ok", "bad", "ok", "kill"] * 40)
    ]
    left = tmp_path / "left"
    script = "case $1 in bad*) exit 1;; kill*) kill -9 $$;; esac; echo $1"
    ended = run_lines(
        "\n".join(lines).encode(), "--workers", "3", "--keep-going", "--left-over", left,
        "--", "sh", "-c", script, "sh",
    )  # fmt: skip
    assert left.read_text().splitlines() == [line for line in lines if "ok" not in line]
    assert sorted(ended.out.decode().splitlines()) == sorted(line for line in lines if "ok" in line)


def test_lines_that_were_never_read_are_left_over_too(run_lines: RunLines, tmp_path: Path) -> None:
    """A file is read to its end, however long it is."""
    left = tmp_path / "left"
    lines = b"".join(b"line %d \xc3\xa9\r\n" % number for number in range(30_000))
    ended = run_lines(lines, *ONE, "--capacity", "1", "--left-over", left, "--", "false")
    assert ended.status == 1
    assert left.read_bytes() == lines
    assert sum(map(int, ended.summary.values())) == 30_000


def test_of_a_pipe_what_has_been_written_is_left_over(tmp_path: Path) -> None:
    """We do not wait for the end of something that may have none; the summary says so."""
    left = tmp_path / "left"
    arguments = ["run", *ONE, "--left-over", left, "--", "false"]
    impatient = changed("_lines", "_SILENCE = 0.3")
    with start(*arguments, command=impatient, stdin=subprocess.PIPE) as running:
        running.write(numbers(500) + b"half a li")
        ended = running.ended()
    assert ended.status == 1
    assert left.read_bytes() == numbers(500) + b"half a li\n"
    assert [*ended.summary] == ["failed", "handed back", "never started", "rest of the input"]
    assert ended.summary["rest of the input"] == "not read"
    assert sum(map(int, [*ended.summary.values()][:-1])) == 500


def test_of_a_slow_pipe_everything_is_left_over(tmp_path: Path) -> None:
    """As long as lines keep arriving."""
    left = tmp_path / "left"
    writer = "for i in 1 2 3 4; do echo $i; sleep 0.3; done"
    ended = finish("run", *ONE, "--left-over", left, "--", "false", shell=f'({writer}) | "$@"')
    assert (ended.status, left.read_bytes()) == (1, numbers(4))


@pytest.mark.slow
def test_a_pipe_that_goes_on_and_on_is_given_up(tmp_path: Path) -> None:
    """After ten seconds; what came until then is left over."""
    left = tmp_path / "left"
    writer = "i=0; while :; do i=$((i + 1)); echo $i || exit; sleep 0.5; done"
    arguments = ["run", *ONE, "--left-over", left, "--", "false"]
    with start(*arguments, shell=f'({writer}) | "$@"') as running:
        running.expect("failed ")
        since = time.monotonic()
        ended = running.ended(seconds=60)
    assert 9 <= time.monotonic() - since < 20
    count = len(left.read_bytes().split())
    assert count >= 15
    assert left.read_bytes() == numbers(count)
    assert (ended.status, ended.summary["rest of the input"]) == (1, "not read")


# The file


def test_the_left_over_file_may_be_the_input(gochan: Gochan, tmp_path: Path) -> None:
    """Then the same command line continues a run that was ended early."""
    path = tmp_path / "todo"
    path.write_bytes(numbers(8))
    arguments = ["run", *ONE, "--input", path, "--left-over", path, "--", "sh", "-c"]
    assert gochan(*arguments, "echo $1; test $1 != 3", "sh").out == b"1\n2\n3\n"
    assert path.read_text().split() == ["3", "4", "5", "6", "7", "8"]
    assert gochan(*arguments, "echo $1", "sh").status == 0
    assert path.read_bytes() == b""


def test_without_failures_the_left_over_file_is_empty(run_lines: RunLines, tmp_path: Path) -> None:
    """Whatever it held before."""
    left = tmp_path / "left"
    left.write_text("from before\n")
    assert run_lines(b"a\n", "--left-over", left, "--", "true").status == 0
    assert left.read_bytes() == b""


def test_what_is_left_over_may_go_to_a_device(run_lines: RunLines, terminal: Terminal) -> None:
    """A device cannot be replaced at the end, as a file is."""
    # Not /dev/null: as root, a program with a mistake would replace it.
    device = os.ttyname(terminal.slave)
    ended = run_lines(b"a\n", "--left-over", device, "--", "false")
    assert (ended.status, ended.complaints) == (1, [])
    assert terminal.screen == ["a"]


def test_left_over_lines_that_cannot_be_written_are_a_problem_in_one_line(
    run_lines: RunLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be full by then. The file stays as it was."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_left_over.LeftOver, "_write", fail)
    left = tmp_path / "left"
    left.write_text("from before\n")
    ended = run_lines(b"a\n", "--left-over", left, "--", "false")
    assert ended.status == 2
    assert ended.complaints == [f"gochan: cannot write {left}: No space left on device"]
    assert left.read_text() == "from before\n"
    assert sorted(tmp_path.iterdir()) == [left, tmp_path / "lines"]


def test_the_left_over_file_stays_if_there_is_no_room_for_the_lines(tmp_path: Path) -> None:
    """It may be the input, so it is replaced at the end, or not at all."""
    todo = tmp_path / "todo"
    lines = numbers(200_000)
    todo.write_bytes(lines)
    todo.chmod(0o640)
    arguments = ["run", *ONE, "--input", todo, "--left-over", todo, "--", "false"]
    ended = finish(*arguments, shell='ulimit -f 1000; exec "$@"')
    assert ended.status == 2
    assert todo.read_bytes() == lines
    assert [*tmp_path.iterdir()] == [todo]
    assert finish(*arguments).status == 1
    assert todo.read_bytes() == lines
    assert todo.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("room", [0, 3])
def test_no_line_is_lost_if_there_is_no_room_to_put_it_aside(
    gochan: Gochan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Nor is a part of it kept twice. The left-over file may be on another disk."""

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            free = 1000 + room - self.tell()
            if not free:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(bytes(data)[:free])

    monkeypatch.setattr(_left_over, "open_scratch", Full)
    path, left = tmp_path / "lines", tmp_path / "left"
    path.write_bytes(numbers(3000))
    ended = gochan("run", *ONE, "--input", path, "--left-over", left, "--", "false")
    assert (ended.status, ended.complaints) == (
        2,
        ["gochan: cannot go on: [Errno 28] No space left on device"],
    )
    assert left.read_bytes() == numbers(3000)


# Whatever happens


def test_left_over_lines_survive_a_signal_that_comes_late(tmp_path: Path) -> None:
    """When everything has ended, and they are just being written."""
    todo = tmp_path / "todo"
    for number in (INT, TERM):
        todo.write_bytes(numbers(5))
        program = f"""
import os, sys
from gochan._command.run import _run
from gochan.__main__ import main

def interrupted(work, original=_run._Run._save):
    os.kill(os.getpid(), {number})
    original(work)

_run._Run._save = interrupted
main()
"""
        command = (sys.executable, "-c", program)
        arguments = ["run", "--input", todo, "--left-over", todo, "--", "false"]
        ended = finish(*arguments, command=command)
        assert todo.read_bytes() == numbers(5)
        assert ended.status in (1, 128 + number)
        assert "Traceback" not in ended.err


@pytest.mark.parametrize("broken", ["_note", "_show_progress", "display.close"])
def test_left_over_lines_are_written_even_if_we_fail(tmp_path: Path, broken: str) -> None:
    """Whatever is wrong with this program, no line is lost, and none is both done and left."""
    todo, done = tmp_path / "todo", tmp_path / "done"
    todo.write_bytes(numbers(30_000))
    done.touch()
    program = f"""
from gochan._command.run import _plain_display
from gochan._command.run import _run
from gochan.__main__ import main

def fail(*_):
    raise ZeroDivisionError

if "{broken}" == "display.close":
    _plain_display.PlainDisplay.close = fail
else:
    _run._Run.{broken} = fail
main()
"""
    arguments = ["run", *ONE, "--input", todo, "--left-over", todo, "--", "sh", "-c"]
    script = f"echo $1 >>{done}; [ $1 != 3 ]"
    ended = finish(*arguments, script, "sh", command=(sys.executable, "-c", program))
    assert "ZeroDivisionError" in ended.err
    left, expected = todo.read_bytes().splitlines(), Counter(numbers(30_000).splitlines())
    lines = Counter([*done.read_bytes().splitlines(), *left])
    assert not expected - lines
    # The last command was begun, and has failed or was interrupted.
    assert (lines - expected).total() <= 1
    assert broken == "_show_progress" or b"1" not in left


def test_lines_are_left_over_although_the_terminal_has_gone(tmp_path: Path, marker: str) -> None:
    """If we are told to outlive it."""
    left = tmp_path / "left"
    arguments = ["run", *ONE, "--left-over", left, "--", "sh", "-c"]
    terminal = Terminal()
    with start(
        *arguments,
        f"sleep {marker}",
        "sh",
        lines=numbers(5),
        stdout=subprocess.DEVNULL,
        stderr=terminal.slave,
        shell='trap "" HUP; exec "$@"',
    ) as running:
        wait_until(lambda: sleepers(marker), "the command")
        terminal.close()
        for process in sleepers(marker):
            os.kill(process, signal.SIGKILL)
        ended = running.ended()
    assert ended.status == 1
    assert left.read_bytes() == numbers(5)

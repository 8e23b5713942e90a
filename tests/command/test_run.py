"""A whole ``gochan run``: workers, failures, strategies, signals, and readers that go away."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest

from gochan import QueueStatistics
from gochan._command.run.display import _summary

from .. import processes
from ..processes import (
    CANCELS,
    DRAINS,
    GIVES_UP,
    INT,
    ONE,
    TERM,
    RunLines,
    Running,
    changed,
    finish,
    numbers,
    sleepers,
    start,
    state_of,
    wait_until,
)

gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker


# How many at a time


def test_many_lines_are_all_done_once(run_lines: RunLines) -> None:
    """There are more of them than may wait at a time."""
    ended = run_lines(numbers(300), "--workers", "3", "--capacity", "7", "--", "echo")
    assert ended.status == 0
    assert sorted(map(int, ended.out.split())) == list(range(1, 301))
    assert ended.summary == {"done": "300"}


def test_as_many_commands_run_as_there_are_workers_and_never_more(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """The first ones wait until three run, and a moment for a fourth to come."""
    script = f"""
        cd {tmp_path}
        mkdir -p now; touch now/$1
        ls now | wc -l >> counts
        if [ $(ls now | wc -l) -ge 3 ]; then touch full; fi
        until [ -e full ]; do sleep 0.01; done
        sleep 0.05
        ls now | wc -l >> counts
        rm now/$1
    """
    ended = run_lines(numbers(9), "--workers", "3", "--", "sh", "-c", script, "sh")
    assert ended.status == 0
    counts = list(map(int, (tmp_path / "counts").read_text().split()))
    assert len(counts) == 18
    assert max(counts) == 3


# Commands that fail


def test_without_keep_going_no_command_starts_after_a_failure(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """What is not done is left over, the line that failed included."""
    left = tmp_path / "left"
    script = "echo $1; test $1 != 3"
    ended = run_lines(numbers(8), *ONE, "--left-over", left, "--", "sh", "-c", script, "sh")
    assert ended.status == 1
    assert ended.out == b"1\n2\n3\n"
    assert left.read_text().split() == ["3", "4", "5", "6", "7", "8"]
    assert ended.summary == {"done": "2", "failed": "1", "handed back": "5"}
    shown = f"sh -c {shlex.quote(script)} sh"
    assert ended.commands == [
        f"done: {shown} 1", f"done: {shown} 2", f"failed: {shown} 3 (exit status 1)"
    ]  # fmt: skip


def test_a_command_that_runs_may_end_after_another_has_failed(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """It is done."""
    script = f"""
        cd {tmp_path}
        if [ $1 = bad ]; then until [ -e started ]; do sleep 0.01; done; touch failed; exit 1; fi
        touch started; until [ -e failed ]; do sleep 0.01; done; sleep 0.1; echo fine
    """
    ended = run_lines(b"good\nbad\nnever\n", "--workers", "2", "--", "sh", "-c", script, "sh")
    assert (ended.status, ended.out) == (1, b"fine\n")
    assert ended.summary == {"done": "1", "failed": "1", "handed back": "1"}


def test_after_a_failure_commands_that_run_on_are_ended_in_time(
    run_lines: RunLines, marker: str
) -> None:
    """``--drain`` limits this, too."""
    script = f"[ $1 != bad ] || exit 1; exec sleep {marker}"
    ended = run_lines(
        b"good\nbad\n", "--workers", "2", "--drain", "0.1", "--", "sh", "-c", script, "sh"
    )
    assert ended.status == 1
    assert [*ended.summary.items()] == [("failed", "1"), ("interrupted", "1")]
    assert [line.rpartition(" sh ")[2] for line in ended.commands] == [
        "bad (exit status 1)", "good (the run was stopped)"
    ]  # fmt: skip


def test_with_keep_going_every_line_is_tried(run_lines: RunLines, tmp_path: Path) -> None:
    """Only those that failed are left over."""
    left = tmp_path / "left"
    ended = run_lines(
        numbers(8), *ONE, "--keep-going", "--left-over", left, "--",
        "sh", "-c", "echo $1; test $(($1 % 3)) != 0", "sh",
    )  # fmt: skip
    assert ended.status == 1
    assert ended.out == numbers(8)
    assert left.read_text().split() == ["3", "6"]
    assert ended.summary == {"done": "6", "failed": "2"}


def test_the_only_command_that_fails_is_all_that_is_said(run_lines: RunLines) -> None:
    """Nothing about others that may finish, since there are none."""
    ended = run_lines(numbers(3), *ONE, "--", "false")
    assert ended.err.splitlines()[0].startswith("failed ")


def test_elsewhere_each_phase_of_a_stop_is_a_line(marker: str) -> None:
    """Also if time has passed, and if a failure instead of a signal began the stop."""
    script = f"[ $1 != bad ] || exit 1; trap '' TERM; sleep {marker} & sleep {marker}"
    ended = finish(
        "run", "--workers", "2", "--drain", "0.3", "--grace", "0.2", "--",
        "sh", "-c", script, "sh", lines=b"good\nbad\n",
    )  # fmt: skip
    said = [line.partition(" ")[0] for line in ended.err.splitlines()]
    assert said[:5] == ["no", "failed", "cancelling", "giving", "interrupted"]


def test_the_summary_has_a_row_for_each_way_in_which_a_job_can_end() -> None:
    """In the order of the statistics."""
    names = [field.name for field in fields(QueueStatistics)]
    ends = names[names.index("running") + 1 : names.index("workers")]
    assert [*_summary.KINDS] == ends


# Strategies


@pytest.mark.parametrize(
    ("strategy", "kind", "done_last"),
    [("drop-on-full", "refused", b"1"), ("drop-oldest", "dropped", b"20")],
)
def test_a_strategy_may_turn_lines_away_which_are_left_over(
    run_lines: RunLines, tmp_path: Path, strategy: str, kind: str, done_last: bytes
) -> None:
    """The oldest of those that wait, or the newest to come. The exit status says it."""
    left = tmp_path / "left"
    ended = run_lines(
        numbers(20), *ONE, "--strategy", strategy, "--capacity", "2", "--left-over", left,
        "--", "sh", "-c", "sleep 0.05; echo $1", "sh",
    )  # fmt: skip
    assert ended.status == 1
    done, over = ended.out.split(), left.read_bytes().split()
    assert done_last in done
    assert sorted(done + over, key=int) == numbers(20).split()
    assert over == sorted(over, key=int)
    assert ended.summary == {"done": str(len(done)), kind: str(len(over))}


def test_what_a_strategy_hands_back_at_the_end_is_left_over(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """The end of the input closes the queue, and priority-cancel starts nothing after that."""
    left = tmp_path / "left"
    ended = run_lines(
        numbers(20), *ONE, "--strategy", "priority-cancel", "--left-over", left, "--", "echo"
    )
    assert ended.status == 1
    done, over = ended.out.split(), left.read_bytes().split()
    assert done + over == numbers(20).split()
    assert ended.summary == {"done": str(len(done)), "handed back": str(len(over))}


# Signals


@pytest.mark.parametrize("number", [INT, TERM])
def test_after_a_first_signal_what_runs_may_end_and_nothing_starts(
    tmp_path: Path, number: int
) -> None:
    """Further SIGTERMs change nothing."""
    left = tmp_path / "left"
    script = f"touch {tmp_path}/ready$1; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo $1"
    arguments = ["run", "--workers", "2", "--left-over", left, "--", "sh", "-c", script, "sh"]
    with start(*arguments, lines=numbers(6)) as running:
        wait_until((tmp_path / "ready2").exists, "the second command")
        running.signal(number)
        running.expect(DRAINS)
        for _ in range(3):
            running.signal(TERM)
            time.sleep(0.02)
        (tmp_path / "go").touch()
        ended = running.ended()
    assert ended.status == 128 + number
    assert sorted(ended.out.split()) == [b"1", b"2"]
    assert left.read_bytes() == b"3\n4\n5\n6\n"
    assert ended.summary == {"done": "2", "handed back": "4"}
    assert CANCELS not in ended.err


@pytest.mark.parametrize("first", [INT, TERM])
def test_a_sigint_after_that_terminates_what_runs(tmp_path: Path, marker: str, first: int) -> None:
    """It may clean up. Its line is left over, since it may not have finished its work."""
    left = tmp_path / "left"
    script = f"trap 'echo bye; exit 0' TERM; sleep {marker} & wait"
    arguments = ["run", *ONE, "--left-over", left, "--", "sh", "-c", script, "sh"]
    with start(*arguments, lines=b"a\nb\n") as running:
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(first)
        running.expect(DRAINS)
        running.signal(INT)
        ended = running.ended()
    assert ended.status == 128 + first
    assert ended.out == b"bye\n"
    assert left.read_bytes() == b"a\nb\n"
    assert CANCELS in ended.err
    assert ended.summary == {"interrupted": "1", "handed back": "1"}


def test_a_third_sigint_kills(tmp_path: Path, marker: str) -> None:
    """At once, whatever the grace is, and everything that the commands have started."""
    script = f"trap '' TERM; sleep {marker} & sleep {marker}"
    with start(
        "run", "--workers", "2", "--grace", "600", "--", "sh", "-c", script, "sh", lines=numbers(2)
    ) as running:
        wait_until(lambda: len(sleepers(marker)) == 4, "the commands")
        for line in (DRAINS, CANCELS):
            running.signal(INT)
            running.expect(line)
        assert len(sleepers(marker)) == 4
        running.signal(INT)
        ended = running.ended()
    assert ended.status == 130
    assert GIVES_UP in ended.err
    assert ended.summary == {"interrupted": "2"}


def test_without_a_second_signal_the_time_limits_end_the_run(marker: str) -> None:
    """First TERM, later KILL."""
    script = f"trap 'echo heard' TERM; sleep {marker} & while :; do wait; done"
    with start(
        "run", "--drain", "0.1", "--grace", "0.1", "--", "sh", "-c", script, "sh", lines=b"a\n"
    ) as running:
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(TERM)
        ended = running.ended()
    assert (ended.status, ended.out) == (143, b"heard\n")
    assert ended.summary == {"interrupted": "1"}


def test_after_a_failure_one_sigint_terminates_what_runs(marker: str) -> None:
    """A failure ends the run as a first Ctrl-C does, so the next one is the second."""
    script = f"[ $1 != bad ] || exit 1; exec sleep {marker}"
    arguments = ["run", "--workers", "2", "--drain", "600", "--", "sh", "-c", script, "sh"]
    with start(*arguments, lines=b"good\nbad\n") as running:
        running.expect("exit status 1")
        wait_until(lambda: sleepers(marker), "the command that runs on")
        running.signal(INT)
        running.expect(CANCELS)
        wait_until(lambda: not sleepers(marker), "its end")
        ended = running.ended()
    assert ended.status == 130
    assert ended.summary == {"failed": "1", "interrupted": "1"}


def test_two_signals_at_once_count_as_a_first_and_one_more(marker: str) -> None:
    """The status is that of the first, and either may be the first."""
    with start("run", "--grace", "600", "--", "sleep", lines=marker.encode()) as running:
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(signal.SIGSTOP)
        wait_until(lambda: state_of(running.process.pid) == "T", "it to stop")
        running.signal(INT)
        running.signal(TERM)
        running.signal(signal.SIGCONT)
        running.expect(DRAINS)
        running.signal(INT)
        ended = running.ended()
    assert ended.status in (130, 143)
    assert ended.summary == {"interrupted": "1"}


def test_it_can_be_stopped_and_continued(tmp_path: Path) -> None:
    """Commands that end meanwhile are noticed afterwards."""
    script = f"touch {tmp_path}/ready; until [ -e {tmp_path}/go ]; do sleep 0.01; done; touch $1"
    arguments = ["run", "--", "sh", "-c", script, "sh"]
    with start(*arguments, lines=f"{tmp_path}/done".encode()) as running:
        wait_until((tmp_path / "ready").exists, "the command")
        running.signal(signal.SIGSTOP)
        wait_until(lambda: state_of(running.process.pid) == "T", "it to stop")
        (tmp_path / "go").touch()
        wait_until((tmp_path / "done").exists, "the end of the command")
        running.signal(signal.SIGCONT)
        assert running.ended().summary == {"done": "1"}


@pytest.mark.parametrize("left_over", [False, True])
def test_a_signal_ends_a_run_that_waits_for_lines(tmp_path: Path, left_over: bool) -> None:
    """Even if another process holds the pipe open."""
    options = ["--left-over", tmp_path / "left"] if left_over else []
    impatient = changed("_command.run.items._reader", "_SILENCE = 0.1")
    with start("run", *options, "--", "echo", command=impatient, stdin=subprocess.PIPE) as running:
        running.write(b"a\n")
        wait_until(lambda: running.out, "the first line")
        running.signal(INT)
        ended = running.ended()
    assert (ended.status, ended.out) == (130, b"a\n")
    assert ended.summary == {"done": "1", "rest of the input": "not read"}


def test_no_command_is_left_behind_when_the_terminal_goes_away(marker: str) -> None:
    """Commands have sessions of their own, so the terminal does not tell them."""
    with start("run", "--", "sleep", lines=marker.encode()) as running:
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(signal.SIGHUP)
        ended = running.ended()
    assert ended.status == 128 + signal.SIGHUP
    assert DRAINS in ended.err
    assert "may finish" not in ended.err


def test_the_quit_key_leaves_no_command_behind(marker: str) -> None:
    r"""Ctrl-\\ ends the run at once."""
    with start("run", *ONE, "--", "sleep", lines=f"{marker}\n".encode()) as running:
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(signal.SIGQUIT)
        ended = running.ended()
    assert ended.status == 128 + signal.SIGQUIT
    assert DRAINS in ended.err
    assert "may finish" not in ended.err
    assert not sleepers(marker)


def test_a_run_may_outlive_its_terminal(tmp_path: Path) -> None:
    """If SIGHUP is ignored at the start, as under ``nohup``."""
    arguments = ["run", *ONE, "--", "sh", "-c", f"touch {tmp_path}/$1; sleep 0.2", "sh"]
    with start(*arguments, lines=numbers(2), shell='trap "" HUP QUIT; exec "$@"') as running:
        wait_until((tmp_path / "1").exists, "the first command")
        running.signal(signal.SIGHUP)
        ended = running.ended()
    assert (ended.status, ended.summary) == (0, {"done": "2"})


def test_a_command_that_cannot_be_killed_is_named(tmp_path: Path) -> None:
    """A while after the stop is over, unless it has ended by then."""
    program = f"""
import os, sys, trio
from gochan._command.run import _run
from gochan._children import _child
from gochan.__main__ import main

async def wait_for_the_disk(_, program, output):
    with trio.CancelScope(shield=True):
        print("digging", file=sys.stderr, flush=True)
        while not os.path.exists("{tmp_path}/" + program.arguments[-1].decode()):
            await trio.sleep(0.01)
    await trio.lowlevel.checkpoint_if_cancelled()

_child.Children.run = wait_for_the_disk
_run._PATIENCE = 0.5
main()
"""
    command = (sys.executable, "-c", program)
    arguments = ["run", "--workers", "2", "--drain", "0", "--grace", "0", "--", "true"]
    with start(*arguments, command=command, stdin=subprocess.PIPE, bufsize=0) as running:
        running.write(b"a\x1b[2J\nb\n")
        running.expect("digging\ndigging")
        running.signal(TERM)
        running.expect(GIVES_UP)
        (tmp_path / "b").touch()
        running.expect("still running after ")
        assert " s: true 'a\\x1b[2J', in wait_for_the_disk (<string>, line 11)" in running.err
        (tmp_path / "a\x1b[2J").touch()
        ended = running.ended()
    assert ended.status == 143
    assert ended.err.count("still running after ") == 1
    assert ended.summary == {"interrupted": "2", "rest of the input": "not read"}


# Output that nobody reads, or that cannot be written


@contextmanager
def start_blocked(tmp_path: Path, stream: str) -> Iterator[Running]:
    """Start a run that writes to a full pipe, which nobody empties or closes."""
    read_end, write_end = os.pipe()
    size = fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 1 << 20)  # it is not made larger
    os.write(write_end, b"x" * size)
    arguments = ["run", *ONE, "--", "sh", "-c", f"touch {tmp_path}/started; echo out", "sh"]
    with start(*arguments, lines=numbers(20), **{stream: write_end}) as running:
        wait_until((tmp_path / "started").exists, "the first command")
        time.sleep(0.1)
        yield running
    os.close(read_end)
    os.close(write_end)


def test_signals_end_a_run_whose_output_nobody_reads(tmp_path: Path) -> None:
    """Output that cannot be passed on is as good as a command that runs on."""
    with start_blocked(tmp_path, "stdout") as running:
        for line in (DRAINS, CANCELS):
            running.signal(INT)
            running.expect(line)
        ended = running.ended()
    assert ended.status == 130
    assert ended.summary == {"interrupted": "1", "handed back": "19"}


def test_signals_end_a_run_about_which_nobody_reads(tmp_path: Path) -> None:
    """Standard error may block as standard output may, and must not hold up the run."""
    with start_blocked(tmp_path, "stderr") as running:
        for _ in range(3):
            running.signal(INT)
            time.sleep(0.1)
        assert running.ended(seconds=5).status in (130, -INT)


def test_the_run_ends_when_nobody_reads_the_output_any_more(tmp_path: Path, marker: str) -> None:
    """As with ``| head -1``. No line whose output was lost counts as done."""
    left = tmp_path / "left"
    script = f"[ $1 != 1 ] || exec sleep {marker}; echo $1"
    with start(
        "run", "--workers", "2", "--left-over", left, "--", "sh", "-c", script, "sh",
        lines=numbers(1000), stdout=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.process.stdout is not None
        first = running.process.stdout.readline()
        running.process.stdout.close()
        ended = running.ended()
    assert ended.status == 141
    assert set(re.findall("^[a-z]+", ended.err, re.MULTILINE)) <= {"done"}
    over = left.read_bytes().splitlines(keepends=True)
    assert first == b"2\n"
    assert b"1\n" in over
    assert len(over) == 1000 - len(ended.commands)


def test_head_gets_its_line_from_an_endless_input() -> None:
    """Then all of the pipeline ends."""
    ended = finish("run", "--workers", "2", "--", "echo", shell='yes | "$@" | head -1')
    assert (ended.status, ended.out) == (0, b"y\n")
    assert {*ended.commands} <= {"done: echo y"}
    assert ended.complaints == []
    assert "Traceback" not in ended.err


def test_the_run_goes_on_when_nobody_reads_what_is_said_about_it() -> None:
    """Only the output matters."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = finish(
        "run",
        *ONE,
        "--",
        "sh",
        "-c",
        "echo $1; echo x >&2",
        "sh",
        lines=numbers(3),
        stderr=write_end,
    )
    os.close(write_end)
    assert (ended.status, ended.out) == (0, b"1\n2\n3\n")


@pytest.mark.parametrize("how", ["2>&-", "2>/dev/full"])
def test_the_run_goes_on_when_nothing_can_be_said_about_it(tmp_path: Path, how: str) -> None:
    """Standard error may be closed, or a file on a full disk. The input is not overwritten."""
    path = tmp_path / "lines"
    path.write_bytes(numbers(5))
    ended = finish("run", *ONE, "--input", path, "--", "echo", shell=f'exec "$@" {how}')
    assert (ended.status, ended.out) == (0, numbers(5))
    assert path.read_bytes() == numbers(5)


def test_closed_standard_output_is_a_problem_and_no_other_file_is_written(
    tmp_path: Path,
) -> None:
    """The number of the descriptor must not be given to another file, such as the input."""
    path, left = tmp_path / "lines", tmp_path / "left"
    path.write_bytes(numbers(3))
    arguments = ["run", *ONE, "--left-over", left, "--input"]
    for source in (path, "-"):
        ended = finish(
            *arguments, source, "--", "echo", "hello", lines=numbers(3), shell='exec "$@" >&-'
        )
        assert path.read_bytes() == numbers(3)
        assert not left.exists() or left.read_bytes() == numbers(3)
        assert ended.status == 2
        assert len(ended.complaints) == 1
        assert "output" in ended.complaints[0]


def test_commands_that_are_cut_off_because_nobody_reads_are_not_heard_either(
    tmp_path: Path,
) -> None:
    """Nothing is said at all, and none of their lines counts as done."""
    ready, left = tmp_path / "ready", tmp_path / "left"
    script = f"""
echo $1
if [ $1 = 2 ]; then touch {ready}; sleep 100; fi
while [ ! -e {ready} ]; do sleep 0.01; done
"""
    read_end, write_end = os.pipe()
    os.close(read_end)
    arguments = ["run", "--workers", "2", "--left-over", left, "--", "sh", "-c", script, "sh"]
    ended = finish(*arguments, lines=numbers(2), stdout=write_end)
    os.close(write_end)
    assert ended.status == 141
    assert ended.err == ""
    assert left.read_bytes() == numbers(2)

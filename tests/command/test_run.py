"""A whole ``gochan run``: lines in, processes, output, signals, and what is left over."""

from __future__ import annotations

import hashlib
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gochan._command.run._run import fill_in

from .. import processes
from ..processes import (
    Ended,
    RunLines,
    Running,
    Terminal,
    finish,
    sleepers,
    start,
    state_of,
    wait_until,
)

gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker
terminal = processes.terminal

ONE = ("--workers", "1")
INT, TERM = signal.SIGINT, signal.SIGTERM


def numbers(count: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(1, count + 1))


# Lines become arguments


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (["a"], ["a", "X"]),
        (["a", "b c"], ["a", "b c", "X"]),
        (["a", "{}"], ["a", "X"]),
        (["a", "{}", "b"], ["a", "X", "b"]),
        (["a", "<{}>", "{}{}", "b"], ["a", "<X>", "XX", "b"]),
        (["{}"], ["X"]),
        (["{}/b", "c"], ["X/b", "c"]),
        (["a", "{ }", "{0}", "$1"], ["a", "{ }", "{0}", "$1", "X"]),
    ],
)
def test_a_line_takes_the_place_of_each_pair_of_braces_or_comes_last(
    command: list[str], filled: list[str]
) -> None:
    """Inside an argument, too."""
    assert fill_in(command, "X") == filled


def test_a_line_is_one_argument_as_it_is(run_lines: RunLines) -> None:
    """No shell looks at it, nobody strips it, and it is not filled in itself."""
    lines = [
        "two words  and  spaces",
        " in front and behind ",
        "'single' \"double\" `back`",
        "$HOME ${x} $(touch x) *.py ~ ; | & > < # ! \\ \\n %s",
        "-n",
        "--help",
        "--",
        "{}",
        "tab\there",
        "carriage return\r",
        "é 漢字 🎈 \u2028",
        "x" * 100_000,
    ]
    text = "".join(f"{line}\n" for line in lines).encode()
    ended = run_lines(text, *ONE, "--", "printf", "%s\\n<%s>\\n", "{}", "-{}-")
    assert ended.status == 0
    assert ended.out.decode() == "".join(f"{line}\n<-{line}->\n" for line in lines)


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


def test_commands_do_not_share_our_standard_input() -> None:
    """Otherwise they would swallow the lines."""
    ended = finish("run", *ONE, "--", "sh", "-c", "cat; echo $1", "sh", lines=b"a\nb\nc\n")
    assert ended.out == b"a\nb\nc\n"


def test_many_lines_are_all_done_once(run_lines: RunLines) -> None:
    """More than may wait at a time."""
    ended = run_lines(numbers(300), "--workers", "3", "--capacity", "7", "--", "echo")
    assert ended.status == 0
    assert sorted(map(int, ended.out.split())) == list(range(1, 301))
    assert ended.summary == {"done": "300"}


# Output


def test_the_output_of_each_command_is_kept_together(run_lines: RunLines, tmp_path: Path) -> None:
    """Of two that print in turns, too."""
    script = f"""
        cd {tmp_path}
        case $1 in a) other=b;; b) other=a;; esac
        for step in 1 2 3; do
            echo $1$step; echo E$1$step >&2
            touch $1$step
            until [ -e $other$step ]; do sleep 0.01; done
        done
    """
    ended = run_lines(b"a\nb\n", "--workers", "2", "--", "sh", "-c", script, "sh")
    assert ended.status == 0
    assert ended.out.split() in (
        b"a1 a2 a3 b1 b2 b3".split(),
        b"b1 b2 b3 a1 a2 a3".split(),
    )
    errors = [line for line in ended.err.splitlines() if line.startswith("E")]
    assert errors in (
        ["Ea1", "Ea2", "Ea3", "Eb1", "Eb2", "Eb3"],
        ["Eb1", "Eb2", "Eb3", "Ea1", "Ea2", "Ea3"],
    )


def test_standard_output_and_standard_error_stay_apart(run_lines: RunLines) -> None:
    """And nothing else comes out on standard output."""
    ended = run_lines(b"1\n2\n", *ONE, "--", "sh", "-c", "echo err$1 >&2; printf out$1", "sh")
    assert ended.out == b"out1out2"
    assert [line for line in ended.err.splitlines() if line.startswith("err")] == ["err1", "err2"]


def test_large_binary_outputs_come_out_whole(run_lines: RunLines, tmp_path: Path) -> None:
    """Several megabytes from several commands at a time."""
    outputs = {name: os.urandom(3_000_000) for name in "abcd"}
    for name, output in outputs.items():
        (tmp_path / name).write_bytes(output)
    ended = run_lines(b"a\nb\nc\nd\n", "--workers", "4", "--", "cat", f"{tmp_path}/{{}}")
    assert ended.status == 0
    assert len(ended.out) == 12_000_000
    pieces = [ended.out[start : start + 3_000_000] for start in range(0, 12_000_000, 3_000_000)]
    assert set(map(digest, pieces)) == set(map(digest, outputs.values()))


def digest(output: bytes) -> str:
    return hashlib.sha256(output).hexdigest()


def test_the_output_of_commands_that_fail_is_passed_on_too(
    run_lines: RunLines, marker: str
) -> None:
    """It says why, often. That of commands whose time is up as well."""
    script = f"echo said $1; [ $1 != bad ] || exit 1; exec sleep {marker}"
    ended = run_lines(
        b"bad\nslow\n", *ONE, "--keep-going", "--timeout", "0.3", "--", "sh", "-c", script, "sh"
    )
    assert ended.out == b"said bad\nsaid slow\n"
    assert ended.summary == {"failed": "1", "timed out": "1"}


def test_a_command_may_open_its_standard_files_once_more(run_lines: RunLines) -> None:
    """As scripts do that say ``>/dev/stderr``. What was written before is still there."""
    script = "echo a; echo b >/dev/stdout; echo c; echo d >/dev/stderr; echo e >/dev/stderr"
    ended = run_lines(b"1\n", "--", "sh", "-c", script)
    assert ended.out == b"a\nb\nc\n"
    assert ended.err.startswith("d\ne\n")


def test_a_command_may_close_its_standard_files(run_lines: RunLines) -> None:
    """It just says nothing any more."""
    ended = run_lines(b"1\n", "--", "sh", "-c", "echo a; exec >&- 2>&-; exit 0")
    assert (ended.status, ended.out) == (0, b"a\n")


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_gets_everything(blocking: bool) -> None:
    """Also through a pipe that somebody else has made non-blocking."""
    size = 1_000_000
    arguments = ["run", *ONE, "--", "sh", "-c", f"head -c {size} /dev/zero"]
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, blocking)
    with (
        open(read_end, "rb") as pipe,
        start(*arguments, lines=numbers(2), stdout=write_end) as running,
    ):
        os.close(write_end)
        wait_until(lambda: select.select([pipe], [], [], 0)[0], "the first output")
        time.sleep(0.1)
        assert len(pipe.read()) == 2 * size
        assert running.ended().status == 0


def test_the_time_to_write_the_output_is_not_that_of_the_command() -> None:
    """A command in time is done, however slowly its output is read."""
    size = 300_000
    arguments = ["run", *ONE, "--timeout", "0.4", "--", "sh", "-c", f"head -c {size} /dev/zero"]
    with start(*arguments, lines=numbers(2), stdout=subprocess.PIPE) as running:
        pipe = running.process.stdout
        assert pipe is not None
        wait_until(lambda: select.select([pipe], [], [], 0)[0], "the first output")
        time.sleep(0.8)
        assert len(pipe.read()) == 2 * size
        ended = running.ended()
    assert ended.status == 0
    assert ended.summary == {"done": "2"}


# How many at a time


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
    """``--drain`` is for this, too."""
    script = f"[ $1 != bad ] || exit 1; exec sleep {marker}"
    ended = run_lines(
        b"good\nbad\n", "--workers", "2", "--drain", "0.1", "--", "sh", "-c", script, "sh"
    )
    assert ended.status == 1
    assert ended.summary == {"failed": "1", "interrupted": "1"}


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


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 7", "exit status 7"),
        ("kill -9 $$", "killed by SIGKILL"),
        ("kill -TERM $$", "killed by SIGTERM"),
        ("kill -40 $$", "killed by signal 40"),
    ],
)
def test_it_is_said_why_a_command_failed(run_lines: RunLines, script: str, why: str) -> None:
    """Signals that have no name of their own included."""
    ended = run_lines(b"a\n", "--", "sh", "-c", script, "sh")
    assert ended.status == 1
    assert ended.err.splitlines()[0].endswith(f"sh -c '{script}' sh a ({why})")


def test_a_command_that_cannot_be_started_fails(run_lines: RunLines, tmp_path: Path) -> None:
    """Where the line says which command it is, or is too long for the system."""
    left = tmp_path / "left"
    lines = b"true\n/nonexistent/x\n" + b"a" * 200_000 + b"\n"
    ended = run_lines(lines, *ONE, "--keep-going", "--left-over", left, "--", "{}")
    assert ended.status == 1
    assert "cannot be started" in ended.err
    assert ended.summary == {"done": "1", "failed": "2"}
    assert left.read_bytes() == lines.removeprefix(b"true\n")


def test_failures_are_seen_whatever_we_inherit_for_the_death_of_children() -> None:
    """A parent may have asked the system to bury children without telling anybody."""
    program = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
        "os.execv(sys.executable, [sys.executable, '-m', 'gochan', *sys.argv[1:]])"
    )
    command = (sys.executable, "-S", "-c", program)
    ended = finish("run", "--", "sh", "-c", "exit 3", command=command, lines=b"a\n")
    assert ended.status == 1
    assert ended.summary == {"failed": "1"}


# Time limits


def test_a_command_that_takes_too_long_is_terminated(
    run_lines: RunLines, tmp_path: Path, marker: str
) -> None:
    """With all that it has started. It gets TERM, and what takes no notice KILL."""
    left = tmp_path / "left"
    script = f"""
        case $1 in
            quick) exit;;
            polite) trap 'echo bye; exit' TERM; sleep {marker} & wait;;
            stubborn) trap '' TERM; sleep {marker} & sleep {marker};;
        esac
    """
    ended = run_lines(
        b"polite\nstubborn\nquick\n", *ONE, "--timeout", "0.3", "--grace", "0.3", "--keep-going",
        "--left-over", left, "--", "sh", "-c", script, "sh",
    )  # fmt: skip
    assert ended.status == 1
    assert ended.out == b"bye\n"
    assert ended.summary == {"done": "1", "timed out": "2"}
    assert left.read_bytes() == b"polite\nstubborn\n"
    assert not sleepers(marker)


def test_without_keep_going_a_time_limit_ends_the_run(run_lines: RunLines, marker: str) -> None:
    """As any failure does."""
    ended = run_lines(b"1\n2\n3\n", *ONE, "--timeout", "0.1", "--", "sh", "-c", f"sleep {marker}")
    assert ended.status == 1
    assert ended.summary == {"timed out": "1", "handed back": "2"}


# What is left over


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


def test_the_left_over_file_may_be_the_input(gochan: Callable[..., Ended], tmp_path: Path) -> None:
    """Then a run that was ended early is taken up by the same command line."""
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


def test_what_is_left_over_may_go_to_a_device(run_lines: RunLines) -> None:
    """Which cannot be replaced at the end, as files are."""
    ended = run_lines(b"a\n", "--left-over", "/dev/null", "--", "false")
    assert (ended.status, ended.complaints) == (1, [])


def test_of_a_pipe_what_has_been_written_is_left_over(tmp_path: Path) -> None:
    """Nobody waits for the end of something that has none; the summary says so."""
    left = tmp_path / "left"
    with start("run", *ONE, "--left-over", left, "--", "false", stdin=subprocess.PIPE) as running:
        running.write(numbers(500) + b"half a li")
        ended = running.ended()
    assert ended.status == 1
    assert left.read_bytes() == numbers(500) + b"half a li\n"
    assert ended.summary["rest of the input"] == "not read"


def test_of_a_slow_pipe_everything_is_left_over(tmp_path: Path) -> None:
    """As long as something comes."""
    left = tmp_path / "left"
    writer = "for i in 1 2 3 4; do echo $i; sleep 0.5; done"
    ended = finish("run", *ONE, "--left-over", left, "--", "false", shell=f'({writer}) | "$@"')
    assert (ended.status, left.read_bytes()) == (1, numbers(4))


def test_an_endless_input_comes_to_an_end() -> None:
    """When the run does."""
    ended = finish("run", "--", "false", shell='yes | "$@"')
    assert ended.status == 1
    assert ended.summary["failed"] >= "1"


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


def test_left_over_lines_that_cannot_be_written_are_a_problem_in_one_line(
    run_lines: RunLines,
) -> None:
    """A disk may be full by then."""
    ended = run_lines(b"a\n", "--left-over", "/dev/full", "--", "false")
    assert ended.status == 2
    assert len(ended.complaints) == 1
    assert "/dev/full" in ended.complaints[0]


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

DRAINS = "no further job starts"
CANCELS = "cancelling what runs"
GIVES_UP = "giving up"


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
    """It may clean up; its line is left over, since nobody knows how far it came."""
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
    """The status is that of the first; which that is, nobody can say."""
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
    """Commands that end meanwhile are taken notice of afterwards."""
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
    """Whoever holds the other end of the pipe."""
    options = ["--left-over", tmp_path / "left"] if left_over else []
    with start("run", *options, "--", "echo", stdin=subprocess.PIPE) as running:
        running.write(b"a\n")
        wait_until(lambda: running.out, "the first line")
        running.signal(INT)
        ended = running.ended()
    assert (ended.status, ended.out) == (130, b"a\n")
    assert ended.summary == {"done": "1", "rest of the input": "not read"}


def test_no_command_is_left_behind_when_the_terminal_goes_away(marker: str) -> None:
    """Commands are in groups of their own, so that nobody else would tell them."""
    with start("run", "--", "sleep", lines=marker.encode()) as running:
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(signal.SIGHUP)
        assert running.ended().status in (128 + signal.SIGHUP, -signal.SIGHUP)


@contextmanager
def start_blocked(tmp_path: Path, stream: str) -> Iterator[Running]:
    """Start a run that writes to a pipe which is full, and which nobody empties or closes."""
    read_end, write_end = os.pipe()
    os.write(write_end, b"x" * (1 << 16))
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
    """Standard error is as patient as standard output, and must not hold up everything."""
    with start_blocked(tmp_path, "stderr") as running:
        for _ in range(3):
            running.signal(INT)
            time.sleep(0.1)
        assert running.ended(seconds=5).status in (130, -INT)


def test_a_run_may_outlive_its_terminal(tmp_path: Path) -> None:
    """If it is told to, as ``nohup`` does."""
    arguments = ["run", *ONE, "--", "sh", "-c", f"touch {tmp_path}/$1; sleep 0.2", "sh"]
    with start(*arguments, lines=numbers(2), shell='trap "" HUP QUIT; exec "$@"') as running:
        wait_until((tmp_path / "1").exists, "the first command")
        running.signal(signal.SIGHUP)
        ended = running.ended()
    assert (ended.status, ended.summary) == (0, {"done": "2"})


@pytest.mark.parametrize("broken", ["_note", "_show_progress", "display.close"])
def test_left_over_lines_are_written_even_if_we_fail(tmp_path: Path, broken: str) -> None:
    """Whatever is wrong with this program, no line is lost, and none is both done and left."""
    todo, done = tmp_path / "todo", tmp_path / "done"
    todo.write_bytes(numbers(30_000))
    done.touch()
    program = f"""
from gochan._command.run import _display
from gochan._command.run import _run
from gochan.__main__ import main

def fail(*_):
    raise ZeroDivisionError

if "{broken}" == "display.close":
    _display.PlainDisplay.close = fail
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


def test_a_failure_to_keep_output_is_one_like_others(tmp_path: Path) -> None:
    """The run ends, and says why."""
    arguments = ["run", *ONE, "--", "sh", "-c", "head -c 3000000 /dev/zero", "sh"]
    ended = finish(*arguments, lines=numbers(5), shell='ulimit -f 1000; exec "$@"')
    assert (ended.status, ended.summary["failed"]) == (1, "1")
    assert "its output cannot be kept: File too large" in ended.err


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


def test_the_quit_key_leaves_no_command_behind(marker: str) -> None:
    r"""Ctrl-\\ ends the run at once."""
    with start("run", *ONE, "--", "sleep", lines=f"{marker}\n".encode()) as running:
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(signal.SIGQUIT)
        ended = running.ended()
    assert ended.status == 128 + signal.SIGQUIT
    assert not sleepers(marker)


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


@pytest.mark.parametrize("columns", ["0", "²", "x"])
def test_a_terminal_of_strange_width_shows_the_output(columns: str) -> None:
    """What the environment says of it is not to be relied upon."""
    with closing(Terminal()) as terminal:
        with start(
            "run",
            "--",
            "echo",
            lines=b"hello\n",
            stdout=terminal.slave,
            stderr=terminal.slave,
            variables={"COLUMNS": columns},
        ) as running:
            assert running.ended().status == 0
        assert "hello" in terminal.screen


# Nobody reads, or nobody can


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
    assert ended.complaints == ["gochan: nobody reads the output any more"]
    assert "Traceback" not in ended.err
    over = left.read_bytes().splitlines(keepends=True)
    assert first == b"2\n"
    assert b"1\n" in over
    assert len(over) == 1000 - int(ended.summary["done"])


def test_head_gets_its_line_from_an_endless_input() -> None:
    """And everybody goes home."""
    ended = finish("run", "--workers", "2", "--", "echo", shell='yes | "$@" | head -1')
    assert (ended.status, ended.out) == (0, b"y\n")
    assert ended.complaints == ["gochan: nobody reads the output any more"]
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


def test_a_line_whose_output_cannot_be_written_is_not_done(tmp_path: Path) -> None:
    """The disk is full."""
    left = tmp_path / "left"
    arguments = ["run", *ONE, "--left-over", left, "--", "echo"]
    ended = finish(*arguments, lines=b"a\nb\n", shell='exec "$@" >/dev/full')
    assert ended.status == 1
    assert left.read_bytes() == b"a\nb\n"
    assert "No space left" in ended.err


def test_closed_standard_output_is_a_problem_and_no_other_file_is_written(
    tmp_path: Path,
) -> None:
    """The number of the descriptor must not be given to somebody else: the input, say."""
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


# Shown on a terminal


def test_on_a_terminal_progress_is_shown_and_the_summary_remains(
    tmp_path: Path, terminal: Terminal
) -> None:
    """Output and failures come above; of the live view nothing is left in the end."""
    (tmp_path / "script").write_text("""
        case $1 in
            1) echo one;;
            2) exit 5;;
            *) until [ -e go ]; do sleep 0.01; done; echo three;;
        esac
    """)
    arguments = ["run", *ONE, "--keep-going", "--", "sh", "script"]
    files = {"stdout": terminal.slave, "stderr": terminal.slave}
    with start(*arguments, lines=numbers(3), cwd=tmp_path, **files) as running:
        terminal.expect("2/3 lines 1 running, 1 failed")
        assert terminal.screen[0] == "one"
        assert any(row.endswith(" s sh script 3") for row in terminal.screen)
        assert not terminal.cursor_shown
        (tmp_path / "go").touch()
        assert running.ended().status == 1
    rows = [row for row in terminal.screen if row]
    assert rows[0] == "one"
    assert rows[1].startswith("failed ")
    assert rows[1].endswith(" s  sh script 2 (exit status 5)")
    assert rows[-4:-1] == ["three", " done        2", " failed      1"]
    assert rows[-1].startswith(" seconds ")
    assert terminal.cursor_shown


def test_on_a_terminal_signals_are_explained(terminal: Terminal, marker: str) -> None:
    """Above the live view, which is gone in the end."""
    with start("run", "--", "sleep", lines=marker.encode(), stderr=terminal.slave) as running:
        terminal.expect("1 running")
        for line in (DRAINS, CANCELS):
            running.signal(INT)
            terminal.expect(line)
        assert running.ended().status == 130
    text = "\n".join(terminal.screen)
    assert "━" not in text
    assert " interrupted     1" in text
    assert terminal.cursor_shown


def test_on_a_terminal_the_phase_of_a_stop_and_the_time_left_are_shown(
    terminal: Terminal, marker: str
) -> None:
    """Beside the count of what runs."""
    arguments = ["run", "--drain", "300", "--grace", "200", "--", "sh", "-c"]
    script = f"trap '' TERM; sleep {marker} & wait; wait"
    with start(*arguments, script, lines=b"a", stderr=terminal.slave) as running:
        terminal.expect("1 running")
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(TERM)
        terminal.expect("1 running, 0 failed drain, 299 s left")
        running.signal(INT)
        terminal.expect("1 running, 0 failed cancel, 199 s left")
        running.signal(INT)
        running.ended()


def test_commands_may_go_on_for_any_time_after_ctrl_c(terminal: Terminal, tmp_path: Path) -> None:
    """The live view then names the phase alone, and they end by themselves."""
    go_on = tmp_path / "go on"
    script = f'while [ ! -e "{go_on}" ]; do sleep 0.05; done'
    arguments = ["run", "--drain", "inf", "--grace", "inf", "--", "sh", "-c", script]
    with start(*arguments, lines=b"a", stderr=terminal.slave) as running:
        terminal.expect("1 running")
        running.signal(INT)
        terminal.expect("1 running, 0 failed drain")
        go_on.touch()
        assert running.ended().status == 130
    assert " done        1" in "\n".join(terminal.screen)


def test_elsewhere_each_phase_of_a_stop_is_a_line(marker: str) -> None:
    """Also if time has brought it about, and a failure instead of a signal."""
    script = f"[ $1 != bad ] || exit 1; trap '' TERM; sleep {marker} & sleep {marker}"
    ended = finish(
        "run", "--workers", "2", "--drain", "0.3", "--grace", "0.2", "--",
        "sh", "-c", script, "sh", lines=b"good\nbad\n",
    )  # fmt: skip
    said = [line.partition(" ")[0] for line in ended.err.splitlines()]
    assert said[:5] == ["no", "failed", "cancelling", "giving", "interrupted"]


def test_the_only_command_that_fails_is_all_that_is_said(run_lines: RunLines) -> None:
    """No word about others that may finish, since there are none."""
    ended = run_lines(numbers(3), *ONE, "--", "false")
    assert ended.err.splitlines()[0].startswith("failed ")


def test_a_command_that_cannot_be_killed_is_named() -> None:
    """A while after the stop is over, unless it has ended by then."""
    program = """
import sys, trio
from gochan._command.run import _run
from gochan.__main__ import main

async def wait_for_the_disk(command, *_):
    with trio.CancelScope(shield=True):
        print("digging", file=sys.stderr, flush=True)
        await trio.sleep(2.5 if command[-1] == "a" else 0.5)
    return 0

_run.run_child = wait_for_the_disk
main()
"""
    command = (sys.executable, "-c", program)
    arguments = ["run", "--workers", "2", "--drain", "0", "--grace", "0", "--", "true"]
    with start(*arguments, command=command, stdin=subprocess.PIPE, bufsize=0) as running:
        running.write(b"a\nb\n")
        running.expect("digging\ndigging")
        running.signal(TERM)
        running.expect("still running after ")
        assert " s: true a, in wait_for_the_disk (<string>, line 9)" in running.err
        ended = running.ended()
    assert ended.status == 143
    assert ended.err.count("still running after ") == 1
    assert ended.summary == {"interrupted": "2", "rest of the input": "not read"}


def test_commands_that_are_cut_off_because_nobody_reads_are_not_heard_either(
    tmp_path: Path,
) -> None:
    """It is said once that nobody reads."""
    ready = tmp_path / "ready"
    script = f"""
echo $1
if [ $1 = 2 ]; then touch {ready}; sleep 100; fi
while [ ! -e {ready} ]; do sleep 0.01; done
"""
    read_end, write_end = os.pipe()
    os.close(read_end)
    arguments = ["run", "--workers", "2", "--", "sh", "-c", script, "sh"]
    ended = finish(*arguments, lines=numbers(2), stdout=write_end)
    os.close(write_end)
    assert ended.status == 141
    assert ended.complaints == ["gochan: nobody reads the output any more"]

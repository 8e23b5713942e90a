"""The command for a line: its arguments, its output, its failure."""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gochan._command.run.words._template import Template

from .. import processes
from ..processes import (
    ONE,
    RunLines,
    finish,
    numbers,
    sleepers,
    start,
    wait_until,
)

gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker


# Arguments


def test_a_line_is_one_argument_as_it_is(run_lines: RunLines) -> None:
    """No shell sees it, it is not stripped, and no braces in it are replaced."""
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


def test_commands_do_not_share_our_standard_input() -> None:
    """Otherwise they would swallow the lines."""
    ended = finish("run", *ONE, "--", "sh", "-c", "cat; echo $1", "sh", lines=b"a\nb\nc\n")
    assert ended.out == b"a\nb\nc\n"


# What else they are given


def test_variables_are_added_to_the_environment(run_lines: RunLines) -> None:
    """The last value of a name counts; a name alone is inherited anyway, if it is there."""
    options = ("--env", "A=1", "--env", "A=2=3", "--env", "B=", "--env", "HOME", "--env", "C")
    script = 'echo "$A <$B> $HOME ${C-unset}"'
    ended = run_lines(b"x\n", *options, "--", "sh", "-c", script)
    assert ended.out.decode() == f"2=3 <> {os.environ['HOME']} unset\n"


def test_a_variable_needs_a_name(run_lines: RunLines) -> None:
    ended = run_lines(b"x\n", "--env", "=1", "--", "true")
    assert (ended.status, ended.complaints) == (
        2,
        ["gochan: Invalid value for --env: '=1' has no name"],
    )


def test_commands_know_their_number_and_their_slot(run_lines: RunLines) -> None:
    """No two that run at the same time have the same slot."""
    script = "echo $GOCHAN_JOB $GOCHAN_SLOT; sleep 0.1"
    ended = run_lines(numbers(6), "--workers", "2", "--", "sh", "-c", script)
    pairs = [line.split() for line in ended.out.splitlines()]
    assert sorted(job for job, _ in pairs) == numbers(6).split()
    assert {slot for _, slot in pairs} == {b"1", b"2"}


def test_commands_may_start_in_another_folder(run_lines: RunLines, tmp_path: Path) -> None:
    """Each in its own, if its line says which."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    options = (*ONE, "--keep-going", "--cwd", f"{tmp_path}/{{}}")
    ended = run_lines(b"a\nb\nc\n", *options, "--", "pwd", "-P")
    assert ended.out.decode().split() == [f"{tmp_path}/a", f"{tmp_path}/b"]
    assert f"pwd -P c (cannot be started: there is no folder {tmp_path}/c)" in ended.err
    ended = run_lines(b"a\n", "--cwd", tmp_path, "--", "sh", "-c", "pwd")
    assert ended.out.decode() == f"{tmp_path}\n"


def test_the_path_of_a_command_counts_from_its_folder(run_lines: RunLines, tmp_path: Path) -> None:
    """As it would after cd."""
    (tmp_path / "hello").symlink_to("/bin/echo")
    ended = run_lines(b"x\n", "--cwd", tmp_path, "--", "./hello")
    assert (ended.status, ended.out) == (0, b"x\n")


def test_commands_can_be_nice(run_lines: RunLines) -> None:
    """As well as what they start; but not nicer than can be."""
    script = "sleep 0.1; nice; sh -c nice"
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    ended = run_lines(b"x\n", "--nice", "3", "--", "sh", "-c", script)
    assert [*map(int, ended.out.split())] == [ours + 3] * 2
    assert os.getpriority(os.PRIO_PROCESS, 0) == ours
    assert run_lines(b"x\n", "--nice", "19", "--", "sh", "-c", script).out.split() == [b"19"] * 2


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
    """It often says why. So is the output of commands whose time is up."""
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
        time.sleep(0.5)
        assert len(pipe.read()) == 2 * size
        ended = running.ended()
    assert ended.status == 0
    assert ended.summary == {"done": "2"}


# Failures


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
    lines = b"true\n/nonexistent/x\n/dev\n/dev/null/x\n" + b"true " + b"a" * 200_000 + b"\n"
    ended = run_lines(lines, *ONE, "--keep-going", "--left-over", left, "--", "{}")
    assert ended.status == 1
    assert ended.summary == {"done": "1", "failed": "4"}
    assert left.read_bytes() == lines.removeprefix(b"true\n")


def test_failures_are_seen_even_if_sigchld_is_ignored_at_first() -> None:
    """Our parent may have set SIGCHLD to SIG_IGN, so that children are reaped silently."""
    program = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
        "os.execv(sys.executable, [sys.executable, '-m', 'gochan', *sys.argv[1:]])"
    )
    command = (sys.executable, "-S", "-c", program)
    ended = finish("run", "--", "sh", "-c", "sleep 0.1; exit 3", command=command, lines=b"a\n")
    assert ended.status == 1
    assert ended.summary == {"failed": "1"}


def test_a_failure_to_keep_output_is_one_like_others(tmp_path: Path) -> None:
    """The run ends, and says why."""
    arguments = ["run", *ONE, "--", "sh", "-c", "head -c 3000000 /dev/zero", "sh"]
    ended = finish(*arguments, lines=numbers(5), shell='ulimit -f 1000; exec "$@"')
    assert (ended.status, ended.summary["failed"]) == (1, "1")
    assert "its output cannot be kept: File too large" in ended.err


def test_a_line_whose_output_cannot_be_written_is_not_done(tmp_path: Path) -> None:
    """The disk is full."""
    left = tmp_path / "left"
    arguments = ["run", *ONE, "--left-over", left, "--", "echo"]
    ended = finish(*arguments, lines=b"a\nb\n", shell='exec "$@" >/dev/full')
    assert ended.status == 1
    assert left.read_bytes() == b"a\nb\n"
    assert ended.summary == {"failed": "1", "handed back": "1"}
    assert "its output cannot be written: No space left on device" in ended.err


def test_a_bug_of_ours_is_seen(run_lines: RunLines, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failure like others."""
    monkeypatch.setattr(Template, "stdin", lambda *_: 1 / 0)
    ended = run_lines(b"a\n", "--keep-going", "--", "true")
    assert (ended.status, ended.summary) == (1, {"failed": "1"})
    assert "true a (ZeroDivisionError('division by zero'))" in ended.err


# Time limits


def test_a_command_that_takes_too_long_is_terminated(
    run_lines: RunLines, tmp_path: Path, marker: str
) -> None:
    """With all that it has started. It gets TERM; what ignores that gets KILL."""
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

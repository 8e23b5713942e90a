"""Keys that are pressed while a run goes on, on a real terminal."""

from __future__ import annotations

import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gochan._command.run.display._keys import Keys
from gochan._command.run.display._state import Running
from gochan._command.terminal._keyboard import Keyboard

from .. import terminals
from ..processes import INT, TERM, start, state_of, wait_until
from ..processes import Running as Process
from ..terminals import Terminal

terminal = terminals.terminal

# Each command waits for a file of its own.
SCRIPT = "until [ -e end$1 ]; do sleep 0.02; done; echo out $1"


def echoes(terminal: Terminal) -> bool:
    """Return whether the terminal shows what is typed, and waits for whole lines."""
    flags = termios.tcgetattr(terminal.slave)[3]
    both = termios.ECHO | termios.ICANON
    assert flags & both in {0, both}
    return bool(flags & both)


@contextmanager
def run(
    terminal: Terminal, folder: Path, count: int, *options: str, shell: str | None = None
) -> Iterator[Process]:
    """Start a run on a terminal that it controls; the lines come from a file."""
    (folder / "script").write_text(SCRIPT)
    lines = b"".join(b"%d\n" % number for number in range(1, count + 1))
    arguments = ["run", *options, "--", "sh", "script"]
    with start(*arguments, lines=lines, cwd=folder, shell=shell, **terminal.files) as process:
        terminal.expect("running")
        yield process


def end(folder: Path, *numbers: int) -> None:
    for number in numbers:
        (folder / f"end{number}").touch()


def test_keys_change_the_number_of_workers(terminal: Terminal, tmp_path: Path) -> None:
    """By one at a time, and never to none."""
    with run(terminal, tmp_path, 5, "--workers", "1") as process:
        terminal.expect("1 running")
        terminal.type(b"+")
        terminal.expect("2 workers")
        terminal.expect("2 running")
        terminal.type(b"=")
        terminal.expect("3 running")
        terminal.type(b"---")
        terminal.expect("1 worker\n")
        end(tmp_path, 1, 2)
        terminal.expect("2/5 jobs  1 running")
        end(tmp_path, 3, 4, 5)
        assert process.ended().status == 0


def test_there_are_no_more_workers_than_can_have_files(terminal: Terminal, tmp_path: Path) -> None:
    """Commands would fail for want of them otherwise."""
    few = 'ulimit -n 64; exec "$@"'
    with run(terminal, tmp_path, 9, "--workers", "2", shell=few) as process:
        terminal.type(b"++++++++")
        terminal.expect("workers, as too few files may be open for more")
        end(tmp_path, *range(1, 10))
        assert process.ended().status == 0


def test_a_key_pauses_the_run_and_lets_it_go_on(terminal: Terminal, tmp_path: Path) -> None:
    """What runs goes on meanwhile."""
    with run(terminal, tmp_path, 2, "--workers", "1") as process:
        terminal.type(b"p")
        terminal.expect("paused: no job starts, p goes on")
        end(tmp_path, 1)
        terminal.expect("1/2 jobs  0 running")
        terminal.type(b"p")
        terminal.expect("1 running")
        assert "paused" not in "\n".join(terminal.screen)
        end(tmp_path, 2)
        assert process.ended().status == 0


def test_one_command_can_be_chosen_and_cancelled(terminal: Terminal, tmp_path: Path) -> None:
    """With arrows, Enter, and Esc to leave it."""
    with run(terminal, tmp_path, 3, "--workers", "3", "--keep-going") as process:
        terminal.expect("3 running")
        first, second, third = (row[-1] for row in terminal.screen[:3])
        terminal.type(b"c")
        terminal.expect(f"> .*sh script {first}\n")
        terminal.type(b"\x1b")
        terminal.expect(f"^ +[\\d.]+ s sh script {first}\n")
        terminal.type(b"c\x1b[B\x1b[B\x1b[A")
        terminal.expect(f"> .*sh script {second}\n")
        terminal.type(b"\r")
        terminal.expect(f"cancelled: sh script {second}")
        terminal.expect("2 running")
        end(tmp_path, int(first), int(third))
        assert process.ended().status == 1
    assert " cancelled     1" in terminal.screen


def test_a_key_stops_the_run_as_ctrl_c_does(terminal: Terminal, tmp_path: Path) -> None:
    """And the next one hastens it."""
    with run(terminal, tmp_path, 2, "--workers", "1", "--drain", "300") as process:
        terminal.type(b"q")
        terminal.expect("stopping: what runs may finish")
        terminal.type(b"q")
        assert process.ended().status == 128 + INT


def test_keys_are_explained(terminal: Terminal, tmp_path: Path) -> None:
    """As long as somebody wants to know; other keys do nothing."""
    with run(terminal, tmp_path, 1) as process:
        terminal.type(b"xyz\x1b[5~?")
        terminal.expect(r"keys: \+ - workers")
        terminal.type(b"?")
        terminal.expect(r"^ +[\d.]+ s sh script 1\n.*1 running")
        end(tmp_path, 1)
        assert process.ended().status == 0


@pytest.mark.parametrize("number", [INT, TERM, signal.SIGHUP, signal.SIGQUIT])
def test_the_terminal_is_as_it_was_after_the_end(
    terminal: Terminal, tmp_path: Path, number: int
) -> None:
    """Whatever ended the run."""
    with run(terminal, tmp_path, 1, "--drain", "0", "--grace", "0.1") as process:
        wait_until(lambda: not echoes(terminal), "the keys")
        process.signal(number)
        assert process.ended().status == 128 + number
    assert echoes(terminal)
    assert terminal.cursor_shown
    assert "━" not in "\n".join(terminal.screen)


STOPPING = """
set -m
"$@"
while [ $? = 148 ]; do
    echo stopped
    until [ -e go ]; do sleep 0.02; done
    rm go
    fg >/dev/null
done
echo "status $?"
"""


def test_the_terminal_is_as_it_was_while_the_run_is_stopped(
    terminal: Terminal, tmp_path: Path
) -> None:
    """By Ctrl-Z; the view has gone, too. Both come back when the run goes on."""
    with run(terminal, tmp_path, 1, shell=STOPPING) as process:
        for count in (1, 2):
            wait_until(lambda: not echoes(terminal), "the keys")
            terminal.type(b"\x1a")
            terminal.expect("stopped\n" * (count - 1) + "stopped$")
            assert echoes(terminal)
            assert terminal.cursor_shown
            (tmp_path / "go").touch()
            terminal.expect("1 running")
        wait_until(lambda: not echoes(terminal), "the keys")
        end(tmp_path, 1)
        terminal.expect("status")
        process.ended()
    assert terminal.screen[:3] == ["stopped", "stopped", "out 1"]


def test_keys_work_again_after_a_stop_that_cannot_be_seen(
    terminal: Terminal, tmp_path: Path
) -> None:
    """As by SIGSTOP, after which a shell may have changed the terminal."""
    with run(terminal, tmp_path, 1) as process:
        before = termios.tcgetattr(terminal.slave)
        wait_until(lambda: not echoes(terminal), "the keys")
        process.signal(signal.SIGSTOP)
        wait_until(lambda: state_of(process.process.pid) == "T", "the stop")
        before[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(terminal.slave, termios.TCSANOW, before)
        process.signal(signal.SIGCONT)
        wait_until(lambda: not echoes(terminal), "the keys")
        end(tmp_path, 1)
        assert process.ended().status == 0
    assert echoes(terminal)


JOB_CONTROL = """
set -m
"$@" &
wait $!
echo "status $?"
"""


def test_a_run_in_the_background_leaves_the_terminal_alone(
    terminal: Terminal, tmp_path: Path
) -> None:
    """It reads no key, shows no view, and is never stopped; its output is shown."""
    (tmp_path / "script").write_text(SCRIPT)
    with start(
        "run", "--", "sh", "script", shell=JOB_CONTROL, lines=b"1\n", cwd=tmp_path, **terminal.files
    ) as process:
        terminal.type(b"pq\n")
        terminal.expect("pq")  # it is shown
        end(tmp_path, 1)
        terminal.expect("status 0")
        process.ended()
    assert "running" not in "\n".join(terminal.screen)
    assert "out 1" in terminal.screen
    assert b"\x1b" not in terminal.seen


def test_a_program_before_us_may_ask_at_the_terminal_first(
    terminal: Terminal, tmp_path: Path
) -> None:
    """Such as for a password: as long as no line has come, there is no view, and no key is ours."""
    (tmp_path / "script").write_text(SCRIPT)
    arguments = ["run", "--", "sh", "script"]
    options = {**terminal.files, "stdin": subprocess.PIPE}
    with start(*arguments, cwd=tmp_path, **options) as process:
        time.sleep(1)
        assert echoes(terminal)
        assert terminal.read() == b""
        process.write(b"1\n")
        terminal.expect(r"0/1\+ jobs  1 running")
        wait_until(lambda: not echoes(terminal), "the keys")
        end(tmp_path, 1)
        assert process.process.stdin is not None
        process.process.stdin.close()
        assert process.ended().status == 0


def test_a_program_behind_us_may_want_the_keys(terminal: Terminal, tmp_path: Path) -> None:
    """Such as a pager: if standard output is a pipe, no key is ours."""
    (tmp_path / "script").write_text(SCRIPT)
    options = {**terminal.files, "stdout": subprocess.PIPE}
    with start("run", "--", "sh", "script", lines=b"1\n", cwd=tmp_path, **options) as process:
        terminal.expect(r"1 running$")
        assert echoes(terminal)
        end(tmp_path, 1)
        assert process.ended().status == 0


# In this process


class Spy:
    """A control that remembers."""

    keys = "+-pcq?"

    def __init__(self) -> None:
        self.workers = 1
        self.paused = False
        self.calls: list[Any] = []

    def resize(self, workers: int) -> None:
        self.workers = workers

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def cancel(self, number: int) -> None:
        self.calls.append(number)

    def stop(self) -> None:
        self.calls.append("stop")


async def test_a_command_that_has_ended_is_not_cancelled(terminal: Terminal) -> None:
    """Nor another one in its place."""
    running = [Running(1, "a", 2.0), Running(2, "b", 1.0)]
    spy = Spy()
    keys = Keys(Keyboard(terminal.slave), spy, lambda: running, lambda: None)
    keys.press("c")
    assert keys.panel().chosen == 1
    del running[0]
    assert keys.panel().chosen is None
    keys.press("\r")
    assert spy.calls == []
    keys.press("c")
    keys.press("up")
    keys.press("enter")
    assert spy.calls == [2]
    running.clear()
    keys.press("c")
    assert keys.panel().notice == "no command runs"


def test_a_terminal_that_does_not_control_us_gives_no_keys(terminal: Terminal) -> None:
    """It may be another program's."""
    with closing(Keyboard(terminal.slave)) as keyboard:
        assert not keyboard.works
        assert not keyboard.in_background
        assert not keyboard.take()
        keyboard.give_back()

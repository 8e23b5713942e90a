"""The live view on a terminal, by itself and in a whole run."""

from __future__ import annotations

import io
import os
import select
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gochan import Progress
from gochan._command.run import _live_display, _plain_display
from gochan._command.run._display import STDOUT
from gochan._command.run._live_display import LiveDisplay, open_display

from .. import processes
from ..displays import Shown, counts
from ..processes import (
    CANCELS,
    DRAINS,
    INT,
    ONE,
    TERM,
    Terminal,
    numbers,
    sleepers,
    start,
    wait_until,
)

marker = processes.marker
terminal = processes.terminal
WIDE_BAR = "━" * 40


@contextmanager
def open_live(terminal: Terminal) -> Iterator[LiveDisplay]:
    """Open the display while a terminal is our standard error."""
    # In the test and not in a fixture, since pytest puts its own in its place in between.
    with (
        pytest.MonkeyPatch.context() as patch,
        open(terminal.slave, "w", closefd=False) as stream,
    ):
        patch.delenv("NO_COLOR", raising=False)
        patch.setenv("TERM", "xterm")
        patch.setattr("sys.stderr", stream)
        display = open_display()
        assert isinstance(display, LiveDisplay)
        try:
            yield display
        finally:
            display.close()


# The view


def test_the_live_view_shows_what_runs_and_how_far_it_is(terminal: Terminal) -> None:
    """It is redrawn in the same place, and hides the cursor."""
    with open_live(terminal) as live:
        live.update(
            counts(3, waiting=1, running=2), 3, [Shown("sleep 1", 0.55), Shown("sleep 2", 12)]
        )
        assert terminal.screen == [
            "   0.6 s sleep 1",
            "  12.0 s sleep 2",
            f"{WIDE_BAR} 0/3 lines 2 running, 0 failed",
        ]
        assert not terminal.cursor_shown
        live.update(counts(4, running=1, failed=1, timed_out=1), 4, [Shown("sleep 2", 12.1)])
        command, bar = terminal.screen
        assert command == "  12.1 s sleep 2"
        assert bar.endswith(" 3/4 lines 1 running, 2 failed")


def test_the_live_view_shows_how_far_a_job_has_come(terminal: Terminal) -> None:
    """If it has said so, with the total if that is known."""
    with open_live(terminal) as live:
        progress = [Progress(3, 10), Progress(2.5), None]
        live.update(counts(3, running=3), 3, [Shown("[b]job", 1, said) for said in progress])
        *jobs, _ = terminal.screen
        assert jobs == ["   1.0 s [3/10] [b]job", "   1.0 s [2.5] [b]job", "   1.0 s [b]job"]


def test_the_live_view_shows_what_a_stop_is_at(terminal: Terminal) -> None:
    """As long as there is one."""
    with open_live(terminal) as live:
        live.update(counts(1, running=1), 1, [Shown("a", 1)], "drain, 12 s left")
        assert terminal.screen[-1].endswith(" 0/1 lines 1 running, 0 failed drain, 12 s left")
        live.update(counts(1), 1, [])
        assert terminal.screen[-1].endswith(" 1/1 lines 0 running, 0 failed")


def test_only_the_first_commands_are_named_and_in_one_row_each(terminal: Terminal) -> None:
    """However many run, and however long they are."""
    with open_live(terminal) as live:
        running = [Shown(f"command-{number} \n" + "x" * 200, 1.0) for number in range(30)]
        live.update(counts(30, running=30), 30, running)
        *commands, bar = terminal.screen
        assert len(commands) == 8
        for number, command in enumerate(commands):
            assert command.startswith(f"   1.0 s command-{number} ")
            assert command.endswith("x…")
        assert "30 running" in bar


def test_what_is_said_comes_above_the_live_view(terminal: Terminal) -> None:
    """In particular commands that failed; those that are done are only counted."""
    with open_live(terminal) as live:
        live.update(counts(2, running=2), 2, [Shown("a", 1), Shown("b", 1)])
        live.say("no [bold]further[/bold] job :smile:")
        live.ended("done", 1, "good", "")
        live.ended("failed", 1, "bad", "exit status 1")
        live.update(counts(2, failed=1), 2, [])
        said, failed, *_, bar = terminal.screen
        assert said == "no [bold]further[/bold] job :smile:"
        assert failed == "failed         1.00 s  bad (exit status 1)"
        assert bar.endswith("2/2 lines 0 running, 1 failed")


def test_output_of_commands_comes_above_the_live_view_too(terminal: Terminal) -> None:
    """Where it goes to a terminal. Undecodable bytes do no harm, nor does a missing end of line."""
    with open_live(terminal) as live:
        live.update(counts(1, running=1), 1, [Shown("a", 1)])
        live.show(io.BytesIO(b"one\ntwo [red]"), terminal.slave)
        live.show(io.BytesIO(b"three \xff\n"), terminal.slave)
        live.show(io.BytesIO(b""), terminal.slave)
        assert terminal.screen[:3] == ["one", "two [red]", "three"]
        assert terminal.screen[3] == "   1.0 s a"


def test_output_of_commands_is_untouched_where_it_goes_elsewhere(
    terminal: Terminal, capfdbinary: Any
) -> None:
    """Standard output may be a file or a pipe while standard error is a terminal."""
    with open_live(terminal) as live:
        live.update(counts(1, running=1), 1, [Shown("a", 1)])
        output = b"no end \xff\r\t\x1b"
        live.show(io.BytesIO(output), STDOUT)
        assert capfdbinary.readouterr().out == output
        assert terminal.screen[0] == "   1.0 s a"


def test_after_the_end_only_the_lines_and_the_summary_are_left(terminal: Terminal) -> None:
    """No trace of the live view; the cursor is back. Closing twice does nothing."""
    with open_live(terminal) as live:
        for step in range(5):
            live.update(counts(5, running=5 - step), 5, [Shown("a", 1.0)] * (5 - step))
        live.say("hello")
        live.close()
        live.close()
        live.update(counts(5), 5, [])
        live.summarize([("done", "5"), ("seconds", "1.0")])
        assert [row for row in terminal.screen if row] == [
            "hello",
            " done        5",
            " seconds   1.0",
        ]
        assert terminal.screen[0] == "hello"
        assert terminal.cursor_shown


def test_a_terminal_that_takes_nothing_does_not_block_the_run(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after Ctrl-S: what is said is lost, and the run goes on."""
    monkeypatch.setattr(_plain_display, "PATIENCE", 0.1)
    monkeypatch.setattr(_live_display, "PATIENCE", 0.1)
    with open_live(terminal) as live:
        live.update(counts(1, running=1), 1, [Shown("a", 1)])
        os.set_blocking(terminal.slave, False)
        # The kernel may still make room for a moment, where a blocking write would find too little.
        while select.select([], [terminal.slave], [], 0.2)[1]:
            with suppress(BlockingIOError):
                os.write(terminal.slave, b"\r" * 1000)
        os.set_blocking(terminal.slave, True)
        writer = Thread(target=live.show, args=(io.BytesIO(b"y" * 10), terminal.slave))
        writer.start()
        time.sleep(0.1)
        for _ in range(3):
            live.say("hello")
            live.update(counts(1, running=1), 1, [Shown("a", 1)])
        live.close()
        terminal.expect("y")
        writer.join()
    assert "hello" not in "\n".join(terminal.screen)


# In a whole run


@pytest.mark.parametrize("columns", ["0", "²", "x"])
def test_a_terminal_of_strange_width_shows_the_output(columns: str) -> None:
    """What the environment says about the width may be wrong."""
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


def test_on_a_terminal_only_lines_that_were_submitted_count(
    terminal: Terminal, tmp_path: Path
) -> None:
    """Not the one that waited for room when the run was ended."""
    (tmp_path / "script").write_text("until [ -e go$1 ]; do sleep 0.01; done; exit $1")
    options = ["--workers", "2", "--capacity", "1", "--drain", "inf"]
    arguments = ["run", *options, "--", "sh", "script"]
    lines = b"0\n1\n2\n3\n4\n"
    with start(*arguments, lines=lines, cwd=tmp_path, stderr=terminal.slave) as running:
        terminal.expect("0/4 lines 2 running, 0 failed")
        (tmp_path / "go1").touch()
        terminal.expect("1/3 lines 1 running, 1 failed")
        (tmp_path / "go0").touch()
        running.ended()


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
        terminal.expect(r"1 running, 0 failed drain, (300|29\d) s left")
        running.signal(INT)
        terminal.expect(r"1 running, 0 failed cancel, (200|19\d) s left")
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

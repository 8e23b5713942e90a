"""What a run shows: plain lines anywhere, a live view on a terminal, a table at the end."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any

import pytest

from gochan import Progress, QueueStatistics
from gochan._command.run._display import (
    STDERR,
    STDOUT,
    LiveDisplay,
    PlainDisplay,
    describe,
    open_display,
)

from .. import processes
from ..processes import Terminal

terminal = processes.terminal


@dataclass
class Shown:
    """A job that runs, as far as it is shown."""

    name: str
    age: float
    progressed: Progress | None = None


WIDE_BAR = "━" * 40


def counts(submitted: int, *, waiting: int = 0, running: int = 0, **ended: int) -> QueueStatistics:
    """Return the statistics of a queue in which the jobs not mentioned are done."""
    others: dict[str, Any] = dict.fromkeys(
        ["failed", "timed_out", "cancelled", "interrupted", "refused", "dropped", "handed_back"], 0
    )
    others.update(ended, workers=4, jobs_per_second=0.0, worst_wait=None)
    done = submitted - waiting - running - sum(ended.values())
    return QueueStatistics(
        submitted=submitted, waiting=waiting, running=running, done=done, **others
    )


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


@pytest.mark.parametrize(
    ("kind", "seconds", "why", "line"),
    [
        ("done", 0.014, "", "done           0.01 s  wc -l x"),
        ("failed", 2, "exit status 3", "failed         2.00 s  wc -l x (exit status 3)"),
        ("timed_out", 61.5, "late", "timed out     61.50 s  wc -l x (late)"),
        ("interrupted", 12345, "", "interrupted 12345.00 s  wc -l x"),
    ],
)
def test_the_line_about_a_command_says_how_it_ended_and_when(
    kind: str, seconds: float, why: str, line: str
) -> None:
    """In columns, for times below three hours."""
    assert describe(kind, seconds, "wc -l x", why) == line


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b[2J", "\a", "\x7f", "\u2028", "\x9b"])
def test_the_line_about_a_command_is_one_line_without_control_characters(character: str) -> None:
    """A script may be long, and what a line of input holds must not command the terminal."""
    line = describe("done", 1, f"sh -c 'a{character}b'", f"because{character}of")
    assert line.isprintable()
    assert line.startswith("done           1.00 s  sh -c 'a")


# Plain


def test_plain_lines_are_shown_for_every_command(capfdbinary: Any) -> None:
    """On standard error; nothing is said about how things stand in between."""
    display = PlainDisplay()
    display.say("hello")
    display.update(counts(2, running=1), 2, [Shown("sleep 1", 0.5)])
    display.ended("done", 1, "echo é [b]", "")
    display.ended("failed", 1, "false \udcff", "why")
    display.close()
    assert capfdbinary.readouterr() == (
        b"",
        b"hello\ndone           1.00 s  echo \xc3\xa9 [b]\nfailed         1.00 s  false ? (why)\n",
    )


@pytest.mark.parametrize("descriptor", [STDOUT, STDERR])
def test_plain_output_is_passed_on_byte_by_byte(capfdbinary: Any, descriptor: int) -> None:
    """Whatever it is, however long, and with no end of line added."""
    output = bytes(range(256)) * 5000
    PlainDisplay().show(io.BytesIO(output), descriptor)
    assert capfdbinary.readouterr()[descriptor - 1] == output


def test_output_that_nobody_reads_is_an_error() -> None:
    """The run has to know."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with pytest.raises(BrokenPipeError):
        PlainDisplay().show(io.BytesIO(b"x"), write_end)
    os.close(write_end)


def test_the_summary_is_a_table(capfdbinary: Any) -> None:
    """Words on the left, numbers on the right, no escape sequences."""
    PlainDisplay().summarize([("done", "12"), ("handed back", "3"), ("seconds", "100.5")])
    lines = capfdbinary.readouterr().err.decode().splitlines()
    assert [line.rstrip() for line in lines if line.strip()] == [
        " done             12",
        " handed back       3",
        " seconds       100.5",
    ]


def test_away_from_a_terminal_the_display_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error decides, since it is shown there."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(open_display(), PlainDisplay)


# Live


def test_the_live_view_shows_what_runs_and_how_far_it_is(terminal: Terminal) -> None:
    """It is drawn anew in the same place, and hides the cursor."""
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


def test_a_terminal_that_takes_nothing_holds_nobody_up(terminal: Terminal) -> None:
    """As after Ctrl-S: what is said is lost, and the run goes on."""
    with open_live(terminal) as live:
        live.update(counts(1, running=1), 1, [Shown("a", 1)])
        os.set_blocking(terminal.slave, False)
        with suppress(BlockingIOError):
            while True:
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

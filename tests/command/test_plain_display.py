"""The plain display: a line for each command that has ended."""

from __future__ import annotations

import io
from contextlib import closing
from typing import Any

import pytest

from gochan._command._descriptors import STDERR
from gochan._command.run.display._live_display import LiveDisplay
from gochan._command.run.display._open_display import open_display
from gochan._command.run.display._plain_display import PlainDisplay

from ..displays import state
from ..terminals import Terminal


async def test_plain_lines_are_shown_for_every_command(capfdbinary: Any) -> None:
    """On standard error; nothing is said about how things stand in between."""
    display = PlainDisplay()
    await display.run()
    display.say("hello\nyou \x1b[2J")
    display.update(state(1, "sleep 1"))
    display.ended("done", 1, "echo é [b]", "")
    display.ended("failed", 1, "false \udcff", "why")
    await display.drained()
    display.close()
    assert capfdbinary.readouterr() == (
        b"",
        b"hello\nyou \\x1b[2J\n"
        b"done           1.00 s  echo \xc3\xa9 [b]\nfailed         1.00 s  false ? (why)\n",
    )


def test_a_quiet_display_shows_what_went_wrong_alone(capfdbinary: Any) -> None:
    """No table either."""
    display = PlainDisplay(quiet=True)
    display.ended("done", 1, "good", "")
    display.ended("failed", 1, "bad", "why")
    display.summarize([("done", "1")])
    assert capfdbinary.readouterr().err == b"failed         1.00 s  bad (why)\n"


def test_output_goes_past_the_plain_display() -> None:
    """Even if it is shown where the output goes: there is no view that it could hit."""
    assert not PlainDisplay().stands_on(STDERR)


def test_away_from_a_terminal_the_display_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error decides, since it is shown there."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(open_display(), PlainDisplay)


@pytest.mark.parametrize(("term", "kind"), [("dumb", PlainDisplay), ("xterm", LiveDisplay)])
def test_a_terminal_that_cannot_place_text_gets_lines(
    monkeypatch: pytest.MonkeyPatch, term: str, kind: type
) -> None:
    """It says so by its name."""
    with closing(Terminal()) as terminal, open(terminal.slave, "w", closefd=False) as stream:
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr("sys.stderr", stream)
        display = open_display()
        assert isinstance(display, kind)
        display.close()

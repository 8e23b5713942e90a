"""The plain display: a line for each command that has ended."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest

from gochan._command.run._display import STDERR, STDOUT
from gochan._command.run._live_display import open_display
from gochan._command.run._plain_display import PlainDisplay

from ..displays import Shown, counts


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


def test_away_from_a_terminal_the_display_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error decides, since it is shown there."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(open_display(), PlainDisplay)

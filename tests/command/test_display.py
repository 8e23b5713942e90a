"""What all displays say: the line about a command, and the table at the end."""

from __future__ import annotations

import os
from typing import Any

import pytest

from gochan._command.run.display._display import describe
from gochan._command.run.display._plain_display import PlainDisplay


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


def test_bytes_that_are_no_characters_are_shown_as_the_output_has_them() -> None:
    """As `os.fsdecode` keeps them, from the first to the last."""
    text = os.fsdecode(b"\x80\xff")
    assert text in describe("done", 1, f"echo {text}\n", "")


def test_the_summary_is_a_table(capfdbinary: Any) -> None:
    """Words on the left, numbers on the right, no escape sequences."""
    PlainDisplay().summarize([("done", "12"), ("handed back", "3"), ("seconds", "100.5")])
    lines = capfdbinary.readouterr().err.decode().splitlines()
    assert [line.rstrip() for line in lines if line.strip()] == [
        " done             12",
        " handed back       3",
        " seconds       100.5",
    ]

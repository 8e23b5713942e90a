"""Rows of a view: text in one line, in a few colours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

# How each style looks; a style that is not here looks like any text.
_LOOKS: Final = {"dim": b"2", "faint": b"2", "good": b"32", "bad": b"31", "note": b"33"}


class Span(NamedTuple):
    """Text of one style."""

    text: str
    style: str = ""


Row: TypeAlias = Sequence[Span]


def painted(row: Row) -> bytes:
    """Return a row as a terminal gets it; without colours if ``NO_COLOR`` says so."""
    colours = not os.environ.get("NO_COLOR")
    return b"".join(_painted(span, colours=colours) for span in row)


def _painted(span: Span, *, colours: bool) -> bytes:
    text = span.text.encode(errors="replace")
    code = _LOOKS.get(span.style) if colours else None
    return text if code is None else b"\x1b[%sm%s\x1b[0m" % (code, text)


def printable(text: str) -> str:
    """Return ``text`` on one line, without any character that a terminal would obey."""
    if text.isprintable():
        return text
    # Bytes that are no characters are left to the encoding of the output.
    return "".join(
        letter if letter.isprintable() or "\udc80" <= letter <= "\udcff" else repr(letter)[1:-1]
        for letter in text
    )

"""Output of commands, made safe for a terminal on which a view must stay where it is."""

# Theory of operation
# -------------------
# What moves the cursor, clears, scrolls, sets titles or modes, or makes a noise, is taken
# out. What stays: text, its colours (SGR), tabs, and carriage return and backspace, which
# do not leave their row. A sequence that its line does not end is taken out up to the end
# of the line, so lines can be looked at one by one.
#
# Taking something out must not join what stands around it to a new sequence: whatever
# follows an escape character goes with it, and C1 controls are replaced, not removed.

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

# The control characters that are taken out, escape included.
_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {*b"\b\t\n\r"})

_SEQUENCE: Final = re.compile(
    rb"""
    (?P<colour> \x1b\[ [0-9;:]* m)
    | \x1b[\]PX^_] [^\x07\x1b\n]* (?:\x07 | \x1b\\)?  # strings: titles, links, pictures
    | \x1b\[ [\x30-\x3f]* [\x20-\x2f]* [\x40-\x7e]?  # cursor, clearing, modes
    | \x1b [\x20-\x2f]* [\x30-\x7e]?
    | [\x00-\x07\x0b\x0c\x0e-\x1f\x7f]
    """,
    re.VERBOSE,
)

# Control characters of eight bits, in UTF-8.
_C1: Final = re.compile(rb"\xc2[\x80-\x9f]")

_COLOUR: Final = re.compile(rb"\x1b\[[0-9;:]*m")
_PLAIN: Final = b"\x1b[0m"


def lines_for_terminal(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what a command has written, without what a terminal would obey.

    Each piece is made of whole lines, and leaves no colour behind.
    """
    colour = b""  # in which the next line begins
    for lines in _whole_lines(pieces):
        text = colour + _clean(lines)
        if b"\x1b" in text:
            colour = [*_COLOUR.findall(text)][-1]
            if colour.strip(b"\x1b[m0;:"):
                text = text[:-1] + _PLAIN + b"\n"
            else:
                colour = b""
        yield text


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join the pieces of lines; the last line gets its end."""
    begun: list[bytes] = []  # of a line without its end
    for piece in pieces:
        head, end, tail = piece.rpartition(b"\n")
        if end:
            yield b"".join([*begun, head, end])
            begun.clear()
        if tail:
            begun.append(tail)
    if begun:
        yield b"".join([*begun, b"\n"])


def _clean(text: bytes) -> bytes:
    if len(text.translate(None, _CONTROLS)) != len(text):
        text = _SEQUENCE.sub(lambda found: found["colour"] or b"", text)
    return _C1.sub(b"?", text) if b"\xc2" in text else text

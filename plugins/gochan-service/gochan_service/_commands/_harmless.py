"""Text of others, as it may be printed on a terminal."""

from __future__ import annotations


def harmless(text: str, keep: str = "") -> str:
    """Return a text in which nothing ends the line, or steers a terminal, but what is kept."""
    return "".join(
        letter if letter.isprintable() or letter in keep else repr(letter)[1:-1] for letter in text
    )

"""Text in the cells of a terminal: how wide it is, and what fits."""

# Theory of operation
# -------------------
# Terminals do not agree on the width of some characters, emoji above all. What is counted
# here is the most that common ones take.

from __future__ import annotations

import unicodedata
from typing import Final

# Asks for the emoji of a character, which is two cells wide.
_EMOJI_PLEASE: Final = "\ufe0f"

# Two of these are a flag, where a terminal knows flags.
_FLAGS: Final = range(0x1F1E6, 0x1F200)


def width_of(text: str) -> int:
    """Return how many cells a text takes at most; it must be printable."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if character.isascii() or character == _EMOJI_PLEASE:
        return 1
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    wide = unicodedata.east_asian_width(character) in "WF" or ord(character) in _FLAGS
    return 2 if wide else 1


def fit(text: str, width: int, more: str = "…") -> str:
    """Return a text that takes at most ``width`` cells; ``more`` stands for what is cut off."""
    if width_of(text) <= width:
        return text
    room = width - len(more)
    for place, character in enumerate(text):
        room -= _width(character)
        if room < 0:
            return text[:place] + more if width >= len(more) else ""
    return text  # pragma: no cover  # it is too wide

"""The command for one value, which takes the place of each ``{}``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Final

from ._limits import ARGUMENT
from ._places import Place, UnfitError, find_places

_WHOLE: Final = b"{}"


def fill_in(command: Sequence[str], value: str) -> list[bytes]:
    """Put a value into the words of a command, as ``gochan run`` does with a line.

    It takes the place of each ``{}``, ``{.}`` (without its extension), ``{/}`` (without its
    folder), ``{//}`` (the folder) and ``{/.}``; without any, it comes last. It stays one argument,
    and no shell looks at it.

    Raises:
        ValueError: the system would not take an argument of that length.
    """
    words = [find_places(os.fsencode(word), _WHOLE, numbers=False, names=None) for word in command]
    if not any(_is_for_value(part) for word in words for part in word):
        words.append([Place(None, _WHOLE, bytes)])
    put = partial(_put, value=os.fsencode(value))
    filled = [b"".join(map(put, word)) for word in words]
    longest = max(map(len, filled))
    if longest >= ARGUMENT:
        raise UnfitError(
            f"an argument would have {longest:,} bytes; the system allows {ARGUMENT - 1:,}"
        )
    return filled


def _is_for_value(part: bytes | Place) -> bool:
    return isinstance(part, Place) and part.of_lines


def _put(part: bytes | Place, value: bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    return part.values([value])[0] if part.of_lines else part.text

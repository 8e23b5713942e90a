"""How many lines there are, counted without taking them apart."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, final

# How many bytes are counted at a time. No other thread runs meanwhile.
_CHUNK: Final = 1 << 18


@final
class LineCount:
    """Counts lines that are not empty, in chunks that may end in the middle of one.

    Attributes:
        lines: how many have begun.
    """

    def __init__(self, end: bytes, *, within: bool = False) -> None:
        self.lines = 0
        self._end = end
        self._within = within  # whether the next byte belongs to a line that has begun

    def add(self, chunk: bytes) -> None:
        """Count the lines that begin in a chunk, which is not empty."""
        end = self._end
        if end * 2 in chunk:
            begun = sum(map(bool, chunk.split(end)))
        else:
            begun = chunk.count(end) + 1 - chunk.startswith(end) - chunk.endswith(end)
        if self._within and not chunk.startswith(end):
            begun -= 1
        self.lines += begun
        self._within = not chunk.endswith(end)


def count_lines(descriptor: int, offset: int, end: bytes, go_on: Callable[[], bool]) -> int | None:
    """Count the lines of a file from a place on; return ``None`` if it cannot be read.

    Its position does not change. It may be told to give up.
    """
    count = LineCount(end)
    try:
        while go_on():
            chunk = os.pread(descriptor, _CHUNK, offset)
            if not chunk:
                return count.lines
            count.add(chunk)
            offset += len(chunk)
    except OSError:
        pass
    return None

"""From lines to items: some lines for each command, and no more than the system allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from ._item import Item


@final
class Grouping:
    """Makes items of lines.

    Args:
        size: how many lines an item has, but for the last; 0 for as many as there is room for.
        room: how many bytes the lines of one command may take.
        cost: how many bytes a line takes in a command.

    Attributes:
        items: how many were made.
        begun: the lines of an item that is not complete.
        size: as above.
    """

    def __init__(self, size: int, room: int, cost: Callable[[bytes], int]) -> None:
        self.items = 0
        self.begun: list[bytes] = []
        self.size = size
        self._room = room
        self._cost = cost
        self._lines = 0  # how many are in items
        self._at = 0  # the number of the first line in ``begun``
        self._taken = 0  # how many bytes those take

    @property
    def lines(self) -> int:
        """How many lines are in items."""
        return self.items if self.size == 1 else self._lines

    def add(self, line: bytes, number: int) -> Item | None:
        """Add a line; return an item that is complete now, if one is."""
        if self.size == 1:
            self.items += 1
            return Item(self.items, (line,), number)
        complete = None
        cost = self._cost(line)
        if self.begun and self._taken + cost > self._room:
            complete = self.finish()
        if not self.begun:
            self._at = number
            self._taken = 0
        self.begun.append(line)
        self._taken += cost
        return self.finish() if len(self.begun) == self.size else complete

    def finish(self) -> Item | None:
        """Return an item of the lines that are left, if there are any."""
        if not self.begun:
            return None
        self.items += 1
        self._lines += len(self.begun)
        item = Item(self.items, (*self.begun,), self._at)
        self.begun = []
        return item

    def items_for(self, lines: int) -> int | None:
        """Return how many items there will be for so many lines, as far as one can tell."""
        if not self.size:
            return None
        return self.items - (-(lines - self.lines) // self.size)

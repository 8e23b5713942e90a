"""Items: a line of waiting items from which any one can be removed quickly."""

# Theory of operation
# -------------------
# Items wait in a deque, which is as fast as anything in Python; but to take one out of its
# middle costs as many steps as there are items. Cancelling many jobs of a long queue would
# stall the event loop for minutes. So the first removal from the middle of a long deque turns
# it into an indexed line, which looks the same from outside, and finds each item by identity.
# Programs that never cancel do not pay for it.
#
# In an indexed line each item has a cell, which is emptied when the item is removed. Empty
# cells are thrown away when they come to an end of the line, or once they are the majority.
#
# Invariants (``IndexedLine.check`` asserts them)
# -----------------------------------------------
# 1. The first and the last cell are full, and at most half of all cells are empty.
# 2. The index has each full cell once, under its item.

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from itertools import islice
from typing import Any, Final, TypeVar, cast, final

from ._index import Index

E = TypeVar("E")

# So many entries at each end of a deque are looked through before it is indexed.
_FEW: Final = 32


def itself(entry: Any) -> Any:
    """Return the item of an entry that is just the item."""
    return entry


def remove_item(
    line: deque[E], item: object, item_of: Callable[[E], object] = itself
) -> tuple[bool, deque[E]]:
    """Remove an entry of this very item; return whether there was one, and the line.

    A long line is replaced by another one, which has the same methods, until it is empty. Put
    that in the place of the old one, which must not be used any more::

        removed, self.items = remove_item(self.items, item)

    Costs: the first removal from the middle of a long line takes as many steps as it has
    entries; after that each one takes about the same.

    Args:
        line: a line of entries.
        item: compared by identity; items may be equal, and need no hash.
        item_of: how to find the item of an entry, if entries are more than items.
    """
    if isinstance(line, IndexedLine):
        return line.take_out(item), line or deque()
    plain = type(line) is deque and line.maxlen is None
    for index, entry in enumerate(islice(line, _FEW) if plain else line):
        if item_of(entry) is item:
            del line[index]
            return True, line
    if len(line) <= _FEW or not plain:  # one of another kind has to stay what it is
        return False, line
    indexed = IndexedLine(line, item_of)
    return indexed.take_out(item), cast("deque[E]", indexed)


@final
class IndexedLine(MutableSequence[E]):
    """A line of entries with the methods of a deque, and an index by the identity of items.

    Args:
        entries: what it begins with.
        item_of: how to find the item of an entry.
    """

    __slots__ = ("_cells", "_holes", "_index", "_item_of")

    def __init__(self, entries: Iterable[E] = (), item_of: Callable[[E], object] = itself) -> None:
        self._item_of = item_of
        self._cells: deque[list[E]] = deque()
        self._holes = 0
        self._index: Index[list[E]] = Index()
        self.extend(entries)

    def take_out(self, item: object) -> bool:
        """Remove an entry of this very item; return whether there was one."""
        cell = self._index.find(item)
        if cell is None:
            return False
        self._index.forget(item, cell)
        cell.clear()
        self._holes += 1
        self._tidy()
        return True

    # At the ends

    def append(self, value: E) -> None:
        """Add an entry at the end."""
        self._cells.append(self._note(value))

    def appendleft(self, value: E) -> None:
        """Add an entry in front."""
        self._cells.appendleft(self._note(value))

    def extendleft(self, values: Iterable[E]) -> None:
        """Add entries in front, one by one, so that the last one becomes the first."""
        for value in [*values]:
            self.appendleft(value)

    def popleft(self) -> E:
        """Remove and return the first entry.

        Raises:
            IndexError: there is none.
        """
        return self._left(self._cells.popleft())

    def pop(self, index: int = -1) -> E:
        """Remove and return the last entry, or another one.

        Raises:
            IndexError: there is none.
        """
        if index != -1:
            return super().pop(index)
        return self._left(self._cells.pop())

    def _note(self, entry: E) -> list[E]:
        """Return a cell for an entry; the index knows it."""
        cell = [entry]
        self._index.add(self._item_of(entry), cell)
        return cell

    def _left(self, cell: list[E]) -> E:
        """Return the entry of a cell that has left the line."""
        self._index.forget(self._item_of(cell[0]), cell)
        if self._holes:
            self._tidy()
        return cell[0]

    def _tidy(self) -> None:
        """Throw away the empty cells at both ends, and all of them once they are too many."""
        cells = self._cells
        while cells and not cells[0]:
            cells.popleft()
            self._holes -= 1
        while cells and not cells[-1]:
            cells.pop()
            self._holes -= 1
        if 2 * self._holes > len(cells):
            self._close_up()

    # In the middle, where a deque is slow, too

    def _close_up(self) -> deque[list[E]]:
        """Throw away all empty cells, so that the place of a cell is that of its entry."""
        if self._holes:
            self._cells = deque(cell for cell in self._cells if cell)
            self._holes = 0
        return self._cells

    def insert(self, index: int, value: E) -> None:
        """Add an entry at some place."""
        self._close_up().insert(index, self._note(value))

    def rotate(self, n: int = 1) -> None:
        """Move so many entries from the end to the front, or the other way round."""
        self._close_up().rotate(n)

    def reverse(self) -> None:
        """Turn the order round."""
        self._close_up().reverse()

    def clear(self) -> None:
        """Remove all entries."""
        self.__init__((), self._item_of)

    def copy(self) -> deque[E]:
        """Return a deque of the same entries."""
        return deque(self)

    __copy__ = copy

    def __len__(self) -> int:
        return len(self._cells) - self._holes

    def __iter__(self) -> Iterator[E]:
        return (cell[0] for cell in self._cells if cell)

    def __reversed__(self) -> Iterator[E]:
        return (cell[0] for cell in reversed(self._cells) if cell)

    def __getitem__(self, index: Any) -> Any:
        cells = self._cells if index in (0, -1) else self._close_up()
        return cells[index][0]

    def __setitem__(self, index: Any, value: Any) -> None:
        del self[index]
        self.insert(index if index >= 0 else len(self) + 1 + index, value)

    def __delitem__(self, index: Any) -> None:
        cell = self._close_up()[index]
        self._index.forget(self._item_of(cell[0]), cell)
        del self._cells[index]

    def __eq__(self, other: object) -> bool:
        return deque(self) == (deque(other) if isinstance(other, IndexedLine) else other)

    __hash__ = None  # type: ignore[assignment]  # as that of a deque

    def __repr__(self) -> str:
        return repr(deque(self))

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        full = [cell for cell in self._cells if cell]
        assert len(full) == len(self) >= len(self._cells) / 2
        assert not full or (self._cells[0] and self._cells[-1])
        assert len(self._index) == len(full)
        assert all(self._index.find(self._item_of(cell[0])) for cell in full)

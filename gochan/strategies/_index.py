"""Index: finds what a strategy keeps about an item, by the identity of the item."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar, final

E = TypeVar("E")


@final
class Index(Generic[E]):
    """Finds entries by their items, which may be equal, and need no hash.

    A strategy that keeps its items in an order of its own, such as a heap, needs one to take
    an item out in few steps; see `Strategy.remove`. Make it at the first removal, so that
    programs that never cancel do not pay for it.

    The same object may have several entries. An entry must keep its item alive.
    """

    __slots__ = ("_first", "_more")

    def __init__(self) -> None:
        self._first: dict[int, E] = {}
        self._more: dict[int, deque[E]] = {}  # of objects that have several entries

    def add(self, item: object, entry: E) -> None:
        """Note an entry of an item."""
        if self._first.setdefault(id(item), entry) is not entry:
            self._more.setdefault(id(item), deque()).append(entry)

    def find(self, item: object) -> E | None:
        """Return an entry of this very item, or ``None``."""
        return self._first.get(id(item))

    def forget(self, item: object, entry: E) -> None:
        """Forget an entry of an item.

        Raises:
            LookupError: it was not noted.
        """
        more = self._more.get(id(item))
        if more is None:
            del self._first[id(item)]
            return
        if self._first[id(item)] is entry:
            self._first[id(item)] = more.popleft()
        elif more[-1] is entry:
            more.pop()
        else:
            del more[next(place for place, other in enumerate(more) if other is entry)]
        if not more:
            del self._more[id(item)]

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._first) + sum(map(len, self._more.values()))

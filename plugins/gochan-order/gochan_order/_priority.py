"""Priority: the most important first."""

# Theory of operation
# -------------------
# With ageing, the priority that counts is priority + waited / ageing. All items age alike, so
# which of two goes first never changes: the order is that of the constant
# arrival - priority * ageing, the moment at which an item of priority 0 would have had to
# arrive to be as important. This is the rank; the lowest goes first. Without ageing the rank
# is -priority. Equal ranks go in the order in which they came.
#
# The entries are in a heap, the best on top. While the strategy is full, or has been since it
# was last empty, a second heap has the same entries, the worst on top. Since the first removal
# until it is empty, there is an index of the entries, too.
#
# An entry that leaves by one way is emptied, and stays where else it is. Empty entries are
# thrown away when they come to the top of a heap, or when most of a heap is empty.

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any, Final, TypeAlias, TypeVar, final

from gochan.strategies import (
    ADMIT,
    Empty,
    Index,
    Key,
    Refuse,
    Strategy,
    Verdict,
    check_capacity,
    check_number,
    check_seconds,
)
from gochan.strategies import by as find_by

T = TypeVar("T")

# Rank, number of arrival, and the item, or else _GONE. No two have the same number, so that
# comparing entries never compares items.
_Entry: TypeAlias = list[Any]
_GONE: Final = object()

# A heap of up to so many entries is not worth clearing up, or an index.
_FEW: Final = 64


@final
class Priority(Strategy[T]):
    """Give out the item of the highest priority first, and of equal ones the oldest.

    While it is full, a newcomer of a higher priority than the worst one that waits takes its
    place; that one is given up, with the reason ``"outranked"``. Any other newcomer is refused,
    with the reason ``"full"``. Senders never wait.

    Without ``ageing``, items of a low priority may wait for ever. With it, an item gains one
    step of priority for each ``ageing`` seconds that it has waited, so each goes at last,
    unless it is outranked.

    Costs: the logarithm of the number of waiting items, also to give one up.

    Source: priority scheduling with ageing, as in A. Silberschatz et al., "Operating System
    Concepts", chapter "CPU Scheduling".

    Args:
        capacity: how many items may wait, at least 1.
        ageing: seconds, > 0, for one step of priority; ``None`` for never.
        by: how to find the priority of an item, see `gochan.strategies.by`; ``None`` for
            ``item.priority``, which jobs have. A number, higher is more important.

    Raises:
        TypeError, ValueError: an option is of the wrong type, or out of range; or, when an item
            is offered, its priority is not a number.
    """

    def __init__(
        self, capacity: int | float, *, ageing: float | None = None, by: Key = None
    ) -> None:
        super().__init__(check_capacity(capacity, least=1))
        self.ignores_time = ageing is None
        self._ageing = None
        if ageing is not None:
            self._ageing = check_seconds(
                "ageing", ageing, more_than=0, finite=True, otherwise="None"
            )
        self._priority = find_by(by, "priority")
        self._arrivals = 0
        self._best: list[_Entry] = []
        self._empty = 0  # how many entries there are empty
        self._worst: list[tuple[float, int, _Entry]] | None = None
        self._index: Index[_Entry] | None = None
        self._simple = True  # whether there is nothing but the heap, and no empty entry

    def offer(self, item: T, now: float) -> Verdict:
        """Take ``item`` in if there is room, or if it outranks another one."""
        priority: Any = self._priority(item)
        if type(priority) is not int:
            check_number("priority", priority)
        rank = -priority if self._ageing is None else self._aged(priority, now)
        if len(self._best) - self._empty >= self.capacity:
            worst = self._worst_first()
            if rank >= -worst[0][0]:
                return Refuse("full", self.retry_after(now))
            self.drop(self._leave(heappop(worst)[2]), "outranked")
        self._arrivals += 1
        entry = [rank, self._arrivals, item]
        heappush(self._best, entry)
        if not self._simple:
            self._note(entry)
        return ADMIT

    def take(self, now: float) -> T:
        best = self._best
        if self._simple:
            if not best:
                raise Empty
            item: T = heappop(best)[2]
            return item
        while best[0][2] is _GONE:
            heappop(best)
            self._empty -= 1
        return self._leave(best[0])

    def remove(self, item: T) -> bool:
        entry = self._find(item)
        if entry is None:
            return False
        self._leave(entry)
        return True

    def spare(self) -> T | None:
        item: T | None = self._worst_first()[0][2][2] if len(self) else None
        return item

    def __len__(self) -> int:
        return len(self._best) - self._empty

    def _aged(self, priority: float, now: float) -> float:
        assert self._ageing is not None
        try:
            return now - priority * self._ageing
        except OverflowError:
            return check_number("with ageing, a priority", priority)

    def _note(self, entry: _Entry) -> None:
        """Put a new entry where it has to be besides the heap."""
        if self._worst is not None:
            heappush(self._worst, (-entry[0], -entry[1], entry))
        if self._index is not None:
            self._index.add(entry[2], entry)

    def _worst_first(self) -> list[tuple[float, int, _Entry]]:
        """Return the other heap, with what waits on top."""
        if self._worst is None:
            self._worst = [(-e[0], -e[1], e) for e in self._best if e[2] is not _GONE]
            heapify(self._worst)
            self._simple = False
        while self._worst[0][2][2] is _GONE:
            heappop(self._worst)
        return self._worst

    def _find(self, item: T) -> _Entry | None:
        """Return an entry of this very item, ``None`` if there is none."""
        if self._index is None:
            if len(self._best) <= _FEW:
                return next((entry for entry in self._best if entry[2] is item), None)
            self._index = Index()
            self._simple = False
            for entry in self._best:
                if entry[2] is not _GONE:
                    self._index.add(entry[2], entry)
        return self._index.find(item)

    def _leave(self, entry: _Entry) -> T:
        """Empty an entry that is still in the heap; return its item."""
        item: T = entry[2]
        entry[2] = _GONE
        self._empty += 1
        self._simple = False
        if self._index is not None:
            self._index.forget(item, entry)
        self._clear_up()
        return item

    def _clear_up(self) -> None:
        """Throw empty entries away where they are most of what is there."""
        waiting = len(self)
        if not waiting:
            self._best.clear()
            self._empty = 0
            self._worst = self._index = None
            self._simple = True
        elif len(self._best) > 2 * waiting + _FEW:
            self._best = [entry for entry in self._best if entry[2] is not _GONE]
            heapify(self._best)
            self._empty = 0
        if self._worst is not None and len(self._worst) > 2 * waiting + _FEW:
            self._worst = [place for place in self._worst if place[2][2] is not _GONE]
            heapify(self._worst)

    def check(self) -> None:
        """Assert that all hold what waits, and few empty entries. For tests."""
        full = {entry[1] for entry in self._best if entry[2] is not _GONE}
        assert len(full) == len(self)
        assert len(self._best) <= 2 * len(self) + _FEW
        if self._simple:
            assert self._worst is None
            assert self._index is None
            assert not self._empty
        assert len(self) or self._simple
        if self._worst is not None:
            assert full == {entry[1] for *_, entry in self._worst if entry[2] is not _GONE}
            assert len(self._worst) <= 2 * len(self) + _FEW
        if self._index is not None:
            assert len(self._index) == len(full)

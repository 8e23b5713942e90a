"""Priority: the most important first."""

# Theory of operation
# -------------------
# With ageing, the priority that counts is priority + waited / ageing. All items age alike, so
# which one of two comes first never changes: the order is that of the constant
# arrival - priority * ageing, the moment at which an item of priority 0 would have had to come
# to be as important. This is the rank; the lowest goes first. Without ageing the rank is
# -priority. Equal ranks go in the order in which they came.
#
# A heap holds a place for each item, the best on top. While the strategy is full, or has been
# since it was last empty, a second one holds the same places, the worst on top. What leaves by
# way of one heap leaves an empty cell behind in the other, which is thrown away when it comes to
# the top, or when most of the cells there are empty.

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any, Final, TypeAlias, TypeVar, final

from gochan.strategies import (
    ADMIT,
    Empty,
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

# Rank, number of arrival, and the item in a cell that is empty once it has left.
_Heap: TypeAlias = list[tuple[float, int, list[T]]]

# A heap of up to so many places is not worth clearing up.
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
        self._ageing = None
        if ageing is not None:
            self._ageing = check_seconds(
                "ageing", ageing, more_than=0, finite=True, otherwise="None"
            )
        self._priority = find_by(by, "priority")
        self._arrivals = 0
        self._waiting = 0
        self._best: _Heap[T] = []
        self._worst: _Heap[T] | None = None

    def offer(self, item: T, now: float) -> Verdict:
        """Take ``item`` in if there is room, or if it outranks another one."""
        rank = self._rank(item, now)
        if self._waiting >= self.capacity:
            worst = self._worst_first()
            if rank >= -worst[0][0]:
                return Refuse("full", self.retry_after(now))
            self.drop(self._pop(worst), "outranked")
        cell = [item]
        arrival = self._arrivals = self._arrivals + 1
        heappush(self._best, (rank, arrival, cell))
        if self._worst is not None:
            heappush(self._worst, (-rank, -arrival, cell))
        self._waiting += 1
        return ADMIT

    def take(self, now: float) -> T:
        if not self._waiting:
            raise Empty
        return self._pop(self._best)

    def remove(self, item: T) -> bool:
        for _, _, cell in self._best:
            if cell and cell[0] is item:
                cell.clear()
                self._leave()
                return True
        return False

    def spare(self) -> T | None:
        return self._worst_first()[0][2][0] if self._waiting else None

    def __len__(self) -> int:
        return self._waiting

    def _rank(self, item: T, now: float) -> float:
        priority: Any = self._priority(item)
        if type(priority) is not int:
            check_number("priority", priority)
        rank: float = -priority if self._ageing is None else now - priority * self._ageing
        return rank

    def _worst_first(self) -> _Heap[T]:
        """Return the other heap, with what waits on top."""
        if self._worst is None:
            self._worst = [(-rank, -arrival, cell) for rank, arrival, cell in self._best]
            heapify(self._worst)
        while not self._worst[0][2]:
            heappop(self._worst)
        return self._worst

    def _pop(self, heap: _Heap[T]) -> T:
        while True:
            cell = heappop(heap)[2]
            if cell:
                item = cell.pop()
                self._leave()
                return item

    def _leave(self) -> None:
        """Count one less, and throw empty cells away where they are most of what is there."""
        self._waiting -= 1
        if not self._waiting:
            self._best.clear()
            self._worst = None
        for heap in (self._best, self._worst):
            if heap is not None and len(heap) > 2 * self._waiting + _FEW:
                heap[:] = [place for place in heap if place[2]]
                heapify(heap)

    def check(self) -> None:
        """Assert that both heaps hold what waits, and few empty cells. For tests."""
        assert self._waiting or self._worst is None
        for heap in (self._best, self._worst or self._best):
            assert sum(len(cell) for _, _, cell in heap) == len(self)
            assert len(heap) <= 2 * len(self) + _FEW

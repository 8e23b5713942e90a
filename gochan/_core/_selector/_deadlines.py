"""Deadlines: which of many moments comes first, where each may be moved at any time."""

# Theory of operation
# -------------------
# There is a heap of all moments that were set, and a dictionary of those that count. An entry
# that is in the heap alone, because its key was moved since, is skipped when it comes up. When
# most entries are like that, the heap is rebuilt, so it stays in proportion.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. Each moment that counts is in the heap.
# 2. The heap has at most twice as many entries as there are moments, and a few.

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, Generic, TypeVar, final

K = TypeVar("K")

# The heap may have as many entries that do not count as do, and this many more.
_FEW: Final = 8


@final
class Deadlines(Generic[K]):
    """When several things are due, each known by its key. Those that never are, are not kept."""

    __slots__ = ("_heap", "_moments", "_numbers")

    def __init__(self) -> None:
        self._moments: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._numbers = count()  # keys need not have an order

    def set(self, key: K, moment: float) -> None:
        """Let ``key`` be due at ``moment`` instead of earlier settings; never, if infinite."""
        if moment == math.inf:
            self.discard(key)
        elif self._moments.get(key) != moment:
            self._moments[key] = moment
            heappush(self._heap, (moment, next(self._numbers), key))
            self._sweep()

    def discard(self, key: K) -> None:
        """Forget when ``key`` is due."""
        if self._moments.pop(key, None) is not None:
            self._sweep()

    def earliest(self) -> float:
        """Return when the first is due, ``inf`` if none is."""
        heap = self._heap
        while heap and self._moments.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else math.inf

    def take_due(self, now: float) -> list[K]:
        """Take out what is due at ``now`` or was before, and return the keys."""
        due = []
        while self.earliest() <= now:
            _, _, key = heappop(self._heap)
            del self._moments[key]
            due.append(key)
        return due

    def __contains__(self, key: K) -> bool:
        return key in self._moments

    def __len__(self) -> int:
        return len(self._moments)

    def _sweep(self) -> None:
        """Rebuild the heap if most of its entries do not count."""
        if len(self._heap) > 2 * len(self._moments) + _FEW:
            self._heap = [
                (moment, next(self._numbers), key) for key, moment in self._moments.items()
            ]
            heapify(self._heap)

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        entries = {(key, moment) for moment, _, key in self._heap}
        assert self._moments.items() <= entries
        assert math.inf not in self._moments.values()
        assert len(self._heap) <= 2 * len(self._moments) + _FEW

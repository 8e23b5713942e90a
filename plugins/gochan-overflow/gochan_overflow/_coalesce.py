"""Coalesce: at most one item of each key waits, the newest."""

# Theory of operation
# -------------------
# An entry stands for a key of which something waits. A newer item takes the place of the one
# in it, and may put off when it is due, but never bring it forward. So the heap by due time may
# name a time that is too early for an entry, never one that is too late, and it is enough to
# mend what is on top.
#
# With ``exclusive``, the entry of a key that is in work is not in the heap; it comes in when
# the work has ended.

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, TypeVar, final

from gochan.strategies import (
    ADMIT,
    WAIT,
    Empty,
    Key,
    Strategy,
    Verdict,
    by,
    check_bool,
    check_capacity,
    check_seconds,
)

T = TypeVar("T")


@final
class Coalesce(Strategy[T]):
    """Let at most one item of each key wait, the newest; the oldest key goes first.

    For work that is about the latest state of something, so that once is enough: rebuild this
    page, index that document. A newer item takes the place of the waiting one of its key, which
    is given up, with the reason ``"coalesced"``. The place in line stays, so frequent updates
    never put a key off, unless ``debounce`` says so. Items whose key is ``None`` stay apart.

    While as many keys wait as there is room for, senders wait. They stand in one line, so one
    whose key waits already, and who would need no more room, waits behind others.

    After a close, what waits is due at once, as nothing newer can come.

    There is no ``merge`` that makes one item of two: in a job queue each item is a job with an
    end of its own, and one made here would be nobody's. Keep what adds up in a place of your
    own, by key, and let the item say only that there is something.

    The time matters, so it works only in a run.

    Source: the work queue of Kubernetes (client-go, util/workqueue), and ``AddAfter`` there.

    Args:
        key: how to find the key of an item, see `gochan.strategies.by`; ``None`` for
            ``item.key``, which jobs have. Keys must be hashable.
        capacity: how many keys may wait, at least 1.
        debounce: seconds. An item goes only when no newer one of its key has come for so long.
        max_wait: seconds, at least ``debounce``. It is due after this time, counted from the first
            item that waited, even if newer ones keep coming. Without it, a key whose items come
            faster than ``debounce`` never goes.
        exclusive: in job queues, let no two jobs of one key run at the same time: what comes
            while one runs waits until it has ended, so no update is lost, either. Plain channels
            do not tell when work has ended, so there each key would go only once.

    Raises:
        TypeError, ValueError: an option is of the wrong type, or out of range; or, when an item
            is offered, its key cannot be hashed.
        LookupError: when an item is offered, it has no such key.
    """

    def __init__(
        self,
        key: Key = None,
        *,
        capacity: int | float = 100,
        debounce: float = 0.0,
        max_wait: float | None = None,
        exclusive: bool = False,
    ) -> None:
        super().__init__(check_capacity(capacity, least=1))
        self._key = by(key)
        self._debounce = check_seconds("debounce", debounce, finite=True)
        self._max_wait = math.inf
        if max_wait is not None:
            self._max_wait = check_seconds("max_wait", max_wait, least=debounce, finite=True)
        self._exclusive = check_bool("exclusive", exclusive)
        self._closed = False
        self._arrivals = 0
        self._waiting: dict[Hashable, _Entry[T]] = {}
        self._line: list[tuple[float, int, _Entry[T]]] = []
        self._in_work: dict[int, Hashable] = {}  # the keys of items, by their identity
        self._keys_in_work: set[Hashable] = set()

    def offer(self, item: T, now: float) -> Verdict:
        """Take ``item`` in, in place of the one of its key if one waits."""
        key = self._key(item)
        if key is None:
            key = object()
        try:
            entry = self._waiting.get(key)
        except TypeError as error:
            raise TypeError(f"Coalesce needs keys that can be hashed: {error}") from None
        if entry is not None:
            self.drop(entry.item, "coalesced")
            entry.item = item
            if self._debounce:
                entry.due = min(now + self._debounce, entry.latest)
            return ADMIT
        if len(self._waiting) >= self.capacity:
            return WAIT
        due = now + self._debounce
        self._arrivals += 1
        entry = _Entry(key, item, due, now + self._max_wait, self._arrivals)
        self._waiting[key] = entry
        if key not in self._keys_in_work:
            heappush(self._line, (due, entry.arrival, entry))
        return ADMIT

    def take(self, now: float) -> T:
        if self._first_due() > now and not (self._closed and self._line):
            raise Empty
        entry = heappop(self._line)[2]
        del self._waiting[entry.key]
        if self._exclusive:
            self._in_work[id(entry.item)] = entry.key
            self._keys_in_work.add(entry.key)
        return entry.item

    def next_change(self, now: float) -> float | None:
        due = self._first_due()
        return due if now < due < math.inf and not self._closed else None

    def finished(self, item: T, now: float, *, waited: float, ran: float, ok: bool) -> None:
        super().finished(item, now, waited=waited, ran=ran, ok=ok)
        if id(item) in self._in_work:
            key = self._in_work.pop(id(item))
            self._keys_in_work.discard(key)
            entry = self._waiting.get(key)
            if entry is not None:
                heappush(self._line, (entry.due, entry.arrival, entry))

    def close(self) -> list[T]:
        self._closed = True
        return []

    def remove(self, item: T) -> bool:
        for entry in self._waiting.values():
            if entry.item is item:
                del self._waiting[entry.key]
                self._line = [place for place in self._line if place[2] is not entry]
                heapify(self._line)
                return True
        return False

    def spare(self) -> T | None:
        return next((entry.item for entry in self._waiting.values()), None)

    def take_all(self, now: float) -> Iterator[T]:
        # Also those whose key is in work. A sorted list is a heap.
        self._line = sorted((each.due, each.arrival, each) for each in self._waiting.values())
        while self._line:
            entry = heappop(self._line)[2]
            del self._waiting[entry.key]
            yield entry.item

    def __len__(self) -> int:
        return len(self._waiting)

    def _first_due(self) -> float:
        """Return when the first in line is due."""
        while self._line:
            due, arrival, entry = self._line[0]
            if due == entry.due:
                return due
            heapreplace(self._line, (entry.due, arrival, entry))
        return math.inf

    def check(self) -> None:
        """Assert that the line holds what waits and is not in work. For tests."""
        in_line = [entry for _, _, entry in self._line]
        free = [e for e in self._waiting.values() if e.key not in self._keys_in_work]
        assert len(in_line) == len(free)
        assert {*in_line} == {*free}
        assert all(due <= entry.due <= entry.latest for due, _, entry in self._line)


class _Entry(Generic[T]):
    """A key of which an item waits."""

    __slots__ = ("arrival", "due", "item", "key", "latest")

    def __init__(self, key: Hashable, item: T, due: float, latest: float, arrival: int) -> None:
        self.key = key
        self.item = item
        self.due = due
        self.latest = latest
        self.arrival = arrival

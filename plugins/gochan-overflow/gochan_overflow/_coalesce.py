"""Coalesce: at most one item of each key waits, the newest."""

# Theory of operation
# -------------------
# An entry stands for a key of which an item waits. A newer item takes the place of the one in
# it, and may put off when it is due, but never bring it forward. So the heap of entries by due
# time may name a time that is too early for an entry, never one that is too late, and it is
# enough to mend what is on top. Without a debounce the due times rise with the arrivals, so
# the heap is in order already.
#
# With ``exclusive``, the entry of a key that is in work is not in the heap; it comes in when
# the work has ended.
#
# An entry whose item was removed stays in the heap, empty, until it is on top or most of the
# heap is empty. Since the first removal until nothing waits, an index finds entries by items.

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush, heapreplace
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar, final

from gochan.strategies import (
    ADMIT,
    WAIT,
    Empty,
    Index,
    Key,
    Strategy,
    Verdict,
    by,
    check_bool,
    check_capacity,
    check_seconds,
)

T = TypeVar("T")

# A key of which an item waits: by what it has its place in the heap, the number of its arrival,
# its item, or else _GONE, its key, when it is due, and when it is due at the latest. No two
# have the same number, so that comparing entries never compares items.
_Entry: TypeAlias = list[Any]
_PLACE, _ARRIVAL, _ITEM, _KEY, _DUE, _LATEST = range(6)
_GONE: Final = object()


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
        self._waiting: dict[Hashable, _Entry] = {}
        self._line: list[_Entry] = []
        self._empty = 0  # how many entries in the line are
        self._index: Index[_Entry] | None = None
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
            self._replace(entry, item, now)
            return ADMIT
        if len(self._waiting) >= self.capacity:
            return WAIT
        self._arrivals += 1
        due = now + self._debounce
        entry = [due, self._arrivals, item, key, due, now + self._max_wait]
        self._waiting[key] = entry
        if key not in self._keys_in_work:
            heappush(self._line, entry)
        if self._index is not None:
            self._index.add(item, entry)
        return ADMIT

    def take(self, now: float) -> T:
        line = self._line
        if self._empty or self._debounce:
            self._mend()
        if not line or (line[0][_DUE] > now and not self._closed):
            raise Empty
        entry = heappop(line)
        item: T = entry[_ITEM]
        if self._index is None:
            del self._waiting[entry[_KEY]]
        else:
            self._leave(entry)
        if self._exclusive:
            self._in_work[id(item)] = entry[_KEY]
            self._keys_in_work.add(entry[_KEY])
        return item

    def next_change(self, now: float) -> float | None:
        self._mend()
        if not self._line or self._closed:
            return None
        due: float = self._line[0][_DUE]
        return due if now < due else None

    def finished(self, item: T, now: float, *, waited: float, ran: float, ok: bool) -> None:
        super().finished(item, now, waited=waited, ran=ran, ok=ok)
        if id(item) in self._in_work:
            key = self._in_work.pop(id(item))
            self._keys_in_work.discard(key)
            entry = self._waiting.get(key)
            if entry is not None:
                heappush(self._line, entry)

    def close(self) -> list[T]:
        self._closed = True
        return []

    def remove(self, item: T) -> bool:
        if self._index is None:
            if not self._waiting:
                return False
            self._index = Index()
            for entry in self._waiting.values():
                self._index.add(entry[_ITEM], entry)
        found = self._index.find(item)
        if found is None:
            return False
        if found[_KEY] not in self._keys_in_work:
            self._empty += 1
        self._leave(found)
        found[_ITEM] = _GONE
        if self._empty > len(self._line) // 2:
            self._line = [entry for entry in self._line if entry[_ITEM] is not _GONE]
            heapify(self._line)
            self._empty = 0
        return True

    def spare(self) -> T | None:
        return next((entry[_ITEM] for entry in self._waiting.values()), None)

    def take_all(self, now: float) -> Iterator[T]:
        # Also those whose key is in work.
        for entry in sorted(self._waiting.values(), key=itemgetter(_DUE, _ARRIVAL)):
            if self._waiting.get(entry[_KEY]) is entry:  # pragma: no branch  # still
                item: T = entry[_ITEM]
                self._leave(entry)
                entry[_ITEM] = _GONE
                yield item
        self._line.clear()
        self._empty = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def _replace(self, entry: _Entry, item: T, now: float) -> None:
        """Put a newer item into an entry."""
        if self._index is not None:
            self._index.forget(entry[_ITEM], entry)
            self._index.add(item, entry)
        self.drop(entry[_ITEM], "coalesced")
        entry[_ITEM] = item
        if self._debounce:
            entry[_DUE] = min(now + self._debounce, entry[_LATEST])

    def _leave(self, entry: _Entry) -> None:
        """Forget an entry whose item waits no more."""
        del self._waiting[entry[_KEY]]
        if self._index is not None:
            self._index.forget(entry[_ITEM], entry)
            if not self._waiting:
                self._index = None

    def _mend(self) -> None:
        """Bring an entry to the top whose item waits, and which is in its right place."""
        line = self._line
        while line:
            entry = line[0]
            if entry[_ITEM] is _GONE:
                heappop(line)
                self._empty -= 1
            elif entry[_PLACE] != entry[_DUE]:
                entry[_PLACE] = entry[_DUE]
                heapreplace(line, entry)
            else:
                return

    def check(self) -> None:
        """Assert that the line holds what waits and is not in work. For tests."""
        in_line = [entry for entry in self._line if entry[_ITEM] is not _GONE]
        free = [e for e in self._waiting.values() if e[_KEY] not in self._keys_in_work]
        assert len(self._line) - len(in_line) == self._empty <= len(self._line) / 2
        assert {*map(id, in_line)} == {*map(id, free)}
        assert len(in_line) == len(free)
        assert all(e[_PLACE] <= e[_DUE] <= e[_LATEST] for e in in_line)
        assert self._index is None or len(self._index) == len(self._waiting) > 0

"""Tending: what time demands of the jobs in memory, and jobs that are kept no longer."""

# Theory of operation
# -------------------
# What is deleted comes from heaps, too: ended jobs by their end, so that the oldest go first.

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from heapq import heappop, heappush

from .._queue_records import QueueSettings
from .._records import END_KINDS, EndKind, Tended, Ticket
from .._rules import after_loss
from ._ending import MemoryEnding
from ._rows import QueueBook, Row


class MemoryTending(MemoryEnding):
    """The shelves, and how they are kept in order."""

    def purge(self, now: float, queue: str, kinds: Collection[EndKind], n: int) -> int:
        book = self._queue(queue)
        self._take_keys(now, book)
        purged = 0
        for kind in kinds:
            while purged < n and (row := self._oldest(book, kind)) is not None:
                self._delete(row, book)
                purged += 1
        return purged

    def _take_keys(self, now: float, book: QueueBook) -> None:
        """Let the jobs be deleted that have kept their key long enough."""
        while book.keyed and book.keyed[0][0] <= now:
            until, id, version = heappop(book.keyed)
            row = self._settled(id, version)
            if row is not None and row.key_until == until:
                assert row.kind is not None
                heappush(book.endings[row.kind], (_ended(row), id, version))

    def _oldest(self, book: QueueBook, kind: EndKind) -> Row | None:
        """Return the job that has ended first in this way, of those that can be deleted."""
        endings = book.endings[kind]
        while endings:
            ended, id, version = endings[0]
            row = self._settled(id, version)
            if row is not None and row.ended == ended:
                return row
            heappop(endings)  # it was deleted, or runs again
        return None

    def _settled(self, id: int, version: int) -> Row | None:
        """Return a job that has ended, unless it has run again since."""
        row = self._rows.get(id)
        return None if row is None or (row.state, row.version) != ("ended", version) else row

    def _delete(self, row: Row, book: QueueBook) -> None:
        """Delete a job that has ended, and has no key."""
        assert row.kind is not None
        book.counts[row.kind] -= 1
        book.pruned[row.kind] += 1
        if row.new.key is not None and book.keys.get(row.new.key) == row.id:
            del book.keys[row.new.key]
        self._receipts.pop(row.new.receipt or "", None)
        del self._rows[row.id]

    def tend(self, now: float, n: int) -> Tended:
        # In this order, so that nothing is left that a second call would find.
        changed = self._rescue(now, n) + self._expire(now, n) + self._promote(now, n)
        changed += sum(self._prune(now, book, n) for book in [*self._queues.values()])
        moments = [heap[0][0] for heap in (self._due, self._expiring, self._leases) if heap]
        for book in self._queues.values():
            moments += self._pruning_moments(book)
        first = min(moments, default=math.inf)
        return Tended(changed, None if first == math.inf else max(0.0, first - now))

    def _promote(self, now: float, n: int) -> int:
        changed = 0
        while self._due and self._due[0][0] <= now and changed < n:
            run_at, id = heappop(self._due)
            row = self._rows.get(id)
            if row is not None and row.state == "scheduled" and row.run_at == run_at:
                self._let_wait(now, row)
                changed += 1
        return changed

    def _expire(self, now: float, n: int) -> int:
        changed = 0
        while self._expiring and self._expiring[0][0] <= now and changed < n:
            expires, id = heappop(self._expiring)
            row = self._rows.get(id)
            if row is None or not row.idle or row.expires != expires:
                continue
            if row.attempts:
                self._end(now, row, "failed", row.error or "it expired before its next attempt")
            else:
                self._end(now, row, "dropped", "it expired before it could start")
            changed += 1
        return changed

    def _rescue(self, now: float, n: int) -> int:
        changed = 0
        while self._leases and self._leases[0][0] <= now and changed < n:
            until, id, version = heappop(self._leases)
            row = self._run(Ticket(id, version))
            if row is not None and row.lease_until == until:
                self._note(now, row, "lost", None)
                self._apply(now, row, after_loss(row.run))
                changed += 1
        return changed

    def _prune(self, now: float, book: QueueBook, n: int) -> int:
        keep = (book.settings or QueueSettings()).keep
        self._take_keys(now, book)
        pruned = 0
        for kind in END_KINDS:
            age, most = (keep.done, keep.most_done) if kind == "done" else (keep.others, math.inf)
            for _ in range(n):
                row = self._oldest(book, kind)
                if row is None or (_ended(row) + age > now and book.counts[kind] <= most):
                    break
                self._delete(row, book)
                pruned += 1
        return pruned

    def _pruning_moments(self, book: QueueBook) -> Iterator[float]:
        """Yield when the next job will have been kept long enough, for each kind."""
        keep = (book.settings or QueueSettings()).keep
        yield from (until for until, _, _ in book.keyed[:1])
        for kind in END_KINDS:
            row = self._oldest(book, kind)
            if row is not None:
                yield _ended(row) + (keep.done if kind == "done" else keep.others)


def _ended(row: Row) -> float:
    assert row.ended is not None
    return row.ended

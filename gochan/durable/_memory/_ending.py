"""Ending: runs in memory that are over, and jobs that end without one."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from heapq import heappush

from .._records import KEPT_ATTEMPTS, Attempt, Ending, EndKind, Enqueued, Release
from .._rules import After, after_ending, after_release
from .._store import Cancelling, Retrying
from .._times import moment
from ._rows import Row
from ._shelves import MemoryShelves


class MemoryEnding(MemoryShelves):
    """The shelves, and how jobs leave them."""

    def finish(self, now: float, endings: Sequence[Ending]) -> Sequence[bool]:
        return [self._finish(now, ending) for ending in endings]

    def _finish(self, now: float, ending: Ending) -> bool:
        row = self._run(ending)
        if row is None:
            return False
        after = after_ending(row.run, ending)
        if ending.started:
            self._note(now, row, ending.kind, None if ending.kind == "done" else ending.error)
        row.result = ending.result if after.kind == "done" else None
        self._apply(now, row, after)
        return True

    def release(self, now: float, releases: Sequence[Release]) -> Sequence[bool]:
        return [self._release(now, release) for release in releases]

    def _release(self, now: float, release: Release) -> bool:
        row = self._run(release)
        if row is None:
            return False
        if release.kind != "unstarted":
            self._note(now, row, release.kind, release.error)
        self._apply(now, row, after_release(row.run, release), release.delay)
        return True

    def _note(self, now: float, row: Row, kind: str, error: str | None) -> None:
        """Add a line about the run that is over."""
        if len(row.attempts) == KEPT_ATTEMPTS:
            row.forgotten += 1
        assert row.worker is not None
        assert row.started is not None
        row.attempts.append(Attempt(row.worker, moment(row.started), moment(now), kind, error))

    def _apply(self, now: float, row: Row, after: After, delay: float = 0.0) -> None:
        """Do with a job whose run is over what the rules say."""
        row.attempt, row.crashes, row.lost = after.attempt, after.crashes, after.lost
        row.error = after.error if after.error is not None else row.error
        if after.kind is not None:
            self._end(now, row, after.kind, after.error)
            return
        self._move(row, "scheduled")
        if delay > 0:
            row.run_at = now + delay
        if row.expires is not None:
            heappush(self._expiring, (row.expires, row.id))
        self._note_droppable(row, self._queue(row.new.queue))
        self._let_wait(now, row)

    def _end(self, now: float, row: Row, kind: EndKind, error: str | None) -> None:
        """End a job, and let those that were held by it go on, or end as well."""
        ending = deque([(row, kind, error)])
        while ending:
            row, kind, error = ending.popleft()
            self._end_alone(now, row, kind, error)
            for id in self._dependents.pop(row.id, ()):
                dependent = self._rows.get(id)
                if dependent is None or row.id not in dependent.needs:
                    continue
                self._remember(dependent)
                if kind == "done" or dependent.new.after_all == "ended":
                    dependent.needs.discard(row.id)
                    self._let_wait(now, dependent)
                else:
                    dependent.needs.clear()
                    ending.append((dependent, "cancelled", because(row.id, kind)))

    def _end_alone(self, now: float, row: Row, kind: EndKind, error: str | None) -> None:
        book = self._queue(row.new.queue)
        had_room = book.room >= 1
        self._remember(row)
        self._move(row, "ended")
        row.kind, row.ended, row.error = kind, now, error
        row.needs.clear()
        book.counts[kind] += 1
        if row.new.key is not None and row.new.once_for > 0:
            row.key_until = now + row.new.once_for
            heappush(book.keyed, (row.key_until, row.id, row.version))
        else:
            row.key_until = -math.inf
            heappush(book.endings[kind], (now, row.id, row.version))
        self._ring(row, "ended")
        if not had_room and book.room >= 1:
            self._ring(row, "room")

    def cancel(self, now: float, ids: Sequence[int], reason: str) -> Sequence[Cancelling]:
        return [self._cancel(now, id, reason) for id in ids]

    def _cancel(self, now: float, id: int, reason: str) -> Cancelling:
        row = self._rows.get(id)
        if row is None or row.state == "ended":
            return "unknown"
        if row.state != "running":
            self._end(now, row, "cancelled", reason)
            return "ended"
        if row.wish is None:
            row.wish = reason
        self._ring(row, "cancel")
        return "signalled"

    def retry(self, now: float, ids: Sequence[int], attempts: int | None) -> Sequence[Retrying]:
        return [self._retry(now, id, attempts) for id in ids]

    def _retry(self, now: float, id: int, attempts: int | None) -> Retrying:
        row = self._rows.get(id)
        if row is None:
            return "unknown"
        if row.state != "ended":
            return "live"
        book = self._queue(row.new.queue)
        if row.new.key is not None:
            holder = self._holder(now, row.new.key, book)
            if holder is not None and holder != id:
                return Enqueued(holder, created=False)
            book.keys[row.new.key] = id
        assert row.kind is not None
        book.counts[row.kind] -= 1
        row.max_attempts = row.attempt + (attempts or row.new.max_attempts)
        row.kind = row.ended = row.expires = row.run_at = row.result = row.wish = None
        row.crashes = row.lost = 0
        self._move(row, "scheduled")
        self._note_droppable(row, book)
        self._let_wait(now, row)
        return "retried"


def because(id: int, kind: EndKind | None) -> str:
    """Say why a job ends that was to run after another one."""
    return f"job {id}, after which it was to run, ended as {kind}"

"""Shelves: where the jobs in memory are, how one moves, and what can be asked about them."""

# Theory of operation
# -------------------
# A row for each job, and for each queue its counts and the lines in which jobs wait. What waits
# for a time is in a heap by that time. The heaps are never searched: an entry whose row has moved
# on is skipped when it comes up.

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from copy import copy
from heapq import heappush
from itertools import islice
from typing import Literal

from .._explaining import explain
from .._queue_records import QueueCounts, QueueSettings
from .._records import (
    Ending,
    EndKind,
    Explanation,
    Hint,
    JobRecord,
    ProgressReport,
    Release,
    State,
    Ticket,
)
from .._times import moment
from ._rows import QueueBook, Row


class MemoryShelves:
    """The jobs, and the queues that they are in."""

    def __init__(self) -> None:
        self.hints: dict[str, list[Hint]] = defaultdict(list)
        self._rows: dict[int, Row] = {}
        self._last = 0
        self._queues: dict[str, QueueBook] = {}
        self._receipts: dict[str, int] = {}
        self._dependents: dict[int, list[int]] = defaultdict(list)
        self._due: list[tuple[float, int]] = []
        self._expiring: list[tuple[float, int]] = []
        self._leases: list[tuple[float, int, int]] = []
        self._before: dict[int, tuple[Row, list[int]]] | None = None  # while it may be undone

    def _queue(self, name: str) -> QueueBook:
        if name not in self._queues:
            self._queues[name] = QueueBook(name)
        return self._queues[name]

    def configure(
        self, now: float, queue: str, settings: QueueSettings | None, update: bool
    ) -> QueueSettings:
        book = self._queue(queue)
        if settings is not None and (book.settings is None or update):
            book.settings = settings
            waiting = [row for row in self._rows_of(queue) if row.state == "waiting"]
            book.lines = {}
            for row in waiting:
                self._line_up(row, book)
            book.droppable = []
            for row in self._rows_of(queue):
                self._note_droppable(row, book)
            self.hints[queue].append(Hint("changed"))
        return book.settings or QueueSettings()

    def pause(self, now: float, queue: str, paused: bool) -> bool:
        book = self._queue(queue)
        changed = book.paused != paused
        book.paused = paused
        if changed and not paused:
            self.hints[queue].append(Hint("resumed"))
        return changed

    # Moving

    def _move(self, row: Row, state: State) -> None:
        """Change the state of a job, its version, and the counts."""
        book = self._queue(row.new.queue)
        if row.state != "ended":
            book.counts[row.state] -= 1
        if row.state == "running" and row.new.group is not None:
            book.groups[row.new.group] -= 1
            if not book.groups[row.new.group]:
                del book.groups[row.new.group]
            if book.settings is not None and book.settings.group_limit is not None:
                self._ring(row, "waiting")  # another one of its group can start
        if state != "ended":
            book.counts[state] += 1
        row.state = state
        row.version += 1
        row.lease_until = None

    def _let_wait(self, now: float, row: Row) -> None:
        """Put a scheduled job where it belongs: in the heap of those to come, or in line."""
        if row.needs:
            return
        if row.run_at is not None and row.run_at > now:
            heappush(self._due, (row.run_at, row.id))
            self._ring(row, "scheduled")
            return
        self._move(row, "waiting")
        self._line_up(row, self._queue(row.new.queue))
        self._ring(row, "waiting")

    def _line_up(self, row: Row, book: QueueBook) -> None:
        group = None if book.limit == math.inf else row.new.group
        line = book.lines.setdefault(row.route, {}).setdefault(group, [])
        heappush(line, (-row.new.priority, row.id))

    def _ring(
        self, row: Row, what: Literal["waiting", "scheduled", "ended", "cancel", "room"]
    ) -> None:
        self.hints[row.new.queue].append(Hint(what, (row.id,)))

    def _drops(self, book: QueueBook) -> bool:
        return book.settings is not None and book.settings.when_full == "drop-oldest"

    def _note_droppable(self, row: Row, book: QueueBook) -> None:
        if self._drops(book) and row.idle and not row.attempts:
            heappush(book.droppable, (row.new.priority, row.id))

    def _remember(self, row: Row) -> None:
        """Keep a copy of a row that changes while that may be undone."""
        if self._before is not None and row.id not in self._before:
            old = copy(row)
            old.needs = {*row.needs}
            self._before[row.id] = old, [*self._dependents.get(row.id, ())]

    def _holder(self, now: float, key: str, book: QueueBook) -> int | None:
        """Return the job that has a key."""
        row = self._rows.get(book.keys.get(key, 0))
        if row is None or (row.state == "ended" and row.key_until <= now):
            book.keys.pop(key, None)
            return None
        return row.id

    def _run(self, ticket: Ticket | Ending | Release | ProgressReport) -> Row | None:
        """Return the job of a run that is not over."""
        row = self._rows.get(ticket.id)
        if row is None or row.state != "running" or row.version != ticket.version:
            return None
        return row

    # Asking

    def look(self, now: float, ids: Sequence[int]) -> Sequence[JobRecord | None]:
        rows = [self._rows.get(id) for id in ids]
        return [None if row is None else self._record(row) for row in rows]

    def list(
        self,
        now: float,
        queue: str,
        states: Collection[State],
        kinds: Collection[EndKind],
        limit: int,
        before: int | None,
        after: int | None,
    ) -> Sequence[JobRecord]:
        rows = (
            row
            for row in (reversed(self._rows.values()) if after is None else self._rows.values())
            if row.new.queue == queue
            if before is None or row.id < before
            if after is None or row.id > after
            if not states or row.state in states
            if not kinds or row.kind in kinds
        )
        return [self._record(row) for row in islice(rows, limit)]

    def queues(self, now: float) -> Sequence[str]:
        return sorted(self._queues)

    def statistics(self, now: float, queue: str) -> QueueCounts:
        book = self._queue(queue)
        return QueueCounts(**book.counts, pruned=dict(+book.pruned), paused=book.paused)

    def audit(self, now: float, queue: str) -> QueueCounts:
        counts = self.statistics(now, queue)
        found = Counter(row.kind or row.state for row in self._rows_of(queue))
        kept = {name: n for name, n in self._queue(queue).counts.items() if n and name != "stored"}
        if kept != found or not counts.balanced:
            raise AssertionError(f"queue {queue!r}: the store keeps {counts}, its rows are {found}")
        return counts

    def explain(self, now: float, id: int) -> Explanation | None:
        row = self._rows.get(id)
        if row is None:
            return None
        book = self._queue(row.new.queue)
        rank = (-row.new.priority, row.id)
        ahead = sum(
            (-other.new.priority, other.id) < rank
            for other in self._rows_of(book.name)
            if other.state == "waiting"
        )
        group = row.new.group
        return explain(
            self._record(row),
            moment(now),
            ahead=ahead,
            paused=book.paused,
            in_group=0 if group is None else book.groups[group],
            limit=None if book.settings is None else book.settings.group_limit,
        )

    def _rows_of(self, queue: str) -> Iterator[Row]:
        return (row for row in self._rows.values() if row.new.queue == queue)

    def _record(self, row: Row) -> JobRecord:
        new = row.new
        return JobRecord(
            id=row.id,
            queue=new.queue,
            state=row.state,
            kind=row.kind,
            version=row.version,
            payload=new.payload,
            codec=new.codec,
            key=new.key,
            priority=new.priority,
            group=new.group,
            machine=new.machine,
            labels=new.labels,
            headers=new.headers,
            submitted=moment(row.submitted),
            run_at=moment(row.run_at),
            expires=moment(row.expires),
            timeout=new.timeout,
            attempt=row.attempt,
            max_attempts=row.max_attempts,
            crashes=row.crashes,
            lost=row.lost,
            held_by=len(row.needs),
            worker=row.worker,
            started=moment(row.started),
            lease_until=moment(row.lease_until),
            ended=moment(row.ended),
            cancel_reason=row.wish,
            progress=row.progress,
            error=row.error,
            result=row.result,
            attempts=tuple(row.attempts),
            attempts_forgotten=row.forgotten,
        )

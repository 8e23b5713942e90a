"""The book in memory: every job in plain Python, exact, and gone with the process."""

# Theory of operation
# -------------------
# How jobs get onto the shelves, and from there to workers. All else that a store does is in the
# files that this one builds upon.
#
# A line is for one route (a machine and labels) and, if groups are limited, one group. A claim
# looks at the heads of the lines that the worker suits and that are not full, so it costs
# something for each line, never for each job.
#
# A whole batch is stored job by job. If one is refused, all that was done is undone: the new
# rows are deleted, and copies of the rows that were changed are put back.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. The counts of a queue are those of its rows.
# 2. A key belongs to at most one job that has not ended.
# 3. Every waiting job is in a line, every scheduled one in a heap or held by others.

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import final

from .._records import Enqueued, Held, JobRecord, NewJob, ProgressReport, Refusal, Ticket, Worker
from ._ending import because
from ._rows import Line, QueueBook, Row
from ._tending import MemoryTending


@final
class MemoryBook(MemoryTending):
    """The operations of a store, each one step. See `Store` for what they do."""

    # Storing

    def enqueue(
        self, now: float, jobs: Sequence[NewJob], whole: bool
    ) -> Sequence[Enqueued | Refusal]:
        last = self._last
        if not whole:
            return [self._enqueue(now, job, last) for job in jobs]
        self._before = {}
        answers = [self._enqueue(now, job, last) for job in jobs]
        before, self._before = self._before, None
        if not any(isinstance(answer, Refusal) for answer in answers):
            return answers
        self._undo(last, before)
        return [
            Refusal("another job of the same call was refused", follows=True)
            if isinstance(answer, Enqueued) and answer.id > last
            else answer
            for answer in answers
        ]

    def _undo(self, last: int, before: dict[int, tuple[Row, list[int]]]) -> None:
        """Delete the jobs after the last one, and put others back as they were."""
        self.hints.clear()
        for id in range(last + 1, self._last + 1):
            row = self._rows.pop(id)
            book = self._queue(row.new.queue)
            book.counts["stored"] -= 1
            book.counts[row.kind or row.state] -= 1
            if row.new.key is not None and book.keys.get(row.new.key) == id:
                del book.keys[row.new.key]
            self._receipts.pop(row.new.receipt or "", None)
        for id, (old, dependents) in before.items():
            if id in self._rows:
                row, self._rows[id] = self._rows[id], old
                book = self._queue(old.new.queue)
                book.counts[row.kind or row.state] -= 1
                book.counts[old.state] += 1
                if old.new.key is not None:
                    book.keys[old.new.key] = id
                self._dependents[id] = dependents
                self._note_droppable(old, book)

    def _enqueue(self, now: float, job: NewJob, last: int) -> Enqueued | Refusal:
        """Store a job of a call before which ``last`` was the last one."""
        book = self._queue(job.queue)
        answer = self._known(now, job, book) or self._missing(job, last)
        if answer is not None:
            return answer
        if book.room < 1 and not self._make_room(now, job, book):
            return _full(book)
        self._last += 1
        row = Row(self._last, job, now, "scheduled", job.max_attempts, job.expires)
        row.run_at = max(job.run_at or -math.inf, now + job.delay if job.delay else -math.inf)
        if row.run_at == -math.inf:
            row.run_at = None
        self._rows[row.id] = row
        book.counts["stored"] += 1
        book.counts["scheduled"] += 1
        if job.key is not None:
            book.keys[job.key] = row.id
        if job.receipt is not None:
            self._receipts[job.receipt] = row.id
        if row.expires is not None:
            heappush(self._expiring, (row.expires, row.id))
            self._ring(row, "scheduled")
        self._note_droppable(row, book)
        broken = None
        for need in dict.fromkeys(job.after):
            other = self._rows[need]
            if other.state != "ended":
                row.needs.add(need)
                self._dependents[need].append(row.id)
            elif other.kind != "done" and job.after_all == "done":
                broken = other
        if broken is not None:
            self._end(now, row, "cancelled", because(broken.id, broken.kind))
        else:
            self._let_wait(now, row)
        return Enqueued(row.id)

    def _known(self, now: float, job: NewJob, book: QueueBook) -> Enqueued | None:
        """Return the job that is there already, instead of this one."""
        if job.receipt is not None and job.receipt in self._receipts:
            return Enqueued(self._receipts[job.receipt])
        if job.key is not None and (holder := self._holder(now, job.key, book)) is not None:
            return Enqueued(holder, created=False)
        return None

    def _missing(self, job: NewJob, last: int) -> Refusal | None:
        """Refuse a job that is to run after one that is not there."""
        for need in job.after:
            if need > last or need not in self._rows:
                return Refusal(f"it is to run after job {need}, which is not in the store")
        return None

    def _make_room(self, now: float, job: NewJob, book: QueueBook) -> bool:
        """Drop another job for this one, if the queue does such things."""
        while book.droppable and self._drops(book):
            priority, id = book.droppable[0]
            row = self._rows.get(id)
            if row is None or not row.idle or row.attempts:
                heappop(book.droppable)  # it runs or has run, or is gone
                continue
            if priority > job.priority:
                return False
            heappop(book.droppable)
            self._end(now, row, "dropped", "the queue was full")
            return True
        return False

    # Leasing

    def offer(self, now: float, queue: str, n: int, worker: Worker) -> Sequence[Ticket]:
        book = self._queue(queue)
        rows = self._pick(now, book, n, worker)
        for row in rows:
            self._line_up(row, book)  # they are only looked at
        return [Ticket(row.id, row.version) for row in rows]

    def accept(
        self, now: float, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> Sequence[JobRecord | None]:
        return [self._accept(now, ticket, worker, lease) for ticket in tickets]

    def _accept(self, now: float, ticket: Ticket, worker: Worker, lease: float) -> JobRecord | None:
        row = self._rows.get(ticket.id)
        if row is None or row.version != ticket.version or row.state != "waiting":
            return None
        book = self._queue(row.new.queue)
        group = row.new.group
        full = group is not None and book.groups[group] >= book.limit
        if book.paused or full or _expired(now, row) or not _suits(worker, row):
            return None
        return self._lease(now, row, worker, lease)

    def claim(
        self, now: float, queue: str, n: int, worker: Worker, lease: float
    ) -> Sequence[JobRecord]:
        rows = self._pick(now, self._queue(queue), n, worker)
        return [self._lease(now, row, worker, lease) for row in rows]

    def _pick(self, now: float, book: QueueBook, n: int, worker: Worker) -> list[Row]:
        """Take the next ``n`` jobs that ``worker`` may have out of their lines."""
        picked: dict[int, Row] = {}
        if book.paused or n < 1:
            return []
        heads: list[tuple[tuple[int, int], Line]] = []
        free = {group: book.limit - count for group, count in book.groups.items()}

        def advance(line: Line) -> None:
            # It was cancelled, say; or it has expired; or it is in line twice.
            while line and (line[0][1] in picked or not self._is_next(now, line[0])):
                heappop(line)
            if line:
                heappush(heads, (line[0], line))

        for (machine, labels), lines in book.lines.items():
            if worker.suits(machine, dict(labels)):
                for line in lines.values():
                    advance(line)
        while heads and len(picked) < n:
            (_, id), line = heappop(heads)
            row = self._rows[id]
            group = row.new.group
            if group is not None:
                if free.get(group, book.limit) < 1:
                    continue
                free[group] = free.get(group, book.limit) - 1
            heappop(line)
            picked[id] = row
            advance(line)
        book.tidy()
        return [*picked.values()]

    def _is_next(self, now: float, entry: tuple[int, int]) -> bool:
        """Whether an entry of a line is a job that can be had now."""
        row = self._rows.get(entry[1])
        return row is not None and row.state == "waiting" and not _expired(now, row)

    def _lease(self, now: float, row: Row, worker: Worker, lease: float) -> JobRecord:
        book = self._queue(row.new.queue)
        was_full = book.room < 1
        self._move(row, "running")
        if row.new.group is not None:
            book.groups[row.new.group] += 1
        row.worker, row.started, row.marked = worker.name, now, False
        row.wish = row.progress = None
        self._extend(now, row, lease)
        if was_full:
            self._ring(row, "room")
        return self._record(row)

    def _extend(self, now: float, row: Row, lease: float) -> None:
        row.lease_until = now + lease
        heappush(self._leases, (row.lease_until, row.id, row.version))

    def start(self, now: float, tickets: Sequence[Ticket]) -> Sequence[bool]:
        return [self._start(now, ticket) for ticket in tickets]

    def _start(self, now: float, ticket: Ticket) -> bool:
        row = self._run(ticket)
        if row is not None and not row.marked:
            row.marked, row.started = True, now
            row.attempt += 1
        return row is not None

    def extend(self, now: float, tickets: Sequence[Ticket], lease: float) -> Sequence[Held]:
        answers: list[Held] = []
        for ticket in tickets:
            row = self._run(ticket)
            if row is None:
                answers.append("lost")
                continue
            self._extend(now, row, lease)
            answers.append("held" if row.wish is None else "cancelled")
        return answers

    def report(self, now: float, reports: Sequence[ProgressReport]) -> Sequence[bool]:
        for report in reports:
            if (row := self._run(report)) is not None:
                row.progress = report.done, report.total
        return [self._run(report) is not None for report in reports]

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        for book in self._queues.values():
            self.audit(0.0, book.name)
        keys = Counter(
            (row.new.queue, row.new.key)
            for row in self._rows.values()
            if row.state != "ended" and row.new.key is not None
        )
        assert all(count == 1 for count in keys.values()), keys
        in_line = {
            id
            for book in self._queues.values()
            for lines in book.lines.values()
            for line in lines.values()
            for _, id in line
        }
        due = {id for _, id in self._due}
        expiring = {id for _, id in self._expiring}
        for row in self._rows.values():
            if row.state == "waiting":
                assert row.id in in_line | expiring, row
            if row.state == "scheduled":
                assert row.needs or row.id in due, row


def _expired(now: float, row: Row) -> bool:
    return row.expires is not None and row.expires <= now


def _suits(worker: Worker, row: Row) -> bool:
    return worker.suits(row.new.machine, row.new.labels)


def _full(book: QueueBook) -> Refusal:
    assert book.settings is not None
    return Refusal(f"queue {book.name!r} is full: {book.settings.capacity} jobs wait", full=True)

"""Storing: how a batch of new jobs becomes rows."""

# Theory of operation
# -------------------
# All rows of a batch are written by one statement. Ids are drawn beforehand, from where
# AUTOINCREMENT keeps the last one. A key may be taken by a row or by an earlier job of the same
# batch, so both are asked.
#
# What a batch does is as if its jobs were stored one after the other. So where a job ends another
# one, or ends itself at once, the rows gathered so far are written before.

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, final

from .._records import STATES, Enqueued, NewJob, Refusal
from ._connection import Connection
from ._ending import Endings, because
from ._queues import Queues
from ._rows import headers_of, route_of

# Most jobs have nothing but defaults in the others, which are then left out.
_COMMON: Final = (
    "id, queue, state, priority, route, submitted, timeout, max_attempts, grants, codec, payload"
)
_RARE: Final = "grp, key, once_for, run_at, expires, held, after_all, headers, receipt"
_ALL_DEFAULTS: Final = (None, None, None, None, None, 0, 0, None, None)
_WHERE: Final = itemgetter(1, 2)  # the queue and the state of such a row

_DROPPABLE: Final = """
SELECT id FROM gochan_job WHERE queue = ? AND state < 2 AND log IS NULL AND priority <= ?
ORDER BY priority, id LIMIT 1"""


class Undo(Exception):
    """An operation is to leave no trace, but answers something all the same."""

    def __init__(self, answer: object) -> None:
        super().__init__("undone")
        self.answer = answer


@final
class _Batch:
    """A batch of new jobs.

    Args:
        connection: to the file, in a transaction that writes.
        queues: by the same connection.
        endings: by the same connection.
        now: the time.

    Attributes:
        before: the last id before those of the batch.
        waiting: the queues of those that can start at once.
        timed: the queues of those whose time comes later, or ends.
    """

    def __init__(
        self, connection: Connection, queues: Queues, endings: Endings, now: float
    ) -> None:
        self._db = connection
        self._now = now
        self._queues = queues
        self._endings = endings
        self._last = (
            connection.value("SELECT seq FROM sqlite_sequence WHERE name = 'gochan_job'") or 0
        )
        self._rows: list[tuple[Any, ...]] = []  # with the common columns alone
        self._full_rows: list[tuple[Any, ...]] = []
        self._needs: list[tuple[int, int]] = []
        self._keys: dict[tuple[int, str], int] = {}
        self._receipts: dict[str, int] = {}
        self._rooms: dict[int, float] = {}
        self.before: int = self._last
        self.waiting: set[int] = set()
        self.timed: set[int] = set()

    def add(self, job: NewJob) -> Enqueued | Refusal:
        """Store a job at the end of the batch, unless it is there already or cannot be stored."""
        queue = self._queues.number_of(job.queue)
        if job.key is not None or job.receipt is not None:
            known = self._known(queue, job)
            if known is not None:
                return known
        for need in job.after:
            if need > self.before or not self._is_there(need):
                return Refusal(f"it is to run after job {need}, which is not in the store")
        if self._room(queue) < 1:
            self.write()
            full = self._make_room(queue, job)
            if full is not None:
                return Refusal(full, full=True)
        needs, broken = self._needs_of(job) if job.after else ([], None)
        self._last += 1
        self._write_down(job, queue, len(needs))
        if broken is not None:
            self.write()
            self._endings.end_idle(self._now, self._last, "cancelled", broken)
        else:
            self._needs += [(need, self._last) for need in needs]
        return Enqueued(self._last)

    def _is_there(self, id: int) -> bool:
        return self._db.row("SELECT 1 FROM gochan_job WHERE id = ?", (id,)) is not None

    def _room(self, queue: int) -> float:
        """Return how many more jobs may wait."""
        if queue not in self._rooms:
            self._rooms[queue] = self._queues.room_of(queue)
        return self._rooms[queue]

    def _make_room(self, queue: int, job: NewJob) -> str | None:
        """Drop another job for this one, or return why there is no room."""
        _, settings = self._queues.settings(queue)
        assert settings is not None
        if settings.when_full == "drop-oldest":
            row = self._db.row(_DROPPABLE, (queue, job.priority))
            if row is not None:
                self._endings.end_idle(self._now, row[0], "dropped", "the queue was full")
                return None
        return f"queue {job.queue!r} is full: {settings.capacity} jobs wait"

    def _needs_of(self, job: NewJob) -> tuple[list[int], str | None]:
        """Return what holds a job, and why it cannot run any more, if that is so."""
        needs: list[int] = []
        broken = None
        for need in dict.fromkeys(job.after):
            state, kind = self._db.row("SELECT state, kind FROM gochan_job WHERE id = ?", (need,))
            if state < 3:
                needs.append(need)
            elif kind != "done" and job.after_all == "done":
                broken = because(need, kind)
        return ([], broken) if broken else (needs, None)

    def _known(self, queue: int, job: NewJob) -> Enqueued | None:
        """Return the job that is there already, instead of this one."""
        if job.receipt is not None:
            id = self._receipts.get(job.receipt) or self._db.value(
                "SELECT id FROM gochan_job WHERE receipt = ?", (job.receipt,)
            )
            if id is not None:
                return Enqueued(id)
        if job.key is not None:
            id = self._keys.get((queue, job.key)) or self._queues.holder_of(
                self._now, queue, job.key
            )
            if id is not None:
                return Enqueued(id, created=False)
        return None

    def _write_down(self, job: NewJob, queue: int, held: int) -> None:
        once_for = None if job.key is None else job.once_for
        now, run_at = self._now, job.run_at
        if job.delay:
            run_at = max(run_at or 0.0, now + job.delay)
        scheduled = held or (run_at is not None and run_at > now)
        if job.key is not None:
            self._keys[queue, job.key] = self._last
        if job.receipt is not None:
            self._receipts[job.receipt] = self._last
        common = (
            self._last, queue, 0 if scheduled else 1, job.priority,
            route_of(job.machine, job.labels), now, job.timeout, job.max_attempts,
            job.max_attempts, job.codec, job.payload,
        )  # fmt: skip
        rare = (
            job.group, job.key, once_for, run_at, job.expires, held,
            int(job.after_all == "ended"), headers_of(job), job.receipt,
        )  # fmt: skip
        if rare == _ALL_DEFAULTS:
            self._rows.append(common)
        else:
            self._full_rows.append(common + rare)
        self._rooms[queue] = self._room(queue) - 1
        if scheduled or job.expires is not None:
            self.timed.add(queue)

    def write(self) -> None:
        """Write the rows that have gathered."""
        self._db.insert("gochan_job", _COMMON, self._rows)
        self._db.insert("gochan_job", f"{_COMMON}, {_RARE}", self._full_rows)
        self._db.run_many("INSERT INTO gochan_need VALUES (?, ?)", self._needs)
        changes = Counter[tuple[int, str]]()
        for (queue, state), n in Counter(map(_WHERE, self._rows + self._full_rows)).items():
            changes[queue, "stored"] += n
            changes[queue, STATES[state]] += n
            if state == 1:
                self.waiting.add(queue)
        self._queues.count(changes)
        for gathered in (
            self._rows,
            self._full_rows,
            self._needs,
            self._keys,
            self._receipts,
            self._rooms,
        ):
            gathered.clear()


@final
class Storing:
    """Stores batches of jobs, by one connection."""

    def __init__(self, connection: Connection, queues: Queues, endings: Endings) -> None:
        self._db = connection
        self._queues = queues
        self._endings = endings

    def enqueue(
        self, now: float, jobs: Sequence[NewJob], whole: bool
    ) -> Sequence[Enqueued | Refusal]:
        batch = _Batch(self._db, self._queues, self._endings, now)
        answers = [batch.add(job) for job in jobs]
        if whole and any(isinstance(answer, Refusal) for answer in answers):
            raise Undo([_undone(answer, batch.before) for answer in answers])
        batch.write()
        for queue in batch.waiting:
            self._queues.ring(queue, "waiting")
        for queue in batch.timed:
            self._queues.ring(queue, "scheduled")
        return answers


def _undone(answer: Enqueued | Refusal, before: int) -> Enqueued | Refusal:
    """Return the answer about a job of a batch that is not stored, since one was refused."""
    if isinstance(answer, Enqueued) and answer.id > before:
        return Refusal("another job of the same call was refused", follows=True)
    return answer

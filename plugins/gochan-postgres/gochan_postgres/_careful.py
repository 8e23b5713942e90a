"""Care: jobs that are stored by a transaction which looks, decides, and writes."""

# Theory of operation
# -------------------
# First it looks (which receipts and keys are known, what has become of the jobs that come first,
# how much room there is), then decides about each job in order, then writes. Others may do the
# same meanwhile. So unique indexes have the last word: if a row cannot be written, all is undone
# and looked at again. A job that is needed is locked from the look on, so that it cannot end in
# between.

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeAlias, final

from gochan.durable import Enqueued, Hint, NewJob, Refusal

from ._connection import Connection
from ._new_rows import DUE, INTO, NEW, because, parameters_of
from ._queues import Changes, Queues
from ._rows import fitting
from ._schema import LOCK

Answer: TypeAlias = Enqueued | Refusal

# All that was decided before; whether it could be written is asked of the answer.
_WRITE: Final = f"""
WITH t AS MATERIALIZED (SELECT {{now}} AS now),
x AS MATERIALIZED (SELECT y.given AS id, y.*, {DUE} FROM ({NEW}) y, t),
i AS (
    {INTO} ORDER BY x.key NULLS FIRST, x.id
    ON CONFLICT (queue, key) WHERE key IS NOT NULL DO NOTHING RETURNING id, queue, state
),
r AS (
    INSERT INTO {{s}}.receipt SELECT x.receipt, i.id FROM i JOIN x ON x.id = i.id
    WHERE x.receipt IS NOT NULL ORDER BY x.receipt ON CONFLICT DO NOTHING RETURNING id
)
SELECT i.id, i.queue, i.state,
    x.receipt IS NULL OR EXISTS (SELECT FROM r WHERE r.id = i.id)
FROM i JOIN x ON x.id = i.id"""

_HOLDERS: Final = """
WITH k AS (SELECT * FROM unnest(%(queues)s::int[], %(keys)s::text[]) AS k(queue, key))
SELECT k.queue, k.key, max(j.id) FROM k JOIN {s}.job j ON j.queue = k.queue AND j.key = k.key
GROUP BY 1, 2
UNION ALL
SELECT k.queue, k.key, max(e.id) FROM k JOIN {s}.ended e ON e.queue = k.queue AND e.key = k.key
WHERE e.key_until > {now}
GROUP BY 1, 2"""

# Jobs that others need. The mark is seen by whoever ends them, and the lock keeps them from it.
_NEED: Final = """
WITH l AS MATERIALIZED (
    SELECT id FROM {s}.job WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
)
UPDATE {s}.job j SET needed = true FROM l WHERE j.id = l.id RETURNING j.id"""

_DROPPABLE: Final = """
SELECT id, priority FROM {s}.job
WHERE queue = %(queue)s AND state < 2 AND log IS NULL AND priority <= %(most)s
ORDER BY priority, id LIMIT %(n)s FOR UPDATE SKIP LOCKED"""


class Undo(Exception):
    """An operation is to leave no trace, but answers something all the same."""

    def __init__(self, answer: Sequence[Answer]) -> None:
        super().__init__("undone")
        self.answer = answer


class Again(Exception):
    """Somebody else was faster; look again."""


@final
class Batch:
    """Jobs that are stored with care, in a transaction."""

    def __init__(self, connection: Connection, queues: Queues, end: Any) -> None:
        self._db = connection
        self._queues = queues
        self._end = end
        self._receipts: dict[str, int] = {}
        self._keys: dict[tuple[int, str], int] = {}
        self._states: dict[int, str | None] = {}  # of jobs that are needed; None: not ended
        self._room: dict[int, float] = {}
        self._droppable: dict[int, list[tuple[int, int]]] = {}
        self._dropped: list[int] = []
        self._names: dict[int, str] = {}
        self._capacities: dict[int, float] = {}
        self._taken: dict[int, int] = {}  # who had the key, for jobs that could not be written

    def store(
        self, jobs: Sequence[NewJob], queues: Sequence[int], ids: Sequence[int], whole: bool
    ) -> Sequence[Answer]:
        """Store jobs; raise `Undo` if all or none are to be stored, and one cannot be."""
        answers = self._store(jobs, queues, ids)
        if whole and any(isinstance(answer, Refusal) for answer in answers):
            raise Undo(with_the_others(answers, ids))
        return answers

    def _store(
        self, jobs: Sequence[NewJob], queues: Sequence[int], ids: Sequence[int]
    ) -> Sequence[Answer]:
        self._look(jobs, queues)
        needing = any(job.after and job.key is not None for job in jobs)
        if (self._droppable or needing) and len(jobs) > 1:
            # One may drop another before it, or be over at once, and with that free a key.
            return [
                Batch(self._db, self._queues, self._end)._store([job], [queue], [id])[0]
                for job, queue, id in zip(jobs, queues, ids, strict=True)
            ]
        answers: list[Answer] = []
        chosen: list[int] = []
        helds: list[int] = []
        needs: list[tuple[int, int]] = []
        broken: dict[int, str] = {}
        for number, (job, queue) in enumerate(zip(jobs, queues, strict=True)):
            id = ids[number]
            answer, needed, why = self._decide(job, queue, id)
            answers.append(answer)
            if isinstance(answer, Enqueued) and answer.id == id:
                chosen.append(number)
                helds.append(0 if why else len(needed))
                if why is not None:
                    broken[id] = why  # it is over at once, and leaves its room to others
                    self._room[queue] = self._room.get(queue, math.inf) + 1
                else:
                    needs += [(need, id) for need in needed]
        if chosen:
            self._write(
                [jobs[n] for n in chosen], [queues[n] for n in chosen],
                [ids[n] for n in chosen], helds, needs, broken,
            )  # fmt: skip
        return [
            Enqueued(self._taken[answer.id], created=False)
            if isinstance(answer, Enqueued) and answer.id in self._taken
            else answer
            for answer in answers
        ]

    # Looking

    def _look(self, jobs: Sequence[NewJob], queues: Sequence[int]) -> None:
        numbers = sorted({*queues})
        limited = {
            queue: (capacity, when_full)
            for queue, capacity, when_full in self._db.rows(
                "SELECT id, capacity, settings::json->>'when_full' FROM {s}.queue "
                "WHERE id = ANY(%(ids)s::int[]) AND capacity IS NOT NULL",
                {"ids": numbers},
            )
        }
        for queue in sorted(limited):
            # Each in a statement of its own: what is counted must be seen after the lock is had.
            # Not in a user's transaction, which might keep everybody waiting.
            if self._db.own:
                self._db.run(
                    "SELECT pg_advisory_xact_lock(%(lock)s + 1, %(queue)s)",
                    {"lock": LOCK, "queue": queue},
                )
            tally = self._queues.tally(queue)
            capacity, when_full = limited[queue]
            self._room[queue] = capacity - tally.get("scheduled", 0) - tally.get("waiting", 0)
            mine = [job for job, number in zip(jobs, queues, strict=True) if number == queue]
            if when_full == "drop-oldest" and self._room[queue] < len(mine):
                self._droppable[queue] = self._db.rows(
                    _DROPPABLE,
                    {"queue": queue, "most": max(job.priority for job in mine), "n": len(mine)},
                )[::-1]
        self._names = {queue: job.queue for job, queue in zip(jobs, queues, strict=True)}
        self._capacities = {queue: capacity for queue, (capacity, _) in limited.items()}
        receipts = [job.receipt for job in jobs if job.receipt is not None]
        if receipts:
            self._receipts = dict(
                self._db.rows(
                    "SELECT receipt, id FROM {s}.receipt WHERE receipt = ANY(%(receipts)s::text[])",
                    {"receipts": receipts},
                )
            )
        self._look_for_needed({need for job in jobs for need in job.after})
        keyed = [
            (queue, job.key) for job, queue in zip(jobs, queues, strict=True) if job.key is not None
        ]
        self._keys = self._holders(keyed)

    def _holders(self, keyed: Sequence[tuple[int, str]]) -> dict[tuple[int, str], int]:
        if not keyed:
            return {}
        rows = self._db.rows(
            _HOLDERS, {"queues": [queue for queue, _ in keyed], "keys": [key for _, key in keyed]}
        )
        holders: dict[tuple[int, str], int] = {}
        for queue, key, id in rows:  # those that have not ended come first
            holders.setdefault((queue, key), id)
        return holders

    def _look_for_needed(self, ids: Collection[int]) -> None:
        if not ids:
            return
        self._states = dict.fromkeys(
            (id for (id,) in self._db.rows(_NEED, {"ids": fitting(ids)})), None
        )
        over = [id for id in ids if id not in self._states]
        if over:
            self._states |= dict(
                self._db.rows(
                    "SELECT id, kind FROM {s}.ended WHERE id = ANY(%(ids)s::bigint[])",
                    {"ids": fitting(over)},
                )
            )

    # Deciding

    def _decide(self, job: NewJob, queue: int, id: int) -> tuple[Answer, list[int], str | None]:
        """Return the answer; which jobs have to end first; and why it has ended already."""
        if job.receipt is not None and job.receipt in self._receipts:
            return Enqueued(self._receipts[job.receipt]), [], None
        if job.key is not None and (queue, job.key) in self._keys:
            return Enqueued(self._keys[queue, job.key], created=False), [], None
        needs: list[int] = []
        broken: str | None = None
        for need in dict.fromkeys(job.after):
            if need not in self._states:
                why = f"it is to run after job {need}, which is not in the store"
                return Refusal(why), [], None
            kind = self._states[need]
            if kind is None:
                needs.append(need)
            elif kind != "done" and job.after_all == "done":
                broken = because(need, kind)
        full = self._make_room(queue, job)
        if full is not None:
            return Refusal(full, full=True), [], None
        if job.receipt is not None:
            self._receipts[job.receipt] = id
        if job.key is not None:
            self._keys[queue, job.key] = id
        return Enqueued(id), needs, broken

    def _make_room(self, queue: int, job: NewJob) -> str | None:
        """Make room for one more job, if need be; return why there is none."""
        room = self._room.get(queue, math.inf)
        if room < 1:
            droppable = self._droppable.get(queue, [])
            if not droppable or droppable[-1][1] > job.priority:
                return f"queue {job.queue!r} is full: {self._capacities[queue]:g} jobs wait"
            self._dropped.append(droppable.pop()[0])
            room += 1
        self._room[queue] = room - 1
        return None

    # Writing

    def _write(
        self,
        jobs: Sequence[NewJob],
        queues: Sequence[int],
        ids: Sequence[int],
        helds: Sequence[int],
        needs: Sequence[tuple[int, int]],
        broken: dict[int, str],
    ) -> None:
        changes: Changes = Counter()
        rows = self._insert(jobs, queues, ids, helds)
        written = {row[0] for row in rows}
        needs = [(need, id) for need, id in needs if id in written]
        self._check_keys(
            [
                (queue, job.key)
                for job, queue, id in zip(jobs, queues, ids, strict=True)
                if job.key is not None and id in written
            ]
        )
        for _, queue, state, _ in rows:
            changes[queue, "stored"] += 1
            changes[queue, "waiting" if state == 1 else "scheduled"] += 1
            what = "waiting" if state == 1 else "scheduled"
            hint = Hint(what)  # type: ignore[arg-type]
            if hint not in self._queues.hints[self._names[queue]]:
                self._queues.hints[self._names[queue]].append(hint)
        for job in jobs:
            hint = Hint("scheduled")
            if job.expires is not None and hint not in self._queues.hints[job.queue]:
                self._queues.hints[job.queue].append(hint)
        if needs:
            self._db.run(
                "INSERT INTO {s}.need SELECT * FROM "
                "unnest(%(needs)s::bigint[], %(jobs)s::bigint[]) ON CONFLICT DO NOTHING",
                {"needs": [need for need, _ in needs], "jobs": [id for _, id in needs]},
            )
        self._queues.write(changes)
        # Only now, since a new job may need one of these.
        if self._dropped:
            self._end(self._dropped, "dropped", dict.fromkeys(self._dropped, "the queue was full"))
        if broken:
            self._end([*broken], "cancelled", broken)

    def _insert(
        self,
        jobs: Sequence[NewJob],
        queues: Sequence[int],
        ids: Sequence[int],
        helds: Sequence[int],
    ) -> list[tuple[Any, ...]]:
        """Write rows, but for those whose key somebody else has taken meanwhile."""
        rows = self._db.rows(_WRITE, parameters_of(jobs, queues, ids, helds))
        if not all(noted for *_, noted in rows):
            raise Again
        written = {row[0] for row in rows}
        left = [n for n, id in enumerate(ids) if id not in written]
        keyed = [(queues[n], key) for n in left if (key := jobs[n].key) is not None]
        holders = self._holders(keyed)
        for number in left:
            holder = holders.get((queues[number], jobs[number].key or ""))
            if holder is None:
                # It has ended in between. To take the key now would be out of order, and two who
                # do so wait for each other.
                raise Again
            self._taken[ids[number]] = holder
        return rows

    def _check_keys(self, keyed: Sequence[tuple[int, str]]) -> None:
        """Look whether a job has ended meanwhile and still has its key, by ``once_for``."""
        if not keyed:
            return
        rows = self._db.rows(
            "WITH k AS (SELECT * FROM unnest(%(queues)s::int[], %(keys)s::text[]) AS k(queue, key))"
            "SELECT FROM k JOIN {s}.ended e ON e.queue = k.queue AND e.key = k.key "
            "WHERE e.key_until > {now} LIMIT 1",
            {"queues": [queue for queue, _ in keyed], "keys": [key for _, key in keyed]},
        )
        if rows:
            raise Again


def with_the_others(answers: Sequence[Answer | None], ids: Collection[int]) -> list[Answer]:
    """Return the answers when none of the jobs with these ids is stored, since one is refused."""
    return [
        Refusal("another job of the same call was refused", follows=True)
        if answer is None or (isinstance(answer, Enqueued) and answer.id in ids)
        else answer
        for answer in answers
    ]

"""Storing: new jobs, each batch by one statement, or by a careful transaction."""

# Theory of operation
# -------------------
# Most jobs have no key, need no other job, and their queue takes any number. All of a batch go by
# one statement. It draws the ids, notes the receipts, and leaves out jobs whose receipt is known;
# it stores nothing at all if one of the queues has a capacity, and so says that care is needed.
#
# All others go by a careful transaction (`Batch`).
#
# A key may be in an open transaction of a user's. Nobody can know what will become of that; a batch
# waits for a second, then each of its jobs is stored by itself, and those whose key is still in
# question are refused.

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, final

import psycopg

from gochan.durable import Enqueued, Hint, NewJob, Refusal, StoreUnavailable

from ._careful import Again, Answer, Batch, Undo, with_the_others
from ._connection import Connection
from ._new_rows import DUE, INTO, NEW, parameters_of, refusal_of
from ._queues import Queues, bell_text
from ._rows import route_of

_ROUNDS: Final = 10

_STORE: Final = f"""
WITH t AS MATERIALIZED (SELECT {{now}} AS now),
x AS MATERIALIZED (
    SELECT coalesce(y.given, nextval('{{s}}.job_id')) AS id, y.*, {DUE}
    FROM (SELECT * FROM ({NEW}) n ORDER BY o) y, t
    WHERE NOT EXISTS (
        SELECT FROM {{s}}.queue WHERE id = ANY(%(of)s::int[]) AND capacity IS NOT NULL
    )
),
r AS (
    INSERT INTO {{s}}.receipt SELECT x.receipt, x.id FROM x WHERE x.receipt IS NOT NULL
    ORDER BY x.receipt ON CONFLICT DO NOTHING RETURNING id
),
i AS (
    {INTO} WHERE x.receipt IS NULL OR x.id IN (SELECT id FROM r) ORDER BY x.id
    RETURNING id, queue, state
),
c AS (
    INSERT INTO {{s}}.tally
    SELECT i.queue, w.what, count(*) FROM i CROSS JOIN LATERAL (
        VALUES ('stored'), (CASE WHEN i.state = 0 THEN 'scheduled' ELSE 'waiting' END)
    ) w(what)
    GROUP BY i.queue, w.what
),
b AS MATERIALIZED (SELECT pg_notify(%(channel)s, %(bell)s) WHERE EXISTS (SELECT FROM i))
SELECT x.o, i.id, (SELECT count(*) FROM b) FROM i JOIN x ON x.id = i.id"""


@final
class Storing:
    """Stores batches of jobs.

    Args:
        connection: by which.
        queues: by the same connection.
        end: ends jobs that do not run: ids, kind, and the reason of each.
    """

    def __init__(self, connection: Connection, queues: Queues, end: Any) -> None:
        self._db = connection
        self._queues = queues
        self._end = end

    def store(self, jobs: Sequence[NewJob], whole: bool) -> Sequence[Answer]:
        """Do what `Store.enqueue` says."""
        answers: list[Answer | None] = [refusal_of(job) for job in jobs]
        if whole and any(answers):
            return with_the_others(answers, ())
        good = [number for number, answer in enumerate(answers) if answer is None]
        for number, answer in zip(
            good, self._store([jobs[number] for number in good], whole), strict=True
        ):
            answers[number] = answer
        assert None not in answers
        return answers  # type: ignore[return-value]

    def _store(self, jobs: Sequence[NewJob], whole: bool) -> Sequence[Answer]:
        numbers = {name: self._queues.number(name) for name in {job.queue for job in jobs}}
        queues = [numbers[job.queue] for job in jobs]
        self._learn_routes(jobs, queues)
        plain = [number for number, job in enumerate(jobs) if job.key is None and not job.after]
        receipts = [job.receipt for job in jobs if job.receipt is not None]
        if len(plain) < len(jobs) and (whole or len({*receipts}) < len(receipts)):
            plain = []  # the answers depend on each other
        ids: list[int | None] = [None] * len(jobs)
        if 0 < len(plain) < len(jobs):
            ids = [*self._draw(len(jobs))]  # so that the order of ids is that of the jobs
        answers: dict[int, Answer] = {}
        if plain:
            part = [jobs[number] for number in plain]
            stored = self._quickly(part, [queues[n] for n in plain], [ids[n] for n in plain])
            answers = {plain[place]: answer for place, answer in stored.items()}
        rest = [number for number in range(len(jobs)) if number not in answers]
        if rest:
            careful = self._carefully_or_one_by_one(
                [jobs[n] for n in rest], [queues[n] for n in rest], [ids[n] for n in rest], whole
            )
            answers.update(zip(rest, careful, strict=True))
        return [answers[number] for number in range(len(jobs))]

    def _draw(self, n: int) -> list[int]:
        rows = self._db.rows(
            "SELECT nextval('{s}.job_id') FROM generate_series(1, %(n)s)", {"n": n}
        )
        return [id for (id,) in rows]

    def _learn_routes(self, jobs: Sequence[NewJob], queues: Sequence[int]) -> None:
        """Have the routes of jobs written down, so that claims know of them."""
        for job, queue in zip(jobs, queues, strict=True):
            if job.machine is None and not job.labels:
                continue
            route = route_of(job.machine, job.labels)
            if (queue, route) not in self._queues.names.routes:
                self._db.run(
                    "INSERT INTO {s}.route VALUES (%(queue)s, %(route)s, %(machine)s, "
                    "%(labels)s::jsonb) ON CONFLICT DO NOTHING",
                    {
                        "queue": queue,
                        "route": route,
                        "machine": job.machine,
                        "labels": json.dumps(dict(job.labels)),
                    },
                )
                if self._db.own:
                    self._queues.names.routes.add((queue, route))

    # By one statement

    def _quickly(
        self,
        jobs: Sequence[NewJob],
        queues: Sequence[int],
        ids: Sequence[int | None],
    ) -> dict[int, Answer]:
        """Store jobs that ask for no care; return the answers, by the places of the jobs."""
        hints: dict[str, list[Hint]] = {}
        for job in jobs:
            about = hints.setdefault(job.queue, [])
            if not about:
                about.append(Hint("waiting"))
            if len(about) == 1 and (job.delay or job.run_at is not None or job.expires is not None):
                about.append(Hint("scheduled"))
        rows = self._db.rows(
            _STORE,
            {
                **parameters_of(jobs, queues, ids),
                "of": [*set(queues)],
                "channel": self._db.dialect.channel,
                "bell": bell_text(hints),
            },
        )
        answers: dict[int, Answer] = {place - 1: Enqueued(id) for place, id, _ in rows}
        if answers:
            for name, about in hints.items():
                self._queues.hints[name] += about
        if len(answers) < len(jobs):
            known = self._receipts(jobs)
            for place, job in enumerate(jobs):
                if place not in answers and job.receipt in known:
                    answers[place] = Enqueued(known[job.receipt])
        return answers

    def _receipts(self, jobs: Sequence[NewJob]) -> dict[str | None, int]:
        receipts = [job.receipt for job in jobs if job.receipt is not None]
        if not receipts:
            return {}
        return dict(
            self._db.rows(
                "SELECT receipt, id FROM {s}.receipt WHERE receipt = ANY(%(receipts)s::text[])",
                {"receipts": receipts},
            )
        )

    # With care

    def _carefully_or_one_by_one(
        self,
        jobs: Sequence[NewJob],
        queues: Sequence[int],
        ids: Sequence[int | None],
        whole: bool,
    ) -> Sequence[Answer]:
        try:
            return self._carefully(jobs, queues, ids, whole)
        except psycopg.errors.LockNotAvailable:
            if whole or len(jobs) == 1:
                return [_locked(job) for job in jobs]
        return [
            self._carefully_or_one_by_one([job], [queue], [id], whole)[0]
            for job, queue, id in zip(jobs, queues, ids, strict=True)
        ]

    def _carefully(
        self,
        jobs: Sequence[NewJob],
        queues: Sequence[int],
        ids: Sequence[int | None],
        whole: bool,
    ) -> Sequence[Answer]:
        for _ in range(_ROUNDS):
            try:
                with self._db.transaction():
                    batch = Batch(self._db, self._queues, self._end)
                    drawn = self._draw(len(jobs)) if None in ids else ids
                    return batch.store(jobs, queues, drawn, whole)  # type: ignore[arg-type]
            except Undo as undo:
                return undo.answer
            except Again:
                self._queues.hints.clear()
            except psycopg.errors.DeadlockDetected:
                if not self._db.own:
                    raise
                self._queues.hints.clear()
        raise StoreUnavailable("others store jobs with the same keys all the time")


def _locked(job: NewJob) -> Refusal:
    return Refusal(
        f"another transaction, which has not ended, stores a job with the key {job.key!r} in queue "
        f"{job.queue!r}, or has locked a job that is needed; try again later"
    )

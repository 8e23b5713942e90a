"""Ending: jobs whose run is over, and jobs that end without one."""

# Theory of operation
# -------------------
# A job that ends moves to another table. Runs that end as done, of jobs that no other needs, are by
# far the most; all of a batch go by one statement, which also counts and rings. Rows that are
# locked are left out there, or a user's open `finish_in` would hold up all others.
#
# What is left goes by a transaction (`Works`). If two transactions wait for each other, the server
# ends one, and it begins anew.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar, final

import psycopg

from gochan.durable import (
    Cancelling,
    Ending,
    EndKind,
    Hint,
    Release,
    Retrying,
    after_ending,
    after_release,
)

from ._connection import Connection
from ._queues import Queues
from ._reviving import Reviving
from ._rows import ALL, fitting, listed
from ._works import Row, Works, storable

R = TypeVar("R")

_ROUNDS: Final = 5

# Columns that change when a job ends, and what they get in the common case.
_WHEN_DONE: Final = {
    "state": "3",
    "kind": "'done'",
    "version": "d.version + 1",
    "attempt": "d.attempt + 1 - d.marked::int",
    "marked": "true",
    "final": "true",
    "ended": "t.now",
    "error": "NULL",
    "lease_until": "NULL",
    "result": "e.result",
    "key_until": "CASE WHEN d.once_for > 0 AND d.key IS NOT NULL THEN t.now + d.once_for END",
}

_FINISH: Final = f"""
WITH e AS (
    SELECT * FROM unnest(%(ids)b::bigint[], %(versions)b::bigint[], %(results)b::bytea[])
        AS e(id, version, result)
),
t AS MATERIALIZED (SELECT {{now}} AS now),
l AS MATERIALIZED (
    SELECT j.id FROM {{s}}.job j JOIN e ON e.id = j.id AND e.version = j.version
    WHERE j.state = 2 AND NOT j.needed ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
),
d AS (DELETE FROM {{s}}.job j USING l WHERE j.id = l.id RETURNING j.*),
i AS (
    INSERT INTO {{s}}.ended({listed(ALL)})
    SELECT {", ".join(_WHEN_DONE.get(column, f"d.{column}") for column in ALL)}
    FROM t, d JOIN e ON e.id = d.id RETURNING id, queue, grp
),
c AS (
    INSERT INTO {{s}}.tally SELECT i.queue, w.what, w.sign * count(*)
    FROM i, (VALUES ('running', -1), ('done', 1)) w(what, sign) GROUP BY i.queue, w.what, w.sign
),
m AS (
    SELECT json_object_agg(q.name, about)::text AS bell FROM (
        SELECT i.queue, CASE WHEN bool_or(i.grp IS NOT NULL)
            THEN json_build_object('ended', json_agg(i.id), 'waiting', '[]'::json)
            ELSE json_build_object('ended', json_agg(i.id)) END AS about
        FROM i GROUP BY i.queue
    ) a JOIN {{s}}.queue q ON q.id = a.queue
),
b AS MATERIALIZED (
    SELECT pg_notify(%(channel)s, CASE WHEN octet_length(bell) < 7900 THEN bell ELSE '' END)
    FROM m WHERE bell IS NOT NULL
)
SELECT i.id, i.queue, i.grp IS NOT NULL, (SELECT count(*) FROM b) FROM i"""


@final
class Endings:
    """The ends of jobs, by one connection."""

    def __init__(self, connection: Connection, queues: Queues) -> None:
        self._db = connection
        self._queues = queues
        self._reviving = Reviving(connection, queues)

    # Runs that are over

    def finish(self, endings: Sequence[Ending]) -> Sequence[bool]:
        """Do what `Store.finish` says."""
        quick: dict[int, int] = {}
        for number, ending in enumerate(endings):
            if ending.kind == "done" and ending.started:
                quick.setdefault(ending.id, number)
        ended = self._finish_quickly([endings[number] for number in quick.values()])
        answers = {quick[id]: True for id in ended}
        rest = [number for number in range(len(endings)) if number not in answers]
        answers.update(zip(rest, self._settle([endings[n] for n in rest]), strict=True))
        return [answers[number] for number in range(len(endings))]

    def _finish_quickly(self, endings: Sequence[Ending]) -> list[int]:
        """End as many as one statement can; return their ids."""
        if not endings:
            return []
        rows = self._db.rows(
            _FINISH,
            {
                "ids": fitting(ending.id for ending in endings),
                "versions": [ending.version for ending in endings],
                "results": [ending.result for ending in endings],
                "channel": self._db.dialect.channel,
            },
        )
        for id, queue, grouped, _ in rows:
            hints = self._queues.hints[self._queues.name(queue)]
            hints.append(Hint("ended", (id,)))
            if grouped:
                hints.append(Hint("waiting"))
        return [id for id, *_ in rows]

    def release(self, releases: Sequence[Release]) -> Sequence[bool]:
        """Do what `Store.release` says."""
        return self._settle(releases)

    def _settle(self, accounts: Sequence[Ending | Release]) -> Sequence[bool]:
        """Do what the rules say about runs that are over; False where one was over before."""
        if not accounts:
            return []

        def settle(works: Works) -> Sequence[bool]:
            ids = fitting(account.id for account in accounts)
            found = works.rows("j.id = ANY(%(ids)s::bigint[]) AND j.state = 2", {"ids": ids})
            rows = {(row.id, row.version): row for row in found}
            answers: list[bool] = []
            for account in accounts:
                row = rows.pop((account.id, account.version), None)
                answers.append(row is not None)
                if row is not None:
                    _settle(works, row, account)
            return answers

        try:
            return self.transact(settle)
        except psycopg.errors.LockNotAvailable:
            if len(accounts) == 1:
                return [False]  # somebody ends it at this moment: a `finish_in` of the user's
            return [self._settle([account])[0] for account in accounts]

    def transact(self, work: Callable[[Works], R]) -> R:
        """Do something in a transaction; anew, if the server ends it for the sake of another."""
        for attempt in range(_ROUNDS):
            try:
                with self._db.transaction():
                    works = Works(self._db, self._queues)
                    answer = work(works)
                    works.write()
                return answer
            except psycopg.errors.DeadlockDetected:
                self._queues.hints.clear()
                if not self._db.own or attempt == _ROUNDS - 1:
                    raise
        raise AssertionError  # pragma: no cover  # the last round raises

    def end_unstarted(self, ids: Sequence[int], kind: EndKind, reasons: Mapping[int, str]) -> None:
        """End jobs that do not run, in a transaction that is under way."""
        works = Works(self._db, self._queues)
        where = "j.id = ANY(%(ids)s::bigint[]) AND j.state < 2"
        for row in works.rows(where, {"ids": [*ids]}):
            works.end(row, kind, reasons[row.id])
        works.write()

    # Cancelling, and starting anew

    def cancel(self, ids: Sequence[int], reason: str) -> Sequence[Cancelling]:
        """Do what `Store.cancel` says."""
        wish = storable(reason)

        def cancel(works: Works) -> Sequence[Cancelling]:
            found = works.rows("j.id = ANY(%(ids)s::bigint[])", {"ids": fitting(ids)})
            rows = {row.id: row for row in found}
            answers: list[Cancelling] = []
            for id in ids:
                row = works.now(rows[id]) if id in rows else None
                if row is None:
                    answers.append("unknown")
                elif row.state < 2:
                    works.end(row, "cancelled", wish)
                    answers.append("ended")
                    del rows[id]  # named twice, it is no job any more
                else:
                    name = self._queues.name(row.queue)
                    self._queues.hints[name].append(Hint("cancel", (row.id,)))
                    answers.append("signalled")
            running = [id for id, row in rows.items() if row.state == 2]
            if running:
                self._db.run(
                    "UPDATE {s}.job SET wish = coalesce(wish, %(wish)s) "
                    "WHERE id = ANY(%(ids)s::bigint[])",
                    {"wish": wish, "ids": running},
                )
            return answers

        return self.transact(cancel)

    def retry(self, ids: Sequence[int], attempts: int | None) -> Sequence[Retrying]:
        """Do what `Store.retry` says."""
        return self.transact(lambda works: self._reviving.retry(works, ids, attempts))


def _settle(works: Works, row: Row, account: Ending | Release) -> None:
    if isinstance(account, Ending):
        after = after_ending(row.run, account)
        kind: str | None = account.kind if account.started else None
        result = account.result if after.kind == "done" else None
        works.settle(row, after, kind, account.error, result=result)
    else:
        kind = None if account.kind == "unstarted" else account.kind
        after = after_release(row.run, account)
        works.settle(row, after, kind, account.error, delay=account.delay)

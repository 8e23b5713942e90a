"""Claiming: which jobs are the next that a worker may have, and how it gets them."""

# Theory of operation
# -------------------
# Workers differ by machine and labels, so waiting jobs are indexed by their *route*; a queue has
# few. A claim takes the first few of each route that suits, by one statement, and leaves out rows
# that others are about to take (SKIP LOCKED).
#
# Where groups have a limit, running jobs must be counted, and no two claims may count at the same
# time. So they take turns by an advisory lock; it is taken in a statement of its own, since a
# statement sees what was there when it began, and not what was committed while it waited. First
# comes a bounded look at the heads of the routes, which is mostly enough. Otherwise an index gives
# the groups that wait, one seek for each, and of those that are not full the first jobs. So a claim
# costs something for each group, never for each job.
#
# Which of the two ways is right is a setting of the queue. A process remembers it; the statement
# takes nothing if it has changed, and says so.

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, final

from gochan.durable import Hint, JobRecord, Ticket, Worker

from ._connection import Connection
from ._queues import Queues
from ._rows import fitting, listed, parse_route, record_of
from ._schema import LOCK

_LOOK: Final = 4  # how many times as many jobs as are wanted the first look takes

_QUEUE: Final = """
q AS MATERIALIZED (
    SELECT paused, group_limit, capacity FROM {s}.queue WHERE id = %(queue)s
),
t AS MATERIALIZED (SELECT {now} AS now),
r AS MATERIALIZED (
    SELECT '' AS route UNION ALL
    SELECT route FROM {s}.route WHERE queue = %(queue)s
        AND (machine IS NULL OR machine = %(machine)s) AND labels <@ %(labels)s::jsonb
)"""

_WAITING: Final = """
FROM {s}.job WHERE queue = %(queue)s AND route = r.route AND state = 1
    AND (expires IS NULL OR expires > t.now)"""

_HEADS: Final = f"""
SELECT c.id, c.grp, c.priority FROM t, r CROSS JOIN LATERAL (
    SELECT id, grp, priority {_WAITING} ORDER BY priority DESC, id LIMIT %(look)s
) c ORDER BY c.priority DESC, c.id LIMIT %(look)s"""

_SET: Final = """
UPDATE {s}.job j SET state = 2, version = version + 1, worker = %(worker)s, started = t.now,
    lease_until = t.now + %(lease)s, marked = false, wish = NULL, progress = NULL
FROM p, t WHERE j.id = p.id"""

_COUNT: Final = """
INSERT INTO {s}.tally SELECT %(queue)s, w.what, w.sign * u.n
FROM (SELECT count(*) AS n FROM u) u, (VALUES ('waiting', -1), ('running', 1)) w(what, sign)
WHERE u.n > 0"""

_CLAIM: Final = f"""
WITH {_QUEUE},
p AS MATERIALIZED (
    SELECT c.id FROM t, r CROSS JOIN LATERAL (
        SELECT id, priority {_WAITING} ORDER BY priority DESC, id LIMIT %(n)s FOR UPDATE SKIP LOCKED
    ) c
    WHERE EXISTS (SELECT FROM q WHERE NOT paused AND group_limit IS NULL)
    ORDER BY c.priority DESC, c.id LIMIT %(n)s
),
u AS ({_SET} RETURNING {listed(prefix="j.")}),
c AS ({_COUNT})
SELECT q.group_limit, q.capacity IS NOT NULL, {listed(prefix="u.")} FROM q LEFT JOIN u ON true"""

# The rows are locked first, in the order of their ids: whoever locks several does so.
_LEASE: Final = f"""
WITH t AS MATERIALIZED (SELECT {{now}} AS now),
p AS MATERIALIZED (
    SELECT id FROM {{s}}.job WHERE id = ANY(%(ids)s::bigint[]) AND state = 1
    ORDER BY id FOR UPDATE SKIP LOCKED
),
u AS ({_SET} RETURNING {listed(prefix="j.")}),
c AS ({_COUNT})
SELECT {listed()} FROM u"""

_PICK: Final = f"""
WITH {_QUEUE}, heads AS MATERIALIZED ({_HEADS})
SELECT id, 0 FROM heads WHERE EXISTS (SELECT FROM q WHERE NOT paused) ORDER BY priority DESC, id"""

_FULL: Final = """
runs AS MATERIALIZED (
    SELECT grp, count(*) AS n FROM {s}.job WHERE queue = %(queue)s AND state = 2 AND grp IS NOT NULL
    GROUP BY grp
)"""

_PICK_LIMITED: Final = f"""
WITH {_QUEUE}, {_FULL}, heads AS MATERIALIZED ({_HEADS}),
picked AS (
    SELECT h.id, h.priority FROM (
        SELECT *, row_number() OVER (PARTITION BY grp ORDER BY priority DESC, id) AS place
        FROM heads
    ) h LEFT JOIN runs ON runs.grp = h.grp
    WHERE h.grp IS NULL OR h.place + coalesce(runs.n, 0) <= %(limit)s
    ORDER BY h.priority DESC, h.id LIMIT %(n)s
)
SELECT q.group_limit, q.paused, q.capacity IS NOT NULL, (SELECT count(*) FROM heads),
    ARRAY(SELECT id FROM picked ORDER BY priority DESC, id)
FROM q"""

# A range of one group, not an equation: as long as the server knows nothing about the table, it
# would think that the first job of a group is soon found in the index of all that wait.
_PICK_DEEP: Final = f"""
WITH RECURSIVE {_QUEUE}, {_FULL},
g(route, v) AS (
    SELECT r.route, (SELECT min(grp) FROM {{s}}.job WHERE queue = %(queue)s AND route = r.route
        AND state = 1 AND grp IS NOT NULL) FROM r
    UNION ALL
    SELECT g.route, (SELECT min(grp) FROM {{s}}.job WHERE queue = %(queue)s AND route = g.route
        AND state = 1 AND grp IS NOT NULL AND grp > g.v) FROM g WHERE g.v IS NOT NULL
),
free AS MATERIALIZED (
    SELECT g.route, g.v, %(limit)s - coalesce(runs.n, 0) AS room
    FROM g LEFT JOIN runs ON runs.grp = g.v
    WHERE g.v IS NOT NULL AND coalesce(runs.n, 0) < %(limit)s
),
candidates AS MATERIALIZED (
    SELECT x.id, x.priority, r.v AS grp, r.room FROM t, free r CROSS JOIN LATERAL (
        SELECT id, priority {_WAITING} AND grp IS NOT NULL AND grp >= r.v AND grp <= r.v
        ORDER BY grp, priority DESC, id LIMIT least(r.room, %(n)s)
    ) x
    UNION ALL
    SELECT x.id, x.priority, NULL, NULL FROM t, r CROSS JOIN LATERAL (
        SELECT id, priority {_WAITING} AND grp IS NULL ORDER BY priority DESC, id LIMIT %(n)s
    ) x
)
SELECT id, 0 FROM (
    SELECT *, row_number() OVER (PARTITION BY grp ORDER BY priority DESC, id) AS place
    FROM candidates
) c
WHERE c.grp IS NULL OR c.place <= c.room
ORDER BY c.priority DESC, c.id LIMIT %(n)s"""

# In one message with the beginning. Others who claim are done within milliseconds.
_TAKE_TURNS: Final = "SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock({lock}, {queue})"


@final
class Claiming:
    """Leases waiting jobs to workers."""

    def __init__(self, connection: Connection, queues: Queues) -> None:
        self._db = connection
        self._queues = queues

    def claim(self, name: str, n: int, worker: Worker, lease: float) -> Sequence[JobRecord]:
        """Do what `Store.claim` says."""
        queue = self._queues.number(name)
        parameters = self._parameters(queue, n, worker, lease)
        limits = self._queues.names.limits
        if n < 1:
            return []
        while True:
            if limits.get(queue) is not None:
                claimed = self._claim_limited(queue, name, n, parameters)
                if claimed is not None:
                    return claimed
                continue
            rows = self._db.rows(_CLAIM, parameters)
            limit, roomy, first, *_ = rows[0] if rows else (None, False, None)
            limits[queue] = limit
            if first is not None:
                records = [record_of(row[2:], name) for row in rows]
                self._tell_room(name, roomy=roomy)
                return _in_order(records)
            if limit is None:
                return []

    def _parameters(self, queue: int, n: int, worker: Worker, lease: float) -> dict[str, Any]:
        return {
            "queue": queue,
            "n": n,
            "look": n,
            "machine": worker.machine,
            "labels": json.dumps(dict(worker.labels)),
            "worker": worker.name,
            "lease": float(lease),
        }

    def _tell_room(self, name: str, *, roomy: bool) -> None:
        """Ring for those who wait for room, where a queue has a capacity."""
        if roomy:
            self._queues.hints[name].append(Hint("room"))
            self._queues.announce()

    def _claim_limited(
        self, queue: int, name: str, n: int, parameters: dict[str, Any]
    ) -> list[JobRecord] | None:
        """Claim where groups have a limit; ``None`` if that has changed."""
        limit = self._queues.names.limits[queue]
        look = n * _LOOK
        with self._db.transaction(also=_take_turns(queue)):
            now, paused, roomy, seen, ids = self._db.row(
                _PICK_LIMITED, {**parameters, "look": look, "limit": limit}
            )
            self._queues.names.limits[queue] = now
            if now != limit:
                return None
            if paused:
                return []
            if len(ids) < n and seen == look:  # all that was looked at is of full groups
                rows = self._db.rows(_PICK_DEEP, {**parameters, "limit": limit})
                ids = [id for id, _ in rows]
            records = self._lease(name, ids, parameters)
        if records:
            self._tell_room(name, roomy=roomy)
        return records

    def _lease(self, name: str, ids: Sequence[int], parameters: dict[str, Any]) -> list[JobRecord]:
        if not ids:
            return []
        rows = self._db.rows(_LEASE, {**parameters, "ids": [*ids]})
        return _in_order([record_of(row, name) for row in rows])

    # In two steps

    def offer(self, name: str, n: int, worker: Worker) -> Sequence[Ticket]:
        """Do what `Store.offer` says."""
        queue = self._queues.number(name)
        if n < 1:
            return []
        parameters = self._parameters(queue, n, worker, 0.0)
        paused, settings = self._queues.settings(queue)
        limit = None if settings is None else settings.group_limit
        if paused:
            return []
        if limit is None:
            ids = [id for id, _ in self._db.rows(_PICK, parameters)]
        else:
            ids = [id for id, _ in self._db.rows(_PICK_DEEP, {**parameters, "limit": limit})]
        versions = dict(
            self._db.rows(
                "SELECT id, version FROM {s}.job WHERE id = ANY(%(ids)s::bigint[]) AND state = 1",
                {"ids": ids},
            )
        )
        return [Ticket(id, versions[id]) for id in ids if id in versions]

    def accept(
        self, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> Sequence[JobRecord | None]:
        """Do what `Store.accept` says."""
        records: dict[int, JobRecord] = {}
        with self._db.transaction():
            ids = {ticket.id for ticket in tickets}
            queues = [
                queue
                for (queue,) in self._db.rows(
                    "SELECT DISTINCT queue FROM {s}.job WHERE id = ANY(%(ids)s::bigint[]) "
                    "AND state = 1 ORDER BY 1",
                    {"ids": fitting(ids)},
                )
            ]
            for queue in queues:
                for record in self._accept(queue, tickets, worker, lease):
                    records[record.id] = record
        answers: list[JobRecord | None] = []
        for ticket in tickets:
            got = records.get(ticket.id)
            fits = got is not None and got.version == ticket.version + 1
            answers.append(records.pop(ticket.id) if fits else None)
        return answers

    def _accept(
        self, queue: int, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> list[JobRecord]:
        """Lease those of the jobs that are of one queue, and may be had."""
        paused, settings = self._queues.settings(queue)
        if paused:
            return []
        parameters = self._parameters(queue, len(tickets), worker, lease)
        limit = None if settings is None else settings.group_limit
        running = Counter[str | None]()
        if limit is not None:
            self._db.script(_take_turns(queue))
            running.update(
                dict(
                    self._db.rows(
                        "SELECT grp, count(*)::int FROM {s}.job WHERE queue = %(queue)s "
                        "AND state = 2 AND grp IS NOT NULL GROUP BY grp",
                        parameters,
                    )
                )
            )
        rows = {
            id: (version, route, group)
            for id, version, route, group in self._db.rows(
                "SELECT id, version, route, grp FROM {s}.job WHERE id = ANY(%(ids)s::bigint[]) "
                "AND queue = %(queue)s AND state = 1 AND (expires IS NULL OR expires > {now}) "
                "ORDER BY id FOR UPDATE SKIP LOCKED",
                {**parameters, "ids": fitting(ticket.id for ticket in tickets)},
            )
        }
        chosen: list[int] = []
        for ticket in tickets:
            version, route, group = rows.get(ticket.id, (None, "", None))
            if version != ticket.version or not worker.suits(*parse_route(route)):
                continue
            if limit is not None and group is not None:
                if running[group] >= limit:
                    continue
                running[group] += 1
            chosen.append(ticket.id)
        return self._lease(self._queues.name(queue), chosen, parameters)


def _take_turns(queue: int) -> str:
    return _TAKE_TURNS.format(lock=LOCK + 2, queue=queue)


def _in_order(records: list[JobRecord]) -> list[JobRecord]:
    return sorted(records, key=lambda record: (-record.priority, record.id))

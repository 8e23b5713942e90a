"""Leasing: jobs that a worker gets, and keeps for a while."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final, final

from .._records import Held, JobRecord, ProgressReport, Ticket, Worker
from ._claiming import pick
from ._connection import Connection
from ._queues import Queues
from ._rows import COLUMNS, parse_route, record_of

# What a lease changes. A row is read as it is going to be, which costs less than to have the change
# return it.
_CHANGES: Final = {
    "state": "2",
    "version": "version + 1",
    "worker": ":worker",
    "started": ":now",
    "lease_until": ":until",
    "wish": "NULL",
    "progress": "NULL",
}
_THESE: Final = "id IN (SELECT value FROM json_each(:ids)) AND state = 1"

_READ: Final = f"""
SELECT {", ".join(_CHANGES.get(column, column) for column in COLUMNS.split(", "))}
FROM gochan_job WHERE {_THESE}"""

_LEASE: Final = f"""
UPDATE gochan_job SET {", ".join(f"{column} = {to}" for column, to in _CHANGES.items())}, marked = 0
WHERE {_THESE}"""

_START: Final = """
UPDATE gochan_job SET attempt = attempt + 1 - marked, marked = 1,
    started = iif(marked, started, :now)
WHERE id = :id AND version = :version AND state = 2"""

_EXTEND: Final = """
UPDATE gochan_job SET lease_until = ? WHERE id = ? AND version = ? AND state = 2 RETURNING wish"""


@final
class Leasing:
    """The leases of jobs, by one connection."""

    def __init__(self, connection: Connection, queues: Queues) -> None:
        self._db = connection
        self._queues = queues

    def offer(self, now: float, queue: str, n: int, worker: Worker) -> Sequence[Ticket]:
        ids = self._pick(now, self._queues.find(queue), n, worker)
        versions = dict(
            self._db.rows(
                "SELECT id, version FROM gochan_job WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(ids),),
            )
        )
        return [Ticket(id, versions[id]) for id in ids]

    def _pick(self, now: float, queue: int, n: int, worker: Worker) -> list[int]:
        paused, settings = self._queues.settings(queue)
        limit = None if settings is None else settings.group_limit
        return [] if paused else pick(self._db, queue, n, worker, now, limit)

    def accept(
        self, now: float, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> Sequence[JobRecord | None]:
        return [self._accept(now, ticket, worker, lease) for ticket in tickets]

    def _accept(self, now: float, ticket: Ticket, worker: Worker, lease: float) -> JobRecord | None:
        row = self._db.row(
            "SELECT queue, route, grp FROM gochan_job WHERE id = ? AND version = ? AND state = 1 "
            "AND (expires IS NULL OR expires > ?)",
            (ticket.id, ticket.version, now),
        )
        if row is None:
            return None
        queue, route, group = row
        paused, settings = self._queues.settings(queue)
        if paused or not worker.suits(*parse_route(route)):
            return None
        limit = None if settings is None else settings.group_limit
        if limit is not None and group is not None:
            running = self._db.value(
                "SELECT count(*) FROM gochan_job WHERE queue = ? AND grp = ? AND state = 2",
                (queue, group),
            )
            if running >= limit:
                return None
        return self._lease(now, queue, [ticket.id], worker, lease)[0]

    def claim(
        self, now: float, queue: str, n: int, worker: Worker, lease: float
    ) -> Sequence[JobRecord]:
        number = self._queues.find(queue)
        ids = self._pick(now, number, n, worker)
        return self._lease(now, number, ids, worker, lease) if ids else []

    def _lease(
        self, now: float, queue: int, ids: list[int], worker: Worker, lease: float
    ) -> list[JobRecord]:
        was_full = self._queues.room_of(queue) < 1
        of = {"worker": worker.name, "now": now, "until": now + lease, "ids": json.dumps(ids)}
        name = self._queues.name_of(queue)
        records = {row[0]: record_of(row, name) for row in self._db.rows(_READ, of)}
        self._db.run(_LEASE, of)
        self._queues.count(Counter({(queue, "waiting"): -len(ids), (queue, "running"): len(ids)}))
        if was_full:
            self._queues.ring(queue, "room")
        return [records[id] for id in ids]

    def start(self, now: float, tickets: Sequence[Ticket]) -> Sequence[bool]:
        return [
            self._db.run(_START, {"now": now, "id": ticket.id, "version": ticket.version}) == 1
            for ticket in tickets
        ]

    def extend(self, now: float, tickets: Sequence[Ticket], lease: float) -> Sequence[Held]:
        answers: list[Held] = []
        for ticket in tickets:
            row = self._db.row(_EXTEND, (now + lease, ticket.id, ticket.version))
            answers.append("lost" if row is None else "held" if row[0] is None else "cancelled")
        return answers

    def report(self, now: float, reports: Sequence[ProgressReport]) -> Sequence[bool]:
        return [
            self._db.run(
                "UPDATE gochan_job SET progress = ? WHERE id = ? AND version = ? AND state = 2",
                (json.dumps([report.done, report.total]), report.id, report.version),
            )
            == 1
            for report in reports
        ]

"""The book on PostgreSQL: the operations of a store, by one connection."""

# Theory of operation
# -------------------
# Each operation is one statement where that can be, and one transaction otherwise. The server
# tells the time. Rows are locked in the order of their ids, keys are inserted in their order, so
# that batches seldom wait for each other crosswise.
#
# Invariants (``audit`` asserts the first)
# ----------------------------------------
# 1. The tally of a queue is the count of its rows.
# 2. A key belongs to at most one job that has not ended: a unique index holds it.

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, final

from gochan.durable import (
    STATES,
    Cancelling,
    Ending,
    EndKind,
    Enqueued,
    Explanation,
    Held,
    Hint,
    JobRecord,
    NewJob,
    ProgressReport,
    QueueCounts,
    QueueSettings,
    Refusal,
    Release,
    Retrying,
    State,
    Tended,
    Ticket,
    Worker,
    explain,
    moment,
)

from ._claiming import Claiming
from ._connection import Connection
from ._ending import Endings
from ._health import Health, health
from ._queues import Names, Queues, counts_from
from ._rows import fitting, listed, record_of
from ._running import Running
from ._storing import Storing
from ._tending import Tending

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@final
class PostgresBook:
    """The operations of a store. See `gochan.durable.Store` for what they do."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self._db = connection
        self._queues = Queues(connection, names)
        self._endings = Endings(connection, self._queues)
        self._storing = Storing(connection, self._queues, self._endings.end_unstarted)
        self._claiming = Claiming(connection, self._queues)
        self._running = Running(connection)
        self._tending = Tending(connection, self._queues, self._endings)

    def take_hints(self) -> dict[str, list[Hint]]:
        """Return what there is to ring in this process; other processes were told."""
        hints = dict(self._queues.hints)
        self._queues.hints.clear()
        return hints

    # Queues

    def configure(self, queue: str, settings: QueueSettings | None, update: bool) -> QueueSettings:
        return self._queues.configure(queue, settings, update)

    def pause(self, queue: str, paused: bool) -> bool:
        return self._queues.pause(queue, paused)

    # Jobs

    def enqueue(self, jobs: Sequence[NewJob], whole: bool) -> Sequence[Enqueued | Refusal]:
        return self._storing.store(jobs, whole)

    def offer(self, queue: str, n: int, worker: Worker) -> Sequence[Ticket]:
        return self._claiming.offer(queue, n, worker)

    def accept(
        self, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> Sequence[JobRecord | None]:
        return self._claiming.accept(tickets, worker, lease)

    def claim(self, queue: str, n: int, worker: Worker, lease: float) -> Sequence[JobRecord]:
        return self._claiming.claim(queue, n, worker, lease)

    def start(self, tickets: Sequence[Ticket]) -> Sequence[bool]:
        return self._running.start(tickets)

    def extend(self, tickets: Sequence[Ticket], lease: float) -> Sequence[Held]:
        return self._running.extend(tickets, lease)

    def report(self, reports: Sequence[ProgressReport]) -> Sequence[bool]:
        return self._running.report(reports)

    def finish(self, endings: Sequence[Ending]) -> Sequence[bool]:
        return self._endings.finish(endings)

    def release(self, releases: Sequence[Release]) -> Sequence[bool]:
        return self._endings.release(releases)

    def cancel(self, ids: Sequence[int], reason: str) -> Sequence[Cancelling]:
        return self._endings.cancel(ids, reason)

    def retry(self, ids: Sequence[int], attempts: int | None) -> Sequence[Retrying]:
        return self._endings.retry(ids, attempts)

    def purge(self, queue: str, kinds: Collection[EndKind], n: int) -> int:
        return self._tending.purge(queue, kinds, n)

    def tend(self, n: int) -> Tended:
        return self._tending.tend(n)

    # Looking

    def look(self, ids: Sequence[int]) -> Sequence[JobRecord | None]:
        found = self._records("id = ANY(%(ids)s::bigint[])", {"ids": fitting(ids)})
        records = {record.id: record for record in found}
        return [records.get(id) for id in ids]

    def _records(
        self, where: str, parameters: Mapping[str, Any], more: str = ""
    ) -> list[JobRecord]:
        """Return the records of both tables; a job that ends meanwhile is in one of them."""
        rows = self._db.rows(
            f"(SELECT {listed()} FROM {{s}}.job WHERE {where} {more}) UNION ALL "
            f"(SELECT {listed()} FROM {{s}}.ended WHERE {where} {more}) {more}",
            parameters,
        )
        return [record_of(row, self._queues.name(row[1])) for row in rows]

    def list(
        self,
        queue: str,
        states: Collection[State],
        kinds: Collection[EndKind],
        limit: int,
        before: int | None,
        after: int | None,
    ) -> Sequence[JobRecord]:
        conditions = ["queue = %(queue)s"]
        parameters: dict[str, Any] = {
            "queue": self._queues.find(queue),
            "states": [STATES.index(state) for state in states],
            "kinds": [*kinds],
            "limit": limit,
            "before": before,
            "after": after,
        }
        if states:
            conditions.append("state = ANY(%(states)s::int[])")
        if {*states} == {"running"}:  # in these words, the index of those is used
            conditions.append("state = 2")
        if kinds:
            conditions.append("kind = ANY(%(kinds)s::text[])")
        if before is not None:
            conditions.append("id < %(before)s")
        if after is not None:
            conditions.append("id > %(after)s")
        order = "DESC" if after is None else "ASC"
        return self._records(
            " AND ".join(conditions), parameters, f"ORDER BY id {order} LIMIT %(limit)s"
        )

    def queues(self) -> Sequence[str]:
        return [
            name
            for (name,) in self._db.rows('SELECT name FROM {s}.queue ORDER BY name COLLATE "C"')
        ]

    def statistics(self, queue: str) -> QueueCounts:
        number = self._queues.find(queue)
        paused, _ = self._queues.settings(number)
        return counts_from(self._queues.tally(number), paused=paused)

    def audit(self, queue: str) -> QueueCounts:
        number = self._queues.find(queue)
        with self._db.transaction(_SNAPSHOT):
            tally = self._queues.tally(number)
            found = {
                kind or STATES[state]: n
                for state, kind, n in self._db.rows(
                    "SELECT state, NULL, count(*) FROM {s}.job WHERE queue = %(queue)s GROUP BY 1 "
                    "UNION ALL "
                    "SELECT 3, kind, count(*) FROM {s}.ended WHERE queue = %(queue)s GROUP BY kind",
                    {"queue": number},
                )
            }
            paused, _ = self._queues.settings(number)
        kept = {
            what: n
            for what, n in tally.items()
            if what != "stored" and not what.startswith("pruned ")
        }
        assert kept == found, f"queue {queue!r}: the store keeps {kept}, its rows are {found}"
        counts = counts_from(tally, paused=paused)
        assert counts.balanced, counts
        return counts

    def health(self) -> Health:
        return health(self._db)

    def explain(self, id: int) -> Explanation | None:
        found = self._records("id = ANY(%(ids)s::bigint[])", {"ids": fitting([id])})
        if not found:
            return None
        (record,) = found
        queue = self._queues.find(record.queue)
        paused, settings = self._queues.settings(queue)
        ahead, in_group, now = self._db.row(
            "SELECT (SELECT count(*) FROM {s}.job WHERE queue = %(queue)s AND state = 1 "
            "AND (priority > %(priority)s OR (priority = %(priority)s AND id < %(id)s))), "
            "(SELECT count(*) FROM {s}.job WHERE queue = %(queue)s AND state = 2 "
            "AND grp = %(group)s), {now}",
            {"queue": queue, "priority": record.priority, "id": id, "group": record.group},
        )
        return explain(
            record,
            moment(now),
            ahead=ahead,
            paused=paused,
            in_group=in_group,
            limit=None if settings is None else settings.group_limit,
        )

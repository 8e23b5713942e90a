"""Asking: what is in the store."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, final

from .._explaining import explain
from .._queue_records import QueueCounts
from .._records import END_KINDS, STATES, EndKind, Explanation, JobRecord, State
from .._times import moment
from ._connection import Connection
from ._queues import Queues
from ._rows import COLUMNS, record_of


@final
class Asking:
    """Questions about jobs and queues, by one connection. They change nothing."""

    def __init__(self, connection: Connection, queues: Queues) -> None:
        self._db = connection
        self._queues = queues

    def look(self, now: float, ids: Sequence[int]) -> Sequence[JobRecord | None]:
        found = self._records("WHERE id IN (SELECT value FROM json_each(?))", (json.dumps([*ids]),))
        records = {record.id: record for record in found}
        return [records.get(id) for id in ids]

    def _records(self, where: str, parameters: Sequence[Any], by: str = "") -> list[JobRecord]:
        rows = self._db.rows(f"SELECT {COLUMNS} FROM gochan_job {by} {where}", parameters)
        return [record_of(row, self._queues.name_of(row[1])) for row in rows]

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
        conditions = ["queue = ?"]
        parameters: list[Any] = [self._queues.find(queue)]
        for column, wanted in (
            ("state", [STATES.index(state) for state in states]),
            ("kind", [*kinds]),
        ):
            if wanted:
                conditions.append(f"{column} IN (SELECT value FROM json_each(?))")
                parameters.append(json.dumps(wanted))
        for sign, bound in (("<", before), (">", after)):
            if bound is not None:
                conditions.append(f"id {sign} ?")
                parameters.append(bound)
        order = "DESC" if after is None else "ASC"
        by = ""
        if {*states} == {"running"}:  # few of many, which the planner does not know
            by = "INDEXED BY gochan_job_lease"
            conditions.append("state = 2")
        where = f"WHERE {' AND '.join(conditions)} ORDER BY id {order} LIMIT ?"
        return self._records(where, [*parameters, limit], by)

    def queues(self, now: float) -> Sequence[str]:
        return [name for (name,) in self._db.rows("SELECT name FROM gochan_queue ORDER BY name")]

    def statistics(self, now: float, queue: str) -> QueueCounts:
        number = self._queues.find(queue)
        paused, _ = self._queues.settings(number)
        return _counts(self._queues.tally(number), paused=paused)

    def audit(self, now: float, queue: str) -> QueueCounts:
        number = self._queues.find(queue)
        tally = {what: n for what, n in self._queues.tally(number).items() if n}
        found = {
            kind or STATES[state]: n
            for state, kind, n in self._db.rows(
                "SELECT state, kind, count(*) FROM gochan_job WHERE queue = ? GROUP BY state, kind",
                (number,),
            )
        }
        kept = {
            what: n
            for what, n in tally.items()
            if what != "stored" and not what.startswith("pruned ")
        }
        counts = self.statistics(now, queue)
        if kept != found or not counts.balanced:
            raise AssertionError(f"queue {queue!r}: the store keeps {counts}, its rows are {found}")
        return counts

    def explain(self, now: float, id: int) -> Explanation | None:
        found = self._records("WHERE id = ?", (id,))
        if not found:
            return None
        (record,) = found
        queue = self._queues.find(record.queue)
        paused, settings = self._queues.settings(queue)
        ahead = self._db.value(
            "SELECT count(*) FROM gochan_job WHERE queue = ? AND state = 1 "
            "AND (priority > ? OR (priority = ? AND id < ?))",
            (queue, record.priority, record.priority, id),
        )
        in_group = self._db.value(
            "SELECT count(*) FROM gochan_job WHERE queue = ? AND state = 2 AND grp = ?",
            (queue, record.group),
        )
        return explain(
            record,
            moment(now),
            ahead=ahead,
            paused=paused,
            in_group=in_group,
            limit=None if settings is None else settings.group_limit,
        )


def _counts(tally: dict[str, int], *, paused: bool) -> QueueCounts:
    pruned: dict[EndKind, int] = {}
    for kind in END_KINDS:
        if n := tally.pop(f"pruned {kind}", 0):
            pruned[kind] = n
    return QueueCounts(**tally, pruned=pruned, paused=paused)

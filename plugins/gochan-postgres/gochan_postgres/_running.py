"""Running: what is written about jobs while they are leased."""

# Theory of operation
# -------------------
# A user's open transaction may have locked a row, by `finish_in`. Nothing here waits for it: one
# such job would keep the leases of all the others from being extended. As long as the row is
# locked, nobody else can take the job, so to skip it is safe.

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, final

from gochan.durable import Held, ProgressReport, Ticket

from ._connection import Connection
from ._rows import fitting

_LOCKED: Final = """
WITH e AS (SELECT * FROM unnest(%(ids)b::bigint[], %(versions)b::bigint[]) AS e(id, version)),
t AS MATERIALIZED (SELECT {now} AS now),
l AS MATERIALIZED (
    SELECT j.id FROM {s}.job j JOIN e ON e.id = j.id AND e.version = j.version
    WHERE j.state = 2 ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
)"""

_THERE: Final = """
SELECT e.id, e.version, j.wish IS NOT NULL
FROM e JOIN {s}.job j ON j.id = e.id AND j.version = e.version WHERE j.state = 2"""

_START: Final = f"""{_LOCKED},
u AS (
    UPDATE {{s}}.job j SET attempt = attempt + 1, marked = true, started = t.now
    FROM l, t WHERE j.id = l.id AND NOT j.marked
)
{_THERE}"""

_EXTEND: Final = f"""{_LOCKED},
u AS (
    UPDATE {{s}}.job j SET lease_until = t.now + %(lease)s FROM l, t WHERE j.id = l.id
)
{_THERE}"""

_REPORT: Final = f"""{_LOCKED},
p AS (SELECT * FROM unnest(%(ids)b::bigint[], %(texts)b::text[]) AS p(id, text)),
u AS (
    UPDATE {{s}}.job j SET progress = p.text FROM l JOIN p ON p.id = l.id WHERE j.id = l.id
)
{_THERE}"""


@final
class Running:
    """What is written about jobs while they are leased."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def start(self, tickets: Sequence[Ticket]) -> Sequence[bool]:
        """Do what `Store.start` says."""
        there = self._there(_START, tickets)
        return [_pair(ticket) in there for ticket in tickets]

    def extend(self, tickets: Sequence[Ticket], lease: float) -> Sequence[Held]:
        """Do what `Store.extend` says."""
        there = self._there(_EXTEND, tickets, lease=float(lease))
        return [
            "lost" if wished is None else "cancelled" if wished else "held"
            for ticket in tickets
            for wished in [there.get(_pair(ticket))]
        ]

    def report(self, reports: Sequence[ProgressReport]) -> Sequence[bool]:
        """Do what `Store.report` says."""
        last = {report.id: report for report in reports}
        tickets = [Ticket(report.id, report.version) for report in last.values()]
        texts = [json.dumps([report.done, report.total]) for report in last.values()]
        there = self._there(_REPORT, tickets, texts=texts)
        return [(report.id, report.version) in there for report in reports]

    def _there(
        self, sql: str, tickets: Sequence[Ticket], **more: object
    ) -> dict[tuple[int, int], bool]:
        """Run a statement; return the runs that hold, with whether they are to be cancelled."""
        parameters = {
            "ids": fitting(ticket.id for ticket in tickets),
            "versions": [ticket.version for ticket in tickets],
            **more,
        }
        return {(id, version): wished for id, version, wished in self._db.rows(sql, parameters)}


def _pair(ticket: Ticket) -> tuple[int, int]:
    return ticket.id, ticket.version

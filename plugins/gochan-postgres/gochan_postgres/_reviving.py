"""Reviving: jobs that have ended run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from gochan.durable import Enqueued, Hint, Retrying

from ._connection import Connection
from ._queues import Queues
from ._rows import ALL, fitting, listed, with_line
from ._works import Works

_WHEN_RETRIED: Final = {
    "state": "1",
    "version": "d.version + 2",
    "kind": "NULL",
    "ended": "NULL",
    "expires": "NULL",
    "run_at": "NULL",
    "result": "NULL",
    "wish": "NULL",
    "key_until": "NULL",
    "crashes": "0",
    "lost": "0",
    "final": "false",
    "marked": "false",
    "log": "e.log",
    "forgotten": "e.forgotten",
    "max_attempts": "d.attempt + e.attempts",
}

_RETRY: Final = f"""
WITH e AS (
    SELECT * FROM unnest(%(ids)b::bigint[], %(logs)b::text[], %(forgottens)b::int[],
        %(attempts)b::int[]) AS e(id, log, forgotten, attempts)
),
i AS (
    INSERT INTO {{s}}.job({listed(ALL)})
    SELECT {", ".join(_WHEN_RETRIED.get(column, f"d.{column}") for column in ALL)}
    FROM {{s}}.ended d JOIN e ON e.id = d.id ORDER BY d.key NULLS FIRST, d.id
    ON CONFLICT DO NOTHING RETURNING id
),
d AS (DELETE FROM {{s}}.ended WHERE id IN (SELECT id FROM i))
SELECT id FROM i"""

_HOLDER: Final = """
SELECT id FROM {s}.job WHERE queue = %(queue)s AND key = %(key)s
UNION ALL
SELECT max(id) FROM {s}.ended WHERE queue = %(queue)s AND key = %(key)s AND key_until > {now}
    AND id <> %(id)s"""


@final
class Reviving:
    """Lets jobs run again, by one connection."""

    def __init__(self, connection: Connection, queues: Queues) -> None:
        self._db = connection
        self._queues = queues

    def retry(self, works: Works, ids: Sequence[int], attempts: int | None) -> Sequence[Retrying]:
        """Do what `Store.retry` says, in a transaction that is under way."""
        parameters = {"ids": fitting(ids)}
        rows = {
            row[0]: row
            for row in self._db.rows(
                "SELECT id, queue, key, kind, grants, log, final, worker, started, ended, error, "
                "forgotten FROM {s}.ended WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE",
                parameters,
            )
        }
        answers: dict[int, Retrying] = {
            id: "live"
            for (id,) in self._db.rows(
                "SELECT id FROM {s}.job WHERE id = ANY(%(ids)s::bigint[])", parameters
            )
        }
        said: list[Retrying] = []
        for id in ids:
            row = rows.pop(id, None)
            if row is not None:
                answers[id] = self._revive(works, row, attempts)
            said.append(answers.get(id, "unknown"))
            if answers.get(id) == "retried":
                answers[id] = "live"
        return said

    def _revive(self, works: Works, row: tuple[Any, ...], attempts: int | None) -> Retrying:
        """Let one ended job wait again, unless another one has its key."""
        id, queue, key, kind, grants, log, final, worker, started, ended, error, forgotten = row
        if final:  # the last line of the log is the row itself
            log, forgotten = with_line(log, forgotten, [worker, started, ended, kind, error])
        again = {
            "ids": [id],
            "logs": [log],
            "forgottens": [forgotten],
            "attempts": [attempts or grants],
        }
        while True:
            if key is not None:
                holder = self._db.value(_HOLDER, {"queue": queue, "key": key, "id": id})
                if holder is not None:
                    return Enqueued(holder, created=False)
            if self._db.rows(_RETRY, again):
                break  # otherwise somebody else has just taken the key
        works.changes[queue, kind] -= 1
        works.changes[queue, "waiting"] += 1
        self._queues.hints[self._queues.name(queue)].append(Hint("waiting", (id,)))
        return "retried"

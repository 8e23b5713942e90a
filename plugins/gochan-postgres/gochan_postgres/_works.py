"""Works: what becomes of jobs in a transaction, written together at its end."""

# Theory of operation
# -------------------
# The rows are locked, in the order of their ids, the rules decide about each, and the rows are
# written, together. What follows for the jobs that need one of these is in the same transaction.

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from gochan.durable import STATES, After, EndKind, Hint, Run

from ._connection import Connection
from ._new_rows import because
from ._queues import Changes, Queues
from ._rows import ALL, listed, with_line

_RUN: Final = """
SELECT j.id, j.queue, j.state, j.version, j.attempt, j.max_attempts, j.marked, j.crashes, j.lost,
    j.wish, j.grp, j.worker, j.started, j.log, j.forgotten, j.error, j.run_at, j.needed, j.held,
    j.expires, j.after_all, {now}
FROM {s}.job j WHERE """

_IN_ORDER: Final = " ORDER BY j.id FOR UPDATE OF j"

_AGAIN: Final = """
UPDATE {s}.job j SET state = e.state, version = j.version + 1, run_at = e.run_at,
    attempt = e.attempt, crashes = e.crashes, lost = e.lost, error = e.error, log = e.log,
    forgotten = e.forgotten, lease_until = NULL, final = false
FROM unnest(%(ids)b::bigint[], %(states)b::int[], %(times)b::float8[], %(attempts)b::int[],
    %(crashes)b::int[], %(losts)b::int[], %(errors)b::text[], %(logs)b::text[],
    %(forgottens)b::int[]) AS e(id, state, run_at, attempt, crashes, lost, error, log, forgotten)
WHERE j.id = e.id"""

_WHEN_ENDED: Final = {
    "state": "3",
    "kind": "e.kind",
    "version": "d.version + 1",
    "attempt": "e.attempt",
    "crashes": "e.crashes",
    "lost": "e.lost",
    "final": "false",
    "held": "0",
    "ended": "e.ended",
    "error": "e.error",
    "lease_until": "NULL",
    "result": "e.result",
    "log": "e.log",
    "forgotten": "e.forgotten",
    "needed": "false",
    "key_until": "CASE WHEN d.once_for > 0 AND d.key IS NOT NULL THEN e.ended + d.once_for END",
}

_END: Final = f"""
WITH e AS (
    SELECT * FROM unnest(%(ids)b::bigint[], %(kinds)b::text[], %(times)b::float8[],
        %(attempts)b::int[], %(crashes)b::int[], %(losts)b::int[], %(errors)b::text[],
        %(logs)b::text[], %(forgottens)b::int[], %(results)b::bytea[])
    AS e(id, kind, ended, attempt, crashes, lost, error, log, forgotten, result)
),
d AS (DELETE FROM {{s}}.job j USING e WHERE j.id = e.id RETURNING j.*)
INSERT INTO {{s}}.ended({listed(ALL)})
SELECT {", ".join(_WHEN_ENDED.get(column, f"d.{column}") for column in ALL)}
FROM d JOIN e ON e.id = d.id"""


@dataclass(slots=True)
class Row:
    """What has to be known about a job that ends, or is given back."""

    id: int
    queue: int
    state: int
    version: int
    attempt: int
    max_attempts: int
    marked: bool
    crashes: int
    lost: int
    wish: str | None
    group: str | None
    worker: str | None
    started: float | None
    log: str | None
    forgotten: int
    error: str | None
    run_at: float | None
    needed: bool
    held: int
    expires: float | None
    after_all: bool
    now: float

    @property
    def run(self) -> Run:
        """What the rules have to know."""
        return Run(self.attempt, self.max_attempts, self.marked, self.crashes, self.lost, self.wish)


@dataclass(slots=True)
class _Step:
    """What becomes of a job."""

    row: Row
    after: After
    state: int
    run_at: float | None
    error: str | None
    log: str | None
    forgotten: int
    result: bytes | None


@final
class Works:
    """What a transaction does with jobs; written together at its end.

    Attributes:
        changes: of the tally.
    """

    def __init__(self, connection: Connection, queues: Queues) -> None:
        self._db = connection
        self._queues = queues
        self._steps: list[_Step] = []
        self._needed = False  # whether a job that has ended here is needed by others
        self.changes: Changes = Counter()

    def rows(self, where: str, parameters: Mapping[str, Any], more: str = _IN_ORDER) -> list[Row]:
        """Lock rows, and return them."""
        return [Row(*row) for row in self._db.rows(_RUN + where + more, parameters)]

    def settle(
        self,
        row: Row,
        after: After,
        kind: str | None,
        why: str | None,
        *,
        delay: float = 0.0,
        result: bytes | None = None,
    ) -> None:
        """Do what the rules say with a job whose run is over; note the run if it has a ``kind``."""
        log, forgotten = row.log, row.forgotten
        if kind is not None:
            line = [row.worker, row.started, row.now, kind, why]
            log, forgotten = with_line(log, forgotten, line)
        state = 3 if after.kind is not None else 0 if delay > 0 else 1
        self._needed = self._needed or (state == 3 and row.needed)
        run_at = row.run_at if delay <= 0 else row.now + delay
        error = after.error
        if error is None and after.kind is None:
            error = row.error
        self._steps.append(_Step(row, after, state, run_at, error, log, forgotten, result))
        name = self._queues.name(row.queue)
        if row.group is not None and row.state == 2:
            self._queues.hints[name].append(Hint("waiting"))  # another one of its group can start

    def end(self, row: Row, kind: EndKind, reason: str | None) -> None:
        """End a job that does not run."""
        after = After(kind, reason, row.attempt, row.crashes, row.lost)
        self.settle(row, after, None, None)
        self._queues.hints[self._queues.name(row.queue)].append(Hint("room"))

    def now(self, row: Row) -> Row | None:
        """Return a row as it is now: one that was held may be free or over, with what it needed."""
        if not (row.held and self._needed):
            return row
        self.write()
        rows = self.rows("j.id = %(id)s", {"id": row.id})
        return rows[0] if rows else None

    def write(self) -> None:
        """Write all that was decided, and what follows for the jobs that need one of these."""
        while self._steps:
            steps, self._steps = self._steps, []
            self._write([step for step in steps if step.state < 3])
            over = [step for step in steps if step.state == 3]
            self._move(over)
            self._let_go({step.row.id: step.after.kind for step in over if step.row.needed})
        if self.changes or self._queues.hints:
            self._queues.write(self.changes)
            self.changes = Counter()

    def _write(self, steps: Sequence[_Step]) -> None:
        """Write the jobs that can start again."""
        if not steps:
            return
        self._db.run(
            _AGAIN,
            {
                **_columns(steps),
                "states": [step.state for step in steps],
                "times": [step.run_at for step in steps],
            },
        )
        for step in steps:
            queue = step.row.queue
            self.changes[queue, STATES[step.row.state]] -= 1
            self.changes[queue, STATES[step.state]] += 1
            hint = Hint("waiting" if step.state == 1 else "scheduled", (step.row.id,))
            self._queues.hints[self._queues.name(queue)].append(hint)

    def _move(self, steps: Sequence[_Step]) -> None:
        """Move the jobs that are over."""
        if not steps:
            return
        self._db.run(
            _END,
            {
                **_columns(steps),
                "kinds": [step.after.kind for step in steps],
                "times": [step.row.now for step in steps],
                "results": [step.result for step in steps],
            },
        )
        held = [step.row.id for step in steps if step.row.held]
        if held:  # it may run again, and is not held then
            self._db.run("DELETE FROM {s}.need WHERE job = ANY(%(ids)s::bigint[])", {"ids": held})
        for step in steps:
            queue = step.row.queue
            assert step.after.kind is not None
            self.changes[queue, STATES[step.row.state]] -= 1
            self.changes[queue, step.after.kind] += 1
            hint = Hint("ended", (step.row.id,))
            self._queues.hints[self._queues.name(queue)].append(hint)

    def _let_go(self, kinds: Mapping[int, EndKind | None]) -> None:
        """Let the jobs that were held by ended ones go on, or end as well."""
        if not kinds:
            return
        needs: dict[int, list[int]] = {}
        for need, id in self._db.rows(
            "DELETE FROM {s}.need WHERE needs = ANY(%(ids)s::bigint[]) RETURNING needs, job",
            {"ids": [*kinds]},
        ):
            needs.setdefault(id, []).append(need)
        rows = self.rows("j.id = ANY(%(ids)s::bigint[]) AND j.state = 0", {"ids": [*needs]})
        waiting: list[Row] = []
        for row in rows:
            broken = [need for need in sorted(needs[row.id]) if kinds[need] != "done"]
            if broken and not row.after_all:
                why = because(broken[0], str(kinds[broken[0]]))
                self.end(row, "cancelled", why)
                continue
            row.held -= len(needs[row.id])
            waiting.append(row)
        if waiting:
            self._hold_less(waiting)

    def _hold_less(self, rows: Sequence[Row]) -> None:
        free = [not row.held and (row.run_at is None or row.run_at <= row.now) for row in rows]
        self._db.run(
            "UPDATE {s}.job j SET held = e.held, state = CASE WHEN e.free THEN 1 ELSE 0 END, "
            "version = j.version + e.free::int FROM unnest(%(ids)s::bigint[], %(helds)s::int[], "
            "%(frees)s::bool[]) AS e(id, held, free) WHERE j.id = e.id",
            {
                "ids": [row.id for row in rows],
                "helds": [row.held for row in rows],
                "frees": free,
            },
        )
        for row, can_start in zip(rows, free, strict=True):
            hints = self._queues.hints[self._queues.name(row.queue)]
            if can_start:
                self.changes[row.queue, "scheduled"] -= 1
                self.changes[row.queue, "waiting"] += 1
                hints.append(Hint("waiting", (row.id,)))
            elif not row.held:
                hints.append(Hint("scheduled", (row.id,)))


def _columns(steps: Sequence[_Step]) -> dict[str, Any]:
    return {
        "ids": [step.row.id for step in steps],
        "attempts": [step.after.attempt for step in steps],
        "crashes": [step.after.crashes for step in steps],
        "losts": [step.after.lost for step in steps],
        "errors": [storable(step.error) for step in steps],
        "logs": [step.log for step in steps],
        "forgottens": [step.forgotten for step in steps],
    }


def storable(text: str | None) -> str | None:
    """Return a text as PostgreSQL can store it."""
    if text is None:
        return None
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()

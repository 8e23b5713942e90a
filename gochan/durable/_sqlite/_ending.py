"""Ending: runs that are over, and jobs that end without one."""

# Theory of operation
# -------------------
# To end as done is the common case: a batch is read by one statement, and written by another. The
# other ends of a run are rarer: the row is read, the rules decide, and the row is written.

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, final

from .._records import STATES, Ending, EndKind, Enqueued, Release
from .._rules import After, Run, after_ending, after_release
from .._store import Cancelling, Retrying
from ._connection import Connection
from ._queues import Queues
from ._rows import attempts_of, with_line

_SCHEDULED, _WAITING, _RUNNING, _ENDED = range(4)

_RUNS: Final = """
SELECT id, version, queue, grp FROM gochan_job
WHERE id IN (SELECT value FROM json_each(?)) AND state = 2"""

_DONE: Final = """
UPDATE gochan_job SET state = 3, kind = 'done', version = version + 1, ended = ?, result = ?,
    error = NULL, lease_until = NULL, attempt = attempt + 1 - marked, marked = 1, final = 1,
    key_until = iif(once_for > 0, ? + once_for, NULL)
WHERE id IN (SELECT value FROM json_each(?))"""

RUN: Final = """
SELECT queue, attempt, max_attempts, marked, crashes, lost, wish, grp, worker, started, log,
    forgotten, error, run_at, held
FROM gochan_job WHERE id = ? AND version = ? AND state = 2"""

_AGAIN: Final = """
UPDATE gochan_job SET state = ?, version = version + 1, run_at = ?, attempt = ?, crashes = ?,
    lost = ?, error = ?, log = ?, forgotten = ?, lease_until = NULL, final = 0
WHERE id = ?"""

_END: Final = """
UPDATE gochan_job SET state = 3, kind = ?, version = version + 1, ended = ?, error = ?, attempt = ?,
    crashes = ?, lost = ?, result = ?, log = ?, forgotten = ?, lease_until = NULL, held = 0,
    final = 0, key_until = iif(once_for > 0, ? + once_for, NULL)
WHERE id = ?"""

_END_IDLE: Final = """
UPDATE gochan_job SET state = 3, kind = ?, version = version + 1, ended = ?, error = ?, held = 0,
    lease_until = NULL, key_until = iif(once_for > 0, ? + once_for, NULL)
WHERE id = ?"""

# A job that was held may have ended and run again, and is not held any more.
_HELD: Final = """
SELECT needs, job, after_all, held
FROM gochan_need AS need LEFT JOIN gochan_job AS job ON job.id = need.job
WHERE needs IN (SELECT value FROM json_each(?)) ORDER BY needs, job"""

_LET_GO: Final = "DELETE FROM gochan_need WHERE needs IN (SELECT value FROM json_each(?))"


@final
class Endings:
    """The ends of jobs, by one connection."""

    def __init__(self, connection: Connection, queues: Queues) -> None:
        self._db = connection
        self._queues = queues

    def finish(self, now: float, endings: Sequence[Ending]) -> Sequence[bool]:
        answers: list[bool] = []
        for common, some in groupby(endings, lambda one: one.kind == "done" and one.started):
            if common:
                answers += self._finish_done(now, [*some])
            else:
                answers += [self._finish(now, ending) for ending in some]
        return answers

    def _finish_done(self, now: float, endings: Sequence[Ending]) -> list[bool]:
        """End jobs in the common way."""
        runs = {
            (id, version): (queue, group)
            for id, version, queue, group in self._db.rows(
                _RUNS, (json.dumps([ending.id for ending in endings]),)
            )
        }
        taken = [runs.pop((ending.id, ending.version), None) for ending in endings]
        done = [ending for ending, run in zip(endings, taken, strict=True) if run is not None]
        by_result: dict[bytes | None, list[int]] = {}  # many handlers return nothing
        for one in done:
            by_result.setdefault(one.result, []).append(one.id)
        self._db.run_many(
            _DONE,
            [(now, result, now, json.dumps(ids)) for result, ids in by_result.items()],
        )
        changes = Counter[tuple[int, str]]()
        ids: dict[int, list[int]] = {}
        for ending, run in zip(endings, taken, strict=True):
            if run is not None:
                ids.setdefault(run[0], []).append(ending.id)
                if run[1] is not None:
                    self._queues.ring(run[0], "waiting")  # another one of its group can start
        for queue, over in ids.items():
            changes[queue, "running"] -= len(over)
            changes[queue, "done"] += len(over)
            self._queues.ring(queue, "ended", *over)
        self._queues.count(changes)
        self._let_go(now, [(one.id, "done") for one in done])
        return [run is not None for run in taken]

    def _finish(self, now: float, ending: Ending) -> bool:
        """End a job in one of the rarer ways."""
        row = self._db.row(RUN, (ending.id, ending.version))
        if row is None:
            return False
        kind = ending.kind if ending.started else None
        after = after_ending(facts(row), ending)
        result = ending.result if after.kind == "done" else None
        self.settle(now, ending.id, row, after, kind, ending.error, result=result)
        return True

    def release(self, now: float, releases: Sequence[Release]) -> Sequence[bool]:
        return [self._release(now, release) for release in releases]

    def _release(self, now: float, release: Release) -> bool:
        row = self._db.row(RUN, (release.id, release.version))
        if row is None:
            return False
        kind = None if release.kind == "unstarted" else release.kind
        after = after_release(facts(row), release)
        self.settle(now, release.id, row, after, kind, release.error, delay=release.delay)
        return True

    def settle(
        self,
        now: float,
        id: int,
        row: Sequence[Any],
        after: After,
        kind: str | None,
        why: str | None,
        *,
        delay: float = 0.0,
        result: bytes | None = None,
    ) -> None:
        """Do what the rules say with a job whose run is over; note the run if it has a ``kind``."""
        queue, group, worker, started, log, forgotten, error, run_at = (
            row[0], *row[7:14],
        )  # fmt: skip
        if kind is not None:
            lines = [*([] if log is None else json.loads(log)), [worker, started, now, kind, why]]
            log, forgotten = with_line(lines, forgotten)
        error = after.error if after.error is not None else error
        counts = after.attempt, after.crashes, after.lost
        if group is not None:
            self._queues.ring(queue, "waiting")
        if after.kind is not None:
            end = (after.kind, now, after.error, *counts, result, log, forgotten, now, id)
            self._db.run(_END, end)
            self._queues.count(Counter({(queue, "running"): -1, (queue, after.kind): 1}))
            self._queues.ring(queue, "ended", id)
            self._let_go(now, [(id, after.kind)])
            return
        state = _SCHEDULED if delay > 0 else _WAITING
        run_at = now + delay if delay > 0 else run_at
        self._db.run(_AGAIN, (state, run_at, *counts, error, log, forgotten, id))
        self._queues.count(Counter({(queue, "running"): -1, (queue, STATES[state]): 1}))
        self._queues.ring(queue, "waiting" if state == _WAITING else "scheduled", id)

    def end_idle(self, now: float, id: int, kind: EndKind, reason: str) -> bool:
        """End a job that does not run, and what ends with it; return whether there was one."""
        ended = self._end_alone(now, id, kind, reason)
        if ended:
            self._let_go(now, [(id, kind)])
        return ended

    def _end_alone(self, now: float, id: int, kind: EndKind, reason: str) -> bool:
        row = self._db.row("SELECT queue, state FROM gochan_job WHERE id = ? AND state < 2", (id,))
        if row is None:
            return False
        queue, state = row
        full = self._queues.room_of(queue) < 1
        self._db.run(_END_IDLE, (kind, now, reason, now, id))
        self._queues.count(Counter({(queue, STATES[state]): -1, (queue, kind): 1}))
        self._queues.ring(queue, "ended", id)
        if full:
            self._queues.ring(queue, "room")
        return True

    def _let_go(self, now: float, over: Sequence[tuple[int, EndKind]]) -> None:
        """Let the jobs that were held by ended ones go on, or end as well."""
        while over:
            kinds, over = dict(over), []
            needed = (json.dumps([*kinds]),)
            rows = self._db.rows(_HELD, needed)
            if rows:
                self._db.run(_LET_GO, needed)
            for need, id, after_all, held in rows:
                if kinds[need] == "done" or after_all:
                    self._release_one(now, id)
                elif held and self._end_alone(now, id, "cancelled", because(need, kinds[need])):
                    over.append((id, "cancelled"))

    def _release_one(self, now: float, id: int) -> None:
        """Let a job be held by one less."""
        row = self._db.row(
            "UPDATE gochan_job SET held = held - 1 WHERE id = ? AND state = 0 AND held > 0 "
            "RETURNING queue, held, run_at",
            (id,),
        )
        if row is not None and not row[1] and (row[2] is None or row[2] <= now):
            self._let_wait(row[0], id)

    def _let_wait(self, queue: int, id: int) -> None:
        """Let a scheduled job start."""
        self._db.run("UPDATE gochan_job SET state = 1, version = version + 1 WHERE id = ?", (id,))
        self._queues.count(Counter({(queue, "scheduled"): -1, (queue, "waiting"): 1}))
        self._queues.ring(queue, "waiting", id)

    def cancel(self, now: float, ids: Sequence[int], reason: str) -> Sequence[Cancelling]:
        return [self._cancel(now, id, reason) for id in ids]

    def _cancel(self, now: float, id: int, reason: str) -> Cancelling:
        if self.end_idle(now, id, "cancelled", reason):
            return "ended"
        row = self._db.row(
            "UPDATE gochan_job SET wish = coalesce(wish, ?) WHERE id = ? AND state = 2 "
            "RETURNING queue",
            (reason, id),
        )
        if row is None:
            return "unknown"
        self._queues.ring(row[0], "cancel", id)
        return "signalled"

    def retry(self, now: float, ids: Sequence[int], attempts: int | None) -> Sequence[Retrying]:
        return [self._retry(now, id, attempts) for id in ids]

    def _retry(self, now: float, id: int, attempts: int | None) -> Retrying:
        row = self._db.row(
            "SELECT queue, state, key, kind, grants, log, final, worker, started, ended, error, "
            "forgotten FROM gochan_job WHERE id = ?",
            (id,),
        )
        if row is None:
            return "unknown"
        queue, state, key, kind, grants, log, final, worker, started, ended, error, forgotten = row
        if state != _ENDED:
            return "live"
        holder = None if key is None else self._queues.holder_of(now, queue, key)
        if holder is not None and holder != id:
            return Enqueued(holder, created=False)
        if final:
            lines = attempts_of(
                log, final=1, worker=worker, started=started, ended=ended, kind=kind, error=error
            )
            log, forgotten = with_line(lines, forgotten)
        self._db.run(
            "UPDATE gochan_job SET state = 1, version = version + 2, kind = NULL, ended = NULL, "
            "expires = NULL, run_at = NULL, result = NULL, wish = NULL, key_until = NULL, "
            "crashes = 0, lost = 0, final = 0, log = ?, forgotten = ?, "
            "max_attempts = attempt + ? WHERE id = ?",
            (log, forgotten, attempts or grants, id),
        )
        self._queues.count(Counter({(queue, kind): -1, (queue, "waiting"): 1}))
        self._queues.ring(queue, "waiting", id)
        return "retried"


def facts(row: Sequence[Any]) -> Run:
    """Return what the rules have to know, from a row of `RUN`."""
    _, attempt, max_attempts, marked, crashes, lost, wish, *_ = row
    return Run(attempt, max_attempts, bool(marked), crashes, lost, wish)


def because(id: int, kind: str) -> str:
    """Say why a job ends that was to run after another one."""
    return f"job {id}, after which it was to run, ended as {kind}"

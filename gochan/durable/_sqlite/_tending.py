"""Tending: what time demands, and jobs that are kept no longer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from typing import final

from .._queue_records import Keep
from .._records import END_KINDS, EndKind, Tended
from .._rules import after_loss
from ._connection import Connection
from ._ending import RUN, Endings, facts
from ._queues import Queues, settings_from


@final
class Tending:
    """What has to be done once in a while, by one connection."""

    def __init__(self, connection: Connection, queues: Queues, endings: Endings) -> None:
        self._db = connection
        self._queues = queues
        self._endings = endings

    def purge(self, now: float, queue: str, kinds: Collection[EndKind], n: int) -> int:
        number = self._queues.find(queue)
        purged = 0
        for kind in kinds:
            purged += self._delete(now, number, kind, math.inf, n - purged)
        return purged

    def _delete(self, now: float, queue: int, kind: EndKind, before: float, n: float) -> int:
        """Delete jobs that ended before a moment, but for those that keep their key."""
        deleted = self._db.run(
            "DELETE FROM gochan_job WHERE id IN "
            "(SELECT id FROM gochan_job WHERE queue = ? AND kind = ? "
            "AND state = 3 AND ended <= ? AND (key_until IS NULL OR key_until <= ?) "
            "ORDER BY ended, id LIMIT ?)",
            (queue, kind, before, now, n),
        )
        self._queues.count(Counter({(queue, kind): -deleted, (queue, f"pruned {kind}"): deleted}))
        return deleted

    def tend(self, now: float, n: int) -> Tended:
        # In this order, so that nothing is left that a second call would find.
        changed = self._rescue(now, n) + self._expire(now, n) + self._promote(now, n)
        moments = [
            self._db.value("SELECT min(run_at) FROM gochan_job WHERE state = 0 AND held = 0"),
            self._db.value(
                "SELECT min(expires) FROM gochan_job WHERE state < 2 AND expires IS NOT NULL"
            ),
            self._db.value("SELECT min(lease_until) FROM gochan_job WHERE state = 2"),
        ]
        for queue, text in self._db.rows("SELECT id, settings FROM gochan_queue"):
            keep = Keep() if text is None else settings_from(text).keep
            changed += self._prune(now, queue, keep, n)
            moments += self._pruning_moments(now, queue, keep)
        first = min((moment for moment in moments if moment is not None), default=math.inf)
        return Tended(changed, None if first == math.inf else max(0.0, first - now))

    def _promote(self, now: float, n: int) -> int:
        """Let jobs start whose time has come."""
        rows = self._db.rows(
            "UPDATE gochan_job SET state = 1, version = version + 1 WHERE id IN "
            "(SELECT id FROM gochan_job "
            "WHERE state = 0 AND held = 0 AND run_at <= ? ORDER BY run_at, id LIMIT ?) "
            "RETURNING queue",
            (now, n),
        )
        changes: Counter[tuple[int, str]] = Counter()
        for (queue,) in rows:
            changes[queue, "scheduled"] -= 1
            changes[queue, "waiting"] += 1
        self._queues.count(changes)
        for queue in {queue for (queue,) in rows}:
            self._queues.ring(queue, "waiting")
        return len(rows)

    def _expire(self, now: float, n: int) -> int:
        """End jobs that must not start any more."""
        rows = self._db.rows(
            "SELECT id, log IS NOT NULL, error FROM gochan_job "
            "WHERE state < 2 AND expires IS NOT NULL "
            "AND expires <= ? ORDER BY expires, id LIMIT ?",
            (now, n),
        )
        for id, has_run, error in rows:
            if has_run:
                why = error or "it expired before its next attempt"
                self._endings.end_idle(now, id, "failed", why)
            else:
                self._endings.end_idle(now, id, "dropped", "it expired before it could start")
        return len(rows)

    def _rescue(self, now: float, n: int) -> int:
        """Take jobs back whose lease has ended."""
        rows = self._db.rows(
            "SELECT id, version FROM gochan_job WHERE state = 2 AND lease_until <= ? "
            "ORDER BY lease_until, id LIMIT ?",
            (now, n),
        )
        for ticket in rows:
            row = self._db.row(RUN, ticket)
            self._endings.settle(now, ticket[0], row, after_loss(facts(row)), "lost", None)
        return len(rows)

    def _prune(self, now: float, queue: int, keep: Keep, n: int) -> int:
        """Delete jobs that were kept long enough."""
        pruned = 0
        for kind in END_KINDS:
            age = keep.done if kind == "done" else keep.others
            pruned += self._delete(now, queue, kind, now - age, n)
        if keep.most_done != math.inf:
            over = self._queues.tally(queue).get("done", 0) - keep.most_done
            if over > 0:
                pruned += self._delete(now, queue, "done", math.inf, min(n, over))
        return pruned

    def _pruning_moments(self, now: float, queue: int, keep: Keep) -> Iterable[float]:
        """Yield when the next job will have been kept long enough, for each kind."""
        for kind in END_KINDS:
            row = self._db.row(
                "SELECT ended, key_until FROM gochan_job "
                "WHERE queue = ? AND kind = ? AND state = 3 "
                "ORDER BY ended, id LIMIT 1",
                (queue, kind),
            )
            if row is not None:
                age = keep.done if kind == "done" else keep.others
                yield max(row[0] + age, row[1] or 0.0)

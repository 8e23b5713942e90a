"""Tending: what time demands."""

# Theory of operation
# -------------------
# Every worker does this about once a second, and mostly there is nothing to do. So one statement
# looks for the next moment of each sort; the others run only when a moment has come. Rows that
# somebody else is about to change are left to him (SKIP LOCKED), so it need not matter how many
# tend at the same time.

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from typing import Final, final

from gochan.durable import END_KINDS, EndKind, Hint, Keep, Tended, after_loss

from ._connection import Connection
from ._ending import Endings
from ._queues import Changes, Queues, settings_from
from ._works import Works

_MOST_KEYS: Final = 10_000  # that are taken at once
_ROUNDS: Final = 4
_PAUSE: Final = 0.5  # seconds
_MOST_TALLY: Final = 500  # rows, before they are folded

# The moments of all queues together, and what there is to prune in each.
_LOOK: Final = """
WITH kinds(kind) AS (SELECT unnest(%(kinds)s::text[])),
done AS MATERIALIZED (
    SELECT queue, sum(n) FILTER (WHERE what = 'done') AS n, count(*) AS lines FROM {s}.tally
    GROUP BY queue
)
SELECT {now}, (SELECT min(run_at) FROM {s}.job WHERE state = 0 AND held = 0),
    (SELECT min(expires) FROM {s}.job WHERE state < 2 AND expires IS NOT NULL),
    (SELECT min(lease_until) FROM {s}.job WHERE state = 2),
    (SELECT min(key_until) FROM {s}.ended WHERE key_until IS NOT NULL),
    (SELECT sum(lines)::int FROM done),
    q.id, q.settings, coalesce(done.n, 0)::bigint,
    ARRAY(SELECT (
        SELECT min(e.ended) FROM {s}.ended e
        WHERE e.queue = q.id AND e.kind = kinds.kind AND e.key_until IS NULL
    ) FROM kinds)
FROM (SELECT) AS one LEFT JOIN {s}.queue q ON true LEFT JOIN done ON done.queue = q.id"""

_PROMOTE: Final = """
WITH t AS MATERIALIZED (SELECT {now} AS now),
l AS MATERIALIZED (
    SELECT id FROM {s}.job, t WHERE state = 0 AND held = 0 AND run_at <= t.now
    ORDER BY run_at, id LIMIT %(n)s FOR UPDATE OF job SKIP LOCKED
)
UPDATE {s}.job j SET state = 1, version = version + 1 FROM l WHERE j.id = l.id RETURNING j.queue"""

_PRUNE: Final = """
WITH t AS MATERIALIZED (SELECT {now} AS now),
l AS MATERIALIZED (
    SELECT id FROM {s}.ended, t WHERE queue = %(queue)s AND kind = %(kind)s
        AND ended <= t.now - %(age)s AND key_until IS NULL
    ORDER BY ended, id LIMIT %(n)s FOR UPDATE OF ended SKIP LOCKED
),
d AS (DELETE FROM {s}.ended e USING l WHERE e.id = l.id RETURNING e.id),
r AS (DELETE FROM {s}.receipt r USING l WHERE r.id = l.id),
c AS (
    INSERT INTO {s}.tally SELECT %(queue)s, w.what, w.sign * d.n
    FROM (SELECT count(*) AS n FROM d) d,
        (VALUES (%(kind)s, -1), ('pruned ' || %(kind)s, 1)) w(what, sign)
    WHERE d.n > 0
)
SELECT count(*) FROM d"""


_TAKE_KEYS: Final = """
UPDATE {s}.ended SET key_until = NULL WHERE id IN (
    SELECT id FROM {s}.ended WHERE key_until <= {now}
    ORDER BY key_until LIMIT %(n)s FOR UPDATE SKIP LOCKED
)"""


@final
class Tending:
    """What time demands, by one connection."""

    def __init__(self, connection: Connection, queues: Queues, endings: Endings) -> None:
        self._db = connection
        self._queues = queues
        self._endings = endings

    def tend(self, n: int) -> Tended:
        """Do what `Store.tend` says."""
        changed = 0
        for _ in range(_ROUNDS):
            work, coming = self._work(n)
            changed += work
            if not work:
                if coming is not None and coming <= 0.0:
                    coming = _PAUSE  # somebody has locked what is due
                return Tended(changed, coming)
            if work >= n:
                break  # others may have something to write meanwhile
        return Tended(changed, 0.0)

    def _work(self, n: int) -> tuple[int, float | None]:
        """Do once what there is to do; return how much, or else when there will be more."""
        rows = self._db.rows(_LOOK, {"kinds": [*END_KINDS]})
        now, due, expires, lease, kept, lines, *_ = rows[0]
        if kept is not None and kept <= now and self._db.run(_TAKE_KEYS, {"n": _MOST_KEYS}):
            # What has no key any more can be deleted.
            rows = self._db.rows(_LOOK, {"kinds": [*END_KINDS]})
            now, due, expires, lease, kept, lines, *_ = rows[0]
        changed = 0
        # In this order, so that what one ends or gives back is seen by the next.
        if lease is not None and lease <= now:
            changed += self._endings.transact(lambda works: self._rescue(works, n))
        if expires is not None and expires <= now:
            changed += self._endings.transact(lambda works: self._expire(works, n))
        if due is not None and due <= now:
            changed += self._promote(n)
        moments = [moment for moment in (due, expires, lease, kept) if moment is not None]
        for *_, queue, settings, done, ended in rows:
            if queue is None:
                continue
            keep = Keep() if settings is None else settings_from(settings).keep
            for kind, first in zip(END_KINDS, ended, strict=True):
                if first is None:
                    continue
                age = keep.done if kind == "done" else keep.others
                moment = first + age
                moments.append(moment)
                if moment <= now:
                    changed += self.prune(queue, kind, n, age=age)
            over = 0 if keep.most_done == math.inf else int(done - keep.most_done)
            if over > 0:
                changed += self.prune(queue, "done", min(n, over))
        if lines is not None and lines > _MOST_TALLY + 20 * len(rows):
            self._queues.fold()
        coming = min(moments, default=None)
        return changed, None if coming is None else max(0.0, coming - now)

    def _promote(self, n: int) -> int:
        """Let jobs start whose time has come."""
        with self._db.transaction():
            rows = self._db.rows(_PROMOTE, {"n": n})
            changes: Changes = Counter()
            for (queue,) in rows:
                changes[queue, "scheduled"] -= 1
                changes[queue, "waiting"] += 1
            for queue in {queue for (queue,) in rows}:
                self._queues.hints[self._queues.name(queue)].append(Hint("waiting"))
            self._queues.write(changes)
        return len(rows)

    def _expire(self, works: Works, n: int) -> int:
        """End jobs that must not start any more."""
        rows = works.rows(
            "j.state < 2 AND j.expires IS NOT NULL AND j.expires <= {now}",
            {"n": n},
            " ORDER BY j.expires, j.id LIMIT %(n)s FOR UPDATE OF j SKIP LOCKED",
        )
        for found in rows:
            row = works.now(found)
            if row is None:
                continue
            if row.log is not None:
                why = row.error or "it expired before its next attempt"
                works.end(row, "failed", why)
            else:
                works.end(row, "dropped", "it expired before it could start")
        return len(rows)

    def _rescue(self, works: Works, n: int) -> int:
        """Take jobs back whose lease has ended."""
        rows = works.rows(
            "j.state = 2 AND j.lease_until <= {now}",
            {"n": n},
            " ORDER BY j.lease_until, j.id LIMIT %(n)s FOR UPDATE OF j SKIP LOCKED",
        )
        for row in rows:
            works.settle(row, after_loss(row.run), "lost", None)
        return len(rows)

    def prune(self, queue: int, kind: EndKind, n: int, *, age: float = -math.inf) -> int:
        """Delete jobs that ended in this way so long ago, but for those that keep their key."""
        parameters = {"queue": queue, "kind": kind, "n": n, "age": age}
        pruned: int = self._db.value(_PRUNE, parameters)
        return pruned

    def purge(self, name: str, kinds: Collection[EndKind], n: int) -> int:
        """Do what `Store.purge` says."""
        queue = self._queues.find(name)
        self._db.run(_TAKE_KEYS, {"n": _MOST_KEYS})
        purged = 0
        for kind in dict.fromkeys(kinds):
            purged += self.prune(queue, kind, n - purged)
        return purged

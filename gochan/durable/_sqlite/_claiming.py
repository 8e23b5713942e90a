"""Claiming: which jobs are the next that a worker may have."""

# Theory of operation
# -------------------
# Workers differ by machine and labels, so waiting jobs are indexed by their *route*; a queue has
# few. Where groups have no limit, the next jobs are the first few of each route that suits.
#
# Where they have one, the jobs of full groups must not hold up others, and there may be a
# million of them in front. First comes a bounded look at the head of each route; mostly that is
# enough. Otherwise an index gives the groups that wait, one seek for each, and of those that
# are not full the first jobs. So a claim costs something for each group, never for each job.

from __future__ import annotations

from collections import Counter
from typing import Any, Final, TypeAlias

from .._records import Worker
from ._connection import Connection
from ._rows import parse_route

Candidate: TypeAlias = tuple[int, str | None, int]  # id, group, priority

_LOOK: Final = 4  # how many times as many jobs as are wanted the first look takes

_ROUTES: Final = """
WITH RECURSIVE r(v) AS (
    SELECT (SELECT min(route) FROM gochan_job WHERE queue = :queue AND state = 1)
    UNION ALL
    SELECT (SELECT min(route) FROM gochan_job WHERE queue = :queue AND state = 1 AND route > r.v)
    FROM r WHERE r.v IS NOT NULL
)
SELECT v FROM r WHERE v IS NOT NULL"""

_HEAD: Final = """
SELECT id, grp, priority FROM gochan_job
WHERE queue = :queue AND route = :route AND state = 1 AND (expires IS NULL OR expires > :now)
ORDER BY priority DESC, id LIMIT :n"""

_RUNNING: Final = """
SELECT grp, count(*) FROM gochan_job WHERE queue = :queue AND state = 2 AND grp IS NOT NULL
GROUP BY grp"""

_FREE: Final = """
SELECT id, grp, priority FROM gochan_job INDEXED BY gochan_job_free
WHERE queue = :queue AND route = :route AND state = 1 AND grp IS NULL
    AND (expires IS NULL OR expires > :now)
ORDER BY priority DESC, id LIMIT :n"""

# The first job of each group that is not full. The inner query cannot be joined with a limit of
# its own for each group, so only heads come here.
_HEADS: Final = """
WITH RECURSIVE g(v) AS (
    SELECT (SELECT min(grp) FROM gochan_job
            WHERE queue = :queue AND route = :route AND state = 1 AND grp IS NOT NULL)
    UNION ALL
    SELECT (SELECT min(grp) FROM gochan_job
            WHERE queue = :queue AND route = :route AND state = 1 AND grp IS NOT NULL
                AND grp > g.v)
    FROM g WHERE g.v IS NOT NULL
),
full(v) AS MATERIALIZED (
    SELECT grp FROM gochan_job WHERE queue = :queue AND state = 2 AND grp IS NOT NULL
    GROUP BY grp HAVING count(*) >= :limit
),
heads(id) AS MATERIALIZED (
    SELECT (SELECT id FROM gochan_job
            WHERE queue = :queue AND route = :route AND state = 1 AND grp IS NOT NULL
                AND grp = g.v AND (expires IS NULL OR expires > :now)
            ORDER BY priority DESC, id LIMIT 1)
    FROM g WHERE v IS NOT NULL AND v NOT IN full
)
SELECT job.id, job.grp, job.priority FROM heads JOIN gochan_job AS job ON job.id = heads.id
ORDER BY job.priority DESC, job.id LIMIT :n"""

_OF_GROUP: Final = """
SELECT id, grp, priority FROM gochan_job
WHERE queue = :queue AND route = :route AND state = 1 AND grp IS NOT NULL AND grp = :group
    AND (expires IS NULL OR expires > :now)
ORDER BY priority DESC, id LIMIT :n"""


def pick(
    connection: Connection, queue: int, n: int, worker: Worker, now: float, limit: int | None
) -> list[int]:
    """Return the ids of the next ``n`` jobs that ``worker`` may have, in order."""
    of_queue = {"queue": queue}
    routes = [
        route
        for (route,) in connection.rows(_ROUTES, of_queue)
        if not route or worker.suits(*parse_route(route))
    ]
    if not routes or n < 1:
        return []
    if len(routes) == 1 and limit is None:
        first = {**of_queue, "route": routes[0], "now": now, "n": n}
        return [id for id, _, _ in connection.rows(_HEAD, first)]
    running = Counter[str]()
    if limit is not None:
        running.update(dict(connection.rows(_RUNNING, of_queue)))
    look = n if limit is None else n * _LOOK
    heads: list[Candidate] = []
    seen_all = True
    horizon: tuple[int, int] | None = None
    for route in routes:
        found = connection.rows(_HEAD, {**of_queue, "route": route, "now": now, "n": look})
        heads += found
        if limit is not None and len(found) == look:
            seen_all = False
            last = _rank(found[-1])
            horizon = last if horizon is None else min(horizon, last)
    # Beyond the horizon there may be better ones that were not looked at.
    sure = heads if horizon is None else [one for one in heads if _rank(one) <= horizon]
    chosen = _choose(sure, n, running, limit)
    if seen_all or len(chosen) == n:
        return [id for id, _, _ in chosen]
    assert limit is not None
    return [id for id, _, _ in _deep(connection, of_queue, routes, n, now, running, limit)]


def _deep(
    connection: Connection,
    of_queue: dict[str, Any],
    routes: list[str],
    n: int,
    now: float,
    running: Counter[str],
    limit: int,
) -> list[Candidate]:
    """Look behind full groups, one seek for each group."""
    found: list[Candidate] = []
    heads: list[tuple[Candidate, str]] = []
    for route in routes:
        where = {**of_queue, "route": route, "now": now}
        found += connection.rows(_FREE, {**where, "n": n})
        # A group may have its head on one route and its next jobs on another.
        some = n if len(routes) == 1 else -1
        heads += [
            (head, route) for head in connection.rows(_HEADS, {**where, "limit": limit, "n": some})
        ]
    heads.sort(key=lambda head: _rank(head[0]))
    best = [*dict.fromkeys(head[1] for head, _ in heads)][:n]
    for head, route in heads:
        group = head[1]
        if group in best:
            assert group is not None
            some = min(n, limit - running[group])
            where = {**of_queue, "route": route, "now": now, "group": group, "n": some}
            found += connection.rows(_OF_GROUP, where)
    return _choose(found, n, running, limit)


def _choose(
    candidates: list[Candidate], n: int, running: Counter[str], limit: int | None
) -> list[Candidate]:
    """Return the first ``n``, but of no group more than may run."""
    candidates.sort(key=_rank)
    if limit is None:
        return candidates[:n]
    used = Counter(running)
    chosen: list[Candidate] = []
    for candidate in candidates:
        group = candidate[1]
        if group is not None:
            if used[group] >= limit:
                continue
            used[group] += 1
        chosen.append(candidate)
        if len(chosen) == n:
            break
    return chosen


def _rank(candidate: Candidate) -> tuple[int, int]:
    return -candidate[2], candidate[0]

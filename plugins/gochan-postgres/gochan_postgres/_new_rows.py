"""New rows: jobs as PostgreSQL can store them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gochan.durable import NewJob, Refusal

from ._rows import headers_of, route_of

_MOST_BYTES: Final = 2000  # of a text that is in an index
_MOST_ATTEMPTS: Final = 2**31 - 1

NEW: Final = """
SELECT * FROM unnest(
    %(ids)b::bigint[], %(queues)b::int[], %(priorities)b::bigint[], %(routes)b::text[],
    %(groups)b::text[], %(keys)b::text[], %(onces)b::float8[], %(delays)b::float8[],
    %(times)b::float8[], %(expiries)b::float8[], %(timeouts)b::float8[], %(attempts)b::int[],
    %(helds)b::int[], %(alls)b::bool[], %(codecs)b::text[], %(headers)b::text[],
    %(receipts)b::text[], %(payloads)b::bytea[]
) WITH ORDINALITY AS u(
    given, queue, priority, route, grp, key, once_for, delay, run_at, expires, timeout,
    max_attempts, held, after_all, codec, headers, receipt, payload, o
)"""

INTO: Final = """
INSERT INTO {s}.job(id, queue, state, priority, route, grp, key, once_for, submitted, run_at,
    expires, timeout, max_attempts, grants, held, after_all, codec, headers, payload)
SELECT x.id, x.queue, CASE WHEN x.held > 0 OR x.due > t.now THEN 0 ELSE 1 END, x.priority, x.route,
    x.grp, x.key, x.once_for, t.now, x.due, x.expires, x.timeout, x.max_attempts, x.max_attempts,
    x.held, x.after_all, x.codec, x.headers, x.payload
FROM x, t"""

DUE: Final = """CASE WHEN y.delay > 0 THEN greatest(coalesce(y.run_at, 0.0), t.now + y.delay)
    ELSE y.run_at END AS due"""


def because(id: int, kind: str) -> str:
    """Say why a job ends that was to run after another one."""
    return f"job {id}, after which it was to run, ended as {kind}"


def parameters_of(
    jobs: Sequence[NewJob],
    queues: Sequence[int],
    ids: Sequence[int | None],
    helds: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Return new jobs as the parameters of `NEW`."""
    return {
        "ids": [*ids],
        "queues": [*queues],
        "priorities": [job.priority for job in jobs],
        "routes": [route_of(job.machine, job.labels) for job in jobs],
        "groups": [job.group for job in jobs],
        "keys": [job.key for job in jobs],
        "onces": [float(job.once_for) for job in jobs],
        "delays": [float(job.delay) for job in jobs],
        "times": [_float(job.run_at) for job in jobs],
        "expiries": [_float(job.expires) for job in jobs],
        "timeouts": [_float(job.timeout) for job in jobs],
        "attempts": [job.max_attempts for job in jobs],
        "helds": [0] * len(jobs) if helds is None else [*helds],
        "alls": [job.after_all == "ended" for job in jobs],
        "codecs": [job.codec for job in jobs],
        "headers": [headers_of(job) for job in jobs],
        "receipts": [job.receipt for job in jobs],
        "payloads": [job.payload for job in jobs],
    }


def _float(number: float | None) -> float | None:
    return None if number is None else float(number)


def refusal_of(job: NewJob) -> Refusal | None:
    """Say why a job cannot be stored in PostgreSQL at all."""
    for what, text in (
        ("queue", job.queue),
        ("key", job.key),
        ("group", job.group),
        ("receipt", job.receipt),
        ("codec", job.codec),
        ("route", route_of(job.machine, job.labels)),
        ("headers", headers_of(job)),
    ):
        if text is None:
            continue
        if "\0" in text:
            return Refusal(f"its {what} has a character NUL, which PostgreSQL cannot store")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            return Refusal(f"its {what} is no Unicode text: it has a lone surrogate")
        if size > _MOST_BYTES and what != "headers":
            return Refusal(f"its {what} has {size} bytes; PostgreSQL takes {_MOST_BYTES}")
    if not -(2**63) <= job.priority < 2**63:
        return Refusal(f"its priority is {job.priority}; PostgreSQL takes 64 bits")
    if job.max_attempts > _MOST_ATTEMPTS:
        return Refusal(f"it may have {job.max_attempts} attempts; PostgreSQL takes 32 bits")
    return None

"""Rows of the tables of jobs, and the records that they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gochan.durable import STATES, Attempt, JobRecord, NewJob, moment

KEPT_ATTEMPTS: Final = 20

_NOTHING: Final[Mapping[str, str]] = {}

# What a record is made of.
COLUMNS: Final = (
    "id", "queue", "state", "kind", "version", "payload", "codec", "key", "priority", "grp",
    "route", "headers", "submitted", "run_at", "expires", "timeout", "attempt", "max_attempts",
    "crashes", "lost", "held", "worker", "started", "lease_until", "ended", "wish", "progress",
    "error", "result", "log", "forgotten", "final",
)  # fmt: skip

# What is there besides.
OTHERS: Final = ("once_for", "key_until", "grants", "marked", "after_all", "needed")

ALL: Final = (*COLUMNS, *OTHERS)


def listed(columns: Sequence[str] = COLUMNS, prefix: str = "") -> str:
    """Return columns as SQL names them."""
    return ", ".join(f"{prefix}{column}" for column in columns)


def route_of(machine: str | None, labels: Mapping[str, str]) -> str:
    """Return which workers may have a job, as the text by which jobs are indexed."""
    if machine is None and not labels:
        return ""
    return json.dumps([machine, dict(labels)], sort_keys=True)


def parse_route(route: str) -> tuple[str | None, Mapping[str, str]]:
    """Return the machine and the labels."""
    if not route:
        return None, _NOTHING
    machine, labels = json.loads(route)
    return machine, labels


def headers_of(job: NewJob) -> str | None:
    """Return the headers of a job as text."""
    return json.dumps(dict(job.headers)) if job.headers else None


def fitting(ids: Iterable[int]) -> list[int]:
    """Return ids as the server takes them; one that none can have is 0, which none has."""
    return [id if 0 < id < 2**63 else 0 for id in ids]


Line = list[Any]


def with_line(log: str | None, forgotten: int, line: Line) -> tuple[str, int]:
    """Return the log with one line more, but no more than are kept, and how many are forgotten."""
    lines: list[Line] = [*([] if log is None else json.loads(log)), line]
    over = max(0, len(lines) - KEPT_ATTEMPTS)
    return json.dumps(lines[over:]), forgotten + over


def record_of(row: Sequence[Any], queue: str) -> JobRecord:
    """Return the record that a row of `COLUMNS` is."""
    (
        id, _, state, kind, version, payload, codec, key, priority, group, route, headers,
        submitted, run_at, expires, timeout, attempt, max_attempts, crashes, lost, held, worker,
        started, lease_until, ended, wish, progress, error, result, log, forgotten, final,
    ) = row  # fmt: skip
    machine, labels = parse_route(route)
    attempts: tuple[Attempt, ...] = ()
    if final or log is not None:
        if final:  # the last line is the row itself
            log, forgotten = with_line(log, forgotten, [worker, started, ended, kind, error])
        attempts = tuple(
            Attempt(who, moment(begin), moment(end), how, why)
            for who, begin, end, how, why in json.loads(log)
        )
    return JobRecord(
        id=id,
        queue=queue,
        state=STATES[state],
        kind=kind,
        version=version,
        payload=payload,
        codec=codec,
        key=key,
        priority=priority,
        group=group,
        machine=machine,
        labels=labels,
        headers=_NOTHING if headers is None else json.loads(headers),
        submitted=moment(submitted),
        run_at=moment(run_at),
        expires=moment(expires),
        timeout=timeout,
        attempt=attempt,
        max_attempts=max_attempts,
        crashes=crashes,
        lost=lost,
        held_by=held,
        worker=worker,
        started=moment(started),
        lease_until=moment(lease_until),
        ended=moment(ended),
        cancel_reason=wish,
        progress=None if progress is None else tuple(json.loads(progress)),
        error=error,
        result=result,
        attempts=attempts,
        attempts_forgotten=forgotten,
    )

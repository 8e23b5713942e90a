"""Rows of the table of jobs, and the records that they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .._records import KEPT_ATTEMPTS, STATES, Attempt, JobRecord, NewJob
from .._times import moment

COLUMNS: Final = (
    "id, queue, state, kind, version, payload, codec, key, priority, grp, route, headers, "
    "submitted, run_at, expires, timeout, attempt, max_attempts, crashes, lost, held, worker, "
    "started, lease_until, ended, wish, progress, error, result, log, forgotten, final"
)

_NOTHING: Final[Mapping[str, str]] = {}


def route_of(machine: str | None, labels: Mapping[str, str]) -> str:
    """Return which workers may have a job, as the text by which jobs are indexed."""
    if machine is None and not labels:
        return ""
    return json.dumps([machine, labels], sort_keys=True)


def parse_route(route: str) -> tuple[str | None, Mapping[str, str]]:
    """Return the machine and the labels."""
    if not route:
        return None, _NOTHING
    machine, labels = json.loads(route)
    return machine, labels


def headers_of(job: NewJob) -> str | None:
    """Return the headers of a job as text."""
    return json.dumps(dict(job.headers)) if job.headers else None


def attempts_of(
    log: str | None,
    *,
    final: int,
    worker: str | None,
    started: float | None,
    ended: float | None,
    kind: str | None,
    error: str | None,
) -> list[list[Any]]:
    """Return the lines about the runs that are over; the last one may be in the row itself."""
    lines: list[list[Any]] = [] if log is None else json.loads(log)
    if final:
        lines.append([worker, started, ended, kind, error])
    return lines


def with_line(lines: list[list[Any]], forgotten: int) -> tuple[str, int]:
    """Return the log with as many lines as are kept, and how many are forgotten."""
    over = max(0, len(lines) - KEPT_ATTEMPTS)
    return json.dumps(lines[over:]), forgotten + over


def record_of(row: tuple[Any, ...], queue: str) -> JobRecord:
    """Return the record that a row of `COLUMNS` is."""
    (
        id, _, state, kind, version, payload, codec, key, priority, group, route, headers,
        submitted, run_at, expires, timeout, attempt, max_attempts, crashes, lost, held, worker,
        started, lease_until, ended, wish, progress, error, result, log, forgotten, final,
    ) = row  # fmt: skip
    machine, labels = parse_route(route)
    attempts: tuple[Attempt, ...] = ()
    if final or log is not None:
        lines = attempts_of(
            log, final=final, worker=worker, started=started, ended=ended, kind=kind, error=error
        )
        forgotten += max(0, len(lines) - KEPT_ATTEMPTS)
        attempts = tuple(
            Attempt(who, moment(begin), moment(end), how, why)
            for who, begin, end, how, why in lines[-KEPT_ATTEMPTS:]
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

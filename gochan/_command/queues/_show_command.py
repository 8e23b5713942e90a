"""``gochan show``: everything that a store knows about a job."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

import click

from ...durable import Attempt, JobRecord
from .._parameters import ID
from ..terminal import printable
from ._as_json import text_of
from ._completing import suggest_jobs
from ._known import records_of
from ._place import Place, StoreCommand, at_store, json_option
from ._words import counted, data_of, state_of, table


@click.command(name="show", cls=StoreCommand, short_help="Show everything about a job.")
@at_store("read")
@click.argument("id", shell_complete=suggest_jobs(), type=ID)
@json_option
def show_command(place: Place, id: int, as_json: bool) -> int:
    """Show everything that is known about the job ID, its attempts included.

    With --json: one document, the record.
    """
    (record,) = place.ask(partial(records_of, ids=[id]))
    if as_json:
        print(text_of(record))
        return 0
    rows = [(name, value) for name, value in _rows(record) if value]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {printable(value)}")
    if record.attempts:
        print(f"\n{_attempts(record)}")
    return 0


def _rows(record: JobRecord) -> Iterator[tuple[str, str]]:
    """Yield the names and values of what is to be shown; what is empty has no value."""
    yield "id", str(record.id)
    yield "queue", record.queue
    yield "state", state_of(record)
    yield "payload", data_of(record.payload, record.codec)
    yield "result", data_of(record.result, record.codec)
    yield "error", record.error or ""
    yield "attempts", f"{record.attempt} of {record.max_attempts}"
    yield "progress", _progress(record)
    yield "submitted", _time(record.submitted)
    yield "run at", _time(record.run_at)
    yield "started", _time(record.started)
    yield "ended", _time(record.ended)
    yield "worker", record.worker or ""
    yield "lease until", _time(record.lease_until)
    yield "to be cancelled", _wish(record)
    yield "held by", counted(record.held_by, "job") if record.held_by else ""
    yield "key", record.key or ""
    yield "priority", str(record.priority or "")
    yield "group", record.group or ""
    yield "machine", record.machine or ""
    yield "labels", _pairs(record.labels)
    yield "headers", _pairs(record.headers)
    yield "expires", _time(record.expires)
    yield "timeout", _limit(record.timeout)
    yield "crashes", str(record.crashes or "")
    yield "lost leases", str(record.lost or "")
    yield "version", str(record.version)


def _attempts(record: JobRecord) -> str:
    """Return a table of the runs that are over."""
    rows = [
        [
            str(number),
            attempt.worker,
            _time(attempt.started),
            f"{_took(attempt):.2f}",
            attempt.kind.replace("_", " "),
            attempt.error or "",
        ]
        for number, attempt in enumerate(record.attempts, record.attempts_forgotten + 1)
    ]
    return table(["RUN>", "WORKER", "STARTED", "SECONDS>", "KIND", "ERROR"], rows, wide=1)


def _took(attempt: Attempt) -> float:
    return (attempt.ended - attempt.started).total_seconds()


def _time(when: datetime | None) -> str:
    return "" if when is None else f"{when:%F %T %Z}"


def _limit(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return "none" if seconds == math.inf else f"{seconds:g} s"


def _progress(record: JobRecord) -> str:
    if record.progress is None:
        return ""
    done, total = record.progress
    return f"{done:g}" if total is None else f"{done:g} of {total:g}"


def _wish(record: JobRecord) -> str:
    if record.cancel_reason is None or record.state == "ended":
        return ""
    return record.cancel_reason or "yes"


def _pairs(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in pairs.items())

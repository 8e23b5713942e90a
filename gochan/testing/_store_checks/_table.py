"""The checks by their rules, and what all of them need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from ...durable import Ending, JobRecord, NewJob, Release, Worker
from .._store_rules import StoreRule
from .._store_trial import StoreTrial

Check: TypeAlias = Callable[[StoreTrial], Awaitable[object]]

CHECKS: Final[dict[StoreRule, list[Check]]] = {rule: [] for rule in StoreRule}

GPU: Final = Worker("gpu", "host", {"gpu": "yes", "zone": "1"})


def check(rule: StoreRule) -> Callable[[Check], Check]:
    """Add a check to those of a rule."""

    def add(check: Check) -> Check:
        CHECKS[rule].append(check)
        return check

    return add


def job(**options: Any) -> NewJob:
    """Return a job of queue ``a``."""
    return NewJob(**{"queue": "a", "payload": b"1", **options})


def done(record: JobRecord, **options: Any) -> Ending:
    """Return the end of a run that is done."""
    return Ending(record.id, record.version, "done", **{"result": b"2", **options})


def ends(record: JobRecord, kind: Any, **options: Any) -> Ending:
    """Return the end of a run that ends its job otherwise."""
    return Ending(record.id, record.version, kind, **{"error": "reason", **options})


def back(record: JobRecord, kind: Any = "failed", **options: Any) -> Release:
    """Return the end of a run that gives its job back."""
    return Release(record.id, record.version, kind, **{"error": "Error: x", **options})


async def run(trial: StoreTrial, kind: Any = "done", **options: Any) -> None:
    """Claim a job, start it and end it."""
    (record,) = await trial.claim()
    await trial.start(record.ticket)
    await trial.finish(done(record) if kind == "done" else ends(record, kind, **options))

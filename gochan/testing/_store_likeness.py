"""Whether what a store says is what the model says."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ..durable import Attempt, Enqueued, Refusal
from ._model_jobs import ModelJob, kept_attempts

EXACT: Final = 0.0004  # seconds by which a time may be wrong


def same_answer(answer: object, wanted: Enqueued | Refusal) -> bool:
    """Whether an answer about a new job is as it has to be."""
    if isinstance(wanted, Refusal) and isinstance(answer, Refusal):
        same = wanted.full == answer.full and wanted.follows == answer.follows
        return same and wanted.reason == answer.reason
    return answer == wanted


def expected_record(job: ModelJob) -> dict[str, Any]:
    """Return what a record has to say; moments as seconds."""
    new = job.new
    attempts, forgotten = kept_attempts(job)
    return {
        "queue": new.queue,
        "payload": new.payload,
        "codec": new.codec,
        "key": new.key,
        "priority": new.priority,
        "group": new.group,
        "machine": new.machine,
        "labels": dict(new.labels),
        "headers": dict(new.headers),
        "submitted": job.submitted,
        "timeout": new.timeout,
        "state": job.state,
        "kind": job.kind,
        "held_by": len(job.needs),
        "run_at": job.run_at,
        "expires": job.expires,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "crashes": job.crashes,
        "lost": job.lost,
        "worker": job.worker,
        "started": job.started,
        "lease_until": job.lease_until,
        "ended": job.ended,
        "cancel_reason": job.wish,
        "progress": job.progress,
        "error": job.error,
        "result": job.result,
        "attempts": tuple(
            (one.worker, one.started, one.ended, one.kind, one.error) for one in attempts
        ),
        "attempts_forgotten": forgotten,
    }


def same(actual: Any, expected: Any) -> bool:
    """Whether a part of a record is as it has to be."""
    if isinstance(actual, datetime):
        if actual.utcoffset() is None or not isinstance(expected, float):
            return False
        return abs(actual.timestamp() - expected) <= EXACT
    if isinstance(actual, Attempt):
        actual = (actual.worker, actual.started, actual.ended, actual.kind, actual.error)
    if isinstance(actual, tuple) and isinstance(expected, tuple):
        return len(actual) == len(expected) and all(map(same, actual, expected))
    return bool(expected == actual)  # in this order, for `Says`

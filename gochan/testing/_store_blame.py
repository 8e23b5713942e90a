"""Which rule is broken, when a store and the model do not agree."""

# Theory of operation
# -------------------
# What differs is an answer, or a part of a record. The part says much: ``attempts`` is about
# the log, ``cancel_reason`` about cancelling. If the state differs, the rule is the one by which
# the model has just moved the job; and if it has not, the one that kept it where it was.

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..durable import Enqueued, JobRecord, NewJob, Refusal
from ._model_jobs import ModelJob
from ._store_rules import StoreRule

NOTHING_STORED: Final = "enqueue of a whole batch, of which a job was refused"

_PARTS: Final[Mapping[str, StoreRule]] = {
    "run_at": StoreRule.DUE,
    "expires": StoreRule.EXPIRY,
    "attempt": StoreRule.ATTEMPTS,
    "max_attempts": StoreRule.ATTEMPTS,
    "crashes": StoreRule.ATTEMPTS,
    "lost": StoreRule.ATTEMPTS,
    "held_by": StoreRule.AFTER,
    "worker": StoreRule.LEASES,
    "started": StoreRule.LEASES,
    "lease_until": StoreRule.LEASES,
    "ended": StoreRule.ENDING,
    "cancel_reason": StoreRule.CANCEL,
    "progress": StoreRule.PROGRESS,
    "error": StoreRule.ENDING,
    "result": StoreRule.ENDING,
    "attempts": StoreRule.LOG,
    "attempts_forgotten": StoreRule.LOG,
}
# What these leave behind is about one rule, whatever it is.
_WHATEVER: Final[Mapping[str, StoreRule]] = {
    "retry": StoreRule.RETRY,
    NOTHING_STORED: StoreRule.WHOLE,
}
_OPERATIONS: Final[Mapping[str, StoreRule]] = {
    "configure": StoreRule.SETTINGS,
    "pause": StoreRule.PAUSE,
    "offer": StoreRule.OFFER,
    "accept": StoreRule.OFFER,
    "claim": StoreRule.ONE_WORKER,
    "finish": StoreRule.VERSION,
    "release": StoreRule.VERSION,
    "cancel": StoreRule.CANCEL,
    "purge": StoreRule.PURGE,
}


def blame_for_enqueue(
    job: NewJob,
    answer: object,
    wanted: Enqueued | Refusal,
    *,
    whole: bool,
    drops: bool,
) -> StoreRule:
    """Return the rule that a wrong answer to `Store.enqueue` breaks.

    Args:
        job: which was to be stored.
        answer: of the store.
        wanted: the right one.
        whole: whether all or none were to be stored.
        drops: whether the queue makes room for new jobs.
    """
    both = [answer, wanted]
    stored = [one for one in both if isinstance(one, Enqueued)]
    refused = [one for one in both if isinstance(one, Refusal)]
    if len(stored) + len(refused) < 2:
        return StoreRule.ANSWERS
    if len({one.follows for one in refused}) == 2:
        return StoreRule.WHOLE
    if any(one.full for one in refused):
        return StoreRule.DROP_OLDEST if drops else StoreRule.CAPACITY
    if any(not one.created for one in stored):
        return StoreRule.KEY
    if job.receipt is not None and stored:
        return StoreRule.RECEIPT
    if whole and refused:
        return StoreRule.WHOLE
    return StoreRule.AFTER if refused else StoreRule.IDS


def blame_for_claim(
    got: list[int],
    expected: list[int],
    obstacles: Mapping[int, StoreRule | None],
    jobs: Mapping[int, ModelJob],
) -> StoreRule:
    """Return the rule that is broken by claiming the wrong jobs.

    Args:
        got: the ids of the jobs that the store gave.
        expected: the right ones.
        obstacles: why each job could not be claimed, if there is a reason.
        jobs: what is known about them.
    """
    if len({*got}) < len(got):
        return StoreRule.ONE_WORKER
    for id in got:
        if id not in expected and (rule := obstacles.get(id, StoreRule.STORED)) is not None:
            return rule
    missing = [jobs[id] for id in expected if id not in got]
    full = [jobs[id] for id, rule in obstacles.items() if rule is StoreRule.GROUPS]
    # Either too many of a group, all of which could go alone, or none behind a full one.
    groups = [jobs[id].new.group for id in got if id not in expected]
    if any(groups) or any(one.rank < job.rank for one in full for job in missing):
        return StoreRule.GROUPS
    return StoreRule.ORDER


def blame_for_record(
    part: str,
    operation: str,
    record: JobRecord,
    job: ModelJob,
    touched: Iterable[int],
    *,
    moved: bool,
) -> StoreRule:
    """Return the rule that is broken if a part of a record is wrong.

    Args:
        part: the name of the field.
        operation: after which this was found.
        record: of the store.
        job: what is known about it.
        touched: the ids of the jobs that the operation was about.
        moved: whether the job has changed its state in it.
    """
    if operation in _WHATEVER:
        return _WHATEVER[operation]
    if part not in ("state", "kind"):
        if job.id not in touched and part in ("ended", "error") and moved:
            return job.rule
        return _PARTS.get(part, StoreRule.STORED)
    if operation == "enqueue" and record.kind == "dropped" and job.kind is None:
        return StoreRule.DROP_OLDEST
    if moved:
        return job.rule
    if operation == "tend":
        if record.kind == "dropped":
            return StoreRule.EXPIRY
        return StoreRule.DUE if job.state == "scheduled" else StoreRule.LEASES
    if operation == "enqueue":
        return StoreRule.DUE if job.id in touched else StoreRule.AFTER
    if job.needs or (operation in ("finish", "release", "cancel") and job.id not in touched):
        return StoreRule.AFTER
    return _OPERATIONS.get(operation, StoreRule.VERSION)

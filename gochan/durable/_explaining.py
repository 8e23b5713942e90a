"""Explaining: why a job waits, and why it ended so, in sentences."""

from __future__ import annotations

from datetime import datetime

from ._records import Explanation, JobRecord


def explain(
    record: JobRecord,
    now: datetime,
    *,
    ahead: int,
    paused: bool,
    in_group: int,
    limit: int | None,
) -> Explanation:
    """Say why a job waits, or why it ended so.

    Args:
        record: the job.
        now: the time by the clock of the store.
        ahead: how many waiting jobs of its queue come before it.
        paused: whether its queue is paused.
        in_group: how many jobs of its group run.
        limit: how many of them may.
    """
    if record.state == "ended":
        return Explanation(record, tuple(_end(record)))
    if record.state == "running":
        return Explanation(record, tuple(_run(record)))
    reasons: list[str] = []
    if record.expires is not None and record.expires <= now:
        reasons.append(f"It has expired, at {record.expires:%F %T %Z}, and will not start.")
    if paused:
        reasons.append(f"Queue {record.queue!r} is paused.")
    if record.held_by:
        others = "1 other job has" if record.held_by == 1 else f"{record.held_by} other jobs have"
        reasons.append(f"{others} to end first.")
    if record.state == "scheduled" and record.run_at is not None:
        wait = (record.run_at - now).total_seconds()
        if wait > 0 or not record.held_by:
            reasons.append(f"It can start at {record.run_at:%F %T %Z}, in {max(0.0, wait):.0f} s.")
        last = record.attempts[-1] if record.attempts else None
        if last is not None and last.kind == "later":
            reasons.append("Its handler has put it off.")
        elif last is not None and last.error is not None:
            reasons.append(f"Attempt {record.attempt} failed: {last.error}.")
    if limit is not None and record.group is not None and in_group >= limit:
        reasons.append(f"As many jobs of group {record.group!r} run as may: {in_group}.")
    if record.machine is not None:
        reasons.append(f"It is only for the machine {record.machine!r}.")
    if record.labels:
        needed = ", ".join(f"{name}={value}" for name, value in record.labels.items())
        reasons.append(f"It is only for workers with {needed}.")
    if record.state == "waiting":
        jobs = "1 job is" if ahead == 1 else f"{ahead} jobs are"
        reasons.append(f"{jobs} ahead of it." if ahead else "It is the next one.")
    return Explanation(record, tuple(reasons), ahead)


def _run(record: JobRecord) -> list[str]:
    reasons = [f"It runs on {record.worker}, since {record.started:%F %T %Z}."]
    if record.cancel_reason is not None:
        reasons.append(f"It is to be cancelled: {record.cancel_reason or 'no reason was given'}.")
    return reasons


def _end(record: JobRecord) -> list[str]:
    why = f": {record.error}" if record.error else ""
    reasons = [f"It ended as {record.kind} at {record.ended:%F %T %Z}{why}."]
    if record.crashes:
        reasons.append(f"Its worker was lost {_times(record.crashes)} while it ran.")
    if record.lost:
        reasons.append(f"Its lease was lost {_times(record.lost)} before it started.")
    return reasons


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

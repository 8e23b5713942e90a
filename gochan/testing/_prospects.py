"""Prospects: what may still happen in a durable queue, once nothing happens by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, final

from ..durable import DurableQueue, JobRecord

_PAGE: Final = 100
_SLACK: Final = 0.01  # seconds for which a job may still be looked at whose time has come


@final
@dataclass(frozen=True, slots=True)
class Prospects:
    """What may happen before a queue is idle, or a job has ended."""

    over: bool = False
    """Nothing has to happen any more."""
    running: bool = False
    """Jobs run, and may end."""
    due: JobRecord | None = None
    """A job whose time will come; then something happens."""
    at: float = 0.0
    """When, in seconds by the clock of the store."""
    stuck: tuple[JobRecord, ...] = ()
    """Jobs for which no time will come."""


async def prospects_of_queues(queues: Sequence[DurableQueue[Any, Any]]) -> Prospects:
    """Say what may happen before no job of these queues is left.

    The next ticks of `periodic` do not count: there is always one.
    """
    counts = [await queue.statistics() for queue in queues]
    if any(one.running for one in counts):
        return Prospects(running=True)
    stuck: list[JobRecord] = []
    for queue in queues:
        now = queue.store.now()
        async with aclosing(_live(queue)) as records:
            async for record in records:
                at = _moment_of(record, now)
                if at is None:
                    stuck.append(record)
                elif not (record.state == "scheduled" and "periodic" in record.headers):
                    return Prospects(due=record, at=at)
    return Prospects(over=not stuck, stuck=(*stuck,))


async def prospects_of_job(queue: DurableQueue[Any, Any], id: int) -> Prospects:
    """Say what may happen before a job has ended."""
    (record,) = await queue.store.look([id])
    if record is None or record.state == "ended":
        return Prospects(over=True)
    if (await queue.statistics()).running:
        return Prospects(running=True)
    at = _moment_of(record, queue.store.now())
    if at is not None:
        return Prospects(due=record, at=at)
    if record.held_by:
        others = await prospects_of_queues([queue])
        if others.due is not None:
            return others
    return Prospects(stuck=(record,))


async def _live(queue: DurableQueue[Any, Any]) -> AsyncGenerator[JobRecord, None]:
    before = None
    while page := await queue.jobs(state=("scheduled", "waiting"), limit=_PAGE, before=before):
        for record in page:
            yield record
        before = page[-1].id


def _moment_of(record: JobRecord, now: float) -> float | None:
    """Return when time will do something to a job that does not run; ``None`` if never."""
    starts = record.run_at if record.state == "scheduled" and not record.held_by else None
    moments = [when.timestamp() for when in (starts, record.expires) if when is not None]
    return min((at for at in moments if at > now - _SLACK), default=None)

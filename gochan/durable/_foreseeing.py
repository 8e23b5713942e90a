"""Foreseeing: who could run a job that waits, and when it should start."""

# Theory of operation
# -------------------
# A store says why a job waits. Who works, and how fast jobs have ended lately, says more: whether
# anybody may run it at all, and when its turn should come. The pace is that of the last jobs of
# the queue that have ended, seen from now; so a queue in which nothing ends any more becomes
# slower and slower, and after a while nothing is foreseen.
#
# It is an estimate, told in rounded numbers, and only where nothing stands in the way of the job
# but those ahead of it.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ._queue_records import QueueCounts
from ._records import Explanation, JobRecord
from ._roster import KnownWorker, Roster
from ._store import Store
from ._times import moment

_SAMPLE: Final = 50
"""How many jobs that have ended say how fast the queue is."""

_NAMED: Final = 5
"""How many jobs that are ahead are named."""

_LISTED: Final = 500
"""Among how many jobs that wait they are looked for."""

_SILENT: Final = 90.0
"""After how many seconds without a word a worker is not counted on."""

_LATELY: Final = 3600.0
"""For how many seconds the end of a job says something about now."""

_UNITS: Final = ((2 * 86_400, 86_400, "days"), (2 * 3600, 3600, "hours"), (120, 60, "min"))


async def explain_job(
    store: Store, id: int, *, workers: Sequence[KnownWorker] | None = None
) -> Explanation | None:
    """Say why a job waits, and when it should start; or why it ended so.

    `Store.explain` says what the store knows of the job. This also asks how fast the queue is, and,
    if the store is a `Roster`, who could run the job.

    Args:
        store: where the job is.
        id: its number.
        workers: who could run it, if it is not the store that knows that.

    Returns:
        ``None`` if the store does not know the job.
    """
    explanation = await store.explain(id)
    if explanation is None or explanation.record.state not in ("waiting", "scheduled"):
        return explanation
    if workers is None and isinstance(store, Roster):
        workers = await store.workers()
    queue = explanation.record.queue
    ended = await store.list(queue, states=["ended"], limit=_SAMPLE)
    counts = await store.statistics(queue)
    explanation = await _with_those_ahead(store, explanation)
    return foresee(explanation, moment(store.now()), counts, ended, workers)


async def _with_those_ahead(store: Store, explanation: Explanation) -> Explanation:
    """Name the jobs that come before a job, if they are few."""
    record = explanation.record
    if record.state != "waiting" or not 0 < explanation.ahead <= _NAMED:
        return explanation
    waiting = await store.list(record.queue, states=["waiting"], limit=_LISTED, after=0)
    before = [one for one in waiting if (-one.priority, one.id) < (-record.priority, record.id)]
    if len(before) != explanation.ahead:  # others wait farther behind, or it has changed meanwhile
        return explanation
    names = ", ".join(map(_named, sorted(before, key=lambda one: (-one.priority, one.id))))
    return replace(explanation, reasons=(*explanation.reasons, f"Ahead of it: {names}."))


def _named(record: JobRecord) -> str:
    return f"job {record.id}{f' of priority {record.priority}' if record.priority else ''}"


def foresee(
    explanation: Explanation,
    now: datetime,
    counts: QueueCounts,
    ended: Sequence[JobRecord],
    workers: Sequence[KnownWorker] | None,
) -> Explanation:
    """Add what is foreseen to an explanation.

    Args:
        explanation: why the job waits.
        now: the time by the clock of the store.
        counts: of its queue.
        ended: some jobs of its queue that have ended, those with the highest ids.
        workers: who works; ``None`` if nobody knows.
    """
    record = explanation.record
    able = None if workers is None else _able(record, workers)
    missing = () if workers is None else _missing(record, workers, able or [])
    reasons = (*missing, *explanation.reasons)
    if missing or counts.paused or _hindered(record, now, knows=workers is not None):
        return replace(explanation, reasons=reasons)
    idle = _idle(able, counts)
    seconds = 0.0 if idle else _seconds(explanation.ahead, now, ended)
    if seconds is None:
        nobody = () if counts.running or able else (_nobody(ended, now),)
        return replace(explanation, reasons=(*reasons, *nobody))
    starts = now + timedelta(seconds=seconds)
    return replace(explanation, reasons=(*reasons, _start(seconds)), starts=starts)


# Who could run it


def _able(record: JobRecord, workers: Sequence[KnownWorker]) -> list[KnownWorker]:
    """Return who may run a job, and takes jobs."""
    suited = [one for one in workers if one.suits(record.machine, record.labels)]
    return [one for one in suited if _asks(one, record.queue) and _takes(one)]


def _asks(worker: KnownWorker, queue: str) -> bool:
    return not worker.queues or queue in worker.queues


def _takes(worker: KnownWorker) -> bool:
    return not worker.phase and (worker.silent is None or worker.silent < _SILENT)


def _missing(
    record: JobRecord, workers: Sequence[KnownWorker], able: Sequence[KnownWorker]
) -> tuple[str, ...]:
    """Say why nobody runs a job; nothing if somebody does."""
    if able:
        return ()
    there = [one for one in workers if _takes(one)]
    workers = [one for one in workers if _asks(one, record.queue)]
    if there and not workers:
        asked = ", ".join(map(repr, sorted({name for one in there for name in one.queues})[:5]))
        return (f"No worker asks for jobs of queue {record.queue!r}; those there ask for {asked}.",)
    suited = [one for one in workers if one.suits(record.machine, record.labels)]
    if suited:
        names = ", ".join(f"{one.name} ({_why_not(one)})" for one in suited[:5])
        return (f"No worker takes it: {names}.",)
    if not [one for one in workers if _takes(one)]:
        return ("No worker is there.",)
    return (*_machine(record, workers), *_labels(record, workers)) or (
        "No worker is on its machine and has all its labels.",
    )


def _why_not(worker: KnownWorker) -> str:
    if worker.phase:
        return f"it {worker.stop}"
    return f"silent for {_span(worker.silent or 0.0)}"


def _machine(record: JobRecord, workers: Sequence[KnownWorker]) -> list[str]:
    if record.machine is None or any(one.machine == record.machine for one in workers):
        return []
    return [f"No worker is on the machine {record.machine!r}."]


def _labels(record: JobRecord, workers: Sequence[KnownWorker]) -> list[str]:
    """Name the labels that no worker has."""
    return [
        f"No worker has {name}={value}."
        for name, value in record.labels.items()
        if not any(one.labels.get(name) == value for one in workers)
    ]


# When it should start


def _hindered(record: JobRecord, now: datetime, *, knows: bool) -> bool:
    """Whether more than the jobs ahead may be in the way: then the pace says nothing.

    Args:
        record: the job.
        now: the time by the clock of the store.
        knows: whether it is known who works.
    """
    picky = record.machine is not None or bool(record.labels)
    expired = record.expires is not None and record.expires <= now
    limited = record.group is not None
    return record.state != "waiting" or expired or limited or (picky and not knows)


def _idle(able: Sequence[KnownWorker] | None, counts: QueueCounts) -> bool:
    """Whether there is more room for jobs than there are jobs, as far as it is known."""
    if not able or any(one.capacity is None for one in able):
        return False
    return sum(one.capacity or 0 for one in able) >= counts.running + counts.waiting


def _seconds(ahead: int, now: datetime, ended: Sequence[JobRecord]) -> float | None:
    """Return in how many seconds its turn comes, if jobs go on to end as they did."""
    times = sorted(one.ended for one in ended if one.ended is not None and one.attempts)
    if len(times) < 2 or (now - times[-1]).total_seconds() > _LATELY:
        return None
    passed = (now - times[0]).total_seconds()
    return (ahead + 1) * max(0.0, passed) / (len(times) - 1)


def _start(seconds: float) -> str:
    if seconds < 1:
        return "It should start at once."
    return f"It should start in about {_span(seconds)}, if jobs go on to end as fast as lately."


def _nobody(ended: Sequence[JobRecord], now: datetime) -> str:
    times = [one.ended for one in ended if one.ended is not None]
    if not times:
        return "No job of its queue runs, and none has ended: perhaps no worker is there."
    ago = _span((now - max(times)).total_seconds())
    return f"No job of its queue runs, and none has ended for {ago}: perhaps no worker is there."


def _span(seconds: float) -> str:
    """Return a span of time, rounded as an estimate is."""
    for least, size, unit in _UNITS:
        if seconds >= least:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1.0, seconds):.0f} s"

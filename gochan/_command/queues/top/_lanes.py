"""Who works, and what on; and why jobs have ended: what follows from what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from ....durable import EndKind, JobRecord
from ._known import Known

SILENT: Final = 90.0
"""After how many seconds without a word a worker is named as silent: three leases of agents."""

_FORGOTTEN: Final = 3600.0


@final
@dataclass(frozen=True, slots=True)
class Lane:
    """A worker, and its jobs.

    Attributes:
        name: of the worker.
        jobs: those that it has: it runs some, and has claimed the others ahead.
        capacity: how many it may run; ``None`` if nobody has said so.
        silent: for how many seconds it has not been heard of; ``None`` if that is not known.
        stop: what to say of its stop, such as "stops: drain"; nothing if it goes on.
    """

    name: str
    jobs: Sequence[JobRecord]
    capacity: int | None = None
    silent: float | None = None
    stop: str = ""

    @property
    def running(self) -> int:
        """How many of the jobs it can run now; the store does not know which."""
        count = len(self.jobs)
        return count if self.capacity is None else min(count, self.capacity)


@final
@dataclass(frozen=True, slots=True)
class End:
    """A reason for which jobs have ended.

    Attributes:
        queue: of the jobs.
        kind: how they ended.
        why: the first line of their errors.
        jobs: which, the newest end first.
    """

    queue: str
    kind: EndKind
    why: str
    jobs: Sequence[JobRecord]


def lanes(known: Known) -> list[Lane]:
    """Return who works: all that have a job, or are known and not gone; the busiest first."""
    jobs: dict[str, list[JobRecord]] = {worker.name: [] for worker in known.workers}
    for job in known.running:
        jobs.setdefault(job.worker or "?", []).append(job)
    told = {worker.name: worker for worker in known.workers}
    found = []
    for name, mine in jobs.items():
        worker = told.get(name)
        if worker is None:
            found.append(Lane(name, mine))
        else:
            found.append(Lane(name, mine, worker.capacity, worker.silent, worker.stop))
    there = [lane for lane in found if lane.jobs or not _is_gone(lane)]
    return sorted(there, key=lambda lane: (-len(lane.jobs), lane.name))


def _is_gone(lane: Lane) -> bool:
    """Whether a worker has stopped, or was lost so long ago that nobody asks for it."""
    silent = lane.silent or 0.0
    return silent >= _FORGOTTEN or (bool(lane.stop) and silent >= SILENT)


def ends(known: Known) -> list[End]:
    """Return why jobs have ended, the newest reason first."""
    found: dict[tuple[str, EndKind, str], list[JobRecord]] = {}
    for job in known.ended:
        if job.kind is not None:
            why = (job.error or "").strip().partition("\n")[0]
            found.setdefault((job.queue, job.kind, why), []).append(job)
    return [End(queue, kind, why, jobs) for (queue, kind, why), jobs in found.items()]

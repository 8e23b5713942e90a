"""The report of a stop: how every job ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

from trio.lowlevel import Task

from ._jobs import Job
from ._stacks import find


@final
@dataclass(frozen=True, slots=True)
class StuckJob:
    """A job that was still running at the end of a stop; see `StopReport.stuck`."""

    job: Job[Any, Any]
    """The job; it may have ended since."""
    name: str
    """The name it had then, such as ``"job 3 (fetch)"``; see `Job.name`."""
    age: float
    """Seconds since its start."""
    where: str
    """Where it was, in a few words; if it waited for a thread, what the thread ran."""
    stack: tuple[str, ...]
    """The lines of its stack as in a traceback, outermost call first, then the stacks of the
    tasks in its nurseries."""

    def __str__(self) -> str:
        lines = [f"{self.name} has run for {self.age:.3g} s, and is still {self.where}"]
        return "\n".join([*lines, *(f"  {line}" for line in self.stack)])


@final
@dataclass(frozen=True, slots=True)
class StopReport:
    """The outcome of a stop. As a string, a summary and the stacks of the stuck jobs."""

    done: tuple[Job[Any, Any], ...]
    """The jobs that ended by themselves while the queue was stopping."""
    interrupted: tuple[Job[Any, Any], ...]
    """The jobs that were cancelled when their time was up."""
    handed_back: tuple[Job[Any, Any], ...]
    """The jobs that never ran."""
    stuck: tuple[StuckJob, ...]
    """The jobs that ignored their cancellation and were still running, each with its name, its
    age and where it was."""
    seconds: dict[str, float]
    """How long each phase took."""
    name: str | None = None
    """The ``name`` that the queue was opened with; ``None`` if it has none."""
    unwritten: tuple[int, ...] = ()
    """Of a durable queue, the numbers of the jobs that ended, and whose store could not be reached
    to write that. Unless that succeeds on the way out of its block, they will run again."""

    def __str__(self) -> str:
        phases = ", ".join(f"{phase} {took:.3g} s" for phase, took in self.seconds.items())
        queue = "" if self.name is None else f"job queue {self.name!r} "
        summary = (
            f"{queue}stopped in {math.fsum(self.seconds.values()):.3g} s ({phases}): "
            f"{len(self.done)} ended by themselves, {len(self.interrupted)} interrupted, "
            f"{len(self.handed_back)} handed back, {len(self.stuck)} stuck"
        )
        if self.unwritten:
            summary += f", {len(self.unwritten)} unwritten: {', '.join(map(str, self.unwritten))}"
        return "\n".join([summary, *map(str, self.stuck)])


def make_report(
    ended: Iterable[Job[Any, Any]],
    running: Mapping[Job[Any, Any], Task],
    seconds: dict[str, float],
    name: str | None,
) -> StopReport:
    """Make the report from the jobs that ended during the stop and those still running."""
    groups: dict[str, list[Job[Any, Any]]] = {"interrupted": [], "handed_back": [], "": []}
    for job in ended:
        assert job.outcome is not None
        groups.get(job.outcome.kind, groups[""]).append(job)
    return StopReport(
        done=tuple(groups[""]),
        interrupted=tuple(groups["interrupted"]),
        handed_back=tuple(groups["handed_back"]),
        stuck=tuple(_find_stuck(job, task) for job, task in running.items()),
        seconds=seconds,
        name=name,
    )


def _find_stuck(job: Job[Any, Any], task: Task) -> StuckJob:
    try:
        where, stack = find(task)
    except Exception as error:  # better no place than no report
        where, stack = f"at an unknown place ({error!r})", []
    return StuckJob(job, job.name, job.age, where, tuple(stack))

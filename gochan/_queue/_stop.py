"""A stop of a job queue: its deadlines, its phases, and the report at the end."""

# Theory of operation
# -------------------
# A stop has a plan: running jobs may go on for so long, and have so much longer to put
# things in order once they are cancelled. From that follow two deadlines, which are
# fixed when it begins and can only be brought forward: by calling it again, by
# hastening, and by a phase that ends before its time. Cleaning up may last until the
# second, so the scopes that jobs have opened for that follow it.
#
# The queue goes through the phases (see ``JobQueue._stop_in_phases``). Here a phase
# waits until the queue says that it has nothing to wait for any more, or its time is up.

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final
from weakref import WeakSet

import trio
from trio.lowlevel import Task

from ._jobs import Job
from ._whereabouts import find

Phase: TypeAlias = Literal["run", "quiet", "drain", "cancel", "release", "report"]
Finish: TypeAlias = Literal["running", "queued"]


@final
@dataclass(frozen=True, slots=True)
class StuckJob:
    """A job that still ran when the time of a stop was over; see `StopReport.stuck`."""

    job: Job[Any, Any]
    """The job; it may have ended since."""
    name: str
    """What it was called then, such as ``"job 3 (fetch)"``; see `Job.name`."""
    age: float
    """Seconds since its start."""
    where: str
    """Where it was, in a few words; a thread that it waited for is named."""
    stack: tuple[str, ...]
    """The lines of its stack as in a traceback, outermost call first, followed by the stacks
    of the tasks in its nurseries."""

    def __str__(self) -> str:
        lines = [f"{self.name} has run for {self.age:.3g} s, and is still {self.where}"]
        return "\n".join([*lines, *(f"  {line}" for line in self.stack)])


@final
@dataclass(frozen=True, slots=True)
class StopReport:
    """What a stop brought about. As a string it is a summary, with the stacks of stuck jobs."""

    done: tuple[Job[Any, Any], ...]
    """The jobs that ended by themselves while the queue was stopping."""
    interrupted: tuple[Job[Any, Any], ...]
    """The jobs that were cancelled because their time was up."""
    handed_back: tuple[Job[Any, Any], ...]
    """The jobs that never ran."""
    stuck: tuple[StuckJob, ...]
    """The jobs that ignored their cancellation and still ran, each with its name, its age and
    where it was."""
    seconds: dict[str, float]
    """How long each phase took."""

    def __str__(self) -> str:
        phases = ", ".join(f"{phase} {took:.3g} s" for phase, took in self.seconds.items())
        summary = (
            f"stopped in {math.fsum(self.seconds.values()):.3g} s ({phases}): "
            f"{len(self.done)} ended by themselves, {len(self.interrupted)} interrupted, "
            f"{len(self.handed_back)} handed back, {len(self.stuck)} stuck"
        )
        return "\n".join([summary, *map(str, self.stuck)])


@final
class Stop:
    """A stop under way: its deadlines, and what has come of it so far."""

    def __init__(
        self, drain: float, grace: float, finish: Finish, cleanups: WeakSet[trio.CancelScope]
    ) -> None:
        self._since = trio.current_time()
        self.drain_end = self._since + drain
        self.hard_end = self.drain_end + grace
        self.grace = grace
        self.finish: Finish = finish
        self.ended: list[Job[Any, Any]] = []
        self.draining = True  # or about to
        self._cleanups = cleanups
        self._scope = trio.CancelScope()  # of the phase that waits
        self._seconds: dict[str, float] = {}

    def hasten(self, drain: float, grace: float) -> None:
        """Bring the deadlines forward, if these are earlier."""
        now = trio.current_time()
        self.drain_end = min(self.drain_end, now + drain)
        self.grace = min(self.grace, grace)
        if self.draining:
            self._scope.deadline = min(self._scope.deadline, self.drain_end)
        self.end_by(now + drain + grace)

    def end_by(self, moment: float) -> None:
        """Bring the hard deadline forward, and with it the end of all cleaning up."""
        self.hard_end = min(self.hard_end, moment)
        for scope in self._cleanups:
            scope.deadline = min(scope.deadline, self.hard_end)
        self._scope.deadline = min(self._scope.deadline, self.hard_end)

    async def wait(self, rest: Callable[[], Awaitable[object]], deadline: float) -> None:
        """Let a phase last until there is ``rest``, or its time is over."""
        self._scope.deadline = min(self._scope.deadline, deadline)
        try:
            with self._scope:
                await rest()
        finally:
            self._scope = trio.CancelScope()
            self.draining = False

    def skip(self) -> None:
        """End the phase that waits."""
        self._scope.cancel()

    def seconds_left(self) -> float:
        """Return how long the phase that waits may still last."""
        end = self.drain_end if self.draining else self.hard_end
        return max(0.0, end - trio.current_time())

    def note(self, phase: Phase) -> None:
        """Note how long the phase took that ends now."""
        now = trio.current_time()
        self._seconds[phase] = now - self._since
        self._since = now

    def report(self, running: Mapping[Job[Any, Any], Task]) -> StopReport:
        """Make the report."""
        groups: dict[str, list[Job[Any, Any]]] = {"interrupted": [], "handed_back": [], "": []}
        for job in self.ended:
            assert job.outcome is not None
            groups.get(job.outcome.kind, groups[""]).append(job)
        return StopReport(
            done=tuple(groups[""]),
            interrupted=tuple(groups["interrupted"]),
            handed_back=tuple(groups["handed_back"]),
            stuck=tuple(_find_stuck(job, task) for job, task in running.items()),
            seconds=self._seconds,
        )


def _find_stuck(job: Job[Any, Any], task: Task) -> StuckJob:
    try:
        where, stack = find(task)
    except Exception as error:  # rather no place than no report
        where, stack = f"at a place that cannot be told ({error!r})", []
    return StuckJob(job, job.name, job.age, where, tuple(stack))


def check_plan(drain: float, grace: float, finish: Finish) -> tuple[float, float, Finish]:
    """Return how a queue shall be stopped, if that makes sense.

    Raises:
        TypeError, ValueError: it does not.
    """
    if finish not in ("running", "queued"):
        raise ValueError(f'finish must be "running" or "queued", not {finish!r}')
    return check_seconds("drain", drain), check_seconds("grace", grace), finish


def check_seconds(name: str, seconds: float) -> float:
    """Return ``seconds`` if it is a number, and not negative.

    Raises:
        TypeError, ValueError: it is not.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {seconds!r}")
    if not seconds >= 0:
        raise ValueError(f"{name} must be >= 0, not {seconds!r}")
    return seconds

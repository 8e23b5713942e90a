"""A stop of a job queue: its deadlines, its phases, and the report at the end."""

# Theory of operation
# -------------------
# A stop has a plan: running jobs may go on for a time, the drain, and once they are
# cancelled they have a further time, the grace, to clean up. The two deadlines that follow
# are fixed when it begins and can only be brought forward: by calling it again, by
# hastening, and by a phase that ends before its time. Cleaning up may last until the
# second one, so the scopes that jobs have opened for that follow it.
#
# ``run`` goes through the phases. A phase that waits ends when the queue has nothing to
# wait for any more, or when its time is up.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, Protocol, TypeAlias, final

import trio
from trio.lowlevel import Task, enable_ki_protection

from ..strategies import check_seconds
from ._jobs import Job
from ._lifecycle import Cleanups
from ._outcomes import Cause
from ._stop_report import StopReport, make_report

Phase: TypeAlias = Literal["run", "quiet", "drain", "cancel", "release", "report"]
Finish: TypeAlias = Literal["running", "queued"]

# How many steps of the scheduler a stop leaves, at its very end, to jobs whose time for
# cleaning up is just over. Those that need more are stuck.
_LAST_STEPS: Final = 10
_REASON: Final = "the queue was stopped"


class Work(Protocol):
    """What a stop sees of a queue, and does to it."""

    @property
    def running(self) -> Mapping[Job[Any, Any], Task]:
        """The jobs that run, each with the task of its worker."""

    async def wait_idle(self) -> None:
        """Wait until nothing waits or runs."""

    async def wait_at_rest(self) -> None:
        """Wait until nothing runs."""

    def halt(self) -> None:
        """Let no further job start."""

    def interrupt(self, cause: Cause, reason: str) -> None:
        """Cancel every job that runs."""

    def release(self, reason: str) -> None:
        """Hand back every job that waits."""


@final
class Stop:
    """A stop under way: its deadlines, its phase, and what has come of it so far."""

    def __init__(
        self,
        drain: float,
        grace: float,
        finish: Finish,
        cleanups: Cleanups,
        on_phase: Callable[[], object],
    ) -> None:
        self._since = trio.current_time()
        self.phase: Phase = "quiet"
        self.drain_end = self._since + drain
        self.hard_end = self.drain_end + grace
        self.grace = grace
        self.finish: Finish = finish
        self.ended: list[Job[Any, Any]] = []
        self.draining = True  # or about to
        self.report: StopReport | None = None
        self._cleanups = cleanups
        self._on_phase = on_phase
        self._scope = trio.CancelScope()  # of the phase that waits
        self._seconds: dict[str, float] = {}
        cleanups.end_by(self.hard_end)

    # Deadlines

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
        self._cleanups.end_by(self.hard_end)
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

    # Phases

    @enable_ki_protection
    async def run(self, work: Work) -> None:
        """Stop, in time also if jobs ignore it, or the queue is cancelled meanwhile."""
        self._enter("drain")
        try:
            rest = work.wait_idle if self.finish == "queued" else work.wait_at_rest
            await self.wait(rest, self.drain_end)
        finally:
            with trio.CancelScope(shield=True):
                work.halt()
                if work.running:
                    self.end_by(trio.current_time() + self.grace)
                    self._enter("cancel")
                    work.interrupt("interrupted", _REASON)
                    await self.wait(work.wait_at_rest, self.hard_end)
                self._enter("release")
                self.end_by(trio.current_time())
                work.release(_REASON)
                for _ in range(_LAST_STEPS):
                    if work.running:
                        await trio.lowlevel.checkpoint()
                self.end(work.running)

    def end(self, running: Mapping[Job[Any, Any], Task]) -> None:
        """Make the report, unless that has been done; what still runs is stuck."""
        if self.report is None:
            self._note()
            self.report = make_report(self.ended, running, self._seconds)
            self.phase = "report"
            self._on_phase()

    def _enter(self, phase: Phase) -> None:
        self._note()
        self.phase = phase
        self._on_phase()

    def _note(self) -> None:
        """Note how long the phase took that ends now."""
        now = trio.current_time()
        self._seconds[self.phase] = now - self._since
        self._since = now


def check_plan(drain: float, grace: float, finish: Finish) -> tuple[float, float, Finish]:
    """Return how a queue shall be stopped, if that makes sense.

    Raises:
        TypeError, ValueError: it does not.
    """
    if finish not in ("running", "queued"):
        raise ValueError(f'finish must be "running" or "queued", not {finish!r}')
    return check_seconds("drain", drain), check_seconds("grace", grace), finish

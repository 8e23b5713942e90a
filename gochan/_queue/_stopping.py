"""Stopping several queues at once, and on signals."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias, final

import trio

from .._core import Chan, open_signal_chan
from ._announce import STAGES, Announcer
from ._queue import JobQueue
from ._stop import Finish, check_plan
from ._stop_report import StopReport


class RunsJobs(Protocol):
    """What has its jobs run by a job queue, as a durable queue does."""

    @property
    def job_queue(self) -> JobQueue[Any, Any]:
        """The job queue."""

    async def wait_stopped(self) -> StopReport:
        """Wait until it has stopped, and what became of its jobs is written."""


Stoppable: TypeAlias = JobQueue[Any, Any] | RunsJobs
"""What can be stopped: a job queue, or what has one."""


async def stop_all(
    *queues: Stoppable,
    drain: float = 20.0,
    grace: float = 5.0,
    finish: Finish = "running",
) -> tuple[StopReport, ...]:
    """Stop several queues side by side, within ``drain + grace`` seconds; return their reports.

    All queues are quiet before the first one drains, and each has the whole time. A queue that
    is already stopping may be hastened, and one that has stopped only adds its report. If the
    call is cancelled, the stops go on.

    Args:
        queues: the queues; the reports have the same order.
        drain: see `JobQueue.stop`.
        grace: see `JobQueue.stop`.
        finish: see `JobQueue.stop`.

    Raises:
        TypeError, ValueError: an argument is of the wrong type, or out of range. No queue
            was changed.
    """
    stopping = _job_queues("stop_all", queues)
    for queue in stopping:
        queue.stop_soon(drain=drain, grace=grace, finish=finish)
    if not queues:
        await trio.lowlevel.checkpoint()
    return await _wait_stopped(queues)


@final
class SignalStop:
    """What `stop_on_signals` has seen.

    Attributes:
        signal: the first signal that came; ``None`` before that.
    """

    def __init__(self, queues: Sequence[Stoppable]) -> None:
        self.signal: int | None = None
        self._queues = queues

    async def wait(self) -> tuple[StopReport, ...]:
        """Wait until all queues have stopped, for whatever reason, and return their reports.

        This is for programs that serve until they are told to end. If the call is cancelled,
        nothing has changed.
        """
        return await _wait_stopped(self._queues)


@asynccontextmanager
async def stop_on_signals(
    *queues: Stoppable,
    drain: float = 20.0,
    grace: float = 5.0,
    finish: Finish = "running",
    say: Callable[[str], object] | None = None,
) -> AsyncIterator[SignalStop]:
    """Stop all ``queues`` when SIGINT or SIGTERM comes, as `stop_all` does.

    Every further SIGINT (Ctrl-C) moves the stop on by one phase; further SIGTERMs do nothing.
    Inside the block, the signals have no other effect; after it, they do what they did before.

    Args:
        queues: at least one, open.
        drain: see `JobQueue.stop`.
        grace: see `JobQueue.stop`.
        finish: see `JobQueue.stop`.
        say: called in each phase with a line that tells what happens now and what the next
            Ctrl-C does, even if the stop did not begin with a signal. By default, these lines
            go to standard error, and at the end so do the stuck jobs with their stacks.

    Raises:
        TypeError, ValueError: an argument is of the wrong type, or out of range.
        RuntimeError: this is not the main thread; Python delivers signals to that one only.
    """
    if not queues:
        raise TypeError("stop_on_signals needs at least one queue")
    stopping = _job_queues("stop_on_signals", queues)
    check_plan(drain, grace, finish)
    if say is not None and not callable(say):
        raise TypeError(f"say must be a function of a line, not {say!r}")
    seen = SignalStop(queues)
    announcer = Announcer(stopping, say)

    async def obey(signals: Chan[int]) -> None:
        async for number in signals:
            if seen.signal is None:
                seen.signal = number
            stage = announcer.stage
            for queue in stopping:
                if stage == 0:
                    queue.stop_soon(drain=drain, grace=grace, finish=finish)
                elif number == signal.SIGINT and STAGES[queue.phase] == stage:
                    queue.hasten()

    async with open_signal_chan(signal.SIGINT, signal.SIGTERM) as signals:
        # Not in a nursery of the user's, because signals must be heard even while that is being
        # cancelled. This task ends when the channel is closed.
        trio.lowlevel.spawn_system_task(obey, signals, name="gochan.stop_on_signals")
        with announcer.watching():
            yield seen


async def _wait_stopped(queues: Sequence[Stoppable]) -> tuple[StopReport, ...]:
    """Wait until all have stopped, side by side; the reports have the order of the queues."""
    reports: dict[int, StopReport] = {}

    async def wait(number: int, queue: Stoppable) -> None:
        reports[number] = await queue.wait_stopped()

    async with trio.open_nursery() as nursery:
        for number, queue in enumerate(queues):
            nursery.start_soon(wait, number, queue)
    return tuple(reports[number] for number in range(len(queues)))


def _job_queues(caller: str, queues: Sequence[object]) -> list[JobQueue[Any, Any]]:
    """Return the job queues that are to be stopped."""
    found: list[JobQueue[Any, Any]] = []
    for queue in queues:
        job_queue = getattr(queue, "job_queue", queue)
        if not isinstance(job_queue, JobQueue):
            raise TypeError(f"{caller} takes job queues, not {queue!r}")
        found.append(job_queue)
    return found

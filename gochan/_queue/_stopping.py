"""Stopping several queues at once, and on signals."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, final

import trio

from .._core import Chan, open_signal_chan
from ._announce import STAGES, Announcer
from ._queue import JobQueue
from ._stop import Finish, check_plan
from ._stop_report import StopReport


async def stop_all(
    *queues: JobQueue[Any, Any],
    drain: float = 20.0,
    grace: float = 5.0,
    finish: Finish = "running",
) -> tuple[StopReport, ...]:
    """Stop several queues side by side, within ``drain + grace`` seconds; return their reports.

    All are quiet before the first one drains, and each has all of the time. One that is
    stopping already is hastened, at most; of one that was stopped, the report is there. If
    the call is cancelled, the stops go on.

    Args:
        queues: in the order in which the reports shall be.
        drain: see `JobQueue.stop`.
        grace: see `JobQueue.stop`.
        finish: see `JobQueue.stop`.

    Raises:
        TypeError, ValueError: an argument is of the wrong type, or out of range. No queue
            has been touched.
    """
    _check_queues("stop_all", queues)
    for queue in queues:
        queue.stop_soon(drain=drain, grace=grace, finish=finish)
    if not queues:
        await trio.lowlevel.checkpoint()
    return tuple([await queue.wait_stopped() for queue in queues])


@final
class SignalStop:
    """What `stop_on_signals` has seen.

    Attributes:
        signal: the one that came first; ``None`` if there was none.
    """

    def __init__(self, queues: Sequence[JobQueue[Any, Any]]) -> None:
        self.signal: int | None = None
        self._queues = queues

    async def wait(self) -> tuple[StopReport, ...]:
        """Wait until all queues were stopped, whoever began it, and return their reports.

        For programs that serve until they are told to end. If it is cancelled, nothing has
        changed.
        """
        return tuple([await queue.wait_stopped() for queue in self._queues])


@asynccontextmanager
async def stop_on_signals(
    *queues: JobQueue[Any, Any],
    drain: float = 20.0,
    grace: float = 5.0,
    finish: Finish = "running",
    say: Callable[[str], object] | None = None,
) -> AsyncIterator[SignalStop]:
    """Stop all ``queues`` when SIGINT or SIGTERM comes, as `stop_all` does.

    Every further SIGINT (Ctrl-C) moves the stop one phase on; further SIGTERMs do nothing.
    The signals do nothing else inside the block, and what they did before after it.

    Args:
        queues: at least one, open.
        drain: see `JobQueue.stop`.
        grace: see `JobQueue.stop`.
        finish: see `JobQueue.stop`.
        say: called with a line about what happens now and what the next Ctrl-C does, for each
            phase, also of a stop that somebody else began. By default these lines are printed
            to standard error, and at the end the stuck jobs with their stacks.

    Raises:
        TypeError, ValueError: an argument is of the wrong type, or out of range.
        RuntimeError: not in the main thread, the only one that Python gives signals.
    """
    if not queues:
        raise TypeError("stop_on_signals needs at least one queue")
    _check_queues("stop_on_signals", queues)
    check_plan(drain, grace, finish)
    if say is not None and not callable(say):
        raise TypeError(f"say must be a function of a line, not {say!r}")
    seen = SignalStop(queues)
    announcer = Announcer(queues, say)

    async def obey(signals: Chan[int]) -> None:
        async for number in signals:
            if seen.signal is None:
                seen.signal = number
            stage = announcer.stage
            for queue in queues:
                if stage == 0:
                    queue.stop_soon(drain=drain, grace=grace, finish=finish)
                elif number == signal.SIGINT and STAGES[queue.phase] == stage:
                    queue.hasten()

    async with open_signal_chan(signal.SIGINT, signal.SIGTERM) as signals:
        # Not in a nursery of the user's: while that is being cancelled, signals must still
        # be heard. It ends with the channel.
        trio.lowlevel.spawn_system_task(obey, signals, name="gochan.stop_on_signals")
        with announcer.watching():
            yield seen


def _check_queues(caller: str, queues: Sequence[object]) -> None:
    for queue in queues:
        if not isinstance(queue, JobQueue):
            raise TypeError(f"{caller} takes job queues, not {queue!r}")

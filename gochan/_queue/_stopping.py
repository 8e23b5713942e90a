"""Stopping: several queues at once, on signals, and room to clean up while it happens."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from itertools import compress
from typing import Any, Final, final

import trio

from .._core._channel import Chan
from .._core._signals import open_signal_chan
from ._jobs import current_job
from ._queue import JobQueue
from ._stop import Finish, Phase, StopReport, check_plan


def cleanup() -> trio.CancelScope:
    """Let a handler that is cancelled put things in order, within bounds.

    ::

        try:
            await work()
        except trio.Cancelled:
            with gochan.cleanup():
                await put_things_in_order()
            raise

    The block is shielded from cancellation until the hard deadline of the stop that is
    under way; outside a stop, for as long as the ``grace`` of the queue. What comes out of a
    nursery, or of `trio.run_process`, is a group, which ``except trio.Cancelled`` lets pass;
    there, use ``finally`` and look at `Job.cause`.

    Raises:
        RuntimeError: called outside a job's handler.
    """
    return current_job()._queue._open_cleanup()


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
    return tuple([await queue._stopped() for queue in queues])


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
        return tuple([await queue._stopped() for queue in self._queues])


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
    herald = _Herald(queues, say)

    async def obey(signals: Chan[int]) -> None:
        async for number in signals:
            if seen.signal is None:
                seen.signal = number
            stage = herald.stage
            for queue in queues:
                if stage == 0:
                    queue.stop_soon(drain=drain, grace=grace, finish=finish)
                elif number == signal.SIGINT and _STAGES[queue.phase] == stage:
                    queue.hasten()

    async with open_signal_chan(signal.SIGINT, signal.SIGTERM) as signals:
        # Not in a nursery of the user's: while that is being cancelled, signals must still
        # be heard. It ends with the channel.
        trio.lowlevel.spawn_system_task(obey, signals, name="gochan.stop_on_signals")
        with herald.watching():
            yield seen


# What Ctrl-C goes through, one by one.
_STAGES: Final[dict[Phase, int]] = {
    "run": 0, "quiet": 1, "drain": 1, "cancel": 2, "release": 3, "report": 3
}  # fmt: skip


@final
class _Herald:
    """Says what a stop of several queues is at, once all of them have got there."""

    def __init__(
        self, queues: Sequence[JobQueue[Any, Any]], say: Callable[[str], object] | None
    ) -> None:
        self._queues = queues
        self._say = say or _print_line
        self._names_stuck = say is None
        self._told = self.stage

    @property
    def stage(self) -> int:
        """The stage of the queue that has come least far."""
        return min(_STAGES[queue.phase] for queue in self._queues)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Say what happens inside the block."""
        with ExitStack() as on_exit:
            for queue in self._queues:
                watcher = partial(self._tell, queue)
                queue._phase_watchers.append(watcher)
                on_exit.callback(queue._phase_watchers.remove, watcher)
            yield

    def _tell(self, queue: JobQueue[Any, Any]) -> None:
        """Say what happens now that ``queue`` has entered a phase, if it was the last."""
        if self.stage > self._told:
            self._told = self.stage
            line = self._line()
            if line:
                self._say(line)
        if self._names_stuck and queue.report is not None:
            for stuck in queue.report.stuck:
                self._say(str(stuck))

    def _line(self) -> str:
        counts = [queue.statistics() for queue in self._queues]
        running = sum(count.running for count in counts)
        left = round(max(queue.seconds_left or 0.0 for queue in self._queues), 1)
        if self.stage == 1:
            may_start = [queue._finishes_queued for queue in self._queues]
            running += sum(compress([count.waiting for count in counts], may_start))
            begin = f"no further job {'is accepted' if any(may_start) else 'starts'}"
            if not running or not left:
                return begin
            within = "" if left == math.inf else f" within {left:g} s"
            return f"{begin}, {_jobs(running)} may finish{within}; Ctrl-C cancels what runs"
        if not running:
            return ""
        if self.stage == 2:
            time = "any time" if left == math.inf else f"{left:g} s"
            return (
                f"cancelling what runs: {_jobs(running)}, with {time} to clean up; "
                "Ctrl-C gives up on the rest"
            )
        return f"giving up on what still runs: {_jobs(running)}"


def _jobs(count: int) -> str:
    return f"{count} job{'' if count == 1 else 's'}"


def _check_queues(caller: str, queues: Sequence[object]) -> None:
    for queue in queues:
        if not isinstance(queue, JobQueue):
            raise TypeError(f"{caller} takes job queues, not {queue!r}")


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""Stopping: signals that stop a queue, and room to clean up while it stops."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, final

import trio

from ._channel import Chan
from ._jobs import current_job
from ._queue import Finish, JobQueue, Phase
from ._signals import open_signal_chan

# What a signal says, by the phase in which it finds the queue.
_LINES: Final[dict[Phase, str]] = {
    "run": "no further job starts, {} may finish within {:g} s; Ctrl-C cancels what runs",
    "drain": "cancelling what runs: {}, with {:g} s to clean up; Ctrl-C gives up on the rest",
    "quiet": "cancelling what runs: {}, with {:g} s to clean up; Ctrl-C gives up on the rest",
    "cancel": "giving up on what still runs: {}",
}


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
    under way; outside a stop, for as long as the ``grace`` of the queue.

    Raises:
        RuntimeError: called outside a job's handler.
    """
    return current_job()._queue._open_cleanup()


@final
@dataclass(slots=True)
class SignalStop:
    """What `stop_on_signals` has seen."""

    signal: int | None = None
    """The signal that began the stop; ``None`` if there was none."""


@asynccontextmanager
async def stop_on_signals(
    queue: JobQueue[Any, Any],
    *,
    drain: float = 20.0,
    grace: float = 5.0,
    finish: Finish = "running",
    say: Callable[[str], object] | None = None,
) -> AsyncIterator[SignalStop]:
    """Stop ``queue`` when SIGINT or SIGTERM comes, as `JobQueue.stop` does.

    Every further SIGINT (Ctrl-C) moves the stop one phase on; further SIGTERMs do nothing.
    The signals do nothing else inside the block, and what they did before after it.

    Args:
        queue: an open queue.
        drain: see `JobQueue.stop`.
        grace: see `JobQueue.stop`.
        finish: see `JobQueue.stop`.
        say: called with a line about what happens now and what the next Ctrl-C does; by
            default it is printed to standard error.

    Raises:
        RuntimeError: not in the main thread, the only one that Python gives signals.
    """
    seen = SignalStop()
    async with open_signal_chan(signal.SIGINT, signal.SIGTERM) as signals:
        # In the nursery of the queue, since a stop outlives whoever asked for it. It ends
        # with the channel.
        queue._nursery.start_soon(
            _obey, signals, queue, seen, drain, grace, finish, say or _print_line
        )
        yield seen


async def _obey(
    signals: Chan[int],
    queue: JobQueue[Any, Any],
    seen: SignalStop,
    drain: float,
    grace: float,
    finish: Finish,
    say: Callable[[str], object],
) -> None:
    async for number in signals:
        line = _LINES.get(queue.phase, "")
        first = seen.signal is None
        if first:
            seen.signal = number
        if first and queue.phase == "run":
            seconds = drain
            queue._begin_stop(drain, grace, finish)
        elif number == signal.SIGINT:
            seconds = grace
            queue.hasten()
        else:
            continue
        if line:
            running = queue.statistics().running
            say(line.format(f"{running} job{'' if running == 1 else 's'}", seconds))


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

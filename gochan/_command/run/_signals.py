"""Signals that end a run, but for those that its parent has asked us to ignore."""

# Theory of operation
# -------------------
# What was ignored at the start stays so. A key that does what Ctrl-C does has to send something
# else in that case.

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ... import JobQueue, SignalStop, open_signal_chan, stop_on_signals
from .._ignored_signals import is_ignored, not_ignored
from ._options import StopOptions


@asynccontextmanager
async def obey_signals(
    queue: JobQueue[Any, Any], options: StopOptions, say: Callable[[str], object]
) -> AsyncIterator[SignalStop]:
    """Stop a queue on SIGTERM, and on SIGINT if that is not ignored; ``say`` tells how it goes."""
    without_interrupts = is_ignored(signal.SIGINT)
    async with stop_on_signals(queue, drain=options.drain, grace=options.grace, say=say) as seen:
        if without_interrupts:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        yield seen


async def obey_terminal(seen: SignalStop, stop: Callable[[], object]) -> None:
    """Call ``stop`` on SIGHUP and SIGQUIT, which come from the terminal, unless ignored."""
    numbers = not_ignored(signal.SIGHUP, signal.SIGQUIT)
    if not numbers:
        return
    async with open_signal_chan(*numbers) as signals:
        async for number in signals:
            seen.signal = seen.signal or number
            stop()


def interrupt() -> None:
    """Do what Ctrl-C does where it has an effect; elsewhere what SIGTERM does."""
    signal.raise_signal(signal.SIGTERM if is_ignored(signal.SIGINT) else signal.SIGINT)

"""Signals of the operating system as a channel."""

from __future__ import annotations

import math
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from types import FrameType

import trio

from ._channel import Chan


@asynccontextmanager
async def open_signal_chan(*signals: int) -> AsyncIterator[Chan[int]]:
    """Receive signals through a channel instead of being interrupted by them.

    ::

        async with open_signal_chan(signal.SIGTERM) as signals:
            await select(signals.on_receive(), work.on_close())

    Inside the block the number of each delivered signal is sent into the channel. On the way
    out the previous handlers are restored, the channel is closed, and signals that were not
    received are raised again, so that none is swallowed.

    Args:
        signals: such as ``signal.SIGTERM``.

    Raises:
        TypeError: no signal is given.
        RuntimeError: not in the main thread, the only one that Python gives signals.
    """
    if not signals:
        raise TypeError("open_signal_chan needs at least one signal")
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("Python delivers signals to its main thread only; open this there")
    token = trio.lowlevel.current_trio_token()
    arrived: deque[int] = deque()  # and not in the channel
    channel = Chan[int](math.inf, name="signals", on_drop=lambda number, _: arrived.append(number))

    def deliver() -> None:
        while arrived and not channel.closed:
            channel.send_nowait(arrived.popleft())

    def handle(number: int, _: FrameType | None) -> None:
        # A handler may run between any two instructions, so it must not touch the channel.
        arrived.append(number)
        token.run_sync_soon(deliver, idempotent=True)

    with ExitStack() as on_exit:
        # Runs last, when the previous handlers are restored; each of them may raise.
        on_exit.callback(lambda: _raise_signals([*channel.drain(), *arrived]))
        for number in signals:
            earlier = signal.signal(number, handle)
            # None stands for a handler that Python did not install.
            on_exit.callback(signal.signal, number, earlier or signal.SIG_DFL)
        yield channel


def _raise_signals(numbers: Sequence[int]) -> None:
    """Raise each of these signals, even if the handler of one of them raises."""
    with ExitStack() as raised:
        for number in reversed(numbers):
            raised.callback(signal.raise_signal, number)

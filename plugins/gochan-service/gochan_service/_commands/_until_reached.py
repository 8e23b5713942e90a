"""Work that needs a server, which may be away when it starts: then it waits for the server."""

# Theory of operation
# -------------------
# After a power cut all machines start at once, and an agent may be there before its server, the
# network, or the names of the network. It waits for them as it would after an outage, and says so
# now and then. What waiting cannot mend, such as a wrong secret, ends it at once.

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from _gochan_chance import chance
from gochan import Chan, open_signal_chan
from gochan.durable import StoreUnavailable, beside

_PAUSE: Final = 2.0  # seconds before the next attempt, at most
_SAID: Final = 60.0  # seconds before it is said again


async def until_reached(
    work: Callable[[], Awaitable[object]], say: Callable[[str], object]
) -> None:
    """Do what raises `StoreUnavailable` as it begins, if it does so again and again until not.

    SIGTERM or Ctrl-C ends that, unless the work has taken them over.

    Args:
        work: begins by opening a store.
        say: told a line when it has to wait, and about once a minute then.
    """
    async with open_signal_chan(signal.SIGTERM, signal.SIGINT) as signals:
        with trio.CancelScope() as everything:
            async with beside(partial(_obey, signals, everything)):
                await _insist(work, say)


async def _obey(signals: Chan[int], everything: trio.CancelScope) -> None:
    await signals.receive()
    everything.cancel()


async def _insist(work: Callable[[], Awaitable[object]], say: Callable[[str], object]) -> None:
    due = trio.current_time()
    while True:
        try:
            await work()
        except StoreUnavailable as error:
            if trio.current_time() >= due:
                say(f"waits for the server, and tries again: {error}")
                due = trio.current_time() + _SAID
        else:
            return
        await trio.sleep(_PAUSE * chance.uniform(0.5, 1.0))

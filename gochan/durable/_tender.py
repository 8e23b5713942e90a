"""The tender: does what time demands of a store, as long as a queue has a handler here."""

from __future__ import annotations

from collections.abc import Sized
from typing import final

import trio

from ._errors import StoreUnavailable
from ._outage import Outages
from ._store import Store


@final
class Tender:
    """Calls `Store.tend` when the store says that there will be something to do.

    Args:
        store: to be tended.
        outages: told whether the store can be reached.
        lease: how many seconds leases last.
        leases: those that the process has.
    """

    def __init__(self, store: Store, outages: Outages, lease: float, leases: Sized) -> None:
        self._store = store
        self._outages = outages
        self._lease = lease
        self._leases = leases
        self._bell = trio.Event()

    def ring(self) -> None:
        """Have it looked at when the next job is due."""
        self._bell.set()

    async def run(self) -> None:
        """Do what time demands of the store, for ever."""
        backoff = self._outages.backoff()
        while True:
            self._bell = trio.Event()
            try:
                with self._outages.calling("tend"):
                    tended = await self._store.tend()
            except StoreUnavailable:
                await backoff.pause()
                continue
            backoff.end()
            waits = [2 * self._store.patience]  # claims look in between, and know what waits
            if tended.next is not None:
                waits.append(tended.next)
            if self._leases:
                waits.append(self._lease)  # which end later than the store could know
            with trio.move_on_after(min(waits)):
                await self._bell.wait()

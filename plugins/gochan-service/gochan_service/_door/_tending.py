"""Tending: what time demands of a store, and of the files of its jobs."""

# Theory of operation
# -------------------
# While a server or its store is away, leases end, though their agents live, and have perhaps ended
# their jobs long ago. They say so as soon as it is back. So if jobs are leased then, their agents
# are heard before a job is taken for lost, or what is done would be done twice. A server was away,
# too, if it slept for longer than it wanted: it was stopped, or its machine was asleep.

from __future__ import annotations

import logging
from functools import partial
from typing import Final

import trio

from gochan.durable import Store, StoreClosed, StoreError, StoreUnavailable

from ._files import Files

LOGGER: Final = logging.getLogger("gochan.service")

HEARD: Final = 5.0  # seconds in which agents are heard first
_LOOK: Final = 1.0  # seconds after which it is looked at what time demands
_TROUBLE: Final = 10.0  # after a failure that is none of a moment
SWEEP: Final = 3600.0


async def tend(store: Store) -> None:
    """Do what time demands of a store, for ever; trouble is told, and does not end this."""
    is_back = True
    while True:
        pause = _LOOK
        try:
            if is_back and await _are_any_leased(store):
                await trio.sleep(HEARD)
            is_back = False
            tended = await store.tend()
            if tended.next is not None:
                pause = min(pause, tended.next)
        except (StoreUnavailable, StoreClosed):
            is_back = True  # soon; whoever wants something of the store is told
        except StoreError as error:
            LOGGER.warning("the store could not be tended: %s", error)
            pause = _TROUBLE
        before = store.now()
        await trio.sleep(pause)
        is_back = is_back or store.now() - before > pause + HEARD


async def _are_any_leased(store: Store) -> bool:
    """Whether there are jobs whose agents may have something to say."""
    for queue in await store.queues():
        if (await store.statistics(queue)).running:
            return True
    return False


async def sweep(store: Store, files: Files) -> None:
    """Delete the files of jobs that the store does not keep any more, once in a while, for ever."""
    while True:
        await trio.sleep(SWEEP)
        try:
            await _sweep(store, files)
        except (StoreError, OSError) as error:
            LOGGER.warning("files of old jobs could not be deleted: %s", error)


async def _sweep(store: Store, files: Files) -> None:
    shelves = files.jobs()
    while (ids := await trio.to_thread.run_sync(next, shelves, None)) is not None:
        for id, record in zip(ids, await store.look(ids), strict=True):
            if record is None:
                await trio.to_thread.run_sync(partial(files.remove, id))

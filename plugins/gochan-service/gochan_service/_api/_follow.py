"""A log as it grows: its parts, until the run is over."""

# Theory of operation
# -------------------
# Who follows a log reads what there is, and waits until there is more: the routes that take parts
# ring. It is over when the run is. A job that is tried again has a log for each run; who follows a
# job without naming a run follows the newest one there is.

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, final

import trio

from gochan.durable import JobRecord, Store

from .._door._files import LOG, Files
from ._visitors import Welcome

_PART: Final = 2**18
_LOOK: Final = 1.0  # seconds


@final
class Growth:
    """Tells who follows a log that there is more."""

    def __init__(self) -> None:
        self._events: dict[int, trio.Event] = {}

    def ring(self, id: int) -> None:
        """Tell of a job whose log has grown."""
        event = self._events.pop(id, None)
        if event is not None:
            event.set()

    async def wait(self, id: int) -> None:
        """Wait until the log of a job grows."""
        event = self._events.setdefault(id, trio.Event())
        try:
            await event.wait()
        finally:
            if not event.is_set() and not event.statistics().tasks_waiting:
                del self._events[id]


async def parts(
    store: Store,
    files: Files,
    growth: Growth,
    record: JobRecord,
    version: int,
    offset: int,
    stopping: trio.Event,
    welcome: Welcome,
) -> AsyncIterator[tuple[int, bytes]]:
    """Yield parts of the log of a run, each with where it ends, until the run is over.

    It ends, too, if the server stops, or its reader is let in no more.
    """
    while not stopping.is_set() and await welcome():
        over = not (record.state == "running" and record.version == version)
        data = await trio.to_thread.run_sync(files.read, record.id, version, LOG, offset, _PART)
        if data:
            offset += len(data)
            yield offset, data
            continue
        if over:
            return
        with trio.move_on_after(_LOOK):
            await growth.wait(record.id)
        (found,) = await store.look([record.id])
        if found is None:
            return
        record = found

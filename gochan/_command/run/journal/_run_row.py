"""The row of the run itself: how far it has come, for those who look into the journal."""

# Theory of operation
# -------------------
# The whole work is one job of a queue of its own, which each run takes up and puts down again,
# until everything is done. So others see whether it goes on, and how much there is to do.

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, final

from .... import every
from ....durable import Ending, NewJob, ProgressReport, Release, Store, StoreError, Ticket, Worker

RUNS: Final = "runs"
"""The queue of the store in which this row is."""

# How often it is written, in seconds.
_OFTEN: Final = 1.0


@final
class RunRow:
    """The row of a run.

    Args:
        store: that is the journal.
        far: returns how many items have ended, and of how many, or None while that is not known.
    """

    def __init__(self, store: Store, far: Callable[[], tuple[int, int | None]]) -> None:
        self._store = store
        self._far = far
        self._told: tuple[int, int | None] | None = None
        self._ticket: Ticket

    async def begin(self, worker: Worker, lease: float) -> None:
        """Take up the row that an earlier run has put down, or left; make one if there is none."""
        left = await self._store.list(RUNS, states=["running"])
        await self._store.release(
            [Release(row.id, row.version, "interrupted", count=False) for row in left]
        )
        rows = await self._store.claim(RUNS, 1, worker, lease)
        if not rows:
            await self._store.enqueue([NewJob(queue=RUNS, payload=b"null")])
            rows = await self._store.claim(RUNS, 1, worker, lease)
        self._ticket = rows[0].ticket

    async def keep(self) -> None:
        """Write how far the run has come, for ever."""
        async for _ in every(_OFTEN):
            with suppress(StoreError):  # what matters more will raise, too
                await self._tell()

    async def _tell(self) -> None:
        far = self._far()
        if far != self._told:
            await self._store.report([ProgressReport(self._ticket.id, self._ticket.version, *far)])
            self._told = far

    async def end(self, *, done: bool) -> None:
        """Put the row down; for good if everything is done."""
        await self._tell()
        ticket = self._ticket
        if done:
            await self._store.finish([Ending(ticket.id, ticket.version, "done", b"null")])
        else:
            release = Release(ticket.id, ticket.version, "interrupted", count=False)
            await self._store.release([release])


async def total_of(store: Store) -> int | None:
    """Return how many items a run has, if it knows that."""
    rows = await store.list(RUNS, states=["running"], limit=1)
    progress = rows[0].progress if rows else None
    return None if progress is None or progress[1] is None else int(progress[1])

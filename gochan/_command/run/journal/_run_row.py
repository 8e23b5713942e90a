"""The row of the run itself: how far it has come, for those who look into the journal."""

# Theory of operation
# -------------------
# The whole work is one job of a queue of its own, which each run takes up and puts down again,
# until everything is done. So others see whether it goes on, and how much there is to do. A run
# that ends at once needs no such row, and makes none.

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
        worker: that runs what it has.
        lease: how many seconds the row stays with this run, if nothing else is said.
        far: returns how many items have ended, and of how many, or None while that is not known.
    """

    def __init__(
        self,
        store: Store,
        worker: Worker,
        lease: float,
        far: Callable[[], tuple[int, int | None]],
    ) -> None:
        self._store = store
        self._worker = worker
        self._lease = lease
        self._far = far
        self._told: tuple[int, int | None] | None = None
        self._ticket: Ticket | None = None

    async def begin(self) -> None:
        """Take up the row that an earlier run has put down, or left, if there is one."""
        left = await self._store.list(RUNS, states=["running"])
        await self._store.release(
            [Release(row.id, row.version, "interrupted", count=False) for row in left]
        )
        await self._claim()

    async def _claim(self) -> Ticket | None:
        for row in await self._store.claim(RUNS, 1, self._worker, self._lease):
            self._ticket = row.ticket
        return self._ticket

    async def keep(self) -> None:
        """Write how far the run has come, for ever."""
        async for _ in every(_OFTEN):
            with suppress(StoreError):  # what matters more will raise, too
                await self._tell()

    async def _tell(self) -> None:
        if self._ticket is None:
            await self._store.enqueue([NewJob(queue=RUNS, payload=b"null")])
        ticket, far = self._ticket or await self._claim(), self._far()
        if ticket is not None and far != self._told:
            await self._store.report([ProgressReport(ticket.id, ticket.version, *far)])
            self._told = far

    async def end(self, *, done: bool) -> None:
        """Put the row down, if there is one; for good if everything is done."""
        ticket = self._ticket
        if ticket is None:
            return
        await self._tell()
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

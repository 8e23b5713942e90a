"""The watch: who holds a job hears how it ended, wherever it ran."""

# Theory of operation
# -------------------
# All objects for one job in a process share its *fate*, which knows the outcome once it is known.
# A job that this process ran is over when its end is written, and its fate is told at once. For
# all others there are bells, and looks at the row. A bell may be lost, so the rows of jobs that
# somebody waits for are looked at once in a while.
#
# Invariant: a fate that is ``followed`` misses nothing from then on, or a bell was lost.

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, final
from weakref import WeakValueDictionary

import trio

from .._queue import Outcome
from ._errors import StoreClosed, StoreError
from ._outage import Outages
from ._records import JobRecord
from ._store import Store


@final
class Fate:
    """How a job ended, once that is known."""

    __slots__ = ("__weakref__", "event", "followed", "gone", "id", "outcome", "trouble")

    def __init__(self, id: int, *, followed: bool) -> None:
        self.id: int = id
        self.outcome: Outcome[Any] | None = None
        self.event: trio.Event = trio.Event()
        self.followed: bool = followed
        self.gone: bool = False  # the store does not know it, or does not keep it any more
        self.trouble: str | None = None  # it has ended, and why its outcome cannot be told

    def settle(self, outcome: Outcome[Any] | None) -> None:
        """Tell how the job ended; ``None``: nobody knows any more."""
        self.outcome = outcome
        self.gone = outcome is None
        self.event.set()

    def reopen(self) -> None:
        """Forget it: the job runs again."""
        self.outcome, self.gone, self.trouble = None, False, None
        self.event = trio.Event()


@final
class Watch:
    """The jobs whose end somebody may want to know.

    Args:
        store: where they are.
        outages: told whether the store can be reached.
        outcome_of: makes an outcome of the record of a job that has ended.
    """

    def __init__(
        self, store: Store, outages: Outages, outcome_of: Callable[[JobRecord], Outcome[Any]]
    ) -> None:
        self._store = store
        self._outages = outages
        self._over: str | None = None
        self._outcome_of = outcome_of
        self._fates: WeakValueDictionary[int, Fate] = WeakValueDictionary()
        self._asked: dict[int, None] = {}
        self._bell = trio.Event()

    def fate(self, id: int, *, followed: bool = False) -> Fate:
        """Return the fate of a job.

        Args:
            id: of the job.
            followed: whether it was stored just now, by this process.
        """
        fate = self._fates.get(id)
        if fate is None or fate.gone:  # the number of a job that was rolled back is used again
            self._fates[id] = fate = Fate(id, followed=followed)
        return fate

    async def wait(self, fate: Fate) -> None:
        """Wait until it is known how a job ended, or that nobody knows.

        Raises:
            StoreClosed: the queue has ended before.
            StoreError: the job has ended, but its outcome cannot be told.
        """
        while fate.outcome is None and not fate.gone:
            if fate.trouble is not None:
                raise StoreError(fate.trouble)
            if not fate.followed:
                fate.followed = True  # what happens from now on is heard; what has, is looked at
                try:
                    await self._look([fate.id])
                except BaseException:  # this task is cancelled; others may wait for the same look
                    self.hear([fate.id])
                    raise
            elif self._over is not None:
                raise StoreClosed(f"it is not known how job {fate.id} ended: {self._over}")
            else:
                await fate.event.wait()

    def settle(self, id: int, outcome_of: Callable[[], Outcome[Any]]) -> None:
        """Tell how a job ended, if anybody wants to know."""
        fate = self._fates.get(id)
        if fate is not None:
            self._tell(fate, outcome_of)

    def _tell(self, fate: Fate, outcome_of: Callable[[], Outcome[Any]]) -> None:
        try:
            fate.settle(outcome_of())
        except Exception as error:
            fate.trouble = (
                f"the result of job {fate.id} cannot be decoded: {type(error).__name__}: {error}"
            )
            fate.event.set()

    def end(self, why: str) -> None:
        """Let nobody wait any more: nothing is heard from now on."""
        self._over = why
        for fate in [*self._fates.values()]:
            fate.event.set()

    def reopen(self, id: int) -> None:
        """Forget how a job ended: it runs again."""
        fate = self._fates.get(id)
        if fate is not None:
            fate.reopen()

    def hear(self, ids: Iterable[int]) -> None:
        """Have it looked at whether these jobs have ended."""
        for id in ids:
            fate = self._fates.get(id)
            if fate is not None and fate.outcome is None and fate.trouble is None:
                self._asked[id] = None
                self._bell.set()

    def hear_of_any(self) -> None:
        """Have it looked at whether any of the jobs has ended."""
        self.hear([one.key for one in self._fates.valuerefs()])  # others may come, in any thread

    async def run(self) -> None:
        """Look at the jobs of which a bell said that they have ended, for ever."""
        while True:
            with trio.move_on_after(self._store.patience) as patience:
                await self._bell.wait()
            if patience.cancelled_caught:
                self.hear_of_any()
            self._bell = trio.Event()
            asked, self._asked = [*self._asked], {}
            if asked:
                await self._look(asked)

    async def _look(self, ids: list[int]) -> None:
        records = await self._outages.insist("look", lambda: self._store.look(ids))
        for id, record in zip(ids, records, strict=True):
            fate = self._fates.get(id)
            if fate is None or fate.outcome is not None:
                continue
            if record is None:
                fate.settle(None)
            elif record.state == "ended":
                self._tell(fate, partial(self._outcome_of, record))

"""A store that is a book: its operations are plain functions, reached in one way or another."""

# Theory of operation
# -------------------
# A *book* has the operations of `Store` as plain functions, whose first argument is the time;
# each is one step of a transaction. What they ring is in its ``hints`` afterwards. A *desk* is
# the way to the book: it calls an operation by its name and returns its answer. It may do
# so on the spot, in a thread, or through a connection, one by one or many at once.
#
# This class is what the stores in memory, on SQLite and on PostgreSQL have in common.

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from .._core import ReceiveChan
from ._bells import Bells
from ._queue_records import QueueCounts, QueueSettings
from ._records import (
    Ending,
    EndKind,
    Enqueued,
    Explanation,
    Held,
    Hint,
    JobRecord,
    Migration,
    NewJob,
    ProgressReport,
    Refusal,
    Release,
    State,
    Tended,
    Ticket,
    Worker,
)
from ._store import Cancelling, Retrying


class Desk(Protocol):
    """The way to a book."""

    async def __call__(self, operation: str, *arguments: Any) -> Any:
        """Call an operation of the book, and return what it returns.

        If the call is cancelled, the operation was not made, or is made whole.
        """

    async def aclose(self) -> None:
        """Let the operations that were asked for end, and close the book."""


class Clock(Protocol):
    """What tells the time of a store; see `StoreClock`."""

    def now(self) -> float:
        """Return seconds since the epoch."""


class BookStore:
    """A `Store` whose operations are those of a book, behind a desk.

    Attributes:
        migration: what opening it has done to its tables; ``None`` if it has none, or was opened
            for reading only.
    """

    def __init__(
        self, address: str, desk: Desk, bells: Bells, clock: Clock, patience: float
    ) -> None:
        self._address = address
        self._desk = desk
        self._bells = bells
        self._clock = clock
        self._patience = patience
        self.migration: Migration | None = None

    @property
    def address(self) -> str:
        """Where it is, without a password, for people."""
        return self._address

    @property
    def patience(self) -> float:
        """After how many seconds without a bell a queue looks itself."""
        return self._patience

    @property
    def loses_answers(self) -> bool:
        """Whether a call may have been made although it raised `StoreUnavailable`."""
        return False

    def now(self) -> float:
        """Return the time by the store's clock, in seconds since the epoch."""
        return self._clock.now()

    async def configure(
        self, queue: str, settings: QueueSettings | None = None, *, update: bool = False
    ) -> QueueSettings:
        """Do what `Store.configure` says."""
        kept: QueueSettings = await self._desk("configure", queue, settings, update)
        return kept

    async def enqueue(
        self, jobs: Sequence[NewJob], *, whole: bool = False
    ) -> Sequence[Enqueued | Refusal]:
        """Do what `Store.enqueue` says."""
        answers: Sequence[Enqueued | Refusal] = await self._desk("enqueue", jobs, whole)
        return answers

    async def offer(self, queue: str, n: int, worker: Worker) -> Sequence[Ticket]:
        """Do what `Store.offer` says."""
        tickets: Sequence[Ticket] = await self._desk("offer", queue, n, worker)
        return tickets

    async def accept(
        self, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> Sequence[JobRecord | None]:
        """Do what `Store.accept` says."""
        records: Sequence[JobRecord | None] = await self._desk("accept", tickets, worker, lease)
        return records

    async def claim(self, queue: str, n: int, worker: Worker, lease: float) -> Sequence[JobRecord]:
        """Do what `Store.claim` says."""
        records: Sequence[JobRecord] = await self._desk("claim", queue, n, worker, lease)
        return records

    async def start(self, tickets: Sequence[Ticket]) -> Sequence[bool]:
        """Do what `Store.start` says."""
        answers: Sequence[bool] = await self._desk("start", tickets)
        return answers

    async def extend(self, tickets: Sequence[Ticket], lease: float) -> Sequence[Held]:
        """Do what `Store.extend` says."""
        answers: Sequence[Held] = await self._desk("extend", tickets, lease)
        return answers

    async def report(self, reports: Sequence[ProgressReport]) -> Sequence[bool]:
        """Do what `Store.report` says."""
        answers: Sequence[bool] = await self._desk("report", reports)
        return answers

    async def finish(self, endings: Sequence[Ending]) -> Sequence[bool]:
        """Do what `Store.finish` says."""
        answers: Sequence[bool] = await self._desk("finish", endings)
        return answers

    async def release(self, releases: Sequence[Release]) -> Sequence[bool]:
        """Do what `Store.release` says."""
        answers: Sequence[bool] = await self._desk("release", releases)
        return answers

    async def cancel(self, ids: Sequence[int], reason: str) -> Sequence[Cancelling]:
        """Do what `Store.cancel` says."""
        answers: Sequence[Cancelling] = await self._desk("cancel", ids, reason)
        return answers

    async def retry(self, ids: Sequence[int], attempts: int | None = None) -> Sequence[Retrying]:
        """Do what `Store.retry` says."""
        answers: Sequence[Retrying] = await self._desk("retry", ids, attempts)
        return answers

    async def look(self, ids: Sequence[int]) -> Sequence[JobRecord | None]:
        """Do what `Store.look` says."""
        records: Sequence[JobRecord | None] = await self._desk("look", ids)
        return records

    async def list(
        self,
        queue: str,
        *,
        states: Collection[State] = (),
        kinds: Collection[EndKind] = (),
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
    ) -> Sequence[JobRecord]:
        """Do what `Store.list` says."""
        records: Sequence[JobRecord] = await self._desk(
            "list", queue, states, kinds, limit, before, after
        )
        return records

    async def queues(self) -> Sequence[str]:
        """Do what `Store.queues` says."""
        names: Sequence[str] = await self._desk("queues")
        return names

    async def statistics(self, queue: str) -> QueueCounts:
        """Do what `Store.statistics` says."""
        counts: QueueCounts = await self._desk("statistics", queue)
        return counts

    async def audit(self, queue: str) -> QueueCounts:
        """Do what `Store.audit` says."""
        counts: QueueCounts = await self._desk("audit", queue)
        return counts

    async def explain(self, id: int) -> Explanation | None:
        """Do what `Store.explain` says."""
        explanation: Explanation | None = await self._desk("explain", id)
        return explanation

    async def pause(self, queue: str, paused: bool) -> bool:
        """Do what `Store.pause` says."""
        changed: bool = await self._desk("pause", queue, paused)
        return changed

    async def purge(self, queue: str, kinds: Collection[EndKind], n: int) -> int:
        """Do what `Store.purge` says."""
        count: int = await self._desk("purge", queue, kinds, n)
        return count

    async def tend(self, n: int = 500) -> Tended:
        """Do what `Store.tend` says."""
        tended: Tended = await self._desk("tend", n)
        return tended

    def listen(self, queue: str) -> AbstractAsyncContextManager[ReceiveChan[Hint], bool | None]:
        """Do what `Store.listen` says."""
        return self._bells.listen(queue)

    async def aclose(self) -> None:
        """Do what `Store.aclose` says."""
        await self._desk.aclose()

"""A store whose answers are written into the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from gochan.durable import (
    Cancelling,
    Ending,
    Held,
    JobRecord,
    Release,
    Retrying,
    Store,
    Ticket,
    Worker,
)

from ._ledger import Ledger


@final
class Observed:
    """A store as the server of a lab has it."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, queue: str, n: int, worker: Worker, lease: float) -> Sequence[JobRecord]:
        """Lease jobs."""
        records = await self._store.claim(queue, n, worker, lease)
        self._ledger.claimed(worker, records, lease)
        return records

    async def accept(
        self, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> Sequence[JobRecord | None]:
        """Lease the jobs of tickets."""
        records = await self._store.accept(tickets, worker, lease)
        self._ledger.claimed(worker, records, lease)
        return records

    async def extend(self, tickets: Sequence[Ticket], lease: float) -> Sequence[Held]:
        """Extend leases."""
        answers = await self._store.extend(tickets, lease)
        self._ledger.extended(tickets, answers, lease)
        return answers

    async def finish(self, endings: Sequence[Ending]) -> Sequence[bool]:
        """End jobs."""
        answers = await self._store.finish(endings)
        self._ledger.finished(endings, answers)
        return answers

    async def release(self, releases: Sequence[Release]) -> Sequence[bool]:
        """Give jobs back."""
        answers = await self._store.release(releases)
        self._ledger.released(releases, answers)
        return answers

    async def cancel(self, ids: Sequence[int], reason: str) -> Sequence[Cancelling]:
        """Cancel jobs."""
        answers = await self._store.cancel(ids, reason)
        self._ledger.cancelled(ids, answers, reason)
        return answers

    async def retry(self, ids: Sequence[int], attempts: int | None = None) -> Sequence[Retrying]:
        """Let jobs run again."""
        answers = await self._store.retry(ids, attempts)
        self._ledger.retried(ids, answers)
        return answers

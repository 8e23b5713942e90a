"""A store in which an agent finds one job, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from gochan.durable import JobRecord, Store, Worker


@final
class OneJob:
    """A store whose `claim` leases one job, once; all else is that of another store."""

    def __init__(self, store: Store, id: int) -> None:
        self._store = store
        self._id: int | None = id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, queue: str, n: int, worker: Worker, lease: float) -> Sequence[JobRecord]:
        """Lease the job, if it waits."""
        if self._id is None:
            return []
        (record,) = await self._store.look([self._id])
        if record is None or record.state != "waiting" or record.queue != queue:
            return []
        leased = await self._store.accept([record.ticket], worker, lease)
        records = [one for one in leased if one is not None]
        if records:
            self._id = None
        return records

"""Poison: jobs that kill their worker each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio

from gochan.durable import DurableQueue, open_durable_queue

from .fleet import Fleet, open_fleet
from .ledger import QUEUE, Verdict, said


async def poison(
    folder: Path,
    address: str,
    times: int,
    *,
    beside: int = 50,
    workers: int = 4,
    after: float = 0.0,
    **options: Any,
) -> Verdict:
    """Each of some jobs kills its worker five times; those leased beside it are unharmed.

    Args:
        folder, address, times, options: as everywhere here; times says how many such jobs.
        beside: how many others there are for each.
        workers: of each process.
        after: how many seconds a poisoned job runs before it kills its worker.
    """
    async with open_fleet(folder, address, **options) as fleet:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_alive, fleet, workers)
            async with fleet.store() as store, open_durable_queue(store, QUEUE) as queue:
                poisoned = [await _submit(fleet, queue, n, beside, after) for n in range(times)]
                with trio.move_on_after(30 + 10 * times):
                    await queue.join()
            nursery.cancel_scope.cancel()
        verdict = await fleet.settle(times=times)
        async with fleet.store() as store:
            for record in await store.look(poisoned):
                if record is None or (record.kind, record.error) != ("failed", "lost 5 times"):
                    verdict.left.append(f"a poisoned job is {said(record)}")
        return verdict


async def _submit(
    fleet: Fleet, queue: DurableQueue[Any, Any], number: int, beside: int, after: float
) -> int:
    """Submit a poisoned job in the middle of others; return its number."""
    innocent = [{"n": f"{number}-{i}", "seconds": 0.001} for i in range(beside)]
    middle = beside // 2
    jobs = await queue.submit_many(innocent[:middle], max_attempts=5)
    job = await queue.submit({"n": f"poison {number}", "poison": after}, max_attempts=5)
    jobs += await queue.submit_many(innocent[middle:], max_attempts=5)
    for one, payload in zip(jobs, innocent, strict=True):
        fleet.note("stored", id=one.id, payload=payload)
    return job.id


async def _keep_alive(fleet: Fleet, workers: int) -> None:
    """Start another worker whenever one has died."""
    while True:
        worker = await fleet.start("work", workers=workers, lease=0.3, attempts=5)
        await worker.gone(seconds=1000)
        fleet.note("killed", of=worker.pid)

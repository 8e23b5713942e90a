"""Restarts in order: SIGTERM, which nobody has to notice."""

from __future__ import annotations

from pathlib import Path

import trio

from .databases import Database
from .fleet import open_fleet
from .ledger import DRAIN, Verdict, all_of, said


async def storm(
    folder: Path, times: int, *, database: Database | None = None, seed: int = 1
) -> Verdict:
    """Restart the server every second; where it starts slowly, it is there for half of the time."""
    async with open_fleet(folder, database, seed=seed) as fleet:
        for _ in range(times):
            began = trio.current_time()
            await fleet.server_ready()
            await trio.sleep(max(1.0, trio.current_time() - began))
            await fleet.end_server()
            fleet.start_server()
        return await fleet.settle(times)


async def deploy(
    folder: Path, times: int, *, database: Database | None = None, seed: int = 1
) -> Verdict:
    """Replace each agent in turn: another one starts, the old one is told to end.

    Half of them are drained before. Those that are not have little time for what they run; that
    goes back, and burns no attempt.
    """
    async with open_fleet(folder, database, seed=seed) as fleet:
        for number in range(times):
            old = fleet.agents[0]
            await fleet.start_agent(drain=DRAIN).ready()
            if number % 2:
                await fleet.drain(old)
            await fleet.end_agent(old)
        verdict = await fleet.settle(times)
        async with fleet.store() as store:
            verdict.lost += [
                f"job {record.id} has paid with attempts: {said(record)}"
                for record in await all_of(store)
                if (record.attempt, record.crashes, record.lost) != (1, 0, 0)
            ]
        return verdict

"""kill -9, and a start again: of the server, of agents, of PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import trio

from .databases import Database
from .fleet import open_fleet
from .ledger import Verdict


async def kill_servers(
    folder: Path, times: int, *, database: Database | None = None, seed: int = 1
) -> Verdict:
    """Kill the server at any moment, now and then as it starts, and start another one."""
    async with open_fleet(folder, database, seed=seed) as fleet:
        for _ in range(times):
            if fleet.dice.random() < 0.7:
                await fleet.server_ready()
                await fleet.works()  # or it is away for longer than a lease, for who is unlucky
            await trio.sleep(fleet.dice.uniform(0.0, 0.8))
            fleet.kill_server()
            await fleet.server.gone()
            fleet.start_server()
        return await fleet.settle(times)


async def kill_agents(
    folder: Path, times: int, *, database: Database | None = None, seed: int = 1
) -> Verdict:
    """Kill an agent at any moment, and start another one."""
    async with open_fleet(folder, database, seed=seed) as fleet:
        for _ in range(times):
            agent = fleet.dice.choice(fleet.agents)
            if fleet.dice.random() < 0.8:
                await agent.ready()
            await trio.sleep(fleet.dice.uniform(0.0, 0.6))
            fleet.kill_agent(agent)
            fleet.start_agent()
        return await fleet.settle(times)


async def kill_postgres(folder: Path, times: int, *, database: Database, seed: int = 1) -> Verdict:
    """Kill PostgreSQL with all its processes, and start it again on the same data."""
    async with open_fleet(folder, database, seed=seed) as fleet:
        for _ in range(times):
            await fleet.works()  # or it is away for longer than a lease, for who is unlucky
            await trio.sleep(fleet.dice.uniform(0.0, 1.0))
            await trio.to_thread.run_sync(database.restart)
        return await fleet.settle(times)

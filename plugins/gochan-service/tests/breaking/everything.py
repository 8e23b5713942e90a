"""Everything at random: kills, restarts, pauses, drains and cancels, each at any moment."""

from __future__ import annotations

import signal
from pathlib import Path

import trio

from .databases import Database
from .fleet import Fleet, open_fleet
from .ledger import Verdict

# What happens, and how often in relation to the others.
_OFTEN = {
    "kill the server": 3,
    "end the server": 2,
    "kill an agent": 3,
    "end an agent": 2,
    "pause an agent": 1,
    "drain an agent": 1,
    "restart the store": 1,
    "cancel a job": 8,
}


async def everything(
    folder: Path, times: int, *, database: Database | None = None, seed: int = 1
) -> Verdict:
    """Let so many things go wrong."""
    done: dict[str, int] = dict.fromkeys(_OFTEN, 0)
    async with open_fleet(folder, database, seed=seed) as fleet:
        fleet.ledger.away = 30.0
        kinds = [kind for kind in _OFTEN if database or kind != "restart the store"]
        weights = [_OFTEN[kind] for kind in kinds]
        async with trio.open_nursery() as nursery:
            for _ in range(times):
                (kind,) = fleet.dice.choices(kinds, weights)
                done[kind] += 1
                if kind == "restart the store" and database is not None:
                    await trio.to_thread.run_sync(database.restart)
                elif kind == "cancel a job":
                    nursery.start_soon(fleet.cancel_something)
                else:
                    await _break(fleet, kind)
                await trio.sleep(fleet.dice.uniform(0.0, 0.7))
                if not fleet.server.is_alive:
                    fleet.start_server()
                await fleet.replace_what_has_ended()
            if not fleet.server.is_alive:
                fleet.start_server()
        verdict = await fleet.settle(times)
    verdict.notes.update(done)
    return verdict


async def _break(fleet: Fleet, kind: str) -> None:
    agent = fleet.dice.choice(fleet.agents)
    if kind == "kill the server":
        fleet.kill_server()
        await fleet.server.gone()
    elif kind == "end the server" and await fleet.server.ready():
        await fleet.end_server()
    elif kind == "kill an agent":
        fleet.kill_agent(agent)
        fleet.start_agent()
    elif kind == "end an agent" and await agent.ready():
        fleet.start_agent()
        await fleet.end_agent(agent)
    elif kind == "pause an agent" and agent.is_ready:
        agent.send(signal.SIGSTOP)
        await trio.sleep(fleet.dice.uniform(0.5, 2.0))
        agent.send(signal.SIGCONT)
    elif kind == "drain an agent" and agent.is_ready and await fleet.server.ready():
        await fleet.drain(agent)
        fleet.kill_agent(agent)
        fleet.start_agent()

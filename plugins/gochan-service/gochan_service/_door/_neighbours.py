"""Neighbours: the other servers of a store, and which agents they have heard of."""

# Theory of operation
# -------------------
# Behind a balancer, each request of an agent may reach another server. So every second a server
# writes what it has heard since, and reads what the others have; who was heard of elsewhere later
# than here is known from there. Whether an agent is drained is a column of its own: who changes it
# writes it, and all servers, and those that are started later, obey.

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias, final

import trio

from gochan.durable import Store, StoreClosed, StoreError, StoreUnavailable, beside

from .._shared import SharedStore, SharedTables
from ._agents import FORGOTTEN, Agents
from ._drained import remembering, said_by

LOGGER: Final = logging.getLogger("gochan.service")

_PAUSE: Final = 1.0
_TROUBLE: Final = 10.0  # after a failure that is none of a moment

SCRIPTS: Final = (
    """
CREATE TABLE {s}.agents_agent(
    name text PRIMARY KEY,
    said text NOT NULL,  -- JSON
    seen float8 NOT NULL,
    draining int NOT NULL
)
""",
)

_WRITE: Final = (
    "INSERT INTO {s}.agents_agent VALUES (%s, %s, %s, 0) ON CONFLICT (name) DO UPDATE "
    "SET said = EXCLUDED.said, seen = EXCLUDED.seen WHERE agents_agent.seen < EXCLUDED.seen"
)
_DRAIN: Final = "UPDATE {s}.agents_agent SET draining = %s WHERE name = %s"
_FORGET: Final = "DELETE FROM {s}.agents_agent WHERE seen < %s"
_READ: Final = "SELECT name, said, seen, draining FROM {s}.agents_agent"

_Row: TypeAlias = tuple[str, str, float]


@asynccontextmanager
async def sharing_agents(
    store: Store, agents: Agents, drained: Path | None = None
) -> AsyncIterator[None]:
    """Share what is known of agents with the other servers of a store, inside the block.

    A store that has one server only shares nothing. That remembers who is drained in a file.
    """
    if not isinstance(store, SharedStore):
        with remembering(agents, drained, store.now) if drained else nullcontext():
            yield
        return
    async with store.open_tables("agents", SCRIPTS) as tables:
        neighbours = Neighbours(agents, tables, store.now)
        await neighbours.look()
        async with beside(neighbours.run):
            yield


@final
class Neighbours:
    """Shares what is known of agents.

    Args:
        agents: those that this server has heard of.
        tables: where it is shared.
        now: the time by the clock of the store.
    """

    def __init__(self, agents: Agents, tables: SharedTables, now: Callable[[], float]) -> None:
        self._agents = agents
        self._tables = tables
        self._now = now

    async def run(self) -> None:
        """Share, for ever; trouble is told, and does not end this."""
        while True:
            await trio.sleep(_PAUSE)
            try:
                await self.look()
            except (StoreUnavailable, StoreClosed):
                pass  # whoever wants something of the store is told
            except StoreError as error:
                LOGGER.warning("what is known of agents could not be shared: %s", error)
                await trio.sleep(_TROUBLE)

    async def look(self) -> None:
        """Tell the others what is new here, and hear what is new there."""
        agents = self._agents
        behind = self._now() - trio.current_time()
        news, agents.news = agents.news, set()
        rows = [
            (agent.name, json.dumps(said_by(agent)), agent.seen + behind)
            for agent in agents.all()
            if agent.name in news
        ]
        orders = dict(agents.orders)
        share = partial(self._share, rows, orders, self._now() - FORGOTTEN)
        try:
            found = await trio.to_thread.run_sync(share)
        except BaseException:
            agents.news |= news
            raise
        for name, draining in orders.items():
            if agents.orders.get(name) is draining:
                del agents.orders[name]
        for name, said, seen, draining in found:
            past = seen - behind
            agents.heard_elsewhere(name, json.loads(said), past, draining=bool(draining))

    def _share(
        self, rows: Iterable[_Row], orders: dict[str, bool], oldest: float
    ) -> list[tuple[Any, ...]]:
        with self._tables.transaction() as work:
            for row in sorted(rows):  # in an order, so that servers do not wait for each other
                work.run(_WRITE, *row)
            for name, draining in sorted(orders.items()):
                work.run(_DRAIN, int(draining), name)
            work.run(_FORGET, oldest)
            return work.rows(_READ)

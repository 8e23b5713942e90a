"""Servers of one store know each other's agents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import gochan_service._door._neighbours as neighbours_module
import pytest
import trio
from gochan_service._door import Agents
from gochan_service._door._neighbours import SCRIPTS, Neighbours, sharing_agents
from gochan_service._wire import AgentSaid

from gochan.durable import StoreError, StoreUnavailable, open_store

from . import postgres


@pytest.fixture
def open_server(server: Any) -> Iterator[Callable[[], tuple[Agents, Neighbours]]]:
    tables = postgres.tables_of(server, "agents", SCRIPTS)

    def open_server() -> tuple[Agents, Neighbours]:
        agents = Agents()
        return agents, Neighbours(agents, tables, lambda: 1e9 + trio.current_time())

    yield open_server
    tables.close()


async def test_an_agent_is_known_everywhere(
    open_server: Callable[[], tuple[Agents, Neighbours]],
) -> None:
    """With all that it has said, wherever it said it last; a server that starts later asks."""
    (here, mine), (there, theirs) = open_server(), open_server()
    agent = here.heard(AgentSaid("a", 4, "rack1", {"gpu": "yes"}))
    agent.held = 2
    await mine.look()
    await theirs.look()
    (known,) = there.all()
    said = known.name, known.capacity, known.machine, known.labels, known.held
    assert said == ("a", 4, "rack1", {"gpu": "yes"}, 2)
    assert known.seen == pytest.approx(agent.seen, abs=0.01)
    await trio.sleep(0.01)
    there.heard(AgentSaid("a", 8))
    await theirs.look()
    await mine.look()
    assert (agent.capacity, here.all()) == (8, [agent])
    later, third = open_server()
    await third.look()
    assert [one.capacity for one in later.all()] == [8]


async def test_an_agent_is_drained_everywhere(
    open_server: Callable[[], tuple[Agents, Neighbours]],
) -> None:
    """Its polls end where they are; what is said last is done, also if it was said meanwhile."""
    (here, mine), (there, theirs) = open_server(), open_server()
    agent = here.heard(AgentSaid("a"))
    await mine.look()
    await theirs.look()
    woken = agent.woken
    assert there.drain("a", True)
    await theirs.look()
    assert not woken.is_set()
    await mine.look()
    assert (agent.draining, woken.is_set()) == (True, True)
    assert here.drain("a", False)
    await theirs.look()
    await mine.look()
    await theirs.look()
    assert (agent.draining, there.drains("a"), here.orders, there.orders) == (False, False, {}, {})


async def test_an_order_that_comes_while_servers_talk_is_kept(
    open_server: Callable[[], tuple[Agents, Neighbours]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told the next time, and not undone by what was read before."""
    here, mine = open_server()
    here.heard(AgentSaid("a"))
    here.drain("a", True)

    async def meanwhile(share: Any) -> Any:
        found = share()
        here.drain("a", False)
        await trio.lowlevel.checkpoint()
        return found

    monkeypatch.setattr(trio.to_thread, "run_sync", meanwhile)
    await mine.look()
    assert (here.drains("a"), here.orders) == (False, {"a": False})


async def test_what_could_not_be_told_is_told_later(
    open_server: Callable[[], tuple[Agents, Neighbours]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost by an outage."""
    (here, mine), (there, theirs) = open_server(), open_server()
    here.heard(AgentSaid("a"))

    async def away(share: Any) -> Any:
        await trio.lowlevel.checkpoint()
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
        patch.setattr(trio.to_thread, "run_sync", away)
        await mine.look()
    await mine.look()
    await theirs.look()
    assert [agent.name for agent in there.all()] == ["a"]


async def test_trouble_does_not_end_it(
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An outage is told by others; anything else is logged."""
    troubles: list[Exception] = [StoreUnavailable("away"), StoreError("odd"), LookupError("done")]

    async def look(self: Neighbours) -> None:
        await trio.lowlevel.checkpoint()
        raise troubles.pop(0)

    monkeypatch.setattr(Neighbours, "look", look)
    neighbours = Neighbours(Agents(), None, lambda: 0.0)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING), pytest.raises(LookupError):
        await neighbours.run()
    assert trio.current_time() == pytest.approx(3 * 1.0 + neighbours_module._TROUBLE)
    assert caplog.messages == ["what is known of agents could not be shared: odd"]


async def test_a_store_of_one_server_shares_nothing() -> None:
    """There is nobody to share with."""
    async with open_store("memory:") as store, sharing_agents(store, Agents()):
        pass

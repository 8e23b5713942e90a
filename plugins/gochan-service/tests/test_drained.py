"""A server that is the only one of its store remembers whom it has drained."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trio
from gochan_service._door import Agents
from gochan_service._door._agents import FORGOTTEN
from gochan_service._door._drained import remembering
from gochan_service._wire import AgentSaid
from trio.testing import MockClock

from .doors import QUEUE, open_near


def epoch() -> float:
    """Return the time by the clock of the store."""
    return 1e9 + trio.current_time()


async def test_a_server_that_starts_again_drains_the_same_agents(tmp_path: Path) -> None:
    """With what they have said of themselves; whose drain is over is not drained."""
    path = tmp_path / "drained"
    before = Agents()
    with remembering(before, path, epoch):
        for name in ("a", "b", "c"):
            before.heard(AgentSaid(name, 4, "rack1", {"gpu": "yes"}))
        for name, draining in (("a", True), ("b", True), ("b", False)):
            assert before.drain(name, draining)
    after = Agents()
    with remembering(after, path, epoch):
        (agent,) = after.all()
        assert (agent.name, agent.draining, agent.capacity) == ("a", True, 4)
        assert agent.seen == pytest.approx(before.all()[0].seen, abs=0.01)
        assert after.drain("a", False)
    last = Agents()
    with remembering(last, path, epoch):
        assert last.all() == []


async def test_who_was_silent_for_a_day_is_forgotten(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """An agent that comes later may have its name by chance."""
    before, after = Agents(), Agents()
    with remembering(before, tmp_path / "drained", epoch):
        before.heard(AgentSaid("a"))
        before.drain("a", True)
    await trio.sleep(FORGOTTEN + 1)
    with remembering(after, tmp_path / "drained", epoch):
        assert after.all() == []


async def test_who_has_left_is_not_listed_for_ever(autojump_clock: MockClock) -> None:
    """Fleets that grow and shrink, and drain who goes, would make the list ever longer."""
    agents = Agents()
    for name in ("a", "b", "c"):
        agents.heard(AgentSaid(name))
    agents.drain("b", True)
    await trio.sleep(FORGOTTEN + 1)
    agents.heard(AgentSaid("d"))
    assert [agent.name for agent in agents.all()] == ["d"]
    assert [agent.name for agent in agents.known()] == ["d"]
    assert not agents.orders


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": [{}, "x"]}'])
async def test_a_file_that_cannot_be_read_is_told(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And does not keep the server from its work."""
    path = tmp_path / "drained"
    path.write_text(text)
    with caplog.at_level(logging.WARNING), remembering(Agents(), path, epoch):
        assert f"who is drained cannot be read from {path}" in caplog.text


async def test_a_file_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The agent is drained as long as the server runs."""
    agents = Agents()
    with remembering(agents, tmp_path / "no folder" / "drained", epoch):
        agents.heard(AgentSaid("a"))
        assert agents.drain("a", True)
    assert "who is drained cannot be written" in caplog.text
    assert agents.drains("a")


async def test_a_restart_gives_no_job_to_a_drained_agent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Not in the moment before it is heard of, either."""
    drained = tmp_path / "drained"
    async with open_near(tmp_path, drained=drained) as near:
        await near.ask("healthz")
        assert near.door.agents.drain("a", True)
    async with open_near(tmp_path, drained=drained) as near:
        await near.submit("1")
        assert await near.request("a", wait=1.0) == []
        (ticket,) = await near.request("b")
        answer = await near.accept([ticket], "a")
        assert answer["accepted"] == []
        record = await near.record(ticket["id"])
        assert (record.queue, record.state) == (QUEUE, "waiting")

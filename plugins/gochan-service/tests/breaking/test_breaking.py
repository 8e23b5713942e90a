"""Servers, agents and PostgreSQL that are killed and restarted, with real processes, under load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from . import everything, killing, restarting
from .databases import Databases

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    """A PostgreSQL which writes what it acknowledges."""
    with ExitStack() as stack:
        yield Databases(stack)


@pytest.mark.parametrize(
    ("scenario", "times"),
    [
        pytest.param(killing.kill_servers, 3, id="servers are killed"),
        pytest.param(killing.kill_agents, 3, id="agents are killed"),
        pytest.param(restarting.storm, 3, id="a storm of restarts"),
        pytest.param(restarting.deploy, 4, id="deploys"),
        pytest.param(everything.everything, 12, id="everything at random"),
    ],
)
async def test_nothing_is_lost_doubled_or_left_behind(
    scenario: Any, times: int, tmp_path: Path
) -> None:
    """What was acknowledged is there once and ends once; no process outlives its agent."""
    verdict = await scenario(tmp_path, times)
    assert verdict.jobs
    assert verdict.problems == []


@pytest.mark.parametrize(
    ("scenario", "times"),
    [
        pytest.param(killing.kill_postgres, 3, id="it is killed"),
        pytest.param(killing.kill_servers, 3, id="servers are killed"),
        pytest.param(everything.everything, 12, id="everything at random"),
    ],
)
async def test_nothing_is_lost_on_postgresql(
    scenario: Any, times: int, databases: Databases, tmp_path: Path
) -> None:
    """The same, with the jobs, the people and the logs in a database."""
    verdict = await scenario(tmp_path, times, database=databases.new())
    assert verdict.jobs
    assert verdict.problems == []

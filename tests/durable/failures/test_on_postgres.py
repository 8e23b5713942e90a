"""The same failures on PostgreSQL, and those of servers and networks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .killing import kill_workers_and_producers
from .network import break_network
from .poison import poison
from .postgres import PLUGIN, new_schema, running_server
from .servers import restart_server, set_clocks_wrong
from .sharing import share
from .small_disk import fill_disk_of_server
from .stopping import deploy, stop_workers_for_longer_than_their_lease

pytestmark = pytest.mark.skipif(not PLUGIN.exists(), reason="a source distribution has no plugins")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A server which writes what it acknowledges."""
    with running_server() as server:
        yield server


SCENARIOS = [
    (kill_workers_and_producers, 3, 100, {}),
    (stop_workers_for_longer_than_their_lease, 1, 30, {}),
    (deploy, 6, 50, {}),
    (poison, 1, 3, {"beside": 10, "after": 0.05}),
    (set_clocks_wrong, 10, 200, {}),
    (share, 20, 1000, {"workers": 8, "producers": 2, "limit": 2}),
]


@pytest.mark.parametrize(
    ("scenario", "times", "options"),
    [
        pytest.param(scenario, n, options, id=f"{scenario.__name__}-{n}", marks=marks)
        for scenario, few, many, options in SCENARIOS
        for n, marks in ((few, ()), (many, pytest.mark.slow))
    ],
)
async def test_nothing_is_lost_doubled_or_left_behind(
    scenario: Any, times: int, options: dict[str, Any], server: Any, tmp_path: Path
) -> None:
    """By workers and producers that fail in one way or another."""
    verdict = await scenario(tmp_path, server.address, times, schema=new_schema(), **options)
    assert verdict.jobs
    assert verdict.problems == []


@pytest.mark.parametrize("how", ["cut", "swallow"])
async def test_a_network_that_fails(how: str, server: Any, tmp_path: Path) -> None:
    """It cuts before and after a request was made; or says nothing for longer than a lease."""
    address = server.address.replace(str(server.port), "{port}")
    times = 8 if how == "cut" else 1
    verdict = await break_network(
        tmp_path, address, server.port, times, how=how, schema=new_schema()
    )
    assert verdict.jobs
    assert verdict.problems == []


@pytest.mark.slow
async def test_a_server_whose_disk_is_full() -> None:
    """For longer than a lease now and then."""
    # Not in a folder of pytest's, into which others may not look.
    with tempfile.TemporaryDirectory(prefix="gochan-") as folder:
        verdict = await fill_disk_of_server(Path(folder), 3)
    if not verdict.jobs:
        pytest.skip("only root can mount a small disk")
    assert verdict.notes["no space left"]
    assert verdict.problems == []


@pytest.mark.slow
async def test_a_server_that_is_killed(server: Any, tmp_path: Path) -> None:
    """With all its processes, under load, and started again."""

    def restart() -> None:
        server.kill()
        server.start()

    verdict = await restart_server(tmp_path, server.address, 10, restart, schema=new_schema())
    assert verdict.jobs
    assert verdict.problems == []

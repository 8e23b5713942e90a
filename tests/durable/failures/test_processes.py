"""Many processes on one file: they share the work, and any of them may be killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .killing import kill_workers_and_producers
from .sharing import most_of_a_group, share


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.slow)])
async def test_workers_and_producers_that_are_killed(tmp_path: Path, times: int) -> None:
    """At any moment: nothing that was acknowledged is lost or stored twice."""
    address = f"sqlite:{tmp_path}/jobs.db"
    verdict = await kill_workers_and_producers(tmp_path, address, times, library="apsw")
    assert verdict.jobs
    assert verdict.problems == []


@pytest.mark.parametrize("processes", [2, 3])
async def test_processes_share_the_work(tmp_path: Path, processes: int) -> None:
    """Each job runs once, and nobody starves."""
    address = f"sqlite:{tmp_path}/jobs.db"
    verdict = await share(
        tmp_path, address, 100, workers=processes, producers=processes, library="apsw"
    )
    assert verdict.problems == []
    assert verdict.notes["least share"]


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
async def test_eight_claimers_keep_to_the_limit_of_groups(tmp_path: Path, count: int) -> None:
    """In eight processes; and the limit is used."""
    verdict = await share(
        tmp_path,
        f"sqlite:{tmp_path}/jobs.db",
        count,
        workers=8,
        producers=2,
        limit=2,
        library="apsw",
    )
    assert verdict.problems == []
    assert verdict.notes["most of a group"] == 2


def test_the_count_of_running_jobs_counts() -> None:
    """A rule that counts nothing would never be broken."""
    facts = [
        {"what": what, "group": group}
        for what, group in [("begun", "a"), ("begun", "a"), ("begun", "b"), ("run", "a")]
    ]
    assert most_of_a_group(facts) == 2

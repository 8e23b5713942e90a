"""Workers that are stopped: what they had is given back, and what they write late is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import NewJob, Store, open_durable_queue, open_store

from .stopping import (
    block_workers_for_longer_than_their_lease,
    deploy,
    stop_workers_for_longer_than_their_lease,
)


class SlowClaims:
    """A store whose answers to claims take a second, as they do when it is busy."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, *arguments: Any) -> Any:
        """Lease jobs; that cannot be cancelled once it has begun."""
        with trio.CancelScope(shield=True):
            records = await self._store.claim(*arguments)
            await trio.sleep(1)
        return records


@pytest.mark.parametrize("way", ["left", "stopped", "cancelled"])
async def test_what_is_claimed_while_a_queue_stops_is_given_back(
    way: str, autojump_clock: MockClock
) -> None:
    """Though the answer comes when all else has ended."""

    async def handle(_: object) -> None:
        pass

    async with open_store("memory:") as real:
        await real.enqueue([NewJob(queue="q", payload=b"1")] * 3)
        with trio.CancelScope() as scope:
            async with open_durable_queue(SlowClaims(real), "q", handle) as queue:  # type: ignore[arg-type]
                await trio.sleep(0.5)
                if way == "stopped":
                    await queue.stop(drain=0)
                    assert (await real.audit("q")).running == 0
                elif way == "cancelled":
                    scope.cancel()
                    await trio.sleep(1)
        counts = await real.audit("q")
        assert (counts.running, counts.waiting) == (0, 3)


async def test_a_claim_that_never_ends_holds_up_nobody_for_ever(autojump_clock: MockClock) -> None:
    """No longer than the grace, in each of two places."""

    async def handle(_: object) -> None:
        pass

    async with open_store("memory:") as real:
        store = SlowClaims(real)
        async with open_durable_queue(store, "q", handle, grace=3) as queue:  # type: ignore[arg-type]

            async def hang(*_: object) -> None:
                await trio.sleep_forever()

            store.claim = hang  # type: ignore[method-assign]
            await queue.submit(1)
            await trio.sleep(5)
            before = trio.current_time()
        assert trio.current_time() - before <= 6


async def test_a_job_does_not_start_when_its_lease_may_be_over(autojump_clock: MockClock) -> None:
    """As in a process that was stopped after it had leased the job."""
    runs: list[int] = []

    async def handle(number: int) -> None:
        if not runs:
            autojump_clock.jump(40)  # which nobody here notices at once
        runs.append(number)
        await trio.sleep(0.1)

    async with (
        open_store("memory:") as store,
        open_durable_queue(store, "q", handle, workers=2, lease=30) as queue,
    ):
        jobs = await queue.submit_many([1, 2])
        assert [(await job.wait()).kind for job in jobs] == ["done", "done"]
        records = [await job.record() for job in jobs]
    assert sorted(Counter(runs).values()) == [1, 2]  # the one that had started ran again
    assert sorted(len(record.attempts) for record in records) == [2, 2]


@pytest.mark.parametrize("times", [3, pytest.param(30, marks=pytest.mark.slow)])
async def test_a_worker_that_was_stopped_for_longer_than_its_lease(
    tmp_path: Path, times: int
) -> None:
    """Its jobs run elsewhere; what it writes when it goes on changes nothing."""
    address = f"sqlite:{tmp_path}/jobs.db"
    verdict = await stop_workers_for_longer_than_their_lease(
        tmp_path, address, times, library="apsw"
    )
    assert verdict.problems == []


async def test_a_worker_whose_handler_blocks_for_longer_than_its_lease(tmp_path: Path) -> None:
    """The same, though it was itself that stopped it."""
    address = f"sqlite:{tmp_path}/jobs.db"
    verdict = await block_workers_for_longer_than_their_lease(tmp_path, address, 1, library="apsw")
    assert verdict.problems == []


@pytest.mark.parametrize("times", [10, pytest.param(50, marks=pytest.mark.slow)])
async def test_a_deploy_burns_no_attempt(tmp_path: Path, times: int) -> None:
    """Nor is anything lost, or run to its end twice."""
    verdict = await deploy(tmp_path, f"sqlite:{tmp_path}/jobs.db", times, library="apsw")
    assert verdict.problems == []
    assert verdict.notes["interrupted"]

"""Poison: a job that kills its worker each time ends, and takes no other one with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import NewJob, Store, Worker, current_job, open_durable_queue

from .poison import poison


@pytest.mark.parametrize("after", [0.0, 0.05])
async def test_a_job_that_kills_its_worker_each_time(tmp_path: Path, after: float) -> None:
    """At once, before its start is marked, or later; those beside it are done."""
    address = f"sqlite:{tmp_path}/jobs.db"
    verdict = await poison(tmp_path, address, 1, beside=20, after=after, library="apsw")
    assert verdict.problems == []


async def lose(store: Store, times: int) -> None:
    """Lose so many workers, each with all jobs."""
    for _ in range(times):
        await store.claim("q", 100, Worker("lost"), 1.0)
        await trio.sleep(2)
        await store.tend()


async def test_suspects_run_one_at_a_time_beside_others(
    store: Store, autojump_clock: MockClock
) -> None:
    """So one of them that kills its worker takes no other of them with it, again and again."""
    running: set[int] = set()
    together: list[set[int]] = []

    async def handle(_: object) -> None:
        running.add(current_job().id)
        together.append({*running})
        await trio.sleep(0.5)
        running.remove(current_job().id)

    await store.enqueue([NewJob(queue="q", payload=b"1")] * 4)
    await lose(store, 2)
    await store.enqueue([NewJob(queue="q", payload=b"1")] * 4)
    async with open_durable_queue(store, "q", handle, workers=4) as queue:
        await queue.join()
        assert (await queue.audit()).done == 8
    suspects = {1, 2, 3, 4}
    assert max(len(some & suspects) for some in together) == 1
    assert max(map(len, together)) == 4


@pytest.mark.parametrize("suspect", [True, False])
async def test_a_start_is_marked_before_it_runs(
    suspect: bool, store: Store, autojump_clock: MockClock
) -> None:
    """Of a suspect: whatever it does to its worker, it is known who did it.

    And of a job that may start only once: if its worker dies, it has failed.
    """
    marked: list[int] = []

    async def handle(_: object) -> None:
        (record,) = await store.look([current_job().id])
        assert record is not None
        marked.append(record.attempt)

    attempts = 5 if suspect else 1
    await store.enqueue([NewJob(queue="q", payload=b"1", max_attempts=attempts)])
    await lose(store, 2 if suspect else 0)
    async with open_durable_queue(store, "q", handle) as queue:
        await queue.join()
    assert marked == [1]


async def test_one_lost_worker_makes_no_suspect(store: Store, autojump_clock: MockClock) -> None:
    """After a power cut, all run together as before."""
    most = running = 0

    async def handle(_: object) -> None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await trio.sleep(0.5)
        running -= 1

    await store.enqueue([NewJob(queue="q", payload=b"1")] * 4)
    await lose(store, 1)
    async with open_durable_queue(store, "q", handle, workers=4) as queue:
        await queue.join()
    assert most == 4


async def test_a_suspect_that_is_put_off_can_be_cancelled(
    store: Store, autojump_clock: MockClock
) -> None:
    """It is scheduled, and runs nowhere."""

    async def handle(_: object) -> None:
        await trio.sleep(60)

    await store.enqueue([NewJob(queue="q", payload=b"1")] * 2)
    await lose(store, 2)
    async with open_durable_queue(store, "q", handle) as queue:
        await trio.sleep(0.5)
        counts = await queue.audit()
        assert (counts.running, counts.scheduled) == (1, 1)
        await queue.job(2).cancel()
        assert (await queue.job(2).wait()).kind == "cancelled"
        await queue.job(1).cancel()
        await queue.join()

"""The feeder: what is leased is kept, given back, or let go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan.durable import Ending, Hint, RunningJob, Store, open_durable_queue


async def sleep(seconds: float) -> float:
    await trio.sleep(seconds)
    return seconds


async def test_a_bell_that_names_nothing_has_everything_looked_at(
    store: Store, autojump_clock: MockClock
) -> None:
    """As a bell of a store that knows only that something has changed."""
    async with (
        open_durable_queue(store, "q") as web,
        open_durable_queue(store, "q", sleep) as queue,
    ):
        jobs = [await web.submit(1000.0) for _ in range(3)]
        await wait_all_tasks_blocked()
        for hint in (Hint("changed"), Hint("ended"), Hint("cancel"), Hint("resumed")):
            store._bells.ring({"q": [hint]})  # type: ignore[attr-defined]
            await wait_all_tasks_blocked()
        assert (await queue.statistics()).running == 3
        await jobs[0].cancel("enough")
        assert (await jobs[0].wait()).kind == "cancelled"
        await jobs[1].cancel("one")
        await jobs[1].cancel("another")
        store._bells.ring({"q": [Hint("changed")]})  # type: ignore[attr-defined]
        assert (await jobs[1].wait()).reason == "one"


async def test_where_it_runs_a_job_has_the_number_that_it_has_in_the_store(
    store: Store, autojump_clock: MockClock
) -> None:
    """So a report of stuck jobs names those that can be looked up there."""
    names = []

    async def handle(_: object) -> None:
        names.append(gochan.current_job().name)

    async with open_durable_queue(store, "elsewhere") as elsewhere:
        await elsewhere.submit(0)
    async with open_durable_queue(store, "q", handle) as queue:
        job = await queue.submit(0)
        await job.wait()
    assert names == [f"job {job.id} (q)"]
    assert job.id == 2


async def test_a_cancel_whose_bell_is_lost_is_seen_with_the_next_renewal(
    store: Store, autojump_clock: MockClock
) -> None:
    """At a third of the lease, at the latest."""
    async with open_durable_queue(store, "q", sleep, lease=30.0) as queue:
        job = await queue.submit(1000.0)
        await wait_all_tasks_blocked()
        bells = store._bells  # type: ignore[attr-defined]
        ring, bells.ring = bells.ring, lambda hints: None
        await job.cancel("silently")
        bells.ring = ring
        outcome = await job.wait()
    assert outcome.reason == "silently"
    assert trio.current_time() <= 10.1


async def test_a_job_that_is_cancelled_before_it_starts_is_cancelled(
    store: Store, autojump_clock: MockClock
) -> None:
    """Although it has been leased already."""
    async with open_durable_queue(store, "q", sleep, workers=2) as queue:
        await queue.submit_many([0.001] * 3000)
        await trio.sleep(0.4)
        jobs = await queue.submit_many([50.0] * 20)
        await trio.sleep(3)
        running = {record.id for record in await queue.jobs(state="running", limit=100)}
        last = max(running)
        assert await queue.job(last).cancel("not this one")
        outcome = await queue.job(last).wait()
        assert (outcome.kind, outcome.reason) == ("cancelled", "not this one")
        assert len(running) > 2
        assert last in {job.id for job in jobs}
        await queue.stop(drain=0, grace=0)
        assert (await queue.audit()).running == 0


async def test_a_job_may_end_before_it_is_handed_over(
    store: Store, autojump_clock: MockClock
) -> None:
    """The worker that made room for it was faster. What has ended is in no job queue any more."""
    ran: list[RunningJob] = []

    async def handle(seconds: float) -> None:
        if seconds:
            await trio.sleep(seconds)

    async with open_durable_queue(
        store, "q", handle, workers=1, strategy="block(capacity=0)", on_start=ran.append
    ) as queue:
        # So many that it claims ahead, as they are short; then such as take no time at all.
        await queue.submit_many([0.001] * 500 + [0.0] * 50)
        await queue.join()
    assert len(ran) == 550
    assert [job.id for job in ran if job._lease.job is not None] == []


async def test_jobs_that_end_in_a_row_are_written_together(
    store: Store, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although each lets others run before it ends, and the first could be written before."""
    sizes = []
    finish = store.finish

    async def noting(endings: Sequence[Ending]) -> Sequence[bool]:
        sizes.append(len(endings))
        return await finish(endings)

    monkeypatch.setattr(store, "finish", noting)

    async def handle(_: int) -> None:
        await trio.lowlevel.checkpoint()

    async with open_durable_queue(store, "q", handle, workers=1) as queue:
        for job in await queue.submit_many(range(50)):
            await job.wait()
    assert sum(sizes) == 50
    assert len(sizes) < 10

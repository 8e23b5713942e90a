"""Cancelling: calls at any moment, and jobs at every moment of their lives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan.durable import (
    DurableQueue,
    NewJob,
    Retry,
    Store,
    Worker,
    open_durable_queue,
    open_store,
)

from .patience import until
from .storms import cancel_calls


async def test_a_thousand_cancelled_calls_leave_nothing_behind(tmp_path: Path) -> None:
    """No thread, no file, no task, nobody who waits."""
    verdict = await cancel_calls(tmp_path, f"sqlite:{tmp_path}/jobs.db", 1000)
    assert verdict.problems == []


@pytest.mark.parametrize("others", [0, 1])
async def test_a_wait_that_is_cancelled_keeps_nobody_else_waiting(
    others: int, store: Store, autojump_clock: MockClock
) -> None:
    """For a job that had ended before anybody asked: the row has to be looked at once more."""
    await store.enqueue([NewJob(queue="q", payload=b"1")])
    await store.cancel([1], "enough")
    async with open_durable_queue(store, "q") as queue, trio.open_nursery() as nursery:
        job = queue.job(1)
        with trio.CancelScope() as scope:
            scope.cancel()
            for _ in range(others):
                nursery.start_soon(job.wait)
            await job.wait()
        with trio.fail_after(5):
            assert (await job.wait()).kind == "cancelled"


# Each moment of a job's life: what is done to come there, and how it ends when it is cancelled.

Come = Callable[[Store, "Moment"], Awaitable[object]]


class Moment:
    """A job, and the queue that runs it; the handler waits until it may end."""

    def __init__(self, queue: DurableQueue[Any, Any], id: int) -> None:
        self.queue = queue
        self.id = id
        self.started = trio.Event()
        self.may_end = trio.Event()
        self.fails = False


async def nothing(store: Store, moment: Moment) -> None:
    """It waits."""


async def until_it_runs(store: Store, moment: Moment) -> None:
    await moment.started.wait()


async def until_it_has_ended(store: Store, moment: Moment) -> None:
    moment.may_end.set()
    await moment.queue.job(moment.id).wait()


async def until_it_waits_again(store: Store, moment: Moment) -> None:
    moment.fails = True
    moment.may_end.set()

    async def waits_again() -> bool:
        return bool((await moment.queue.statistics()).scheduled)

    await until(waits_again)


async def until_it_is_cancelled(store: Store, moment: Moment) -> None:
    await store.cancel([moment.id], "first")
    await moment.queue.job(moment.id).wait()


async def until_its_run_is_cancelled(store: Store, moment: Moment) -> None:
    await moment.started.wait()
    await until_it_is_cancelled(store, moment)


async def until_its_cancel_is_on_its_way(store: Store, moment: Moment) -> None:
    await moment.started.wait()
    await store.cancel([moment.id], "first")


MOMENTS = [
    # come there, with a worker, the answer, the kind, the reason, attempts in the log
    ("before", nothing, False, "ended", "cancelled", "second", 0),
    ("during", until_it_runs, True, "signalled", "cancelled", "second", 1),
    ("between two attempts", until_it_waits_again, True, "ended", "cancelled", "second", 1),
    ("after", until_it_has_ended, True, "unknown", "done", None, 1),
    ("twice, before", until_it_is_cancelled, False, "unknown", "cancelled", "first", 0),
    ("twice, during", until_its_cancel_is_on_its_way, True, "signalled", "cancelled", "first", 1),
    ("twice, after", until_its_run_is_cancelled, True, "unknown", "cancelled", "first", 1),
]


@pytest.mark.parametrize("from_elsewhere", [False, True])
@pytest.mark.parametrize(
    ("come", "works", "answer", "kind", "reason", "attempts"),
    [case[1:] for case in MOMENTS],
    ids=[case[0] for case in MOMENTS],
)
async def test_a_job_is_cancelled_at_each_moment(
    come: Come,
    works: bool,
    answer: str,
    kind: str,
    reason: str | None,
    attempts: int,
    from_elsewhere: bool,
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """By this process or another one; nothing runs afterwards, and the first reason stays."""
    address = f"sqlite:{tmp_path}/jobs.db"
    moment: Moment

    async def handle(_: object) -> str:
        moment.started.set()
        await moment.may_end.wait()
        if moment.fails:
            raise ValueError
        return "done"

    async with open_store(address) as store, open_store(address) as other:
        handler = handle if works else None
        retry = Retry(first=1000)
        async with open_durable_queue(store, "q", handler, retry=retry, lease=3.0) as queue:
            moment = Moment(queue, (await store.enqueue([NewJob(queue="q", payload=b"1")]))[0].id)  # type: ignore[union-attr]
            await come(store, moment)
            by = other if from_elsewhere else store
            assert await by.cancel([moment.id], "second") == [answer]
            outcome = await queue.job(moment.id).wait()
            assert outcome.kind == kind
            await trio.sleep(5)
            record = await queue.job(moment.id).record()
            assert record.state == "ended"
            assert record.error == reason
            assert len(record.attempts) == attempts
            assert (await queue.audit()).stored == 1


async def test_a_cancel_that_comes_with_the_end_loses_or_wins_whole(
    store: Store, autojump_clock: MockClock
) -> None:
    """At every step of the job's last moments."""

    async def handle(_: object) -> str:
        await trio.sleep(1)
        return "done"

    async with open_durable_queue(store, "q", handle) as queue:
        for steps in range(40):
            job = await queue.submit(steps)
            await trio.sleep(1)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            told = await job.cancel("late")
            outcome = await job.wait()
            assert outcome.kind in ("done", "cancelled")
            assert told or outcome.kind == "done"
        assert (await queue.audit()).stored == 40


async def test_a_worker_that_comes_late_cannot_end_a_job_that_was_cancelled(
    store: Store, autojump_clock: MockClock
) -> None:
    """Its lease was over, and the cancel ended the job while it waited again."""
    from gochan.durable import Ending

    await store.enqueue([NewJob(queue="q", payload=b"1")])
    (record,) = await store.claim("q", 1, Worker("late"), 1.0)
    await trio.sleep(2)
    await store.tend()
    assert await store.cancel([1], "enough") == ["ended"]
    assert await store.finish([Ending(1, record.version, "done", b"1")]) == [False]
    (now,) = await store.look([1])
    assert now is not None
    assert now.kind == "cancelled"
    await wait_all_tasks_blocked()

"""How a queue ends: a store that raises ends it, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan.durable import (
    DurableQueue,
    Hint,
    Retry,
    Store,
    StoreClosed,
    StoreError,
    StoreUnavailable,
    current_job,
    open_durable_queue,
    open_store,
)

from .broken import Broken


async def sleep(seconds: float) -> float:
    current_job().progress(1)
    await trio.sleep(seconds)
    if seconds == 3:
        raise ValueError("three")
    return seconds


class Boom(RuntimeError):
    """What a broken store raises."""


METHODS = ["claim", "start", "extend", "finish", "release", "report", "tend", "look"]


async def wait_for_end(queue: DurableQueue[float, float], job: Any) -> None:
    await job.wait()


async def join(queue: DurableQueue[float, float], job: Any) -> None:
    await queue.join()


async def leave(queue: DurableQueue[float, float], job: Any) -> None:
    await trio.sleep(50)


async def stop(queue: DurableQueue[float, float], job: Any) -> None:
    await trio.sleep(1)
    await queue.stop(drain=100, grace=1)


@pytest.mark.parametrize("body", [wait_for_end, join, leave, stop])
@pytest.mark.parametrize("method", METHODS)
async def test_a_store_that_raises_ends_the_queue(
    method: str, body: Callable[..., Awaitable[None]], autojump_clock: MockClock
) -> None:
    """With its error, which says who raised it; what runs is cancelled."""
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        error = Boom("out of order")
        with pytest.raises(Boom) as raised:
            async with open_durable_queue(store, "q", sleep, workers=3, lease=6.0) as queue:
                job = await queue.submit(40.0)
                await queue.submit(3.0)
                if method == "start":
                    store.errors[method] = error
                await wait_all_tasks_blocked()
                store.errors[method] = error
                if method == "look":
                    real._bells.ring({"q": [Hint("cancel", (job.id,))]})  # type: ignore[attr-defined]
                elif method == "claim":
                    await queue.submit(1.0)
                await body(queue, job)
        assert raised.value is error
        assert raised.value.__notes__ == [f"raised by {method} of memory:, for queue 'q'"]
        assert trio.current_time() < 60


async def test_what_runs_is_given_back_when_a_task_beside_it_fails(
    autojump_clock: MockClock,
) -> None:
    """As when the block raises: another process runs the jobs."""
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        with pytest.raises(Boom):
            async with open_durable_queue(store, "q", sleep) as queue:
                await queue.submit(1000.0)
                await wait_all_tasks_blocked()
                store.errors["tend"] = Boom()
                await trio.sleep(500)
        counts = await real.audit("q")
        assert (counts.waiting, counts.running) == (1, 0)


async def test_what_was_claimed_and_not_handed_over_is_given_back(
    autojump_clock: MockClock,
) -> None:
    """Though the task that was about to hand it over is cancelled."""
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        with pytest.raises(Boom):
            async with open_durable_queue(
                store, "q", sleep, workers=2, strategy="block(capacity=1)"
            ) as queue:
                await queue.submit_many([0.001] * 2000)
                await trio.sleep(0.5)
                await queue.submit_many([100.0] * 500)
                await trio.sleep(2)
                assert (await queue.statistics()).running > 4
                store.errors["tend"] = Boom()
                await queue.submit(1.0, delay=1.0)
                await trio.sleep(1000)
        counts = await real.audit("q")
    assert (counts.running, counts.waiting) == (0, 500)


async def test_the_block_and_a_task_beside_it_may_both_fail(autojump_clock: MockClock) -> None:
    """Then there are two errors."""
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        with pytest.raises(ExceptionGroup) as raised:
            async with open_durable_queue(store, "q", sleep) as queue:
                store.errors["tend"] = Boom()
                try:
                    await trio.sleep(1000)
                finally:
                    raise KeyError("mine")
        assert [type(error) for error in raised.value.exceptions] == [Boom, KeyError]
        assert queue.name == "q"


async def test_the_first_of_two_failures_counts(autojump_clock: MockClock) -> None:
    """The second may follow from it."""
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        with pytest.raises(Boom):
            async with open_durable_queue(store, "q", sleep) as queue:
                await queue.submit(1000.0)
                await wait_all_tasks_blocked()
                store.errors["release"] = KeyError()
                store.errors["tend"] = Boom()
                await queue.submit(1.0, delay=1.0)
                async with trio.open_nursery() as nursery:  # whose errors are a group
                    nursery.start_soon(trio.sleep_forever)
                    nursery.start_soon(trio.sleep_forever)


async def test_who_waits_elsewhere_hears_that_a_queue_has_ended(
    store: Store, autojump_clock: MockClock
) -> None:
    """Tasks outside the block would wait for ever."""
    heard: list[str] = []

    async def hear(call: Callable[..., Awaitable[object]], *arguments: Any) -> None:
        with pytest.raises((StoreClosed, gochan.ChanClosedError)) as raised:
            await call(*arguments)
        heard.append(f"{type(raised.value).__name__}: {raised.value}")

    async with (
        trio.open_nursery() as nursery,
        open_durable_queue(store, "q", capacity=1) as queue,
    ):
        job = await queue.submit(1.0)
        nursery.start_soon(hear, job.wait)
        nursery.start_soon(hear, queue.join)
        nursery.start_soon(hear, queue.submit, 2.0)
        nursery.start_soon(hear, queue.submit_many, [2.0])
        await wait_all_tasks_blocked()
    assert sorted(heard) == [
        f"ChanClosedError: {queue!r} accepts no more jobs",
        f"ChanClosedError: {queue!r} accepts no more jobs",
        f"StoreClosed: {queue!r} was left while there were jobs in it",
        "StoreClosed: it is not known how job 1 ended: queue 'q' was ended by its block",
    ]
    with pytest.raises(StoreClosed):
        await job.wait()
    with pytest.raises(gochan.ChanClosedError):
        await queue.submit(1.0)
    await job.cancel("enough")
    assert (await queue.job(job.id).record()).kind == "cancelled"
    await queue.join()


async def test_a_submit_that_is_on_its_way_when_a_queue_ends(autojump_clock: MockClock) -> None:
    """Whether the job is stored is not known; one that had not been sent is not."""
    heard: list[str] = []

    async def submit(queue: DurableQueue[float, float]) -> None:
        try:
            await queue.submit(1.0)
        except (StoreClosed, gochan.ChanClosedError) as error:
            heard.append(f"{type(error).__name__}: {error}")

    async with open_store("memory:") as real, trio.open_nursery() as nursery:

        class Slow(Broken):
            async def enqueue(self, *arguments: Any, **options: Any) -> Any:
                await trio.sleep(100)

        async with open_durable_queue(Slow(real), "q") as queue:  # type: ignore[arg-type]
            nursery.start_soon(submit, queue)
            await wait_all_tasks_blocked()
            nursery.start_soon(submit, queue)
            await wait_all_tasks_blocked()
    assert sorted(heard) == [
        f"ChanClosedError: {queue!r} accepts no more jobs",
        "StoreClosed: the queue ended before it was known whether the job is stored",
    ]


async def test_workers_do_not_wait_for_a_reporter_that_has_ended(
    autojump_clock: MockClock,
) -> None:
    """Handlers that wait until ends are written are let go."""

    async def quick(number: int) -> int:
        return number

    async with open_store("memory:") as real:
        store: Any = Broken(real)
        store.errors["finish"] = StoreUnavailable("cut")
        with pytest.raises(Boom):
            async with open_durable_queue(store, "q", quick, workers=50) as queue:
                await queue.submit_many(range(1000))
                await trio.sleep(20)
                store.errors["finish"] = Boom()
                await queue.join()


# Settings


async def test_more_jobs_than_there_is_ever_room_for(
    store: Store, autojump_clock: MockClock
) -> None:
    """To wait for room for them would be to wait for ever; fewer wait."""
    async with open_durable_queue(store, "q", capacity=3) as queue:
        with pytest.raises(ValueError, match="has room for 3 jobs, so 4 can never be"):
            await queue.submit_many([1.0, 2.0, 4.0, 5.0])
        assert (await queue.audit()).stored == 0
        await queue.submit_many([1.0, 2.0])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.submit_many, [1.0, 2.0])
            await wait_all_tasks_blocked()
            assert (await queue.audit()).stored == 2
            async with open_durable_queue(store, "q", sleep) as worker:
                await worker.join()
        assert (await queue.audit()).stored == 4


async def test_many_jobs_of_which_one_cannot_be_stored(
    store: Store, autojump_clock: MockClock
) -> None:
    """The error is that of the job, not of those that were refused with it."""
    async with open_durable_queue(store, "q") as queue:
        with pytest.raises(StoreError, match="job 77, which is not in the store"):
            await queue.submit_many([1.0, 2.0], after=[77])


async def test_a_capacity_that_others_set_later_is_waited_for(
    store: Store, autojump_clock: MockClock
) -> None:
    """Who waits for room does so whatever the capacity was when the queue was opened."""
    async with (
        open_durable_queue(store, "q") as early,
        open_durable_queue(store, "q", capacity=1, update=True) as late,
    ):
        await late.submit(1.0)
        with trio.move_on_after(10) as scope:
            await early.submit(2.0)
        assert scope.cancelled_caught


async def test_the_newest_limit_of_a_group_holds_for_all(
    store: Store, autojump_clock: MockClock
) -> None:
    """Also for workers that were opened with another one, which runs on."""
    running: list[int] = [0, 0]

    async def work(_: object) -> None:
        running[0] += 1
        running[1] = max(running)
        await trio.sleep(1)
        running[0] -= 1

    async with open_durable_queue(store, "q", work, workers=10, group_limit=1) as queue:
        with pytest.raises(StoreError, match="has group_limit=1, not 3; say the same in all"):
            async with open_durable_queue(store, "q", group_limit=3):
                pass
        await queue.submit_many([1.0] * 4, group="a")
        await queue.join()
        assert running == [0, 1]
        async with open_durable_queue(store, "q", group_limit=3, update=True):
            pass
        await queue.submit_many([1.0] * 4, group="a")
        await queue.join()
        assert running == [0, 3]


@pytest.mark.parametrize("finish", ["running", "queued"])
async def test_what_waits_stays_in_the_store_however_a_queue_is_stopped(
    store: Store, finish: Any, autojump_clock: MockClock
) -> None:
    """`stop_all` says the same to all queues."""
    async with open_durable_queue(store, "q", sleep, workers=1) as queue:
        await queue.submit_many([2.0, 2.0, 2.0])
        await wait_all_tasks_blocked()
        report = await queue.stop(finish=finish)
        assert len(report.done) == 1
        assert (await queue.audit()).waiting == 2
    async with open_durable_queue(store, "q", sleep, workers=1) as queue:
        await wait_all_tasks_blocked()
        await gochan.stop_all(queue, finish=finish)
        assert (await queue.audit()).waiting == 1
        with pytest.raises(ValueError, match="finish must be"):
            await queue.stop(finish="nothing")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"handler": print}, "handler print is not async"),
        ({"on_start": 1}, "on_start must be a function"),
        ({"on_end": sleep}, "on_end must be a plain function"),
    ],
)
async def test_what_cannot_be_called(
    options: dict[str, Any], text: str, autojump_clock: MockClock
) -> None:
    """The error is at the call, not in a job."""
    async with open_store("memory:") as store:
        with pytest.raises(TypeError, match=text):
            async with open_durable_queue(store, "q", options.pop("handler", sleep), **options):
                pass


async def test_an_end_that_cannot_be_written_in_time_is_told(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The job runs again, since its lease ends."""
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        async with open_durable_queue(
            store, "q", sleep, retry=Retry(max_attempts=2), grace=1.0
        ) as queue:
            await queue.submit(1.0)
            await wait_all_tasks_blocked()
            store.errors["finish"] = StoreUnavailable("cut")
            await trio.sleep(2)
    assert "job 1 of queue 'q' has ended here, but that could not be written" in caplog.text


async def test_a_look_that_raises_ends_a_queue_that_only_submits(
    autojump_clock: MockClock,
) -> None:
    """Who waits for jobs that others run would never hear of them."""
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        with pytest.raises(Boom):
            async with open_durable_queue(store, "q") as queue:
                job = await queue.submit(1.0)
                store.errors["look"] = Boom()
                await real.cancel([job.id], "enough")
                await job.wait()

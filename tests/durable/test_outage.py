"""Outages: a store that cannot be reached for a time costs time, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan.durable import (
    Hint,
    NewJob,
    Retry,
    Store,
    StoreError,
    StoreUnavailable,
    current_job,
    open_durable_queue,
    open_store,
)
from gochan.testing import seeded


class Unreliable:
    """A store that can be cut off; before a call arrives, or before its answer does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.cut = False
        self.cut_answers = False
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name in ("address", "patience", "loses_answers", "now", "listen"):
            return method

        async def call(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            await trio.lowlevel.checkpoint()
            if self.cut:
                raise StoreUnavailable("the line is cut")
            answer = await method(*arguments, **options)
            if self.cut_answers:
                raise StoreUnavailable("the answer is lost")
            return answer

        return call


async def sleep(seconds: float) -> float:
    await trio.sleep(seconds)
    return seconds


async def test_a_submit_waits_until_the_store_is_back(autojump_clock: MockClock) -> None:
    """Unless it was told not to."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q") as queue:  # type: ignore[arg-type]
            store.cut = True
            with pytest.raises(StoreUnavailable):
                await queue.submit(0, wait_for_store=False)
            async with trio.open_nursery() as nursery:
                for number in range(3):
                    nursery.start_soon(queue.submit, number)
                await trio.sleep(60)
                assert 10 < store.calls["enqueue"] < 40
                store.cut = False
            assert (await queue.audit()).stored == 3


async def test_a_submit_that_does_not_wait_for_the_store_waits_for_nobody(
    autojump_clock: MockClock,
) -> None:
    """Nor for the pauses of others that do, and were told more often that there is no store."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with (
            open_durable_queue(store, "q") as queue,  # type: ignore[arg-type]
            trio.open_nursery() as nursery,
        ):
            store.cut = True
            nursery.start_soon(queue.submit, 0)
            await trio.sleep(60)
            for _ in range(5):
                with pytest.raises(StoreUnavailable):
                    await queue.submit(1, wait_for_store=False)
            store.cut = False
            assert (await queue.submit(1, wait_for_store=False)).created
            assert trio.current_time() == 60.0
            await queue.submit(2)
            assert (await queue.audit()).stored == 3


async def test_a_submit_that_is_cancelled_is_taken_back(autojump_clock: MockClock) -> None:
    """While it waits for the store, nothing has been sent."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q") as queue:  # type: ignore[arg-type]
            store.cut = True
            with trio.move_on_after(10):
                await queue.submit(1)
            store.cut = False
            await trio.sleep(100)
            assert (await queue.audit()).stored == 0


async def test_an_error_of_the_store_reaches_all_who_submit(autojump_clock: MockClock) -> None:
    """Each can do something about it."""
    async with open_store("memory:") as real:
        store = Unreliable(real)

        async def enqueue(*_: Any, **__: Any) -> None:
            raise StoreError("out of order")

        async with open_durable_queue(store, "q") as queue:  # type: ignore[arg-type]
            store.enqueue = enqueue  # type: ignore[method-assign, attr-defined]
            with pytest.raises(StoreError, match="out of order"):
                await queue.submit(1)


async def test_a_job_that_ends_in_an_outage_is_done(autojump_clock: MockClock) -> None:
    """Its end is written when the store is back, and it runs once."""
    runs: list[int] = []

    async def note(number: int) -> int:
        runs.append(number)
        await trio.sleep(5)
        return number

    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q", note) as queue:  # type: ignore[arg-type]
            job = await queue.submit(1)
            await wait_all_tasks_blocked()
            store.cut = True
            await trio.sleep(15)
            store.cut = False
            assert (await job.wait()).value == 1
            await queue.submit(2)
            await queue.join()
    assert runs == [1, 2]


async def test_a_lost_answer_is_no_lost_job(autojump_clock: MockClock) -> None:
    """The end was written; asked again, the store says the version is stale."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q", sleep) as queue:  # type: ignore[arg-type]
            job = await queue.submit(5.0)
            await wait_all_tasks_blocked()
            store.cut_answers = True
            await trio.sleep(6)
            store.cut_answers = False
            assert (await job.wait()).value == 5.0
            assert (await queue.audit()).done == 1


async def test_a_stop_names_what_it_could_not_write(autojump_clock: MockClock) -> None:
    """And is not held up by it for longer than it was allowed."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q", sleep, workers=2) as queue:  # type: ignore[arg-type]
            await queue.submit(100.0)
            ended = await queue.submit(1.0)
            await wait_all_tasks_blocked()
            store.cut = True
            report = await queue.stop(drain=10.0, grace=3.0)
            assert set(report.unwritten) == {1, ended.id}
            assert str(report).endswith(", 0 stuck, 2 unwritten: 1, 2")
            assert trio.current_time() == 13.0
            store.cut = False
            report = await queue.stop()
            assert report.unwritten == ()
        assert (await real.audit("q")).done == 1


async def test_stopping_several_queues_names_what_could_not_be_written(
    autojump_clock: MockClock,
) -> None:
    """All are waited for side by side; ordinary ones have nothing to write."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with (
            open_durable_queue(store, "a", sleep, grace=6.0) as a,  # type: ignore[arg-type]
            open_durable_queue(store, "b", sleep, grace=7.0) as b,  # type: ignore[arg-type]
            gochan.open_job_queue(sleep) as c,
        ):
            for queue in (a, b, c):
                await queue.submit(1.0)
            await wait_all_tasks_blocked()
            store.cut = True
            reports = await gochan.stop_all(a, b, c, drain=10.0)
            assert [report.unwritten for report in reports] == [(1,), (2,), ()]
            assert trio.current_time() == 8.0
            store.cut = False  # and no pause before the next attempt is longer than 5 s
            assert (await a.wait_stopped()).unwritten == ()
        assert (await real.audit("a")).done == 1


async def test_a_long_outage_costs_the_lease(autojump_clock: MockClock) -> None:
    """The job is cancelled before it can run elsewhere, and then it runs again."""
    seen: list[tuple[int, float, str | None]] = []

    async def long(_: object) -> str:
        start = trio.current_time()
        try:
            await trio.sleep(100 if not seen else 1)
        finally:
            seen.append((current_job().attempt, trio.current_time() - start, current_job().cause))
        return "done"

    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q", long, lease=30.0) as queue:  # type: ignore[arg-type]
            job = await queue.submit(None)
            await wait_all_tasks_blocked()
            store.cut = True
            await trio.sleep(60)
            store.cut = False
            outcome = await job.wait()
            assert outcome.value == "done"
            record = await job.record()
    (_, first, cause), (_, _, second_cause) = seen
    assert first == pytest.approx(27.0)
    assert (cause, second_cause) == ("lost_lease", None)
    assert [attempt.kind for attempt in record.attempts] == ["lost", "done"]
    assert record.crashes == 1


@pytest.mark.parametrize("seed", range(5))
async def test_renewals_do_not_wait_for_the_next_third_of_a_lease(
    seed: int, autojump_clock: MockClock
) -> None:
    """Two of them fell into an outage, and the lease is kept: they are tried again."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        with seeded(seed):
            async with open_durable_queue(store, "q", sleep, lease=30.0) as queue:  # type: ignore[arg-type]
                job = await queue.submit(60.0)
                await trio.sleep(5)
                store.cut = True
                await trio.sleep(16.5)
                store.cut = False
                await job.wait()
                assert [one.kind for one in (await job.record()).attempts] == ["done"]


async def test_a_job_whose_claim_took_long_does_not_outlive_its_lease(
    autojump_clock: MockClock,
) -> None:
    """Its lease began when it was asked for, though no other lease was there to be watched."""
    ends: dict[int, float] = {}

    async def long(number: int) -> None:
        try:
            await trio.sleep(1000)
        finally:
            ends[number] = trio.current_time()

    async def cut_off(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("the line is cut")

    async with open_store("memory:") as real:
        store = Unreliable(real)

        async def claim(*arguments: Any) -> Any:
            records = await real.claim(*arguments)
            await trio.sleep(5 if records else 0)
            return records

        async with open_durable_queue(store, "q", long, workers=2) as queue:  # type: ignore[arg-type]
            await queue.submit(1)
            await wait_all_tasks_blocked()
            store.extend, store.claim = cut_off, claim  # type: ignore[method-assign, attr-defined]
            await trio.sleep(25)
            await queue.submit(2)
            await trio.sleep(29)
            assert ends == {1: pytest.approx(27), 2: pytest.approx(25 + 27)}
            queue.job_queue.stop_soon(drain=0, grace=1)


async def test_a_bell_after_an_outage_wakes_who_waits_for_the_store(
    autojump_clock: MockClock,
) -> None:
    """Renewals and reports alike: so no lease ends as long as the store could be asked."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q", sleep, lease=30.0) as queue:  # type: ignore[arg-type]
            long, short = await queue.submit_many([60.0, 15.0])
            await trio.sleep(5)
            store.cut = True
            await trio.sleep(26.99 - trio.current_time())
            store.cut = False
            real._bells.ring({"q": [Hint("changed")]})  # type: ignore[attr-defined]
            await short.wait()
            assert trio.current_time() == 26.99
            await long.wait()
            assert [one.kind for one in (await long.record()).attempts] == ["done"]


async def test_an_answer_after_an_outage_wakes_who_waits_for_the_store(
    autojump_clock: MockClock,
) -> None:
    """Whoever is first to have one, though no bell rings."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q", sleep, lease=1000.0) as queue:  # type: ignore[arg-type]
            job = await queue.submit(15.0)
            await trio.sleep(5)
            store.cut = True
            await trio.sleep(50)
            with pytest.raises(StoreUnavailable):
                await queue.submit(0.0, wait_for_store=False)
            await trio.sleep(8.765)
            store.cut = False
            await queue.submit(0.0, wait_for_store=False)
            await job.wait()
            assert trio.current_time() == 63.765


async def test_news_that_come_during_a_call_are_not_missed(autojump_clock: MockClock) -> None:
    """The call was on its way when the store came back, and is made again without a pause."""
    begun: list[float] = []
    async with open_store("memory:") as real:
        store = Unreliable(real)

        async def hang(*_: Any) -> None:
            begun.append(trio.current_time())
            await trio.sleep(10)
            raise StoreUnavailable("no answer")

        async with open_durable_queue(store, "q", sleep, lease=1000.0) as queue:  # type: ignore[arg-type]
            store.finish = hang  # type: ignore[method-assign, attr-defined]
            job = await queue.submit(0.0)
            while len(begun) < 9:  # noqa: ASYNC110  # until pauses are long
                await trio.sleep(0.5)
            del store.finish  # type: ignore[attr-defined]
            real._bells.ring({"q": [Hint("changed")]})  # type: ignore[attr-defined]
            await job.wait()
            assert trio.current_time() == begun[-1] + 10.0


async def test_what_works_hurries_nothing_that_does_not(autojump_clock: MockClock) -> None:
    """Where only some calls fail, those are made after growing pauses all the same."""
    attempts = 0
    async with open_store("memory:") as real:
        store = Unreliable(real)

        async def cut_off(*_: Any, **__: Any) -> None:
            nonlocal attempts
            attempts += 1
            raise StoreUnavailable("the line is cut")

        async with open_durable_queue(store, "q", sleep, lease=1000.0) as queue:  # type: ignore[arg-type]
            store.finish = cut_off  # type: ignore[method-assign, attr-defined]
            for _ in range(300):
                await queue.submit(0.1)
                await trio.sleep(0.2)
            assert store.calls["claim"] > 200
            assert 10 < attempts < 40
            del store.finish  # type: ignore[attr-defined]


async def test_workers_wait_while_too_many_ends_are_on_their_way(
    autojump_clock: MockClock,
) -> None:
    """What has not been written is not lost, and does not pile up."""
    runs: list[int] = []

    async def note(number: int) -> None:
        runs.append(number)

    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q", note, workers=50, lease=1000.0) as queue:  # type: ignore[arg-type]
            await queue.submit_many(range(1200))

            async def cut_off(*_: Any, **__: Any) -> None:
                raise StoreUnavailable("the line is cut")

            store.finish = cut_off  # type: ignore[method-assign, attr-defined]
            await trio.sleep(30)
            some = len(runs)
            del store.finish  # type: ignore[attr-defined]
            await queue.join()
    assert 500 <= some < 600
    assert sorted(runs) == [*range(1200)]


async def test_who_waits_for_a_job_waits_out_an_outage(autojump_clock: MockClock) -> None:
    """The row is looked at when the store is back."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        (stored,) = await real.enqueue([NewJob(queue="q", payload=b"1")])
        async with open_durable_queue(store, "q") as queue:  # type: ignore[arg-type]
            store.cut = True
            async with trio.open_nursery() as nursery:
                nursery.start_soon(queue.job(stored.id).wait)  # type: ignore[union-attr]
                await trio.sleep(10)
                store.cut = False
                await real.cancel([stored.id], "enough")  # type: ignore[union-attr]


async def test_a_submit_that_is_cancelled_when_it_was_sent_is_stored(
    autojump_clock: MockClock,
) -> None:
    """Only its task does not hear of it."""
    async with open_store("memory:") as real:
        store = Unreliable(real)

        async def slow(*arguments: Any, **options: Any) -> Any:
            await trio.sleep(5)
            return await real.enqueue(*arguments, **options)

        store.enqueue = slow  # type: ignore[method-assign, attr-defined]
        async with open_durable_queue(store, "q") as queue:  # type: ignore[arg-type]
            with trio.move_on_after(1) as scope:
                await queue.submit(1)
            assert scope.cancelled_caught
            await trio.sleep(10)
            assert (await queue.audit()).stored == 1


async def test_a_job_that_has_ended_is_not_cancelled_any_more(autojump_clock: MockClock) -> None:
    """Though its end is not written yet, and the store knows of a cancel."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        async with open_durable_queue(store, "q", sleep) as queue:  # type: ignore[arg-type]

            async def cut_off(*_: Any, **__: Any) -> None:
                raise StoreUnavailable("the line is cut")

            store.finish = cut_off  # type: ignore[method-assign, attr-defined]
            job = await queue.submit(1.0)
            await trio.sleep(2)
            await job.cancel("too late")
            await trio.sleep(2)
            store.look, look = cut_off, store.look  # type: ignore[method-assign, attr-defined]
            await job.cancel("too late")
            await trio.sleep(2)
            store.look = look  # type: ignore[method-assign]
            del store.finish  # type: ignore[attr-defined]
            assert (await job.wait()).value == 1.0


async def test_what_others_retry_runs_again(autojump_clock: MockClock) -> None:
    """A process that never saw the job can have it run again."""

    async def fail(_: object) -> None:
        raise ValueError

    async with open_store("memory:") as store:
        async with open_durable_queue(store, "q", fail, retry=Retry(max_attempts=1)) as queue:
            await (await queue.submit(1)).wait()
        async with open_durable_queue(store, "q") as queue:
            assert await queue.retry_failed() == 1
            assert (await queue.audit()).waiting == 1


async def test_without_any_bell_everything_is_only_slower(autojump_clock: MockClock) -> None:
    """The rows are looked at once in a while: the row is the truth."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        store.patience = 10.0  # type: ignore[attr-defined]
        async with (
            open_durable_queue(store, "q") as web,  # type: ignore[arg-type]
            open_durable_queue(store, "q", sleep),  # type: ignore[arg-type]
        ):
            await trio.sleep(35)
            real._bells.ring = lambda hints: None  # type: ignore[attr-defined]
            job = await web.submit(1.0)
            assert (await job.wait()).value == 1.0
            await web.join()
    assert trio.current_time() <= 35 + 10 + 1 + 10


async def test_a_job_that_is_sent_again_after_a_lost_answer_is_stored_once(
    autojump_clock: MockClock,
) -> None:
    """It has a receipt, by which the store knows it."""
    async with open_store("memory:") as real:
        store = Unreliable(real)
        store.loses_answers = True  # type: ignore[attr-defined]
        async with open_durable_queue(store, "q") as queue:  # type: ignore[arg-type]
            store.cut_answers = True
            async with trio.open_nursery() as nursery:
                nursery.start_soon(queue.submit, 1)
                await trio.sleep(5)
                store.cut_answers = False
            assert store.calls["enqueue"] > 2
            assert (await queue.audit()).stored == 1

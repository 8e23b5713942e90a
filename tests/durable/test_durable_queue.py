"""Durable queues: jobs are stored, run, tried again, and told of, whatever happens."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan.durable import (
    HandlerError,
    JobGone,
    Keep,
    KeyTaken,
    NewJob,
    QueueFull,
    QueueSettings,
    Refusal,
    Retry,
    RetryLater,
    RunningJob,
    Store,
    StoreError,
    current_job,
    open_durable_queue,
    open_store,
)


async def double(number: int) -> int:
    return 2 * number


async def sleep(seconds: float) -> float:
    await trio.sleep(seconds)
    return seconds


class Stubborn:
    """A handler that fails so many times, and then returns the number of its attempt."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.times: list[float] = []

    async def __call__(self, payload: object) -> int:
        self.times.append(trio.current_time())
        if len(self.times) <= self.failures:
            raise ValueError(f"failure {len(self.times)}")
        return current_job().attempt


# Submitting and running


async def test_a_job_runs_and_its_outcome_is_told(store: Store, autojump_clock: MockClock) -> None:
    """Submit returns when the job is stored; wait, when its end is."""
    async with open_durable_queue(store, "numbers", double) as queue:
        job = await queue.submit(21)
        outcome = await job.wait()
        assert outcome.kind == "done"
        assert outcome.value == 42
        record = await job.record()
        assert (record.state, record.kind, record.attempt) == ("ended", "done", 1)
        assert queue.decode(record) == 21
        assert job.created


async def test_many_jobs_run_in_the_order_of_their_ids(
    store: Store, autojump_clock: MockClock
) -> None:
    """And all of them once."""
    seen: list[int] = []

    async def note(number: int) -> None:
        seen.append(number)

    async with open_durable_queue(store, "numbers", note, workers=1) as queue:
        jobs = await queue.submit_many(range(50))
        for job in jobs:
            await job.wait()
        assert seen == [*range(50)]
        counts = await queue.audit()
        assert (counts.stored, counts.done) == (50, 50)


async def test_jobs_of_an_earlier_queue_run(store: Store, autojump_clock: MockClock) -> None:
    """They wait in the store until somebody has a handler for them."""
    async with open_durable_queue(store, "numbers") as queue:
        job = await queue.submit(1)
    async with open_durable_queue(store, "numbers", double) as queue:
        assert (await queue.job(job.id).wait()).value == 2


async def test_who_only_submits_hears_of_the_end(store: Store, autojump_clock: MockClock) -> None:
    """As the web process of a fleet does."""
    async with (
        open_durable_queue(store, "numbers") as web,
        open_durable_queue(store, "numbers", double),
    ):
        job = await web.submit(4)
        assert (await job.wait()).value == 8


async def test_priorities_go_first(store: Store, autojump_clock: MockClock) -> None:
    """The higher first; equal ones in the order of their ids."""
    seen: list[int] = []

    async def note(number: int) -> None:
        seen.append(number)

    async with open_durable_queue(store, "numbers") as queue:
        for number, priority in enumerate([0, 5, 5, -1]):
            await queue.submit(number, priority=priority)
    async with open_durable_queue(store, "numbers", note, workers=1) as queue:
        await queue.join()
    assert seen == [1, 2, 0, 3]


async def test_a_delayed_job_starts_when_its_time_has_come(
    store: Store, autojump_clock: MockClock
) -> None:
    """Days pass in no time."""
    started: list[float] = []

    async def note(_: object) -> None:
        started.append(trio.current_time())

    async with open_durable_queue(store, "later", note) as queue:
        soon = datetime.now(UTC) + timedelta(days=2)
        await queue.submit("delay", delay=86_400.0)
        await queue.submit("moment", run_at=soon)
        await queue.submit("now")
        await queue.join()
    assert started[0] == 0.0
    assert started[1] == pytest.approx(86_400.0, abs=0.01)
    assert started[2] == pytest.approx(2 * 86_400.0, abs=60)


async def test_how_long_a_job_waited_and_ran(store: Store, autojump_clock: MockClock) -> None:
    """That is the same for all who ask: until the start of its last run, and in that run."""
    handler = Stubborn(1)

    async def act(how: str) -> None:
        await trio.sleep(2)
        if how != "run":
            await handler(how)

    async with (
        open_durable_queue(store, "q", act, retry=Retry(first=10.0, jitter=0.0)) as queue,
        open_durable_queue(store, "q") as web,
    ):
        for how, expires, times in (
            ("run", None, (5.0, 2.0)),
            ("fail", None, (17.0, 2.0)),
            ("fail", 10.0, (5.0, 2.0)),
        ):
            handler.times.clear()
            job = await queue.submit(how, delay=5.0, expires=expires)
            for one in (job, web.job(job.id)):
                outcome = await one.wait()
                assert (outcome.waited, outcome.ran) == pytest.approx(times)
        waiting = await queue.submit("run", delay=5.0)
        await trio.sleep(3)
        await waiting.cancel()
        outcome = await waiting.wait()
        assert (outcome.waited, outcome.ran) == (pytest.approx(3.0), 0.0)


async def test_an_error_that_ends_the_queue_shows_the_payload(
    store: Store, autojump_clock: MockClock
) -> None:
    """And the number that the store has given the job."""
    with pytest.raises(gochan.JobFailed) as raised:
        async with open_durable_queue(store, "q", Stubborn(1), failures="raise") as queue:
            await queue.submit({"a": 1})
            await trio.sleep(10)
    assert str(raised.value).startswith("job 1 (q), payload {'a': 1}, failed: ValueError")


# Trying again


async def test_a_failed_job_is_tried_again_after_growing_pauses(
    store: Store, autojump_clock: MockClock
) -> None:
    """One second, two, four, as `Retry` says."""
    handler = Stubborn(3)
    retry = Retry(first=1.0, factor=2.0, jitter=0.0)
    async with open_durable_queue(store, "stubborn", handler, retry=retry) as queue:
        job = await queue.submit(None)
        assert (await job.wait()).value == 4
        record = await job.record()
    assert [round(time, 3) for time in handler.times] == [0.0, 1.0, 3.0, 7.0]
    assert [attempt.kind for attempt in record.attempts] == ["failed"] * 3 + ["done"]
    assert record.attempts[0].error == "ValueError: failure 1"


async def test_a_job_without_attempts_left_has_failed(
    store: Store, autojump_clock: MockClock
) -> None:
    """With the last error; these are the dead letters."""
    retry = Retry(max_attempts=3, jitter=0.0)
    async with open_durable_queue(store, "stubborn", Stubborn(9), retry=retry) as queue:
        job = await queue.submit(None)
        outcome = await job.wait()
        assert outcome.kind == "failed"
        assert isinstance(outcome.error, HandlerError)
        assert str(outcome.error) == "ValueError: failure 3"
        (record,) = await queue.jobs(kind="failed")
        assert record.attempt == 3


async def test_an_error_that_is_never_retried_ends_the_job(
    store: Store, autojump_clock: MockClock
) -> None:
    """Some things do not get better."""
    retry = Retry(only=(ValueError, KeyError), never=KeyError)

    async def fail(name: str) -> None:
        raise {"value": ValueError, "key": KeyError, "type": TypeError}[name](name)

    async with open_durable_queue(store, "errors", fail, retry=retry) as queue:
        jobs = [await queue.submit(name) for name in ("key", "type", "value")]
        for job in jobs:
            await job.wait()
        attempts = [(await job.record()).attempt for job in jobs]
    assert attempts == [1, 1, 5]


async def test_errors_that_a_nursery_raises_are_looked_at_one_by_one(
    store: Store, autojump_clock: MockClock
) -> None:
    """A group says nothing by itself; of several errors in it, all have to be worth a retry."""
    retry = Retry(max_attempts=2, jitter=0.0, only=OSError)
    errors: dict[str, list[Exception]] = {
        "one": [OSError("a")],
        "other": [ValueError("b")],
        "both": [OSError("a"), ValueError("b")],
        "alike": [OSError("a"), ExceptionGroup("inner", [OSError("c"), OSError("d")])],
        "later": [ExceptionGroup("inner", [RetryLater(10.0)])],
    }

    async def act(name: str) -> None:
        raise ExceptionGroup("outer", errors[name])

    async with open_durable_queue(store, "q", act, retry=retry) as queue:
        jobs = [await queue.submit(name) for name in errors]
        for job in jobs:
            await job.wait()
        records = [await job.record() for job in jobs]
    assert [(record.attempt, record.error) for record in records] == [
        (2, "OSError: a"),
        (1, "ValueError: b"),
        (1, "ExceptionGroup: outer (2 sub-exceptions): OSError: a; ValueError: b"),
        (
            2,
            "ExceptionGroup: outer (2 sub-exceptions): OSError: a; "
            "ExceptionGroup: inner (2 sub-exceptions): OSError: c; OSError: d",
        ),
        (2, "the job puts itself off for 10.0 s"),
    ]


@pytest.mark.parametrize("count", [True, False])
async def test_a_handler_puts_its_job_off(
    store: Store, count: bool, autojump_clock: MockClock
) -> None:
    """Without counting, as often as it likes; the record does not grow."""
    starts: list[float] = []

    async def wait_for_it(times: int) -> int:
        starts.append(trio.current_time())
        if len(starts) < times:
            raise RetryLater(10.0, count=count)
        return current_job().attempt

    async with open_durable_queue(store, "later", wait_for_it) as queue:
        job = await queue.submit(30)
        outcome = await job.wait()
        record = await job.record()
    if count:
        assert outcome.kind == "failed"
        assert len(starts) == 5
    else:
        assert outcome.value == 1
        assert len(record.attempts) == 20
        assert record.attempts_forgotten == 10


async def test_a_timeout_counts_as_an_attempt(store: Store, autojump_clock: MockClock) -> None:
    """The last one decides how the job ends."""
    async with open_durable_queue(store, "slow", sleep) as queue:
        job = await queue.submit(100.0, timeout=2.0, max_attempts=2)
        outcome = await job.wait()
        assert outcome.kind == "timed_out"
        assert "2" in outcome.reason
        assert (await job.record()).attempt == 2


async def test_what_cannot_be_stored_is_a_failure_that_says_so(
    store: Store, autojump_clock: MockClock
) -> None:
    """What a handler returns has to be JSON, unless the codec takes other things."""

    async def nonsense(_: object) -> object:
        return object()

    retry = Retry(max_attempts=1)
    async with open_durable_queue(store, "objects", nonsense, retry=retry) as queue:
        outcome = await (await queue.submit(1)).wait()
    assert outcome.kind == "failed"
    assert "not JSON serializable" in str(outcome.error)


# Keys


async def test_a_key_is_for_one_job_at_a_time(store: Store, autojump_clock: MockClock) -> None:
    """Submitting again returns the job that is there; after its end there may be another."""
    async with open_durable_queue(store, "keyed") as queue:
        first = await queue.submit(1, key="a")
        again = await queue.submit(2, key="a")
        other = await queue.submit(3, key="b")
        assert (again.id, again.created) == (first.id, False)
        assert other.id != first.id
        await first.cancel()
        assert (await queue.submit(4, key="a")).created


async def test_a_key_can_stay_taken_after_the_end(store: Store, autojump_clock: MockClock) -> None:
    """For the seconds of ``once_for``."""
    async with open_durable_queue(store, "keyed", double) as queue:
        first = await queue.submit(1, key="a", once_for=60.0)
        await first.wait()
        assert not (await queue.submit(1, key="a")).created
        await trio.sleep(61)
        assert (await queue.submit(1, key="a")).created


async def test_a_retry_needs_its_key(store: Store, autojump_clock: MockClock) -> None:
    """The error names the job that has it."""
    async with open_durable_queue(store, "keyed") as queue:
        first = await queue.submit(1, key="a")
        with pytest.raises(StoreError, match="has not ended"):
            await first.retry()
        await first.cancel()
        second = await queue.submit(2, key="a")
        with pytest.raises(KeyTaken, match=f"job {second.id} has its key") as raised:
            await first.retry()
        assert raised.value.id == second.id


async def test_an_ended_job_can_be_retried(store: Store, autojump_clock: MockClock) -> None:
    """It gets as many attempts again as it had."""
    handler = Stubborn(4)
    retry = Retry(max_attempts=2, jitter=0.0)
    async with open_durable_queue(store, "stubborn", handler, retry=retry) as queue:
        job = await queue.submit(None)
        assert (await job.wait()).kind == "failed"
        await job.retry()
        assert (await job.wait()).kind == "failed"
        assert await queue.retry_failed() == 1
        outcome = await queue.job(job.id).wait()
        assert outcome.value == 5


# Cancelling


async def test_a_waiting_job_is_cancelled_at_once(store: Store, autojump_clock: MockClock) -> None:
    """With the reason; to cancel it again changes nothing."""
    async with open_durable_queue(store, "slow") as queue:
        job = await queue.submit(1.0)
        assert await job.cancel("not needed")
        assert not await job.cancel("again")
        outcome = await job.wait()
    assert (outcome.kind, outcome.reason) == ("cancelled", "not needed")


async def test_a_running_job_is_told_to_end(store: Store, autojump_clock: MockClock) -> None:
    """Its handler is cancelled, and can see why."""
    seen: list[Any] = []

    async def stubborn(_: object) -> None:
        try:
            await trio.sleep_forever()
        finally:
            seen.append((current_job().cause, current_job().reason))

    async with (
        open_durable_queue(store, "slow") as web,
        open_durable_queue(store, "slow", stubborn),
    ):
        job = await web.submit(None)
        await wait_all_tasks_blocked()
        assert (await job.record()).state == "running"
        assert await job.cancel("by hand")
        outcome = await job.wait()
        record = await job.record()
    assert (outcome.kind, outcome.reason) == ("cancelled", "by hand")
    assert seen == [("cancelled", "by hand")]
    assert record.attempt == 1


async def test_a_handler_that_returns_although_it_is_cancelled_is_done(
    store: Store, autojump_clock: MockClock
) -> None:
    """What it returned counts."""

    async def stubborn(_: object) -> str:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return "done all the same"

    async with open_durable_queue(store, "slow", stubborn) as queue:
        job = await queue.submit(None)
        await wait_all_tasks_blocked()
        await job.cancel()
        assert (await job.wait()).value == "done all the same"


async def test_a_job_that_fails_after_a_cancel_is_cancelled(
    store: Store, autojump_clock: MockClock
) -> None:
    """It is not tried again."""

    async def fail(_: object) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("on the way out")

    async with open_durable_queue(store, "slow", fail) as queue:
        job = await queue.submit(None)
        await wait_all_tasks_blocked()
        await job.cancel("enough")
        outcome = await job.wait()
    assert (outcome.kind, outcome.reason) == ("cancelled", "enough")


# Stopping


async def test_leaving_the_block_lets_running_jobs_end(
    store: Store, autojump_clock: MockClock
) -> None:
    """What waits stays in the store."""
    async with open_durable_queue(store, "slow", sleep, workers=1) as queue:
        first = await queue.submit(5.0)
        second = await queue.submit(5.0)
        await wait_all_tasks_blocked()
    assert trio.current_time() == 5.0
    records = await store.look([first.id, second.id])
    assert [record.state for record in records if record] == ["ended", "waiting"]


async def test_a_stop_burns_no_attempt(store: Store, autojump_clock: MockClock) -> None:
    """An interrupted job is given back, and runs again as if nothing had been."""
    async with open_durable_queue(store, "slow", sleep, workers=2) as queue:
        jobs = await queue.submit_many([100.0, 100.0, 100.0])
        await wait_all_tasks_blocked()
        report = await queue.stop(drain=1.0, grace=1.0)
        assert not report.stuck
    records = await store.look([job.id for job in jobs])
    assert [record.state for record in records if record] == ["waiting"] * 3
    assert [record.attempt for record in records if record] == [0, 0, 0]
    assert [attempt.kind for attempt in records[0].attempts if records[0]] == ["interrupted"]
    counts = await store.audit("slow")
    assert counts.waiting == 3


async def test_a_cancelled_block_gives_its_jobs_back(
    store: Store, autojump_clock: MockClock
) -> None:
    """At once, and not when their leases end."""
    with trio.move_on_after(3):
        async with open_durable_queue(store, "slow", sleep, workers=1) as queue:
            jobs = await queue.submit_many([100.0, 100.0])
            await trio.sleep_forever()
    assert trio.current_time() == 3.0
    records = await store.look([job.id for job in jobs])
    assert [(record.state, record.attempt) for record in records if record] == [("waiting", 0)] * 2


async def test_a_stop_by_signals_is_one_of_the_job_queue(
    store: Store, autojump_clock: MockClock
) -> None:
    """`stop_all` and `stop_on_signals` take durable queues as they are."""
    async with open_durable_queue(store, "slow", sleep, workers=1) as queue:
        jobs = await queue.submit_many([2.0, 2.0])
        await wait_all_tasks_blocked()
        (report,) = await gochan.stop_all(queue)
        assert len(report.done) == 1
        with pytest.raises(gochan.ChanClosedError):
            queue.job_queue.submit_nowait(None)  # type: ignore[arg-type]
    records = await store.look([job.id for job in jobs])
    assert [record.state for record in records if record] == ["ended", "waiting"]


async def test_durable_and_other_queues_stop_together(
    store: Store, autojump_clock: MockClock
) -> None:
    """Each in its way: what waits is handed back here, and stays in the store there."""
    async with (
        open_durable_queue(store, "slow", sleep, workers=1) as durable,
        gochan.open_job_queue(sleep, workers=1) as other,
    ):
        jobs = await durable.submit_many([2.0, 2.0])
        for _ in jobs:
            await other.submit(2.0)
        await wait_all_tasks_blocked()
        async with gochan.stop_on_signals(durable, other, say=lambda line: None) as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            reports = await stop.wait()
    assert [(len(one.done), len(one.handed_back)) for one in reports] == [(1, 0), (1, 1)]
    records = await store.look([job.id for job in jobs])
    assert [record.state for record in records if record] == ["ended", "waiting"]


async def test_without_a_handler_there_is_nothing_to_stop(
    store: Store, autojump_clock: MockClock
) -> None:
    """The error says so."""
    async with open_durable_queue(store, "slow") as queue:
        with pytest.raises(RuntimeError, match="has no handler here"):
            await queue.stop()


# Groups, dependencies, capacity


async def test_a_group_has_a_limit_in_the_whole_fleet(
    store: Store, autojump_clock: MockClock
) -> None:
    """However many workers there are; other groups are not held up."""
    running: dict[str, int] = {}
    peak: dict[str, int] = {}

    async def work(group: str) -> None:
        running[group] = running.get(group, 0) + 1
        peak[group] = max(peak.get(group, 0), running[group])
        await trio.sleep(1)
        running[group] -= 1

    async with open_durable_queue(store, "grouped", work, workers=10, group_limit=2) as queue:
        for group in "aaaaaaabbb":
            await queue.submit(group, group=group)
        await queue.submit("free")
        await queue.join()
    assert peak == {"a": 2, "b": 2, "free": 1}
    assert trio.current_time() == pytest.approx(4.0)


async def test_a_job_runs_after_others(store: Store, autojump_clock: MockClock) -> None:
    """Fan-out and fan-in are two lines."""
    ended: list[str] = []

    async def note(name: str) -> None:
        await trio.sleep(1)
        ended.append(name)

    async with open_durable_queue(store, "graph", note, workers=5) as queue:
        parts = await queue.submit_many(["a", "b", "c"])
        whole = await queue.submit("whole", after=parts)
        await whole.wait()
    assert ended[3:] == ["whole"]
    assert trio.current_time() == 2.0


async def test_what_is_said_of_many_jobs_is_true_of_each(
    store: Store, autojump_clock: MockClock
) -> None:
    """Also if it can be read only once."""
    async with open_durable_queue(store, "graph") as queue:
        first = await queue.submit("first", delay=60)
        others = await queue.submit_many(["second", "third"], after=iter([first]), group="g")
        records = [await other.record() for other in others]
    assert [(record.held_by, record.group) for record in records] == [(1, "g")] * 2


async def test_a_job_whose_need_failed_is_cancelled(
    store: Store, autojump_clock: MockClock
) -> None:
    """Or it runs all the same, if it only waits for the end."""
    retry = Retry(max_attempts=1)

    async def fail_first(name: str) -> str:
        if name == "first":
            raise ValueError(name)
        return name

    async with open_durable_queue(store, "graph", fail_first, retry=retry) as queue:
        first = await queue.submit("first", delay=1.0)
        strict = await queue.submit("strict", after=[first])
        chained = await queue.submit("chained", after=[strict.id])
        lenient = await queue.submit("lenient", after=[first], after_all="ended")
        outcomes = [await job.wait() for job in (strict, chained, lenient)]
    assert [outcome.kind for outcome in outcomes] == ["cancelled", "cancelled", "done"]
    assert outcomes[0].reason == f"job {first.id}, after which it was to run, ended as failed"


async def test_a_need_must_be_in_the_store(store: Store, autojump_clock: MockClock) -> None:
    """Nothing is stored."""
    async with open_durable_queue(store, "graph") as queue:
        with pytest.raises(StoreError, match="job 77, which is not in the store"):
            await queue.submit("x", after=[77])
        assert (await queue.audit()).stored == 0


@pytest.mark.parametrize("whole", [True, False])
async def test_a_need_is_no_job_of_the_same_call(
    whole: bool, store: Store, autojump_clock: MockClock
) -> None:
    """Whose number could be guessed; it is not there yet, even if it had to be written first."""
    await store.configure("q", QueueSettings(capacity=1, when_full="drop-oldest"))
    job = NewJob(queue="q", payload=b"1")
    *_, answer = await store.enqueue([job, job, replace(job, after=(1,))], whole=whole)
    assert answer == Refusal("it is to run after job 1, which is not in the store")
    assert (await store.audit("q")).stored == (0 if whole else 2)


async def test_a_need_is_no_job_of_another_store(store: Store, autojump_clock: MockClock) -> None:
    """Whose number may be that of quite another job here."""
    async with (
        open_store("memory:") as elsewhere,
        open_durable_queue(elsewhere, "graph") as other,
        open_durable_queue(store, "graph") as queue,
    ):
        await queue.submit("x")
        job = await other.submit("x")
        with pytest.raises(ValueError, match="in after was given out by another store; if that"):
            await queue.submit("y", after=[job])
        assert (await queue.submit("y", after=[job.id])).created


async def test_a_full_queue_refuses(store: Store, autojump_clock: MockClock) -> None:
    """If it is told to."""
    async with open_durable_queue(store, "small", capacity=2, when_full="refuse") as queue:
        await queue.submit(1)
        await queue.submit(2, delay=60)
        with pytest.raises(QueueFull, match="queue 'small' is full: 2 jobs wait"):
            await queue.submit(3)
        with pytest.raises(QueueFull):
            await queue.submit_many([3, 4])


async def test_a_full_queue_drops_the_oldest(store: Store, autojump_clock: MockClock) -> None:
    """Of the lowest priority; one that has a lower priority itself is refused."""
    async with open_durable_queue(store, "small", capacity=2, when_full="drop-oldest") as queue:
        high = await queue.submit(1, priority=5)
        low = await queue.submit(2)
        await queue.submit(3)
        assert (await low.wait()).kind == "dropped"
        with pytest.raises(QueueFull):
            await queue.submit(4, priority=-1)
        assert (await high.record()).state == "waiting"


async def test_a_submit_waits_for_room(store: Store, autojump_clock: MockClock) -> None:
    """Until a job is taken; that is the default."""
    async with open_durable_queue(store, "small", capacity=1) as queue:
        await queue.submit(3.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.submit, 1.0)
            await wait_all_tasks_blocked()
            assert (await queue.statistics()).waiting == 1
            async with open_durable_queue(store, "small", sleep, workers=1) as worker:
                await worker.join()
    assert (await store.statistics("small")).done == 2


async def test_settings_hold_for_the_whole_fleet(store: Store, autojump_clock: MockClock) -> None:
    """Another value is an error, unless it is meant."""
    async with open_durable_queue(store, "q", capacity=5, group_limit=2):
        pass
    async with open_durable_queue(store, "q"):
        pass  # whatever is stored
    with pytest.raises(StoreError, match="has capacity=5, not 6"):
        async with open_durable_queue(store, "q", capacity=6):
            pass
    async with open_durable_queue(store, "q", capacity=6, update=True):
        pass
    async with open_durable_queue(store, "q", capacity=6, group_limit=2):
        pass


# Time


async def test_a_job_that_expires_is_dropped(store: Store, autojump_clock: MockClock) -> None:
    """It does not start later than that."""
    async with open_durable_queue(store, "slow", sleep, workers=1) as queue:
        await queue.submit(100.0)
        late = await queue.submit(1.0, expires=50.0)
        outcome = await late.wait()
        assert outcome.kind == "dropped"
        assert outcome.reason == "it expired before it could start"
        assert trio.current_time() == pytest.approx(50.0, abs=0.1)


async def test_a_long_job_keeps_its_lease(store: Store, autojump_clock: MockClock) -> None:
    """As long as its process lives; it runs once."""
    starts: list[float] = []

    async def long(_: object) -> None:
        starts.append(trio.current_time())
        await trio.sleep(1000)

    async with (
        open_durable_queue(store, "long", long, lease=10.0) as queue,
        open_durable_queue(store, "long") as web,
    ):
        job = await web.submit(None)
        await job.wait()
    assert starts == [0.0]
    assert trio.current_time() == pytest.approx(1000.0, abs=0.1)
    assert queue.name == "long"


@pytest.mark.parametrize(
    ("error", "wrong"),
    [
        (ValueError, {"done": -1}),
        (TypeError, {"others": "a week"}),
        (ValueError, {"most_done": -1}),
        (TypeError, {"most_done": 0.5}),
    ],
)
def test_how_long_jobs_are_kept_has_to_make_sense(
    error: type[Exception], wrong: dict[str, Any]
) -> None:
    """Or nothing would be kept, or the store would stumble over it."""
    with pytest.raises(error, match=next(iter(wrong))):
        Keep(**wrong)


async def test_jobs_are_kept_for_a_time(store: Store, autojump_clock: MockClock) -> None:
    """Then nobody knows them any more."""
    async with open_durable_queue(store, "brief", double, keep=Keep(done=60.0)) as queue:
        job = await queue.submit(1)
        await job.wait()
        await trio.sleep(59)
        await job.record()
        await trio.sleep(2)
        with pytest.raises(JobGone, match="not in the store any more"):
            await job.record()
        async with open_durable_queue(store, "brief") as elsewhere:
            for _ in range(2):
                with pytest.raises(JobGone):
                    await elsewhere.job(job.id).wait()
        with pytest.raises(JobGone):
            await job.retry()
        assert (await job.wait()).value == 2  # this process still remembers
        assert (await queue.audit()).pruned == {"done": 1}


async def test_a_paused_queue_starts_nothing(store: Store, autojump_clock: MockClock) -> None:
    """Until it is resumed; running jobs go on."""
    async with open_durable_queue(store, "slow", sleep, workers=1) as queue:
        first = await queue.submit(10.0)
        await wait_all_tasks_blocked()
        await queue.pause()
        second = await queue.submit(1.0)
        await first.wait()
        await trio.sleep(100)
        assert (await second.record()).state == "waiting"
        explanation = await queue.explain(second.id)
        assert "Queue 'slow' is paused." in str(explanation)
        await queue.resume()
        await second.wait()
        assert trio.current_time() == pytest.approx(111.0, abs=0.1)


async def test_progress_can_be_seen_from_elsewhere(store: Store, autojump_clock: MockClock) -> None:
    """It is written about once a second; after the end, there is none to report."""
    kept: list[RunningJob] = []

    async def work(_: object) -> None:
        for done in range(5):
            current_job().progress(done, 5)
            await trio.sleep(2)
        kept.append(current_job())

    async with open_durable_queue(store, "work", work) as queue:
        job = await queue.submit(None)
        await trio.sleep(5)
        record = await job.record()
        assert record.progress == (2, 5)
        await job.wait()
    kept[0].progress(9, 9)
    assert (kept[0].cause, kept[0].reason, kept[0].seconds_left) == (None, "", math.inf)


# Looking


async def test_jobs_are_listed_newest_first_in_pages(
    store: Store, autojump_clock: MockClock
) -> None:
    """By state and by kind."""
    async with open_durable_queue(store, "numbers") as queue:
        jobs = await queue.submit_many(range(5))
        await jobs[1].cancel()
        assert [record.id for record in await queue.jobs()] == [5, 4, 3, 2, 1]
        assert [record.id for record in await queue.jobs(limit=2, before=4)] == [3, 2]
        assert [record.id for record in await queue.jobs(limit=2, after=0)] == [1, 2]
        assert [record.id for record in await queue.jobs(before=5, after=3)] == [4]
        assert [record.id for record in await queue.jobs(state="ended")] == [2]
        assert [record.id for record in await queue.jobs(kind=("done", "cancelled"))] == [2]
        assert await queue.purge("cancelled") == 1
        assert len(await queue.jobs()) == 4
        assert (await queue.audit()).pruned == {"cancelled": 1}


async def test_results_are_told_as_they_are_written(
    store: Store, autojump_clock: MockClock
) -> None:
    """Those of this process."""
    async with open_durable_queue(store, "numbers", double) as queue:
        results = queue.results()
        await queue.submit_many([1, 2, 3])
        await queue.join()
    assert sorted([(await job.wait()).value async for job in results]) == [2, 4, 6]


async def test_results_are_all_jobs_that_end_here(store: Store, autojump_clock: MockClock) -> None:
    """In whatever way, and each once, however often it was tried."""

    async def act(what: str) -> None:
        if what == "fail":
            raise ValueError(what)
        if what == "refuse":
            raise KeyError(what)
        if what == "put off" and current_job().attempt == 1:
            raise RetryLater(1.0)
        if what in ("last", "cancel"):
            await trio.sleep(1000)

    retry = Retry(max_attempts=2, jitter=0.0, never=KeyError)
    async with open_durable_queue(store, "q", act, retry=retry) as queue:
        results = queue.results()
        payloads = ["fail", "refuse", "put off", "cancel", "fine"]
        jobs = await queue.submit_many(payloads)
        payloads.append("last")
        jobs.append(await queue.submit("last", timeout=100.0))
        await wait_all_tasks_blocked()
        await jobs[3].cancel()
        await queue.join()
    ended = [(job.id, (await job.wait()).kind) async for job in results]
    assert sorted(ended) == [
        (1, "failed"), (2, "failed"), (3, "done"), (4, "cancelled"), (5, "done"), (6, "timed_out"),
    ]  # fmt: skip


async def test_two_handlers_for_one_queue_are_an_error(
    store: Store, autojump_clock: MockClock
) -> None:
    """In one process; where only jobs are submitted, it may be open any number of times."""
    async with open_durable_queue(store, "q", double), open_durable_queue(store, "q"):
        with pytest.raises(StoreError, match="has a handler already"):
            async with open_durable_queue(store, "q", double):
                pass
    async with open_durable_queue(store, "q", double):
        pass


async def test_jobs_are_for_machines_and_labels(store: Store, autojump_clock: MockClock) -> None:
    """A worker gets what it suits."""
    seen: list[str] = []

    async def note(name: str) -> None:
        seen.append(name)

    async with open_durable_queue(
        store, "q", note, machine="one", labels={"os": "linux", "gpu": "yes"}
    ) as queue:
        await queue.submit("pinned", machine="one")
        await queue.submit("elsewhere", machine="two")
        await queue.submit("labelled", labels={"gpu": "yes"})
        await queue.submit("other", labels={"os": "mac"})
        await queue.submit("any")
        await trio.sleep(1)
        counts = await queue.statistics()
    assert sorted(seen) == ["any", "labelled", "pinned"]
    assert counts.waiting == 2


async def test_what_a_job_and_a_queue_look_like(store: Store, autojump_clock: MockClock) -> None:
    """In a debugger, and in errors."""
    seen: list[str] = []

    async def look(_: object) -> None:
        seen.append(repr(current_job()))
        seen.append(f"{current_job().seconds_left}")

    async with open_durable_queue(store, "q", look, timeout=None) as queue:
        job = await queue.submit(None, timeout=60)
        await job.wait()
        await (await queue.submit(None)).wait()
        assert repr(job) == "<gochan.durable.DurableJob 1 of queue 'q'>"
        assert repr(queue) == f"<gochan.durable.DurableQueue 'q' on {store.address}>"
        with pytest.raises(TypeError, match=r"write `await job.wait\(\)`"):
            await job  # type: ignore[misc]
    assert seen == [
        "<gochan.durable.RunningJob 1: attempt 1>", "60.0",
        "<gochan.durable.RunningJob 2: attempt 1>", "inf",
    ]  # fmt: skip
    with pytest.raises(RuntimeError, match="only inside a durable job's handler"):
        current_job()


async def test_a_payload_that_cannot_be_decoded_fails_its_job(
    store: Store, autojump_clock: MockClock
) -> None:
    """No handler is called for it."""
    async with open_durable_queue(store, "q") as queue:
        await store.enqueue([NewJob(queue="q", payload=b"{", codec="json")])
        await store.enqueue([NewJob(queue="q", payload=b"{", codec="tape")])
    async with open_durable_queue(store, "q", double) as queue:
        await queue.join()
        records = await queue.jobs(kind="failed")
    assert [record.attempt for record in records] == [0, 0]
    assert records[0].error == (
        "its payload cannot be decoded as tape: StoreError: queue 'q' has no codec 'tape' in this "
        "process; give open_durable_queue the one that the job was submitted with"
    )
    assert (records[1].error or "").startswith("its payload cannot be decoded as json: ")


async def test_an_inner_strategy_may_shed_what_is_leased(
    store: Store, autojump_clock: MockClock
) -> None:
    """What it turns away ends as dropped, with its reason."""
    async with open_durable_queue(
        store, "q", sleep, workers=1, strategy="drop-on-full(capacity=1)"
    ) as queue:
        await queue.submit_many([0.001] * 1000)
        await queue.join()
        counts = await queue.audit()
        (record, *_) = await queue.jobs(kind="dropped")
    assert counts.done + counts.dropped == 1000
    assert counts.done > 0
    assert record.attempt == 0
    assert record.error


async def test_results_of_a_queue_that_is_closed(store: Store, autojump_clock: MockClock) -> None:
    """There are none to come."""
    async with open_durable_queue(store, "q") as queue:
        pass
    assert [job async for job in queue.results()] == []


async def test_many_jobs_are_taken_ahead_and_given_back(
    store: Store, autojump_clock: MockClock
) -> None:
    """Fast workers have jobs at hand; a stop gives back those that have not started."""
    async with open_durable_queue(store, "q", sleep, workers=2) as queue:
        await queue.submit_many([0.001] * 2000)
        await trio.sleep(0.5)
        await queue.submit_many([100.0] * 500)
        await trio.sleep(2)
        running = await queue.jobs(state="running", limit=600)
        await queue.stop(drain=0, grace=0)
        counts = await queue.audit()
    assert len(running) > 2
    assert counts.running == 0
    assert counts.waiting == 500


async def test_only_one_of_many_waits_for_what_others_retry(
    store: Store, autojump_clock: MockClock
) -> None:
    """A job whose key another one has stays as it is."""
    retry = Retry(max_attempts=1)

    async def fail(_: object) -> None:
        raise ValueError

    async with open_durable_queue(store, "q", fail, retry=retry) as queue:
        first = await queue.submit(1, key="a")
        await first.wait()
        await queue.pause()
        await queue.submit(2, key="a")
        assert await queue.retry_failed() == 0
        await queue.purge(("failed",))


# Bad input


async def test_a_payload_must_be_json(store: Store, autojump_clock: MockClock) -> None:
    """Without NaN, and not too large."""
    async with open_durable_queue(store, "q", payload_limit=10) as queue:
        with pytest.raises(TypeError, match=r"'q' cannot be stored as json: .* not JSON"):
            await queue.submit(object())
        with pytest.raises(ValueError, match="Out of range float values"):
            await queue.submit(float("nan"))
        with pytest.raises(ValueError, match="cannot be stored as json"):
            await queue.submit("\ud800")
        with pytest.raises(ValueError, match="has 12 bytes, and queue 'q' takes at most 10"):
            await queue.submit("0123456789")


@pytest.mark.parametrize(
    ("store", "found"),
    [("memory:", "not str"), (open_store("memory:"), "not Opening")],
)
async def test_a_store_must_be_open(store: Any, found: str, autojump_clock: MockClock) -> None:
    """The error says how that is done, and shows no address."""
    with pytest.raises(TypeError, match=rf"store must be an open one, as `async with.*, {found}"):
        async with open_durable_queue(store, "q"):
            pass


async def test_a_handler_that_turns_out_not_to_be_async(
    store: Store, autojump_clock: MockClock
) -> None:
    """Only a call can tell; then the job fails, and the error says what to write."""
    handlers: dict[str, Any] = {
        "plain": lambda payload: payload,
        "returns a coroutine": lambda payload: trio.sleep(payload),  # noqa: ASYNC105
    }
    errors = {}
    for name, handler in handlers.items():
        retry = Retry(max_attempts=1)
        async with open_durable_queue(store, name, handler, retry=retry) as queue:
            job = await queue.submit(1)
            await job.wait()
            errors[name] = (await job.record()).error
    assert errors["returns a coroutine"] is None
    assert "it returned 1, which cannot be awaited; write async def" in str(errors["plain"])


async def test_a_closed_queue_accepts_nothing(store: Store, autojump_clock: MockClock) -> None:
    """Nor one whose block was left."""
    async with open_durable_queue(store, "q") as queue:
        queue.close()
        with pytest.raises(gochan.ChanClosedError, match="accepts no more jobs"):
            await queue.submit(1)
    with pytest.raises(gochan.ChanClosedError):
        await queue.submit_many([1])


async def test_a_submit_that_waits_for_room_hears_of_the_close(
    store: Store, autojump_clock: MockClock
) -> None:
    """At once, though no room will ever come."""
    async with open_durable_queue(store, "q", capacity=1) as queue:
        await queue.submit(1)
        with trio.fail_after(1):
            async with trio.open_nursery() as nursery:

                async def submit(many: bool) -> None:
                    with pytest.raises(gochan.ChanClosedError, match="accepts no more jobs"):
                        await (queue.submit_many([2]) if many else queue.submit(2))

                nursery.start_soon(submit, True)
                nursery.start_soon(submit, False)
                await wait_all_tasks_blocked()
                queue.close()
        assert trio.current_time() == 0.0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_attempts": 0}, ValueError),
        ({"first": -1}, ValueError),
        ({"factor": 0.5}, ValueError),
        ({"jitter": 2}, ValueError),
        ({"only": "ValueError"}, TypeError),
        ({"never": (ValueError, 1)}, TypeError),
    ],
)
def test_a_retry_that_makes_no_sense(options: dict[str, Any], error: type[Exception]) -> None:
    """It is told where it is written."""
    with pytest.raises(error):
        Retry(**options)


def test_the_waits_of_a_retry_have_a_limit() -> None:
    """However many attempts there are."""
    retry = Retry(first=1.0, factor=10.0, most=60.0, jitter=0.0)
    assert [retry.delay(attempt) for attempt in (1, 2, 3, 10_000)] == [1.0, 10.0, 60.0, 60.0]

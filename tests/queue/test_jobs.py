"""One job: its states, its outcome, and the ways to end it early."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from gochan import (
    ChanClosedError,
    Job,
    JobFailed,
    JobQueue,
    Progress,
    Refused,
    current_job,
    open_job_queue,
    strategy,
)
from gochan.strategies import Block

from ..lines import stable
from ..work import Stack, fail, insist, kinds, open_audited, sleep, tidy_up

pytestmark = pytest.mark.usefixtures("both_modes")

SUBMITS = ["submit", "submit_nowait", "try_submit"]


async def call_submit(
    queue: JobQueue[Any, Any], how: str, payload: object, **options: object
) -> Any:
    result = getattr(queue, how)(payload, **options)
    return await result if how == "submit" else result


# A life


async def test_a_job_waits_runs_and_ends(autojump_clock: MockClock) -> None:
    """Its state says so, its outcome is there from the end on, and the times add up."""
    async with open_audited() as queue:
        await queue.submit(sleep(2))
        job = await queue.submit(sleep(3, "value"), timeout=9, priority=4, key="key")
        assert (job.state, job.outcome, job.cause) == ("waiting", None, None)
        await trio.sleep(2.5)
        assert (job.state, job.outcome, job.cause) == ("running", None, None)
        outcome = await job.wait()
        assert (job.state, job.outcome, job.cause) == ("ended", outcome, None)
        assert trio.current_time() == 5
    assert (outcome.kind, outcome.value, outcome.error) == ("done", "value", None)
    assert (outcome.reason, outcome.waited, outcome.ran) == ("", 2, 3)
    assert (job.timeout, job.priority, job.key) == (9, 4, "key")


async def test_a_job_whose_handler_raises_has_failed(autojump_clock: MockClock) -> None:
    """Its error is what the handler raised, the very object."""
    error = ValueError("no")
    async with open_audited(failures="collect") as queue:
        job = await queue.submit(fail(error, after=1))
        outcome = await job.wait()
    assert (outcome.kind, outcome.value, outcome.ran) == ("failed", None, 1)
    assert outcome.error is error
    assert job.cause is None


async def test_the_time_before_there_was_room_counts_as_waited(autojump_clock: MockClock) -> None:
    """A job is submitted when its submit is called."""
    async with open_audited(capacity=0) as queue:
        await queue.submit(sleep(4))
        job = await queue.submit(sleep(1))
        assert (await job.wait()).waited == 4


async def test_ids_count_up_from_one_in_each_queue(autojump_clock: MockClock) -> None:
    """In the order in which jobs are let in; refused ones count, others do not."""
    for _ in range(2):
        async with open_audited(strategy="drop-on-full", capacity=1) as queue:
            results = queue.results()
            await queue.submit(sleep(1))
            await wait_all_tasks_blocked()
            await queue.submit(sleep())
            with pytest.raises(Refused):
                await queue.submit(sleep())
            await trio.sleep(2)
            await queue.submit(sleep())
        assert [job.id async for job in results] == [3, 1, 2, 4]


async def test_the_payload_is_not_touched_nor_shown(autojump_clock: MockClock) -> None:
    """It may be anything, ``None`` included; a repr tells number and state."""

    async def give_back(payload: object) -> object:
        return payload

    for payload in (None, (), "secret", object()):
        async with open_audited(give_back) as queue:
            job = queue.submit_nowait(payload)
            assert "secret" not in repr(job)
            assert "waiting" in repr(job)
            assert job.payload is payload
            assert (await job.wait()).value is payload
        assert repr(job) == "<gochan.Job 1: done>"


async def test_an_outcome_cannot_be_changed(autojump_clock: MockClock) -> None:
    """It is a value."""
    async with open_audited() as queue:
        outcome = await (await queue.submit(sleep())).wait()
    for name in ("kind", "value", "error", "reason", "waited", "ran", "other"):
        with pytest.raises(AttributeError):
            setattr(outcome, name, "failed")


# Options


@pytest.mark.parametrize("how", SUBMITS)
@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("timeout", 0, ValueError),
        ("timeout", -0.0, ValueError),
        ("timeout", -1, ValueError),
        ("timeout", -math.inf, ValueError),
        ("timeout", math.nan, ValueError),
        ("timeout", True, TypeError),
        ("timeout", "3", TypeError),
        ("timeout", 3j, TypeError),
        ("priority", True, TypeError),
        ("priority", 1.0, TypeError),
        ("priority", "high", TypeError),
        ("priority", None, TypeError),
    ],
)
async def test_bad_options_are_rejected(
    how: str, option: str, value: object, error: type[Exception], autojump_clock: MockClock
) -> None:
    """With a message that names the option; nothing was submitted."""
    async with open_audited() as queue:
        with pytest.raises(error, match=option):
            await call_submit(queue, how, sleep(), **{option: value})
        assert queue.audit().submitted == 0


@pytest.mark.parametrize("how", SUBMITS)
async def test_a_limit_that_no_float_can_hold_is_rejected(
    how: str, autojump_clock: MockClock
) -> None:
    """At the call, and not in the worker that would add it to a time."""
    async with open_audited() as queue:
        with pytest.raises(ValueError, match="timeout must be > 0 and within the range of a float"):
            await call_submit(queue, how, sleep(), timeout=10**400)
        assert queue.audit().submitted == 0


@pytest.mark.parametrize("how", SUBMITS)
@pytest.mark.parametrize(
    "options", [{"timeout": 1}, {"timeout": 0.5}, {"timeout": math.inf}, {"priority": -3}]
)
async def test_good_options_are_accepted(
    how: str, options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """A limit may be infinite, a priority negative."""
    async with open_audited() as queue:
        await call_submit(queue, how, sleep(), **options)
        await queue.join()
        assert queue.audit().done == 1


# The current job


async def test_a_handler_can_ask_for_its_job(autojump_clock: MockClock) -> None:
    """Each of those that run at the same time, and of those that run one after the other."""
    found: dict[int, Job[Any, Any]] = {}

    async def look(number: int) -> None:
        found[number] = current_job()
        await trio.sleep(1)
        assert current_job() is found[number]
        assert current_job().state == "running"

    async with open_audited(look, workers=3) as queue:
        jobs = [await queue.submit(number) for number in range(9)]
    assert kinds(*jobs) == ["done"] * 9
    assert [found[number] for number in range(9)] == jobs


async def test_there_is_no_current_job_outside_a_handler(autojump_clock: MockClock) -> None:
    """Neither in the block, nor in a task beside it, nor after a job has ended."""

    async def look() -> None:
        with pytest.raises(RuntimeError, match="handler"):
            current_job()

    await look()
    async with open_audited() as queue, trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await (await queue.submit(sleep())).wait()
        await look()
    await look()


async def test_the_tasks_of_a_handler_have_its_job(autojump_clock: MockClock) -> None:
    """They inherit it, and those that outlive it keep it."""
    found: list[Job[Any, Any]] = []

    async def look(seconds: float) -> None:
        await trio.sleep(seconds)
        found.append(current_job())

    async with trio.open_nursery() as outliving:

        async def handler(_: object) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look, 1)
            outliving.start_soon(look, 5)

        async with open_job_queue(handler) as queue:
            job = await queue.submit(None)
            other = await queue.submit(None)
    assert found == [job, other, job, other]


async def test_the_threads_of_a_handler_have_its_job() -> None:
    """Those that trio starts for it."""

    async def handler(_: object) -> None:
        assert await trio.to_thread.run_sync(current_job) is current_job()

    async with open_job_queue(handler, workers=2) as queue:
        jobs = [await queue.submit(number) for number in range(4)]
    assert kinds(*jobs) == ["done"] * 4


async def test_in_a_queue_inside_a_handler_the_inner_job_is_current(
    autojump_clock: MockClock,
) -> None:
    """And in the handler itself the outer one, before, meanwhile and afterwards."""
    inner: list[Job[Any, Any]] = []

    async def look(_: object) -> None:
        inner.append(current_job())

    async def handler(_: object) -> None:
        mine = current_job()
        async with open_job_queue(look) as queue:
            jobs = [await queue.submit(None), await queue.submit(None)]
            assert current_job() is mine
        assert inner == jobs
        assert current_job() is mine

    async with open_audited(handler) as queue:
        job = await queue.submit(None)
    assert kinds(job) == ["done"]


# What is kept alive


class Precious:
    """A payload or a result, of which it is seen when it is gone."""


@pytest.mark.parametrize("how", ["at once", "later", "in time"])
async def test_nothing_keeps_a_job_alive_that_has_ended(
    how: str, autojump_clock: MockClock
) -> None:
    """Nor its payload, nor its result, while the queue and its idle worker live on."""

    async def handle(payload: Precious) -> Precious:
        if how != "at once":
            await trio.sleep(1)
        result = Precious()
        refs.append(weakref.ref(result))
        return result

    refs: list[weakref.ref[Any]] = []
    async with open_job_queue(handle) as queue:
        payload = Precious()
        job = await queue.submit(payload, timeout=9 if how == "in time" else None)
        refs += [weakref.ref(payload), weakref.ref(job)]
        assert (await job.wait()).kind == "done"
        del payload, job
        await trio.sleep(1)
        gc.collect()
        assert [ref() for ref in refs] == [None] * 3


async def test_a_job_has_priority_0_unless_it_is_said_otherwise(autojump_clock: MockClock) -> None:
    """Whichever way it is submitted."""

    async def handle(way: str) -> None:
        seen[way] = (current_job().priority, current_job().timeout, current_job().key)

    seen: dict[str, Any] = {}
    async with open_job_queue(handle) as queue:
        await queue.submit("submit")
        queue.submit_nowait("submit_nowait")
        assert queue.try_submit("try_submit")
        async for _ in queue.map(["map"]):
            pass
    assert len(seen) == 4
    assert {*seen.values()} == {(0, None, None)}


@pytest.mark.parametrize("chosen", ["block", "priority-cancel", "drop-oldest", "stack"])
async def test_nothing_keeps_a_job_alive_that_never_ran(
    chosen: str, autojump_clock: MockClock
) -> None:
    """However it ended, and whatever strategy had it. A strategy that cannot take a cancelled job
    out keeps it until it would be its turn."""
    own: Any = Stack(2) if chosen == "stack" else strategy(chosen, capacity=2)
    refs = []
    async with open_job_queue(sleeper, strategy=own, failures="collect") as queue:
        for number in range(4):
            payload = Precious()
            job = None
            with suppress(trio.WouldBlock):
                job = queue.submit_nowait(payload)
                refs += [weakref.ref(payload), weakref.ref(job)]
            await wait_all_tasks_blocked()
            if job is not None and number:
                job.cancel()
            del payload, job
        (first,) = queue.running()
        first.cancel()
        await first.wait()
        del first
        await wait_all_tasks_blocked()
        gc.collect()
        assert [ref() for ref in refs] == [None] * len(refs)


async def sleeper(_: object) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize("error", [ValueError, ExceptionGroup])
async def test_nothing_keeps_a_job_alive_that_has_failed(
    error: type[Exception], autojump_clock: MockClock
) -> None:
    """Though its error knows where it was raised."""

    async def handle(payload: Precious) -> None:
        await trio.sleep(1)
        raise error("no") if error is ValueError else error("no", [ValueError()])

    async with open_job_queue(handle, failures="collect") as queue:
        job = await queue.submit(Precious())
        ref, payload = weakref.ref(job), weakref.ref(job.payload)
        await job.wait()
        del job
        await wait_all_tasks_blocked()
        gc.collect()
        assert (ref(), payload()) == (None, None)


async def test_a_queue_that_has_ended_keeps_no_failure(autojump_clock: MockClock) -> None:
    """It has raised it."""
    refs = []
    try:
        async with open_job_queue(fail_with) as queue:
            job = await queue.submit(Precious())
            refs += [weakref.ref(job), weakref.ref(job.payload)]
            del job
    except JobFailed:
        pass
    gc.collect()
    assert queue.statistics().failed == 1
    assert [ref() for ref in refs] == [None] * 2


async def fail_with(_: object) -> None:
    raise ValueError


# Waiting for it


async def test_any_number_of_tasks_can_wait_for_a_job(autojump_clock: MockClock) -> None:
    """Each gets the same outcome, at its end or at once if it has ended."""
    outcomes = []

    async def wait(job: Job[Any, Any]) -> None:
        outcomes.append(await job.wait())
        assert trio.current_time() == 3

    async with open_audited() as queue:
        job = await queue.submit(sleep(3))
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(wait, job)
        with assert_checkpoints():
            outcomes.append(await job.wait())
    assert outcomes == [job.outcome] * 4
    assert all(outcome is job.outcome for outcome in outcomes)
    assert await job.wait() is job.outcome


async def test_a_cancelled_wait_leaves_the_job_alone(autojump_clock: MockClock) -> None:
    """And the others who wait."""
    async with open_audited() as queue:
        job = await queue.submit(sleep(3))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(job.wait)
            with trio.move_on_after(1) as scope:
                await job.wait()
            assert scope.cancelled_caught
            assert job.state == "running"
    assert kinds(job) == ["done"]


async def test_wait_does_not_raise_what_the_handler_raised(autojump_clock: MockClock) -> None:
    """However the job ended, its outcome is returned."""
    async with open_audited(failures="collect", capacity=9) as queue:
        jobs = [
            await queue.submit(fail(ValueError())),
            await queue.submit(sleep(9), timeout=1),
            await queue.submit(sleep(9)),
        ]
        await trio.sleep(2)
        jobs[2].cancel()
        assert [(await job.wait()).kind for job in jobs] == ["failed", "timed_out", "cancelled"]


async def test_every_job_ends_before_the_block_does(autojump_clock: MockClock) -> None:
    """So no task outside the block is left waiting for one."""
    jobs: list[Job[Any, Any]] = []
    ended: list[str] = []

    async def wait(number: int) -> None:
        ended.append((await jobs[number].wait()).kind)

    async with trio.open_nursery() as nursery, open_audited() as queue:
        for number in range(3):
            jobs.append(await queue.submit(sleep(2)))
            nursery.start_soon(wait, number)
        await wait_all_tasks_blocked()
        await queue.stop(drain=1, grace=1)
    assert sorted(ended) == ["handed_back", "handed_back", "interrupted"]


# Cancelling it


async def test_a_job_that_waits_is_cancelled_at_once(autojump_clock: MockClock) -> None:
    """Its handler never starts; its reason and its time of waiting are kept."""
    started = []
    async with open_audited(capacity=5) as queue:
        await queue.submit(sleep(3))
        job = await queue.submit(lambda: started.append(1))
        await trio.sleep(1)
        job.cancel("nobody wants it")
        assert (job.state, job.cause) == ("ended", "cancelled")
        assert job.outcome is not None
        assert (job.outcome.reason, job.outcome.waited, job.outcome.ran) == (
            "nobody wants it",
            1,
            0,
        )
        await queue.join()
        assert (queue.audit().cancelled, queue.audit().done) == (1, 1)
    assert started == []


async def test_a_job_that_runs_is_cancelled_and_ends_with_its_handler(
    autojump_clock: MockClock,
) -> None:
    """The handler gets `trio.Cancelled`, and may take its time to clean up."""
    async with open_audited() as queue:
        job = await queue.submit(tidy_up(2))
        await trio.sleep(1)
        job.cancel("enough")
        assert (job.state, job.cause, job.outcome) == ("running", "cancelled", None)
        outcome = await job.wait()
        assert trio.current_time() == 3
    assert (outcome.kind, outcome.reason, outcome.ran) == ("cancelled", "enough", 3)
    assert (outcome.value, outcome.error) == (None, None)
    assert job.cause == "cancelled"


@pytest.mark.parametrize(
    "work",
    [sleep(), fail(KeyError()), sleep(9), None],
    ids=["done", "failed", "timed out", "other"],
)
async def test_a_job_that_has_ended_stays_as_it_is(work: Any, autojump_clock: MockClock) -> None:
    """Cancelling comes too late, then, and does no harm."""
    async with open_audited(failures="collect") as queue:
        job = await queue.submit(work or sleep(9), timeout=2)
        await trio.sleep(1)
        if work is None:
            job.cancel("first")
        outcome = await job.wait()
        cause = job.cause
        for _ in range(3):
            job.cancel("too late")
        await trio.sleep(1)
        assert job.outcome is outcome
        assert job.cause == cause
        # Nor does it disturb the next one.
        assert (await (await queue.submit(sleep(1))).wait()).kind == "done"


@pytest.mark.parametrize("begun", [False, True], ids=["waiting", "running"])
async def test_the_first_of_several_cancels_counts(begun: bool, autojump_clock: MockClock) -> None:
    """Any number of callers, at any time, also at the same instant."""
    async with open_audited() as queue:
        before = await queue.submit(sleep(5))
        job = await queue.submit(tidy_up(5))
        await trio.sleep(6 if begun else 1)
        job.cancel("first")
        job.cancel("second")
        await trio.sleep(1)
        job.cancel("third")
        outcome = await job.wait()
        job.cancel("fourth")
    assert (outcome.kind, outcome.reason) == ("cancelled", "first")
    assert kinds(before) == ["done"]
    assert queue.audit().cancelled == 1


async def test_cancelling_a_job_touches_no_other(autojump_clock: MockClock) -> None:
    """Of those that run beside it, wait with it, or come after it."""
    async with open_audited(workers=3, capacity=9) as queue:
        jobs = [await queue.submit(sleep(5, number)) for number in range(9)]
        await trio.sleep(1)
        jobs[1].cancel()
        jobs[4].cancel()
        await jobs[1].wait()
        jobs.append(await queue.submit(sleep(5, 9)))
        # What a cancelled job was cancelled in does not last for the next on its worker.
    done = [number for number, job in enumerate(jobs) if kinds(job) == ["done"]]
    assert done == [0, 2, 3, 5, 6, 7, 8, 9]
    assert all(jobs[number].outcome.value == number for number in done)


async def test_a_handler_can_cancel_its_own_job_or_another(autojump_clock: MockClock) -> None:
    """Its own ends at the next checkpoint, or is done if there is none."""
    jobs: list[Job[Any, Any]] = []

    async def cancel_the_other() -> None:
        await trio.sleep(1)
        jobs[1].cancel()

    async def cancel_itself(then: float) -> None:
        current_job().cancel("by itself")
        if then:
            await trio.sleep(then)

    async with open_audited(workers=2) as queue:
        jobs += [await queue.submit(cancel_the_other), await queue.submit(sleep(5))]
        jobs.append(await queue.submit(partial(cancel_itself, 1)))
        jobs.append(await queue.submit(partial(cancel_itself, 0)))
    assert kinds(*jobs) == ["done", "cancelled", "cancelled", "done"]
    assert jobs[2].outcome.reason == "by itself"


async def test_a_job_in_the_hand_of_its_worker_can_be_cancelled(autojump_clock: MockClock) -> None:
    """Between being taken and being started; the worker goes on with the next."""
    started = []

    async def start(number: int) -> None:
        started.append(number)

    async with open_audited(start) as queue:
        await wait_all_tasks_blocked()
        job = queue.submit_nowait(1)
        other = queue.submit_nowait(2)
        assert (job.state, other.state) == ("waiting", "waiting")
        job.cancel("at the last moment")
        assert kinds(job, other) == ["cancelled", "waiting"]
        await other.wait()
    assert started == [2]


async def test_a_handler_that_ignores_its_cancellation_is_done(autojump_clock: MockClock) -> None:
    """If it returns nevertheless, then that counts, and nothing ended the job early."""
    async with open_audited(workers=3) as queue:
        jobs = [
            await queue.submit(insist(5, "cancelled")),
            await queue.submit(insist(5, "late"), timeout=1),
            await queue.submit(insist(5, "stopped")),
        ]
        await trio.sleep(2)
        jobs[0].cancel()
        assert [job.cause for job in jobs] == ["cancelled", "timed_out", None]
        report = await queue.stop(drain=1, grace=5)
    assert kinds(*jobs) == ["done"] * 3
    assert [job.cause for job in jobs] == [None] * 3
    assert [job.outcome.value for job in jobs] == ["cancelled", "late", "stopped"]
    assert [job.outcome.reason for job in jobs] == [""] * 3
    assert {*report.done} == {*jobs}


async def test_a_handler_may_swallow_its_cancellation(autojump_clock: MockClock) -> None:
    """Also after it was told; what it returns then is the value."""

    async def swallow() -> str:
        with pytest.raises(trio.Cancelled):
            await trio.sleep_forever()
        return "swallowed"

    async with open_audited() as queue:
        job = await queue.submit(swallow)
        await wait_all_tasks_blocked()
        job.cancel()
        assert (await job.wait()).value == "swallowed"
    assert kinds(job) == ["done"]


async def test_a_handler_that_raises_something_else_when_cancelled_has_failed(
    autojump_clock: MockClock,
) -> None:
    """Also in a group beside `trio.Cancelled`; that it was cancelled explains no error."""
    error = OSError("the disk is full")

    async def fail_to_clean_up() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise error

    async def fail_in_a_task() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await fail_to_clean_up()

    async def be_cancelled_in_a_task() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()

    async with open_audited(workers=3, failures="collect") as queue:
        works = (fail_to_clean_up, fail_in_a_task, be_cancelled_in_a_task)
        plain, group, tasks = [await queue.submit(work) for work in works]
        await trio.sleep(1)
        for job in (plain, group, tasks):
            job.cancel()
    assert kinds(plain, group, tasks) == ["failed", "failed", "cancelled"]
    assert (plain.outcome.error, plain.cause) == (error, None)
    assert isinstance(group.outcome.error, ExceptionGroup)
    assert group.outcome.error.exceptions == (error,)


# A cancelled job and its place


@pytest.mark.parametrize("name", ["block", "priority-cancel"])
async def test_a_cancelled_job_makes_room_for_one_whose_submit_waits(
    name: str, autojump_clock: MockClock
) -> None:
    """At once, not when its turn would have come."""
    async with open_audited(strategy=name, capacity=1) as queue, trio.open_nursery() as nursery:
        await queue.submit(sleep(9))
        await wait_all_tasks_blocked()
        job = await queue.submit(sleep())
        nursery.start_soon(queue.submit, sleep())
        await wait_all_tasks_blocked()
        assert queue.audit().submitted == 2
        job.cancel()
        assert (queue.audit().submitted, queue.audit().waiting) == (3, 1)


async def test_a_cancelled_job_makes_room_where_the_next_would_be_refused(
    autojump_clock: MockClock,
) -> None:
    """With drop-on-full; so a full queue can be relieved."""
    async with open_audited(strategy="drop-on-full", capacity=2) as queue:
        await queue.submit(sleep(9))
        await wait_all_tasks_blocked()
        jobs = [await queue.submit(sleep()) for _ in range(2)]
        assert not queue.try_submit(sleep())
        jobs[0].cancel()
        assert queue.try_submit(sleep())
        assert not queue.try_submit(sleep())
        jobs[0].cancel()
        assert not queue.try_submit(sleep())


async def test_a_cancelled_job_makes_room_where_the_oldest_would_be_dropped(
    autojump_clock: MockClock,
) -> None:
    """And is not dropped once more."""
    async with open_audited(strategy="drop-oldest", capacity=2) as queue:
        await queue.submit(sleep(9))
        await wait_all_tasks_blocked()
        jobs = [await queue.submit(sleep()) for _ in range(2)]
        jobs[0].cancel()
        jobs.append(await queue.submit(sleep()))
        assert kinds(*jobs) == ["cancelled", "waiting", "waiting"]


async def test_a_cancelled_job_that_its_strategy_keeps_elsewhere_is_skipped(
    autojump_clock: MockClock,
) -> None:
    """It ends at once all the same, keeps its place until its turn, and never starts."""
    started = []

    def start(number: int) -> Callable[[], Any]:
        async def work() -> None:
            started.append(number)

        return work

    async with open_audited(strategy=Stack(3)) as queue:
        await queue.submit(sleep(1))
        await wait_all_tasks_blocked()
        jobs = [await queue.submit(start(number)) for number in range(3)]
        jobs[1].cancel()
        assert kinds(*jobs) == ["waiting", "cancelled", "waiting"]
        assert queue.audit().waiting == 2
        with pytest.raises(trio.WouldBlock):
            queue.submit_nowait(sleep())
    assert kinds(*jobs) == ["done", "cancelled", "done"]
    assert started == [2, 0]


@pytest.mark.parametrize("how", ["leave", "stop", "raise"])
async def test_a_job_cancelled_while_it_waited_is_not_handed_back(
    how: str, autojump_clock: MockClock
) -> None:
    """It has ended already, wherever its strategy keeps it."""
    for chosen in (Stack(3), Block(3), strategy("priority-cancel", capacity=3)):
        with pytest.raises(KeyError) if how == "raise" else trio.CancelScope():
            async with open_audited(strategy=chosen) as queue:
                await queue.submit(sleep(1))
                await wait_all_tasks_blocked()
                job, other = await queue.submit(sleep()), await queue.submit(sleep())
                job.cancel()
                if how == "stop":
                    await queue.stop()
                if how == "raise":
                    raise KeyError
        assert kinds(job) == ["cancelled"]
        assert kinds(other)[0] in ("done", "handed_back")


# Time limits


async def test_the_limit_of_a_job_counts_from_its_start(autojump_clock: MockClock) -> None:
    """However long it has waited before."""
    async with open_audited() as queue:
        await queue.submit(sleep(10))
        job = await queue.submit(sleep(4), timeout=5)
        late = await queue.submit(sleep(6), timeout=5)
    assert kinds(job, late) == ["done", "timed_out"]
    assert (late.outcome.waited, late.outcome.ran) == (14, 5)
    assert (late.cause, late.outcome.error) == ("timed_out", None)
    assert "5" in late.outcome.reason
    assert trio.current_time() == 19


async def test_a_job_that_ran_too_long_is_no_failure(autojump_clock: MockClock) -> None:
    """Nothing is raised for it, and the next one runs, without its limit."""
    async with open_audited(failures="raise") as queue:
        job = await queue.submit(sleep(6), timeout=5)
        other = await queue.submit(sleep(60))
    assert kinds(job, other) == ["timed_out", "done"]


async def test_jobs_of_a_worker_have_no_limit_from_the_one_before(
    autojump_clock: MockClock,
) -> None:
    """Whether that was done well before its time was up, or just as it was."""

    async def block(seconds: float) -> str:
        autojump_clock.jump(seconds)  # as a handler that lets no other task run
        return "done"

    async with open_audited() as queue:
        first = await queue.submit(partial(block, 4), timeout=5)
        second = await queue.submit(sleep(60))
        third = await queue.submit(partial(block, 6), timeout=5)
        fourth = await queue.submit(sleep(60))
    assert kinds(first, second, third, fourth) == ["done"] * 4


async def test_a_time_limit_in_the_handler_is_its_own_affair(autojump_clock: MockClock) -> None:
    """`trio.TooSlowError` is a failure like others, also of a job with a limit."""

    async def be_too_slow() -> None:
        with trio.fail_after(1):
            await trio.sleep(3)

    async with open_audited(failures="collect") as queue:
        jobs = [await queue.submit(be_too_slow, timeout=timeout) for timeout in (None, 2)]
    assert kinds(*jobs) == ["failed", "failed"]
    assert all(isinstance(job.outcome.error, trio.TooSlowError) for job in jobs)
    assert [job.cause for job in jobs] == [None, None]


async def test_a_job_over_its_limit_can_clean_up(autojump_clock: MockClock) -> None:
    """It is running until its handler has ended, and that counts as time it ran."""
    async with open_audited() as queue:
        job = await queue.submit(tidy_up(3), timeout=1)
        await trio.sleep(2)
        assert (job.state, job.cause) == ("running", "timed_out")
        assert (await job.wait()).ran == 4
    assert kinds(job) == ["timed_out"]


async def test_a_limit_that_passes_unnoticed_is_noticed_when_somebody_asks(
    autojump_clock: MockClock,
) -> None:
    """A handler that is busy without a checkpoint can see that it is late, and a cancel then
    comes second; if it returns, it is done."""
    causes = []

    async def be_busy(then: float) -> None:
        causes.append(current_job().cause)
        autojump_clock.jump(5)
        causes.append(current_job().cause)
        current_job().cancel("not the first")
        causes.append(current_job().cause)
        if then:
            await trio.sleep(then)

    async with open_audited() as queue:
        jobs = [
            await queue.submit(partial(be_busy, 1), timeout=4),
            await queue.submit(partial(be_busy, 0), timeout=4),
        ]
    assert kinds(*jobs) == ["timed_out", "done"]
    assert causes == [None, "timed_out", "timed_out"] * 2


async def test_what_ends_a_job_first_is_its_cause(autojump_clock: MockClock) -> None:
    """Whatever comes while it is cleaning up."""
    async with open_audited(workers=4, grace=50) as queue:
        jobs = [await queue.submit(tidy_up(9), timeout=timeout) for timeout in (5, 1, None, 7)]
        await trio.sleep(2)
        jobs[0].cancel("before its limit")
        jobs[1].cancel("after its limit")
        jobs[2].cancel("before the stop")
        await trio.sleep(1)
        await queue.stop(drain=0, grace=20)
        jobs[3].cancel("after the stop")
    assert kinds(*jobs) == ["cancelled", "timed_out", "cancelled", "interrupted"]
    assert [job.outcome.reason for job in jobs if job.cause == "cancelled"] == [
        "before its limit",
        "before the stop",
    ]


@pytest.mark.parametrize("how", ["cancel", "timeout"])
async def test_what_ended_a_job_first_stays_if_the_block_is_cancelled_too(
    how: str, autojump_clock: MockClock
) -> None:
    """The first cause stays, and so does its reason."""
    with trio.CancelScope() as scope:
        async with open_audited() as queue:
            job = await queue.submit(tidy_up(9), timeout=2)
            await trio.sleep(1)
            if how == "cancel":
                job.cancel("first")
            await trio.sleep(3)
            cause = job.cause
            scope.cancel()
            await trio.sleep_forever()
    assert cause in ("cancelled", "timed_out")
    assert kinds(job) == [cause]
    assert job.cause == cause
    assert ("first" in job.outcome.reason) == (how == "cancel")


# What the handler can see


@pytest.mark.parametrize("how", ["timed_out", "cancelled", "interrupted", "failure", "error"])
async def test_a_cancelled_handler_can_see_why(how: str, autojump_clock: MockClock) -> None:
    """`Job.cause` is the word that its outcome will have; before, it is ``None``."""
    seen: list[str | None] = []

    async def look() -> None:
        try:
            seen.append(current_job().cause)
            await trio.sleep(9)
        except trio.Cancelled:
            seen.append(current_job().cause)
            raise

    expected = {"failure": "cancelled", "error": "cancelled"}.get(how, how)
    errors = {"failure": JobFailed, "error": KeyError}
    with pytest.raises(errors[how]) if how in errors else trio.CancelScope():
        async with open_audited(workers=2) as queue:
            job = await queue.submit(look, timeout=2 if how == "timed_out" else None)
            await trio.sleep(1)
            match how:
                case "cancelled":
                    job.cancel()
                case "interrupted":
                    await queue.stop(drain=1)
                case "failure":
                    await queue.submit(fail(ValueError()))
                    await trio.sleep_forever()
                case "error":
                    raise KeyError
    assert seen == [None, expected]
    assert kinds(job) == [expected]
    assert job.cause == expected


async def test_every_early_end_has_its_word_as_the_cause(autojump_clock: MockClock) -> None:
    """Also of jobs that never ran."""
    async with open_audited(strategy="drop-oldest", capacity=1) as queue:
        await queue.submit(sleep(9))
        await wait_all_tasks_blocked()
        dropped, waiting = await queue.submit(sleep()), await queue.submit(sleep())
        await queue.stop(drain=0)
    assert kinds(dropped, waiting) == ["dropped", "handed_back"]
    assert (dropped.cause, waiting.cause) == ("dropped", "handed_back")
    assert (dropped.outcome.reason, dropped.outcome.ran) == ("oldest", 0)


async def test_a_job_checks_itself(autojump_clock: MockClock) -> None:
    """In each of its states."""
    async with open_audited() as queue:
        job = await queue.submit(sleep(1))
        job.check()
        await wait_all_tasks_blocked()
        job.check()
        await job.wait()
        job.check()


async def test_a_cancelled_job_leaves_a_closed_queue_ending(autojump_clock: MockClock) -> None:
    """The block ends although the last waiting job was cancelled after the close."""
    for chosen in (Block(3), Stack(3)):
        async with open_audited(strategy=chosen) as queue:
            await queue.submit(sleep(2))
            job = await queue.submit(sleep(50))
            queue.close()
            await trio.sleep(1)
            job.cancel()
            with pytest.raises(ChanClosedError):
                await queue.submit(sleep())
    assert trio.current_time() == 4


# Its name, its age, and how far it has come


async def test_a_job_is_called_by_its_number_and_its_handler(autojump_clock: MockClock) -> None:
    """Whatever is called for it; or as somebody has named it."""

    async def fetch(_: object) -> None: ...

    class Fetcher:
        async def __call__(self, _: object) -> None: ...

    for handler, name in [
        (fetch, "fetch"),
        (partial(partial(fetch)), "fetch"),
        (Fetcher(), "Fetcher"),
        (lambda _: fetch(_), "<lambda>"),
    ]:
        async with open_job_queue(handler) as queue:
            jobs = [await queue.submit(None) for _ in range(2)]
            assert [job.name for job in jobs] == [f"job 1 ({name})", f"job 2 ({name})"]
    jobs[0].name = "my own"
    assert [job.name for job in jobs] == ["my own", f"job 2 ({name})"]
    with pytest.raises(TypeError, match="name must be a str, not 5"):
        jobs[0].name = 5
    assert jobs[0].name == "my own"


async def test_the_age_of_a_job_counts_from_its_start(autojump_clock: MockClock) -> None:
    """And stands still at its end."""
    async with open_audited() as queue:
        await queue.submit(sleep(3))
        job = await queue.submit(sleep(4))
        ages = []
        for _ in range(5):
            ages.append(job.age)
            await trio.sleep(2)
    assert ages == [0, 0, 1, 3, 4]


async def test_a_handler_can_say_how_far_it_has_come(autojump_clock: MockClock) -> None:
    """As often as it likes, with a total or without; the last word counts, and remains."""

    async def work() -> None:
        current_job().progress(0, 4)
        await trio.sleep(1)
        current_job().progress(2.5, 4)
        await trio.sleep(1)
        current_job().progress(7)
        await trio.sleep(1)

    async with open_audited() as queue:
        job = queue.submit_nowait(work)
        assert job.progressed is None
        seen = []
        for _ in range(4):
            await trio.sleep(0.75)
            seen.append(job.progressed)
    assert seen == [Progress(0, 4), Progress(2.5, 4), Progress(7), Progress(7)]


async def test_threads_can_say_how_far_they_have_come() -> None:
    """Those that trio starts for a handler."""

    def work() -> None:
        current_job().progress(3, 4)

    async with open_job_queue(trio.to_thread.run_sync) as queue:
        job = await queue.submit(work)
    assert job.progressed == Progress(3, 4)


async def test_a_job_that_does_not_run_makes_no_progress(autojump_clock: MockClock) -> None:
    """What is said comes too early or too late; a thread that was left behind may do so."""
    async with open_audited() as queue:
        await queue.submit(sleep(1))
        job = await queue.submit(sleep(1))
        job.progress(1)
        await job.wait()
        job.progress(2)
    assert job.progressed is None


@pytest.mark.parametrize(
    ("amounts", "error"),
    [
        ((-1,), ValueError),
        ((math.nan,), ValueError),
        ((math.inf,), ValueError),
        ((True,), TypeError),
        (("1",), TypeError),
        ((None,), TypeError),
        ((1, -0.5), ValueError),
        ((1, math.nan), ValueError),
        ((1, math.inf), ValueError),
        ((1, False), TypeError),
        ((1, "2"), TypeError),
        ((1, 2**2000), ValueError),
    ],
    ids=stable,
)
async def test_progress_is_made_in_numbers(
    amounts: tuple[Any, ...], error: type[Exception], autojump_clock: MockClock
) -> None:
    """The error names the one that is none, and what was said before still holds."""
    async with open_audited() as queue:
        job = await queue.submit(sleep(1))
        await wait_all_tasks_blocked()
        job.progress(1, 2)
        with pytest.raises(error, match="^done must" if len(amounts) == 1 else "^total must"):
            job.progress(*amounts)
        assert job.progressed == Progress(1, 2)


@pytest.mark.parametrize(
    ("progress", "fraction", "text"),
    [
        (Progress(3, 12), 0.25, "3/12"),
        (Progress(0.5, 2.0), 0.25, "0.5/2.0"),
        (Progress(0, 0), 1, "0/0"),
        (Progress(5, 4), 1, "5/4"),
        (Progress(5), None, "5"),
    ],
)
def test_progress_can_be_shown(progress: Progress, fraction: float | None, text: str) -> None:
    """As a share if the total is known, never more than all."""
    assert (progress.fraction, str(progress)) == (fraction, text)


async def test_the_jobs_that_run_can_be_listed(autojump_clock: MockClock) -> None:
    """In the order in which they started, with all that a display needs."""

    async def work() -> None:
        current_job().progress(current_job().id, 9)
        await trio.sleep(10 / current_job().id)

    async with open_audited(workers=2) as queue:
        jobs = []
        for _ in range(4):
            jobs.append(await queue.submit(work))
            await trio.sleep(1)
        assert queue.running() == (jobs[0], jobs[1])
        assert [job.age for job in queue.running()] == [4, 3]
        assert [job.progressed for job in queue.running()] == [Progress(1, 9), Progress(2, 9)]
        await trio.sleep(2.5)
        assert queue.running() == (jobs[0], jobs[2])
    assert queue.running() == ()


async def test_the_ways_to_end_early_can_be_told_apart_by_handler_and_record(
    autojump_clock: MockClock,
) -> None:
    """In one queue, side by side: timeout, cancel, stop and failure."""
    seen: dict[int, str | None] = {}

    async def work() -> None:
        try:
            await trio.sleep_forever()
        finally:
            seen[current_job().id] = current_job().cause

    async with open_audited(workers=4, failures="collect") as queue:
        jobs = [await queue.submit(work, timeout=timeout) for timeout in (1, None, None)]
        jobs.append(await queue.submit(fail(KeyError(), after=1)))
        await trio.sleep(2)
        jobs[1].cancel("not needed")
        await queue.stop(drain=1)
    assert kinds(*jobs) == ["timed_out", "cancelled", "interrupted", "failed"]
    assert seen == {1: "timed_out", 2: "cancelled", 3: "interrupted"}
    assert [job.cause for job in jobs] == ["timed_out", "cancelled", "interrupted", None]
    reasons = ["it ran longer than 1 s", "not needed", "the queue was stopped", ""]
    assert [job.outcome.reason for job in jobs] == reasons


async def test_a_job_whose_timeout_is_lifted_may_run_on(autojump_clock: MockClock) -> None:
    """Its main work is over; afterwards there is nothing to lift."""
    jobs: list[Job[int, None]] = []

    async def work(_: int) -> None:
        jobs.append(current_job())
        current_job().lift_timeout()
        await trio.sleep(10)

    async with open_job_queue(work) as queue:
        job = await queue.submit(1, timeout=5)
        assert (await job.wait()).kind == "done"
    jobs[0].lift_timeout()
    assert trio.current_time() == 10

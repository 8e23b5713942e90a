"""The job queue: opening, submitting, waiting, looking, resizing, and leaving it."""

from __future__ import annotations

import inspect
import math
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from random import Random
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from gochan import (
    Chan,
    ChanClosedError,
    Job,
    JobFailed,
    JobQueue,
    Refused,
    UnknownStrategyError,
    current_job,
    open_job_queue,
    strategy,
)
from gochan._core._choice import chance
from gochan._queue._lifecycle import Lifecycle
from gochan.lowlevel import yield_interval
from gochan.strategies import (
    ADMIT,
    WAIT,
    Block,
    DropOnFull,
    Empty,
    Filter,
    PriorityCancel,
    Refuse,
    Strategy,
    Verdict,
)

from ..interrupts import unprotected_steps
from ..lines import stable
from ..work import Stack, auditing, fail, insist, kinds, open_audited, perform, sleep, tidy_up

pytestmark = pytest.mark.usefixtures("both_modes")

BUILT_IN = ["block", "drop-on-full", "priority-cancel"]
ALL = [*BUILT_IN, "drop-oldest"]
KINDS = (
    "done failed timed_out cancelled interrupted refused dropped handed_back".split()  # noqa: SIM905
)


def counts(queue: JobQueue[Any, Any]) -> dict[str, int]:
    """The counts of the audited queue that are not zero."""
    audited = queue.audit()
    names = ["waiting", "running", *KINDS]
    return {name: getattr(audited, name) for name in names if getattr(audited, name)}


# Opening


class AsyncHook:
    """What would never be awaited."""

    async def __call__(self, _: object) -> None: ...


async def generate(_: object) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"handler": None}, TypeError, "handler"),
        ({"handler": 3}, TypeError, "handler"),
        ({"workers": 0}, ValueError, "workers"),
        ({"workers": -1}, ValueError, "workers"),
        ({"name": b"pages"}, TypeError, "name must be a str, not b'pages'"),
        ({"workers": True}, TypeError, "workers"),
        ({"workers": 2.0}, TypeError, "workers"),
        ({"workers": "2"}, TypeError, "workers"),
        ({"capacity": -1}, ValueError, "capacity"),
        ({"capacity": 1.5}, TypeError, "capacity"),
        ({"capacity": True}, TypeError, "capacity"),
        ({"strategy": Block(3), "capacity": 3}, TypeError, "capacity"),
        ({"strategy": Block(3), "capacity": 0}, TypeError, "capacity"),
        ({"strategy": "blok"}, UnknownStrategyError, "block"),
        ({"strategy": "drop-oldest", "capacity": 0}, ValueError, "capacity"),
        ({"strategy": 5}, TypeError, "strategy"),
        ({"strategy": None}, TypeError, "strategy"),
        ({"strategy": Block}, TypeError, "strategy"),
        ({"failures": "ignore"}, ValueError, "failures"),
        ({"failures": None}, ValueError, "failures"),
        ({"grace": -1}, ValueError, "grace"),
        ({"grace": math.nan}, ValueError, "grace"),
        ({"grace": 2**2000}, ValueError, "grace"),
        ({"results": 1}, TypeError, "results must be True or False"),
        ({"grace": True}, TypeError, "grace"),
        ({"grace": "5"}, TypeError, "grace"),
        ({"on_start": 5}, TypeError, "on_start must be a function of a job, not 5"),
        ({"on_end": "print"}, TypeError, "on_end must be a function of a job"),
        ({"on_start": perform}, TypeError, "on_start must be a plain function"),
        ({"on_end": partial(perform)}, TypeError, "on_end must be a plain function"),
        ({"on_end": AsyncHook()}, TypeError, "on_end must be a plain function"),
        ({"on_start": generate}, TypeError, "on_start must be a plain function"),
    ],
    ids=stable,
)
async def test_bad_arguments_are_rejected(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Before anything begins, with a message that helps, and not in a group."""
    handler = options.get("handler", perform)
    others = {name: value for name, value in options.items() if name != "handler"}
    with pytest.raises(error, match=words):
        async with open_job_queue(handler, **others):
            pytest.fail("it was opened")


async def test_a_strategy_serves_one_queue_only() -> None:
    """One that has a channel or a queue already is turned down, and not in a group."""
    used = Block[Any](3)
    Chan(strategy=used)
    with pytest.raises(ValueError, match="another"):
        async with open_job_queue(perform, strategy=used):
            pytest.fail("it was opened")


async def test_a_strategy_that_was_not_initialised_is_rejected() -> None:
    """With a message that names it."""

    class Careless(Strategy[Any]):
        def __init__(self) -> None:
            self.capacity, self.items = 3, deque()

    with pytest.raises(TypeError, match="Careless"):
        async with open_job_queue(perform, strategy=Careless()):
            pytest.fail("it was opened")


@pytest.mark.parametrize("capacity", [None, 3])
@pytest.mark.parametrize("name", ALL)
async def test_a_strategy_can_be_given_by_its_name(
    name: str, capacity: int | None, autojump_clock: MockClock
) -> None:
    """With a capacity, by default 100; the plugins' strategies like the built-in ones."""
    async with open_audited(strategy=name, capacity=capacity) as queue:
        await queue.submit(sleep(9))
        await wait_all_tasks_blocked()
        room = capacity or 100
        assert all(queue.try_submit(sleep()) for _ in range(room))
        assert counts(queue) == {"waiting": room, "running": 1}
        assert queue.try_submit(sleep()) == (name == "drop-oldest")
        queue.close()


@pytest.mark.parametrize(
    "make",
    [
        partial(Block, 2),
        partial(DropOnFull, 2),
        partial(PriorityCancel, 2),
        partial(strategy, "drop-oldest", capacity=2),
        partial(Stack, 2),
    ],
)
async def test_a_strategy_can_be_given_as_an_instance(
    make: Callable[[], Strategy[Any]], autojump_clock: MockClock
) -> None:
    """It is used as it is, and what it holds are jobs, with priority and key."""
    mine = make()
    async with open_audited(strategy=mine) as queue:
        await queue.submit(sleep(9))
        await wait_all_tasks_blocked()
        job = await queue.submit(sleep(), priority=2, key="key")
        assert len(mine) == 1
        item = mine.take(trio.current_time())
        assert (item, item.priority, item.key) == (job, 2, "key")
        mine.offer(item, trio.current_time())
    assert counts(queue) == {"done": 1, "handed_back": 1} if mine is PriorityCancel else {"done": 2}


# Workers


@pytest.mark.parametrize("workers", [1, 2, 5])
async def test_so_many_jobs_run_at_the_same_time(workers: int, autojump_clock: MockClock) -> None:
    """Never more, and not fewer as long as there are enough; each job runs once."""
    running: set[int] = set()
    most, ran = 0, []

    async def work(number: int) -> None:
        nonlocal most
        running.add(number)
        most = max(most, len(running))
        await trio.sleep(1)
        running.remove(number)
        ran.append(number)

    async with open_audited(work, workers=workers) as queue:
        for number in range(20):
            await queue.submit(number)
    assert most == workers
    assert sorted(ran) == [*range(20)]
    assert trio.current_time() == 20 / workers


@pytest.mark.parametrize("name", ALL)
async def test_one_worker_takes_the_jobs_in_their_order(
    name: str, autojump_clock: MockClock
) -> None:
    """The oldest first; that is the default."""
    started = []

    async def work(number: int) -> None:
        started.append(number)
        await trio.sleep(1)

    async with open_audited(work, strategy=name) as queue:
        assert queue.statistics().workers == 1
        for number in range(9):
            await queue.submit(number)
        await queue.join()
    assert started == [*range(9)]


async def test_a_strategy_may_choose_another_order(autojump_clock: MockClock) -> None:
    """Here the newest first, after the one that found the worker idle."""
    started = []

    async def work(number: int) -> None:
        started.append(number)

    async with open_audited(work, strategy=Stack(9)) as queue:
        for number in range(5):
            queue.submit_nowait(number)
    assert started == [0, 4, 3, 2, 1]


# Submitting


async def test_submit_waits_for_room(autojump_clock: MockClock) -> None:
    """With block: those who wait are let in one by one, in the order in which they came."""
    async with open_audited(capacity=1) as queue, trio.open_nursery() as nursery:
        jobs: list[Job[Any, Any]] = []

        async def submit(number: int) -> None:
            await trio.sleep(number / 10)
            jobs.append(await queue.submit(sleep(5, number)))

        for number in range(5):
            nursery.start_soon(submit, number)
        await trio.sleep(1)
        assert counts(queue) == {"waiting": 1, "running": 1}
        await trio.sleep(5)
        assert counts(queue) == {"waiting": 1, "running": 1, "done": 1}
        await queue.join()
        assert [job.outcome.value for job in jobs] == [0, 1, 2, 3, 4]
        assert [job.id for job in jobs] == [1, 2, 3, 4, 5]


async def test_with_capacity_0_submit_waits_for_a_free_worker(autojump_clock: MockClock) -> None:
    """Nothing ever waits in between, and a worker takes straight from the submitter."""
    async with open_audited(workers=2, capacity=0) as queue:
        with trio.move_on_after(1):
            for _ in range(3):
                await queue.submit(sleep(5))
            pytest.fail("nobody was free")
        assert counts(queue) == {"running": 2}
        await queue.submit(sleep(5))
        assert trio.current_time() == 5
        await queue.submit(sleep(5))
        with pytest.raises(trio.WouldBlock):
            queue.submit_nowait(sleep(5))
        await queue.join()
        await wait_all_tasks_blocked()
        assert [queue.try_submit(sleep()) for _ in range(3)] == [True, True, False]
    assert counts(queue) == {"done": 6}


@pytest.mark.parametrize("name", ["block", "priority-cancel"])
async def test_submit_nowait_raises_rather_than_wait(name: str, autojump_clock: MockClock) -> None:
    """`trio.WouldBlock` leaves no trace; ``try_submit`` says no instead."""
    async with open_audited(strategy=name, capacity=2) as queue:
        results = queue.results()
        for number in range(3):
            assert queue.submit_nowait(sleep(1)).id == number + 1
        before = queue.audit()
        with pytest.raises(trio.WouldBlock):
            queue.submit_nowait(sleep())
        assert queue.try_submit(sleep()) is False
        assert queue.audit() == before
        await queue.join()
        assert queue.try_submit(sleep()) is True
        await queue.join()
    assert [job.id async for job in results] == [1, 2, 3, 4]
    assert counts(queue) == {"done": 4}


@pytest.mark.parametrize("how", ["submit", "submit_nowait", "try_submit"])
async def test_a_refused_job_counts_and_its_payload_comes_back(
    how: str, autojump_clock: MockClock
) -> None:
    """At once, with the reason and an honest estimate when to try again."""
    payload = sleep()
    async with open_audited(strategy="drop-on-full", capacity=1) as queue:
        results = queue.results()
        await queue.submit(sleep(4))
        await queue.join()
        for _ in range(2):
            await queue.submit(sleep(4))
            await wait_all_tasks_blocked()
        if how == "try_submit":
            assert queue.try_submit(payload) is False
        else:
            with pytest.raises(Refused) as caught:
                await queue.submit(payload) if how == "submit" else queue.submit_nowait(payload)
            assert (caught.value.reason, caught.value.value) == ("full", payload)
            assert caught.value.retry_after == 8
        assert counts(queue) == {"waiting": 1, "running": 1, "done": 1, "refused": 1}
    jobs = [job async for job in results]
    assert kinds(*jobs) == ["done", "refused", "done", "done"]
    assert (jobs[1].payload, jobs[1].cause) == (payload, "refused")
    assert (jobs[1].outcome.reason, jobs[1].outcome.ran) == ("full", 0)


async def test_with_drop_on_full_the_first_come_stay(autojump_clock: MockClock) -> None:
    """Of five jobs at once, a free worker takes one, two find a place, the rest is refused."""
    async with open_audited(strategy="drop-on-full", capacity=2) as queue:
        assert [queue.try_submit(sleep()) for _ in range(5)] == [True] * 3 + [False] * 2
    assert counts(queue) == {"done": 3, "refused": 2}


@pytest.mark.parametrize("name", ["block", "drop-on-full", "priority-cancel"])
async def test_the_workers_are_ready_when_the_block_begins(name: str) -> None:
    """So the first jobs find them, also where there is no other place."""
    async with open_audited(workers=3, strategy=name, capacity=0) as queue:
        assert [queue.try_submit(sleep()) for _ in range(4)] == [True] * 3 + [False]


async def test_a_strategy_may_refuse_a_waiting_sender(autojump_clock: MockClock) -> None:
    """Then the waiting submit raises, and counts as refused from then on."""

    class Fastidious(Strategy[Any]):
        def offer(self, item: Any, now: float) -> Verdict:
            if len(self.items) < self.capacity and item.key == "bad":
                return Refuse("bad")
            return super().offer(item, now)

    async with open_audited(strategy=Fastidious(1)) as queue, trio.open_nursery() as nursery:
        await queue.submit(sleep(2))
        await wait_all_tasks_blocked()
        await queue.submit(sleep(2))

        async def submit() -> None:
            with pytest.raises(Refused, match="bad") as caught:
                await queue.submit("payload", key="bad")
            assert (trio.current_time(), caught.value.value) == (2, "payload")

        nursery.start_soon(submit)
        await trio.sleep(1)
        assert queue.audit().submitted == 2
        await queue.join()
    assert counts(queue) == {"done": 2, "refused": 1}


@pytest.mark.parametrize("end", ["close", "stop"])
async def test_a_submit_to_a_closed_queue_gives_the_payload_back(
    end: str, autojump_clock: MockClock
) -> None:
    """In every form, also one that waits when it happens, also if the queue is full."""
    errors: list[ChanClosedError] = []

    async def submit(payload: object) -> None:
        with pytest.raises(ChanClosedError) as caught:
            await queue.submit(payload)
        errors.append(caught.value)

    async with open_audited(capacity=1) as queue:
        assert queue.closed is False
        await queue.submit(sleep(9))
        await wait_all_tasks_blocked()
        await queue.submit(sleep(1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(submit, "waits")
            await wait_all_tasks_blocked()
            if end == "close":
                queue.close()
                queue.close()
            else:
                nursery.start_soon(partial(queue.stop, drain=20))
                await wait_all_tasks_blocked()
            assert queue.closed is True
            await submit("comes late")
            for method in (queue.submit_nowait, queue.try_submit):
                with pytest.raises(ChanClosedError) as caught:
                    method("comes late, too")
                errors.append(caught.value)
    values = sorted(error.value for error in errors)
    assert values == ["comes late"] + ["comes late, too"] * 2 + ["waits"]
    assert counts(queue) == {"done": 2} if end == "close" else {"done": 1, "handed_back": 1}


async def test_a_submit_that_is_cancelled_already_submits_nothing(
    autojump_clock: MockClock,
) -> None:
    """Although there is room; each of the hundred times."""
    async with open_audited(capacity=100) as queue:
        for _ in range(100):
            with trio.CancelScope() as scope:
                scope.cancel()
                await queue.submit(sleep())
            assert scope.cancelled_caught
        assert queue.audit().submitted == 0


async def test_a_cancelled_submit_leaves_no_trace(autojump_clock: MockClock) -> None:
    """Neither in the counts nor in the results, and it keeps nobody waiting."""
    started = []

    async def work(number: int) -> None:
        started.append(number)
        await trio.sleep(5)

    async with open_audited(work, capacity=1) as queue:
        results = queue.results()
        for number in range(2):
            await queue.submit(number)
            await wait_all_tasks_blocked()
        with trio.move_on_after(1) as late:
            await queue.submit(2)
        with trio.CancelScope() as early:
            early.cancel()
            await queue.submit(3)
        assert late.cancelled_caught
        assert early.cancelled_caught
        assert queue.audit().submitted == 2
        await queue.submit(4)
        await queue.join()
    assert started == [0, 1, 4]
    assert [job.id async for job in results] == [1, 2, 3]


@pytest.mark.parametrize("capacity", [0, 1])
async def test_a_submit_cancelled_as_it_is_let_in_was_let_in(
    capacity: int, autojump_clock: MockClock
) -> None:
    """It returns its job, although its cancellation is on the way: never half of each."""
    outcomes = []

    async def submit(scope: trio.CancelScope, number: int) -> None:
        with scope:
            outcomes.append((await queue.submit(sleep(1, number))).id)
        if scope.cancelled_caught:
            outcomes.append(None)

    for _ in range(20):
        async with open_audited(capacity=capacity) as queue, trio.open_nursery() as nursery:
            first = await queue.submit(sleep(9))
            await wait_all_tasks_blocked()
            if capacity:
                await queue.submit(sleep(1))
            scope = trio.CancelScope()
            outcomes.clear()
            nursery.start_soon(submit, scope, 1)
            await wait_all_tasks_blocked()
            first.cancel()
            await first.wait()
            await trio.lowlevel.checkpoint()
            scope.cancel()
            await queue.join()
            let_in = queue.audit().submitted == 2 + capacity
            assert outcomes == [2 + capacity if let_in else None]


# Drops and hand-backs


async def test_what_a_strategy_gives_up_ends_as_dropped(autojump_clock: MockClock) -> None:
    """At once, with its reason, and never starts; drop-oldest keeps the newest."""
    started = []

    def start(number: int) -> Callable[[], Any]:
        async def work() -> None:
            started.append(number)

        return work

    async with open_audited(strategy="drop-oldest", capacity=2) as queue:
        await queue.submit(sleep(3))
        await wait_all_tasks_blocked()
        jobs = [queue.submit_nowait(start(0)), queue.submit_nowait(start(1))]
        await trio.sleep(1)
        jobs += [queue.submit_nowait(start(number)) for number in range(2, 5)]
        assert kinds(*jobs) == ["dropped"] * 3 + ["waiting"] * 2
        assert (jobs[0].cause, jobs[0].outcome.reason) == ("dropped", "oldest")
        assert [job.outcome.waited for job in jobs[:3]] == [1, 1, 0]
        assert counts(queue) == {"dropped": 3, "waiting": 2, "running": 1}
        assert (await jobs[1].wait()).kind == "dropped"
    assert started == [3, 4]


@pytest.mark.parametrize("end", ["close", "leave"])
async def test_priority_cancel_hands_waiting_jobs_back_at_a_close(
    end: str, autojump_clock: MockClock
) -> None:
    """At once; no further job starts, and what runs goes on to its end."""
    async with open_audited(strategy="priority-cancel", workers=2) as queue:
        results = queue.results()
        jobs = [await queue.submit(sleep(5, number)) for number in range(6)]
        await trio.sleep(1)
        if end == "close":
            queue.close()
            assert kinds(*jobs) == ["running"] * 2 + ["handed_back"] * 4
            assert jobs[3].outcome.waited == 1
    assert kinds(*jobs) == ["done"] * 2 + ["handed_back"] * 4
    assert trio.current_time() == 5
    assert [job.id async for job in results][:4] == [3, 4, 5, 6]


@pytest.mark.parametrize("name", ["block", "drop-on-full", "drop-oldest"])
async def test_the_other_strategies_let_waiting_jobs_run_after_a_close(
    name: str, autojump_clock: MockClock
) -> None:
    """And the block is left when the last of them has ended."""
    async with open_audited(strategy=name, workers=2) as queue:
        jobs = [await queue.submit(sleep(5)) for _ in range(6)]
        queue.close()
    assert kinds(*jobs) == ["done"] * 6
    assert trio.current_time() == 15


# Failures


async def test_the_first_failure_ends_the_queue_and_the_block(autojump_clock: MockClock) -> None:
    """Running jobs are cancelled, waiting ones handed back; `JobFailed` tells which and why."""
    error = ValueError("no")
    with pytest.raises(JobFailed, match="no") as caught:
        async with open_audited(workers=3) as queue:
            works = (sleep(1), tidy_up(3), fail(error, after=2), sleep(9), sleep(9))
            jobs = [await queue.submit(work) for work in works]
            await trio.sleep_forever()
    assert caught.value.__cause__ is error
    assert caught.value.job is jobs[2]
    assert kinds(*jobs) == ["done", "cancelled", "failed", "cancelled", "handed_back"]
    assert trio.current_time() == 5
    assert [bool(job.outcome.reason) for job in jobs] == [False, True, False, True, True]


async def test_a_failure_after_the_block_was_left_is_raised_too(autojump_clock: MockClock) -> None:
    """As long as jobs run, the block has not ended."""
    with pytest.raises(JobFailed):
        async with open_audited() as queue:
            jobs = [await queue.submit(work) for work in (sleep(5), fail(KeyError()), sleep(5))]
    assert kinds(*jobs) == ["done", "failed", "handed_back"]


async def test_only_the_first_failure_is_raised(autojump_clock: MockClock) -> None:
    """What others raise because they are cancelled is their outcome, and no more."""

    async def fail_to_stop() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError

    with pytest.raises(JobFailed) as caught:
        async with open_audited(workers=3) as queue:
            jobs = [await queue.submit(fail_to_stop) for _ in range(2)]
            jobs.append(await queue.submit(fail(KeyError("first"), after=1)))
    assert isinstance(caught.value.__cause__, KeyError)
    assert kinds(*jobs) == ["failed"] * 3
    assert isinstance(jobs[0].outcome.error, OSError)


@pytest.mark.parametrize("capacity", [0, 1])
async def test_a_failure_while_the_block_waits_for_room_comes_out_plain(
    capacity: int, autojump_clock: MockClock
) -> None:
    """The block is cancelled; that its submit failed would be news to nobody."""
    with pytest.raises(JobFailed):
        async with open_audited(capacity=capacity) as queue:
            for _ in range(9):
                await queue.submit(fail(ValueError(), after=1))


async def test_a_failure_and_what_the_block_raises_come_in_a_group(
    autojump_clock: MockClock,
) -> None:
    """Neither hides the other."""
    mine = RuntimeError("of the block")
    with pytest.raises(ExceptionGroup) as caught:
        async with open_audited() as queue:
            await queue.submit(fail(ValueError("of the job")))
            try:
                await trio.sleep_forever()
            finally:
                raise mine
    failure, other = caught.value.exceptions
    assert isinstance(failure, JobFailed)
    assert isinstance(failure.__cause__, ValueError)
    assert other is mine


async def test_collected_failures_disturb_nobody(autojump_clock: MockClock) -> None:
    """They are outcomes like others, and the worker goes on."""
    errors = [ValueError(number) for number in range(5)]
    async with open_audited(workers=2, failures="collect") as queue:
        jobs = [await queue.submit(work) for error in errors for work in (fail(error), sleep(1))]
    assert kinds(*jobs) == ["failed", "done"] * 5
    assert [job.outcome.error for job in jobs[::2]] == errors


@pytest.mark.parametrize("failures", ["raise", "collect"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_what_is_worse_than_an_exception_always_ends_the_block(
    error: type[BaseException], failures: str, autojump_clock: MockClock
) -> None:
    """It comes out as it is, and the job has failed."""
    raised = error("now")
    with pytest.raises(error) as caught:
        async with open_audited(workers=2, failures=failures) as queue:
            works = (fail(raised, after=1), sleep(9), sleep(9))
            jobs = [await queue.submit(work) for work in works]
            await trio.sleep_forever()
    assert caught.value is raised
    assert kinds(*jobs) == ["failed", "cancelled", "handed_back"]
    assert jobs[0].outcome.error is raised


async def test_errors_from_the_tasks_of_a_handler_are_its_failure(
    autojump_clock: MockClock,
) -> None:
    """They come in a group, as nurseries raise them."""

    async def work() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail(KeyError(), after=1))
            await trio.sleep_forever()

    with pytest.raises(JobFailed) as caught:
        async with open_audited() as queue:
            await queue.submit(work)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


# Leaving the block


async def test_leaving_the_block_finishes_what_is_queued(autojump_clock: MockClock) -> None:
    """It is closed from then on, and left when the last job has ended."""
    closed = []

    async def look() -> None:
        closed.append(queue.closed)
        with pytest.raises(ChanClosedError):
            queue.submit_nowait(sleep())
        await trio.sleep(2)

    async with open_audited() as queue:
        jobs = [await queue.submit(sleep(2)), await queue.submit(look), await queue.submit(look)]
        assert not queue.closed
    assert closed == [True, True]
    assert kinds(*jobs) == ["done"] * 3
    assert trio.current_time() == 6
    with pytest.raises(ChanClosedError):
        await queue.submit(sleep())


async def test_an_unused_queue_is_left_at_once(autojump_clock: MockClock) -> None:
    """Nothing is left behind."""
    async with open_audited(workers=9):
        pass
    assert trio.current_time() == 0
    assert trio.lowlevel.current_statistics().run_sync_soon_queue_size == 0


@pytest.mark.parametrize(
    "error",
    [ValueError(), KeyboardInterrupt(), SystemExit(3), ExceptionGroup("", [OSError()])],
    ids=lambda error: type(error).__name__,
)
async def test_what_the_block_raises_comes_out_as_it_is(
    error: BaseException, autojump_clock: MockClock
) -> None:
    """Not in a group; running jobs are cancelled, waiting ones handed back."""
    with pytest.raises(type(error)) as caught:
        async with open_audited(workers=2) as queue:
            works = (sleep(1), tidy_up(3), sleep(9), sleep(9))
            jobs = [await queue.submit(work) for work in works]
            await trio.sleep(2)
            raise error
    assert caught.value is error
    assert kinds(*jobs) == ["done", "cancelled", "cancelled", "handed_back"]
    assert trio.current_time() == 5


@pytest.mark.parametrize("how", ["return", "break"])
async def test_the_block_may_be_left_by_a_jump(how: str, autojump_clock: MockClock) -> None:
    """That is leaving it normally."""
    jobs: list[Job[Any, Any]] = []

    async def leave() -> None:
        for _ in range(9):
            async with open_audited() as queue:
                jobs.append(await queue.submit(sleep(3)))
                if how == "return":
                    return
                break

    await leave()
    assert kinds(*jobs) == ["done"]


async def test_a_cancelled_block_cancels_what_runs_and_hands_back_the_rest(
    autojump_clock: MockClock,
) -> None:
    """And the cancellation goes on to where it belongs."""
    with trio.move_on_after(2) as scope:
        async with open_audited(workers=2) as queue:
            results = queue.results()
            works = (sleep(1), tidy_up(3), sleep(9), sleep(9))
            jobs = [await queue.submit(work) for work in works]
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert kinds(*jobs) == ["done", "cancelled", "cancelled", "handed_back"]
    assert trio.current_time() == 5
    assert len([job async for job in results]) == 4


@pytest.mark.parametrize("name", [*ALL, None])
async def test_a_cancellation_that_comes_while_the_queue_is_left_ends_every_job(
    name: str | None, autojump_clock: MockClock
) -> None:
    """As one that comes before: no task is left waiting for a job or for the results."""
    with trio.move_on_after(2) as scope:
        async with open_audited(workers=2, strategy=name or Stack(9)) as queue:
            results = queue.results()
            jobs = [await queue.submit(work) for work in (sleep(1), sleep(9))]
            await wait_all_tasks_blocked()
            jobs += [await queue.submit(work) for work in (sleep(9), sleep(9))]
    assert scope.cancelled_caught
    handed_back = "handed_back" if name == "priority-cancel" else "cancelled"
    assert sorted(kinds(*jobs)) == sorted(["done", "cancelled", handed_back, "handed_back"])
    with trio.fail_after(5):
        assert {job async for job in results} == {*jobs}
        assert {(await job.wait()).kind for job in jobs} == {*kinds(*jobs)}


async def test_a_block_cancelled_at_its_very_end_ends_every_job() -> None:
    """Although it was left without an error."""
    with trio.CancelScope() as scope:
        async with open_audited() as queue:
            jobs = [queue.submit_nowait(sleep(5)) for _ in range(3)]
            scope.cancel()
    assert scope.cancelled_caught
    assert {*kinds(*jobs)} <= {"cancelled", "handed_back"}


async def test_a_block_that_is_cancelled_behind_a_shield_ends_every_job(
    autojump_clock: MockClock,
) -> None:
    """The workers are gone when the block has seen nothing of it yet."""
    with trio.CancelScope() as scope:
        async with open_audited() as queue:
            jobs = [await queue.submit(sleep(5)) for _ in range(3)]
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
                scope.cancel()
                await trio.sleep(1)
                jobs.append(queue.submit_nowait(sleep(5)))
    assert scope.cancelled_caught
    assert kinds(*jobs) == ["cancelled"] + ["handed_back"] * 3


async def test_a_block_cannot_be_left_before_a_handler_that_ignores_everything(
    autojump_clock: MockClock,
) -> None:
    """Its job is done when it is done."""
    with trio.move_on_after(1) as scope:
        async with open_audited() as queue:
            job = await queue.submit(insist(7, "done"))
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() == 7
    assert job.outcome.value == "done"


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
async def test_a_strategy_that_raises_cannot_falsify_the_counts(
    error: type[BaseException], autojump_clock: MockClock
) -> None:
    """Its error ends the queue and comes out, and all jobs have ended."""

    class Angry(Strategy[Any]):
        def finished(self, item: Any, now: float, **_: Any) -> None:
            raise error

    with pytest.raises(BaseException) as caught:
        async with open_audited(strategy=Angry(9)) as queue:
            jobs = [await queue.submit(sleep(1)) for _ in range(3)]
            await trio.sleep_forever()
    assert not isinstance(caught.value, AssertionError)
    assert kinds(*jobs) == ["done", "handed_back", "handed_back"]
    assert counts(queue) == {"done": 1, "handed_back": 2}


class Index(Strategy[Any]):
    """Takes a job out of the middle in one step."""

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.jobs: dict[Any, None] = {}

    def offer(self, item: Any, now: float) -> Verdict:
        self.jobs[item] = None
        return ADMIT

    def take(self, now: float) -> Any:
        if not self.jobs:
            raise Empty
        item = next(iter(self.jobs))
        del self.jobs[item]
        return item

    def remove(self, item: Any) -> bool:
        return self.jobs.pop(item, 0) is None

    def __len__(self) -> int:
        return len(self.jobs)


@pytest.mark.parametrize("hook", [None, bool])
async def test_to_cancel_a_waiting_job_takes_as_long_beside_many(
    hook: Any, autojump_clock: MockClock
) -> None:
    """Counted in calls: the queue does the same whether few others wait or many."""

    def count(job: Job[Any, Any]) -> int:
        calls = 0

        def note(*_: object) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(note)
        try:
            job.cancel()
        finally:
            sys.setprofile(None)
        return calls

    found = []
    for waiting in (10, 1000):
        async with open_job_queue(sleep_for_ever, strategy=Index(math.inf), on_end=hook) as queue:
            jobs = [queue.submit_nowait(number) for number in range(waiting)]
            await wait_all_tasks_blocked()
            found.append([count(jobs[-1]), count(jobs[waiting // 2])])
            await queue.stop(drain=0)
    assert found[0] == found[1]
    assert found[0][0] > 0


# Join


async def test_join_waits_until_nothing_waits_or_runs(autojump_clock: MockClock) -> None:
    """By any number of tasks, again and again; at once if there is nothing."""
    joined = []

    async def join(queue: JobQueue[Any, Any]) -> None:
        await queue.join()
        joined.append(trio.current_time())

    async with open_audited(workers=2) as queue:
        await join(queue)
        for _ in range(2):
            for seconds in (1, 2, 3):
                await queue.submit(sleep(seconds))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(join, queue)
                nursery.start_soon(join, queue)
                with trio.move_on_after(1) as scope:
                    await queue.join()
                assert scope.cancelled_caught
        assert not queue.closed
    assert joined == [0, 4, 4, 8, 8]


async def test_join_waits_for_what_jobs_submit(autojump_clock: MockClock) -> None:
    """So a crawler ends when there are no more pages."""
    seen: set[int] = set()

    async def visit(page: int) -> None:
        await trio.sleep(1)
        for link in (2 * page, 2 * page + 1):
            if link < 100 and link not in seen:
                seen.add(link)
                await queue.submit(link)

    async with open_audited(visit, workers=4) as queue:
        seen.add(1)
        await queue.submit(1)
        await queue.join()
        assert seen == {*range(1, 100)}
        assert counts(queue) == {"done": 99}


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("capacity", [0, 1, 100])
async def test_join_leaves_nothing_out_that_is_on_its_way_in(
    capacity: int, workers: int, autojump_clock: MockClock
) -> None:
    """Also jobs whose submit waits for room count, down to the last."""
    async with (
        open_audited(workers=workers, capacity=capacity) as queue,
        trio.open_nursery() as nursery,
    ):
        for seconds in range(10):
            nursery.start_soon(queue.submit, sleep(seconds))
        await wait_all_tasks_blocked()
        await queue.join()
        assert counts(queue) == {"done": 10}


async def test_join_does_not_keep_the_processor_busy_until_somebody_is_let_in(
    autojump_clock: MockClock,
) -> None:
    """A strategy may keep submitters waiting although nothing else waits or runs."""

    class Late(Strategy[Any]):
        def offer(self, item: Any, now: float) -> Verdict:
            return super().offer(item, now) if now >= 5 else WAIT

        def next_change(self, now: float) -> float | None:
            return 5 if now < 5 else None

    async with (
        auditing() as auditor,
        open_audited(strategy=Late(3)) as queue,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(queue.submit, sleep(1))
        await wait_all_tasks_blocked()
        auditor.limit = auditor.steps + 1000
        await queue.join()
        assert trio.current_time() == 6
    assert counts(queue) == {"done": 1}


@pytest.mark.parametrize("end", ["close", "stop", "fail"])
async def test_join_ends_with_the_queue(end: str, autojump_clock: MockClock) -> None:
    """However that ends, since all its jobs end."""
    joined = []

    async def join() -> None:
        await queue.join()
        joined.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        with pytest.raises(JobFailed) if end == "fail" else trio.CancelScope():
            async with open_audited() as queue:
                work = fail(KeyError(), after=2) if end == "fail" else sleep(2)
                await queue.submit(work)
                await queue.submit(sleep(2))
                nursery.start_soon(join)
                await wait_all_tasks_blocked()
                if end == "stop":
                    await queue.stop()
    assert joined == [4 if end == "close" else 2]


# Results


async def test_results_come_in_the_order_in_which_jobs_end(autojump_clock: MockClock) -> None:
    """Whatever their outcome; the iterator ends with the queue."""
    order: list[int] = []

    async def follow(results: AsyncIterator[Job[Any, Any]]) -> None:
        async for job in results:
            assert job.state == "ended"
            order.append(job.id)

    async with (
        trio.open_nursery() as nursery,
        open_audited(workers=9, capacity=1, strategy="drop-on-full", failures="collect") as queue,
    ):
        nursery.start_soon(follow, queue.results())
        works = [sleep(3), fail(KeyError(), after=2), sleep(9), sleep(9), sleep(1)]
        options: list[dict[str, Any]] = [{}, {}, {"timeout": 4}, {}, {}]
        jobs = []
        for work, option in zip(works, options, strict=True):
            jobs.append(await queue.submit(work, **option))
            await wait_all_tasks_blocked()
        jobs[3].cancel()
    assert order == [4, 5, 2, 1, 3]
    assert kinds(*jobs) == ["done", "failed", "timed_out", "cancelled", "done"]


async def test_results_that_are_gone_are_an_error(autojump_clock: MockClock) -> None:
    """Rather than silently only some of them; an iterator taken in time gets all."""
    async with open_audited() as queue:
        first = queue.results()
        jobs = [await queue.submit(sleep(1)) for _ in range(3)]
        second = queue.results()
        await jobs[0].wait()
        with pytest.raises(RuntimeError, match=r"1 job has ended .* results=True"):
            queue.results()
        await queue.join()
        with pytest.raises(RuntimeError, match=r"3 jobs have ended"):
            queue.results()
    with pytest.raises(RuntimeError, match=r"3 jobs have ended"):
        queue.results()
    found = [[job.id async for job in results] for results in (first, second)]
    assert found == [[1, 2, 3]] * 2


async def test_results_can_be_kept_for_later(autojump_clock: MockClock) -> None:
    """All of them from the start, for each call, also when the queue has ended."""
    async with open_audited(results=True, capacity=math.inf) as queue:
        first = queue.results()
        for _ in range(2000):
            queue.submit_nowait(sleep())
        await queue.join()
        second = queue.results()
        await queue.submit(sleep(1))
    for results in (first, second, queue.results(), queue.results()):
        assert [job.id async for job in results] == [*range(1, 2002)]


async def test_each_iterator_gets_every_job(autojump_clock: MockClock) -> None:
    """They do not take from each other; one that is given up is no loss to the rest."""
    found: dict[int, list[int]] = {0: [], 1: [], 2: []}

    async def follow(number: int, results: AsyncIterator[Job[Any, Any]]) -> None:
        async for job in results:
            found[number].append(job.id)
            if number == 2:
                break

    async with trio.open_nursery() as nursery, open_audited(workers=2) as queue:
        for number in found:
            nursery.start_soon(follow, number, queue.results())
        for _ in range(6):
            await queue.submit(sleep(1))
    assert sorted(found[0]) == [1, 2, 3, 4, 5, 6]
    assert found[1] == found[0]
    assert found[2] == found[0][:1]


async def test_the_results_of_a_queue_without_jobs_end(autojump_clock: MockClock) -> None:
    """Nothing is missing there, however late somebody asks."""
    async with open_audited() as queue:
        pass
    assert [job.id async for job in queue.results()] == []


async def test_results_end_when_the_last_job_has_ended_after_a_close(
    autojump_clock: MockClock,
) -> None:
    """Not before, and in the block too."""
    async with open_audited() as queue:
        await queue.submit(sleep(2))
        await queue.submit(sleep(2))
        results = queue.results()
        queue.close()
        assert [job.id async for job in results] == [1, 2]
        assert trio.current_time() == 4
        queue.close()


async def test_results_can_be_closed(autojump_clock: MockClock) -> None:
    """As other iterators; the jobs that end afterwards do not mind."""
    async with open_audited(results=True) as queue:
        await queue.submit(sleep(1))
        results = queue.results()
        if hasattr(results, "aclose"):
            async with aclosing(results):
                assert (await anext(results)).id == 1
        others = queue.results()
        await queue.submit(sleep(1))
    assert [job.id async for job in others] == [1, 2]
    assert counts(queue) == {"done": 2}


async def test_a_refusal_after_the_end_of_the_results_is_a_refusal(
    autojump_clock: MockClock,
) -> None:
    """A submit that was refused at the instant of the close still says so."""

    class Fastidious(Strategy[Any]):
        def offer(self, item: Any, now: float) -> Verdict:
            if len(self.items) < self.capacity and item.key == "bad":
                return Refuse("bad")
            return super().offer(item, now)

    async def submit() -> None:
        with pytest.raises(Refused, match="bad"):
            await queue.submit(sleep(), key="bad")

    async with open_audited(strategy=Fastidious(1)) as queue, trio.open_nursery() as nursery:
        results = queue.results()
        running = await queue.submit(sleep(9))
        await wait_all_tasks_blocked()
        waiting = await queue.submit(sleep())
        nursery.start_soon(submit)
        await wait_all_tasks_blocked()
        waiting.cancel()
        running.cancel()
        queue.close()
        await running.wait()
    assert counts(queue) == {"cancelled": 2, "refused": 1}
    assert {job.id async for job in results} >= {1, 2}


# Looking


async def test_statistics_count_every_job_under_one_name(autojump_clock: MockClock) -> None:
    """The first is the sum of the ten that follow: waiting, running, and the eight kinds."""
    names = ["submitted", "waiting", "running", *KINDS]
    async with open_audited(workers=2, strategy="drop-oldest", capacity=2) as queue:
        assert [getattr(queue.statistics(), name) for name in names] == [0] * 11
        for work in (sleep(9), sleep(1)):
            await queue.submit(work)
            await wait_all_tasks_blocked()
        for _ in range(5):
            await queue.submit(sleep(9))
        await trio.sleep(2)
        statistics = queue.statistics()
        assert [getattr(statistics, name) for name in names] == [7, 1, 2, 1, 0, 0, 0, 0, 0, 3, 0]
        assert queue.audit() == statistics
        await queue.stop(drain=0)
        statistics = queue.statistics()
        assert [getattr(statistics, name) for name in names] == [7, 0, 0, 1, 0, 0, 0, 2, 0, 3, 1]


async def test_statistics_tell_how_fast_jobs_go(autojump_clock: MockClock) -> None:
    """Per second since the queue was opened; jobs that never ran do not count."""
    await trio.sleep(5)
    async with open_audited(workers=2, failures="collect") as queue:
        assert queue.statistics().jobs_per_second == 0
        for work in (sleep(2), fail(KeyError(), after=2), sleep(2)):
            await queue.submit(work)
        (await queue.submit(sleep(2))).cancel()
        await trio.sleep(8)
        assert queue.statistics().jobs_per_second == 3 / 8


async def test_the_worst_wait_is_what_a_new_job_must_expect(autojump_clock: MockClock) -> None:
    """(waiting + 1) x mean time / workers; unknown until a job has run."""
    async with open_audited(workers=2) as queue:
        for seconds in (2, 4):
            await queue.submit(sleep(seconds))
        assert queue.statistics().worst_wait is None
        await queue.join()
        assert queue.statistics().worst_wait == 1 * 3 / 2
        for _ in range(7):
            await queue.submit(sleep(3))
        await trio.sleep(1)
        assert queue.statistics().worst_wait == 6 * 3 / 2
        queue.resize(3)
        await wait_all_tasks_blocked()
        assert queue.statistics().worst_wait == 5 * 3 / 3


async def test_an_audit_fails_if_a_strategy_delivers_what_was_never_submitted(
    autojump_clock: MockClock,
) -> None:
    """And tells the counts."""

    class Forger(Strategy[Any]):
        def forge(self, job: Job[Any, Any]) -> None:
            self.items.append(job)

    forger = Forger(3)
    async with open_job_queue(perform) as other, open_job_queue(perform, strategy=forger) as queue:
        await queue.submit(sleep(1))
        await other.submit(sleep(1))
        job = await other.submit(sleep(1))
        await wait_all_tasks_blocked()
        assert job.state == "waiting"
        queue.audit()
        forger.forge(job)
        with pytest.raises(AssertionError, match="submitted=1"):
            queue.audit()
        forger.items.clear()


async def test_a_repr_tells_the_state_of_a_queue(autojump_clock: MockClock) -> None:
    """What it is at, how much waits and runs, and on how many workers."""
    async with open_audited(workers=2) as queue:
        for _ in range(5):
            await queue.submit(sleep(1))
        await wait_all_tasks_blocked()
        assert (queue.phase, repr(queue)) == (
            "run",
            "<gochan.JobQueue: run, 3 waiting, 2 running on 2 workers>",
        )


async def test_a_queue_is_called_by_its_name() -> None:
    """By default that is the name of its handler; jobs, workers and errors have it, too."""
    seen: list[str] = []

    async def handle(_: None) -> None:
        seen.append(trio.lowlevel.current_task().name)

    async with open_job_queue(handle) as queue, open_job_queue(handle, name="pages") as named:
        assert (queue.name, named.name) == ("handle", "pages")
        jobs = [await queue.submit(None), await named.submit(None)]
        assert [job.name for job in jobs] == ["job 1 (handle)", "job 1 (pages)"]
        named.close()
        with pytest.raises(ChanClosedError, match=r"JobQueue 'pages': run, .* no more jobs"):
            await named.submit(None)
    assert {*seen} == {"worker of handle", "worker of pages"}


# Resizing


@asynccontextmanager
async def open_counted(
    workers: int, jobs: int = 100
) -> AsyncIterator[tuple[JobQueue[Any, Any], Callable[[], int]]]:
    """Open a queue with jobs of one second, beside a function that counts those that run."""
    async with open_audited(workers=workers) as queue:
        for _ in range(jobs):
            queue.submit_nowait(sleep(1))
        await trio.sleep(0.5)
        yield queue, lambda: queue.statistics().running
        await queue.stop()


async def test_more_workers_run_more_jobs_at_once(autojump_clock: MockClock) -> None:
    """As soon as the new ones have come up."""
    async with open_counted(workers=1) as (queue, running):
        assert running() == 1
        queue.resize(5)
        assert queue.statistics().workers == 5
        await wait_all_tasks_blocked()
        assert running() == 5
        queue.resize(5)
        await trio.sleep(2.75)
        assert running() == 5


async def test_workers_to_go_finish_their_jobs_first(autojump_clock: MockClock) -> None:
    """None of their jobs is cancelled, and they take no other."""
    async with open_counted(workers=5) as (queue, running):
        queue.resize(2)
        assert (running(), queue.statistics().workers) == (5, 2)
        await trio.sleep(1)
        assert (running(), queue.audit().done) == (2, 5)
        await trio.sleep(1)
        assert (running(), queue.audit().done) == (2, 7)


async def test_workers_that_shall_go_can_stay(autojump_clock: MockClock) -> None:
    """If there shall be more again before they are gone."""
    async with open_counted(workers=4) as (queue, running):
        queue.resize(1)
        queue.resize(3)
        queue.resize(2)
        queue.resize(4)
        await wait_all_tasks_blocked()
        assert running() == 4
        for _ in range(3):
            await trio.sleep(1)
            assert running() == 4
        queue.resize(6)
        queue.resize(2)
        await trio.sleep(1)
        assert running() == 2


async def test_idle_workers_go_at_once(autojump_clock: MockClock) -> None:
    """And idle ones can be had back."""
    async with open_audited(workers=5) as queue:
        await wait_all_tasks_blocked()
        for workers, at_once in [(2, 2), (4, 4), (1, 1), (1, 1)]:
            queue.resize(workers)
            await wait_all_tasks_blocked()
            for _ in range(9):
                await queue.submit(sleep(1))
            await wait_all_tasks_blocked()
            assert counts(queue)["running"] == at_once
            await queue.join()
        queue.resize(3)
        queue.resize(1)
        for _ in range(3):
            await queue.submit(sleep(1))
        await trio.sleep(0.5)
        assert queue.audit().running == 1


async def test_a_handler_may_resize_its_queue(autojump_clock: MockClock) -> None:
    """Also below its own worker; it finishes its job."""

    async def shrink() -> None:
        queue.resize(1)
        await trio.sleep(1.5)
        queue.resize(3)

    async with open_audited(workers=2) as queue:
        jobs = [await queue.submit(work) for work in (shrink, *[sleep(1)] * 7)]
        await trio.sleep(1.75)
        assert queue.audit().running == 3
    assert kinds(*jobs) == ["done"] * 8


async def test_jobs_on_new_workers_inherit_nothing_from_the_task_that_resized(
    autojump_clock: MockClock,
) -> None:
    """Their current job is their own, also if a handler has called for the workers."""
    found = []

    async def grow() -> None:
        queue.resize(3)
        await trio.sleep(1)

    async def look() -> None:
        found.append(current_job())
        await trio.sleep(1)

    async with open_audited() as queue:
        jobs = [await queue.submit(work) for work in (grow, look, look)]
    assert sorted(found, key=lambda job: job.id) == jobs[1:]


@pytest.mark.parametrize(
    ("workers", "error"), [(0, ValueError), (-2, ValueError), (True, TypeError), (1.0, TypeError)]
)
async def test_a_queue_cannot_be_resized_to_just_anything(
    workers: Any, error: type[Exception], autojump_clock: MockClock
) -> None:
    """A worker must remain, and nothing has changed after an error."""
    async with open_audited(workers=2) as queue:
        with pytest.raises(error, match="workers"):
            queue.resize(workers)
        assert queue.statistics().workers == 2
        await queue.submit(sleep())


async def test_resizing_while_the_queue_ends_does_no_harm(autojump_clock: MockClock) -> None:
    """After a close, what waits still runs, on more workers or on fewer."""
    for workers, seconds in [(4, 3), (1, 9)]:
        before = trio.current_time()
        async with open_audited(workers=2) as queue:
            jobs = [await queue.submit(sleep(1)) for _ in range(10)]
            await trio.sleep(0.5)
            queue.close()
            queue.resize(workers)
        assert kinds(*jobs) == ["done"] * 10
        assert trio.current_time() - before == seconds


async def test_resizing_after_the_end_does_no_harm(autojump_clock: MockClock) -> None:
    """To more or to fewer, by code that does not know of the end, such as a hook that is called
    with a job that is handed back when the last worker has gone."""
    async with open_audited() as queue:
        pass
    for workers in (3, 1):
        queue.resize(workers)
    seen = []

    def grow(job: Job[Any, Any]) -> None:
        queue.resize(5)
        seen.append(job.outcome.kind)

    with trio.move_on_after(1):
        async with open_job_queue(perform, on_end=grow) as queue:
            for _ in range(3):
                await queue.submit(sleep(9))
    assert sorted(seen) == ["cancelled", "handed_back", "handed_back"]


# Strategies that learn from what has ended


class OnePerKey(Strategy[Job[Any, Any]]):
    """Of each key only one job runs at a time."""

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.busy: set[Any] = set()

    def take(self, now: float) -> Job[Any, Any]:
        for index, job in enumerate(self.items):
            if job.key not in self.busy:
                self.busy.add(job.key)
                del self.items[index]
                return job
        raise Empty

    def finished(self, item: Job[Any, Any], now: float, **details: Any) -> None:
        super().finished(item, now, **details)
        self.busy.discard(item.key)


@pytest.mark.parametrize("workers", [1, 2, 5])
async def test_a_strategy_is_asked_again_when_a_job_has_ended(
    workers: int, autojump_clock: MockClock
) -> None:
    """What it has learnt may let the next one go, though nobody submits or asks."""
    async with open_audited(workers=workers, strategy=OnePerKey(99)) as queue:
        jobs = [await queue.submit(sleep(1), key=key) for key in "aabbab"]
    assert kinds(*jobs) == ["done"] * 6
    assert trio.current_time() == (6 if workers == 1 else 3)


async def test_a_strategy_is_told_of_every_job_that_it_gave_out(autojump_clock: MockClock) -> None:
    """Also of those that were cancelled before they could start."""
    async with open_audited(workers=1, strategy=OnePerKey(99)) as queue:
        cancelled = queue.submit_nowait(sleep(1), key="k")
        cancelled.cancel()
        first = queue.submit_nowait(sleep(1), key="k")
        waiting = queue.submit_nowait(sleep(1), key="k")
        await wait_all_tasks_blocked()
        waiting.cancel()
        last = queue.submit_nowait(sleep(1), key="k")
    assert kinds(cancelled, first, waiting, last) == ["cancelled", "done", "cancelled", "done"]


async def test_a_broken_strategy_leaves_no_job_without_an_end(autojump_clock: MockClock) -> None:
    """Those that it still holds are known to the queue, too."""

    class Broken(Strategy[Any]):
        taken = 0

        def take(self, now: float) -> Any:
            if self.taken and self.items:
                raise LookupError("broken")
            item = super().take(now)
            self.taken += 1
            return item

        def close(self) -> list[Any]:
            raise LookupError("broken, too")

    with pytest.raises(LookupError, match=r"^broken\n.*Broken"):
        async with open_job_queue(perform, workers=1, strategy=Broken(9)) as queue:
            jobs = [await queue.submit(sleep(1)) for _ in range(3)]
            await trio.sleep(5)
    assert kinds(*jobs) == ["done", "handed_back", "handed_back"]


async def test_a_close_that_hands_back_reaches_jobs_in_the_hands_of_workers(
    autojump_clock: MockClock,
) -> None:
    """With priority-cancel, no further job starts; other strategies let them run."""
    for name, kind in [("priority-cancel", "handed_back"), ("block", "done")]:
        async with open_audited(workers=2, strategy=name) as queue:
            jobs = [queue.submit_nowait(sleep(1)) for _ in range(3)]
            queue.close()
        assert kinds(*jobs) == [kind] * 3


async def test_a_close_that_only_listens_hands_nothing_back(autojump_clock: MockClock) -> None:
    """Whether jobs in the hands of workers are handed back, too, is said by the strategy."""

    class Listening(Strategy[Any]):
        def close(self) -> list[Any]:
            return []

    for listening in (Listening(9), Filter[Any]() | Listening(9)):
        async with open_audited(workers=2, strategy=listening) as queue:
            jobs = [queue.submit_nowait(sleep(1)) for _ in range(2)]
            queue.close()
        assert kinds(*jobs) == ["done"] * 2
    async with open_audited(workers=2, strategy=Filter[Any]() | PriorityCancel(9)) as queue:
        jobs = [queue.submit_nowait(sleep(1)) for _ in range(3)]
        queue.close()
    assert kinds(*jobs) == ["handed_back"] * 3


async def test_no_job_starts_after_the_queue_was_cancelled(autojump_clock: MockClock) -> None:
    """Those that wait are handed back, also out of the hands of workers."""
    with trio.CancelScope() as scope:
        async with open_job_queue(perform, workers=2) as queue:
            jobs = [queue.submit_nowait(sleep(1)) for _ in range(3)]
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert kinds(*jobs) == ["handed_back"] * 3


async def test_a_handler_knows_that_the_queue_was_cancelled(autojump_clock: MockClock) -> None:
    """Whether the handler or the block learns of it first."""
    causes = []

    async def handle(_: object) -> None:
        try:
            await trio.sleep_forever()
        finally:
            causes.append(current_job().cause)

    for seed in range(10):
        trio._core._run._r.seed(seed)  # type: ignore[attr-defined]
        with trio.move_on_after(1):
            async with open_job_queue(handle, workers=2) as queue:
                await queue.submit(None)
                if seed % 2:
                    await trio.sleep_forever()
    assert causes == ["cancelled"] * 10


# Threads, and interrupts


async def test_join_lets_others_run(autojump_clock: MockClock) -> None:
    """As every async call does, though nothing has to be waited for."""
    async with open_job_queue(perform) as queue:
        with yield_interval(0), assert_checkpoints():
            await queue.join()


async def test_other_threads_are_turned_away() -> None:
    """With an error that says what to do; nothing has changed."""
    async with open_audited(workers=1) as queue:
        job = await queue.submit(sleep(0.1))
        before = queue.statistics().submitted

        async def elsewhere() -> None:
            refuse()

        def refuse() -> None:
            for action in (
                lambda: queue.submit_nowait(sleep()),
                lambda: queue.try_submit(sleep()),
                lambda: queue.resize(3),
                job.cancel,
            ):
                with pytest.raises(RuntimeError, match=r"inside trio\.run"):
                    action()

        await trio.to_thread.run_sync(refuse)
        await trio.to_thread.run_sync(trio.run, elsewhere)
        assert (queue.statistics().submitted, queue.statistics().workers) == (before, 1)
    assert kinds(job) == ["done"]


async def test_interrupts_strike_handlers_but_not_the_books(autojump_clock: MockClock) -> None:
    """Control-C inside the bookkeeping would falsify it."""
    protected = []

    class Watching(Strategy[Any]):
        def finished(self, item: Any, now: float, **details: Any) -> None:
            protected.append(("books", trio.lowlevel.currently_ki_protected()))

    async def handle(_: object) -> None:
        protected.append(("handler", trio.lowlevel.currently_ki_protected()))

    async with open_job_queue(handle, strategy=Watching(9)) as queue:
        await queue.submit(None)
    assert protected == [("handler", False), ("books", True)]


def books(queue: JobQueue[Any, Any]) -> tuple[object, ...]:
    """All of a queue that an operation can change."""
    audited, countdown = queue.audit(), queue._stop.countdown
    return (
        *[getattr(audited, name) for name in ("submitted", "waiting", "running", *KINDS)],
        (queue.closed, queue.phase, audited.workers, queue._workers._surplus),
        len(queue._workers.nursery.child_tasks),
        len(queue._lives.results._streams),
        len(queue._lives.listeners),
        (countdown.drain_end, countdown.hard_end, countdown.grace),
        countdown._scope.cancel_called,
        [job.cause for job in queue.running()],
        queue._lives.halting,
    )


Change: TypeAlias = Callable[[JobQueue[Any, Any]], Any]

# What changes a queue that has two busy workers and three waiting jobs.
CHANGES: dict[str, tuple[Change, ...]] = {
    "submit": (lambda queue: queue.submit(sleep()),),
    "submit_nowait": (lambda queue: queue.submit_nowait(sleep()),),
    "try_submit": (lambda queue: queue.try_submit(sleep()),),
    "a refused submit": (
        lambda queue: queue.try_submit(sleep(), key="fills it up"),
        lambda queue: queue.try_submit(sleep()),
    ),
    "close": (lambda queue: queue.close(),),
    "results": (lambda queue: queue.results(),),
    "resize to more": (lambda queue: queue.resize(4),),
    "resize to fewer": (lambda queue: queue.resize(1),),
    "stop_soon": (lambda queue: queue.stop_soon(drain=9),),
    "stop_soon, queued": (lambda queue: queue.stop_soon(drain=9, finish="queued"),),
    "stop_soon, sooner": (
        lambda queue: queue.stop_soon(drain=9, finish="queued"),
        lambda queue: queue.stop_soon(drain=5, grace=2),
    ),
    "hasten": (
        lambda queue: queue.stop_soon(drain=9),
        lambda queue: queue.hasten(),
    ),
    "cancel what runs": (lambda queue: queue.running()[0].cancel(),),
    "cancel what waits": (lambda queue: next(iter(queue._ledger.waiting)).cancel(),),
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_an_interrupt_finds_each_change_done_or_not_begun(
    changes: tuple[Change, ...], autojump_clock: MockClock
) -> None:
    """At whatever step Control-C may strike, the call has happened entirely, or not at all."""
    seen = []

    def look(*_: object) -> None:
        if not trio.lowlevel.currently_ki_protected():
            sys.setprofile(None)
            now = books(queue)
            if now not in seen:
                seen.append(now)
            sys.setprofile(look)

    *before, change = changes
    with pytest.raises(KeyError):
        async with open_job_queue(
            sleep_for_ever, workers=2, strategy="drop-on-full", capacity=4
        ) as queue:
            for number in range(5):
                await queue.submit(number)
                await wait_all_tasks_blocked()
            for each in before:
                each(queue)
            seen.append(books(queue))
            sys.setprofile(look)  # it is called at each call and return, of whatever function
            try:
                with yield_interval(60):  # or other tasks would be seen as they go on
                    result = change(queue)
                    if inspect.isawaitable(result) and not isinstance(result, Job):
                        await result
            finally:
                sys.setprofile(None)
            assert books(queue) in seen
            assert len(seen) == 2
            raise KeyError


@pytest.mark.parametrize(
    ("error", "function"), [(None, Lifecycle.close), (KeyError, Lifecycle.abandon)]
)
async def test_leaving_the_block_is_protected_from_an_interrupt(
    error: type[Exception] | None, function: Callable[..., Any], autojump_clock: MockClock
) -> None:
    """At every step in which the books change, whichever way it is left."""

    async def open_and_leave() -> None:
        with suppress(KeyError):
            async with open_job_queue(sleep_for_ever, workers=1, capacity=9) as queue:
                for number in range(3):
                    await queue.submit(number)
                if error is not None:
                    raise error
                queue.stop_soon(drain=0, grace=0)

    assert await unprotected_steps(function, open_and_leave) == []


async def test_a_strategy_that_breaks_at_the_end_is_heard_beside_the_block(
    autojump_clock: MockClock,
) -> None:
    """Both errors come out, and every job ends."""

    class Broken(Strategy[Any]):
        def close(self) -> list[Any]:
            raise LookupError

    with pytest.raises(BaseExceptionGroup) as caught:
        async with open_job_queue(perform, strategy=Broken(9)) as queue:
            jobs = [await queue.submit(sleep(1)) for _ in range(3)]
            raise KeyError
    assert caught.group_contains(LookupError, depth=1)
    assert caught.group_contains(KeyError, depth=1)
    assert "done" not in kinds(*jobs)
    queue.audit()


async def test_results_wait_for_a_refusal_that_is_under_way(autojump_clock: MockClock) -> None:
    """The queue may end between the refusal of a submitter that waits and its next step."""

    class Fickle(Strategy[Any]):
        asked = 0

        def offer(self, item: Any, now: float) -> Verdict:
            if item.key != "unwanted":
                return super().offer(item, now)
            self.asked += 1
            return WAIT if self.asked == 1 else Refuse("unwanted")

    async def fail_at_once() -> None:
        raise KeyError

    async def submit() -> None:
        with pytest.raises(Refused):
            await queue.submit(sleep(1), key="unwanted")

    async with trio.open_nursery() as nursery:
        with pytest.raises(JobFailed):
            async with open_job_queue(perform, strategy=Fickle(9)) as queue:
                results = queue.results()
                ended = [await queue.submit(sleep(1)), await queue.submit(fail_at_once)]
                nursery.start_soon(submit)
                await trio.sleep(5)
        told = [job async for job in results]
        assert {*ended} < {*told}
        assert sorted(kinds(*told)) == ["done", "failed", "refused"]


# Hooks


class Witness:
    """Sees every job start and end, and that the books are right at that moment."""

    def __init__(self) -> None:
        self.queue: JobQueue[Any, Any]
        self.started: list[Job[Any, Any]] = []
        self.ended: list[Job[Any, Any]] = []

    def on_start(self, job: Job[Any, Any]) -> None:
        assert trio.lowlevel.currently_ki_protected()
        assert (job.state, job.outcome) == ("running", None)
        assert job in self.queue.running()
        assert job not in [*self.started, *self.ended]
        self.queue.audit()
        self.started.append(job)

    def on_end(self, job: Job[Any, Any]) -> None:
        assert trio.lowlevel.currently_ki_protected()
        assert job.state == "ended"
        assert job.outcome is not None
        assert job not in self.queue.running()
        assert job not in self.ended
        self.queue.audit()
        self.ended.append(job)


@asynccontextmanager
async def open_witnessed(**options: Any) -> AsyncIterator[tuple[JobQueue[Any, Any], Witness]]:
    witness = Witness()
    hooks = {"on_start": witness.on_start, "on_end": witness.on_end}
    async with open_audited(**hooks, **options) as queue:
        witness.queue = queue
        yield queue, witness


async def test_hooks_see_each_job_start_and_end_once(autojump_clock: MockClock) -> None:
    """Whatever its outcome, and whether it ever ran."""
    options: dict[str, Any] = {"workers": 2, "capacity": 3, "failures": "collect"}
    async with open_witnessed(strategy="drop-oldest", **options) as (queue, witness):
        jobs = [
            await queue.submit(fail(KeyError(), after=1)),
            await queue.submit(sleep(9), timeout=2),
        ]
        await wait_all_tasks_blocked()
        jobs += [await queue.submit(sleep(1)) for _ in range(4)]
        jobs[3].cancel()
        jobs.append(await queue.submit(sleep(99)))
        await trio.sleep(5)
        jobs += [await queue.submit(sleep(99)) for _ in range(2)]
        await trio.sleep(1)
        jobs[6].cancel()
        await queue.stop(drain=1)
    expected = ["failed", "timed_out", "dropped", "cancelled", "done", "done"]
    assert kinds(*jobs) == [*expected, "cancelled", "interrupted", "handed_back"]
    assert {*witness.ended} == {*jobs}
    assert {*witness.started} == {*jobs} - {jobs[2], jobs[3], jobs[8]}
    assert witness.ended[:2] == [jobs[2], jobs[3]]


@pytest.mark.parametrize("how", ["refused", "closed", "stopped", "abandoned", "cancelled"])
async def test_hooks_see_the_end_of_jobs_that_never_ran(
    how: str, autojump_clock: MockClock
) -> None:
    """Also of those that were refused; but not of what was never let in."""
    name = "priority-cancel" if how == "closed" else "drop-on-full"
    end = pytest.raises(KeyError) if how == "abandoned" else trio.CancelScope()
    with trio.CancelScope() as scope, end:
        async with open_witnessed(strategy=name, capacity=2) as (queue, witness):
            await queue.submit(sleep(1))
            await wait_all_tasks_blocked()
            for _ in range(2):
                await queue.submit(sleep(1))
            if how == "refused":
                assert not queue.try_submit(sleep(1))
                with pytest.raises(Refused):
                    await queue.submit(sleep(1))
                assert kinds(*witness.ended) == ["refused", "refused"]
            if how == "closed":
                queue.close()
                with pytest.raises(ChanClosedError):
                    await queue.submit(sleep(1))
            if how == "stopped":
                await queue.stop()
            if how == "abandoned":
                raise KeyError
            if how == "cancelled":
                scope.cancel()
    assert len(witness.ended) == queue.statistics().submitted
    ran = {"abandoned": "cancelled", "cancelled": "cancelled"}.get(how, "done")
    never_ran = "done" if how == "refused" else "handed_back"
    rest = ["refused"] * 2 if how == "refused" else []
    assert sorted(kinds(*witness.ended)) == sorted([ran, never_ran, never_ran, *rest])


async def test_hooks_may_submit_further_jobs(autojump_clock: MockClock) -> None:
    """As long as the queue is open; a join waits for them, too."""
    generations = {"start": 3, "end": 3}

    def submit_another(when: str, job: Job[Any, Any]) -> None:
        if generations[when]:
            generations[when] -= 1
            queue.submit_nowait(sleep(1))

    async with open_audited(
        on_start=partial(submit_another, "start"), on_end=partial(submit_another, "end")
    ) as queue:
        await queue.submit(sleep(1))
        await queue.join()
        assert counts(queue) == {"done": 7}
        assert trio.current_time() == 7


@pytest.mark.parametrize("deed", ["cancel", "submit", "refuse"])
async def test_hooks_may_end_any_number_of_jobs_in_a_cascade(
    deed: str, autojump_clock: MockClock
) -> None:
    """Each end leads to the next one, and the hook is told of all, in their order."""
    number = 20_000
    told: list[int] = []

    def go_on(job: Job[Any, Any]) -> None:
        told.append(job.id)
        assert sys._getframe().f_back.f_back.f_code.co_name != "go_on"
        if len(told) < number:
            if deed == "cancel":
                jobs[len(told)].cancel()
            elif deed == "submit":
                queue.submit_nowait(None).cancel()
            else:
                assert not queue.try_submit(None)

    name, capacity = ("drop-on-full", 1) if deed == "refuse" else ("block", number)
    async with open_job_queue(
        sleep_for_ever, on_end=go_on, strategy=name, capacity=capacity
    ) as queue:
        await queue.submit(None)
        await wait_all_tasks_blocked()
        jobs = [queue.submit_nowait(None) for _ in range(number if deed == "cancel" else 1)]
        if deed == "refuse":
            assert not queue.try_submit(None)
        else:
            jobs[0].cancel()
        assert queue.audit().cancelled + queue.audit().refused == number
        assert len(told) == number
        assert told == sorted(told)
        (running,) = queue.running()
        running.cancel()
        for job in jobs:
            job.cancel()


async def sleep_for_ever(_: object) -> None:
    await trio.sleep_forever()


async def test_the_hook_is_told_in_the_order_in_which_jobs_end(autojump_clock: MockClock) -> None:
    """Not from inside its own call, and not of a job's victims before the job."""
    calls: list[tuple[str, int]] = []

    def look(job: Job[Any, Any]) -> None:
        calls.append(("begin", job.payload))
        if job.payload == 1:
            jobs[2].cancel()
            jobs[3].cancel()
            assert kinds(*jobs[1:4]) == ["cancelled"] * 3
        calls.append(("end", job.payload))

    async with open_job_queue(sleep_for_ever, on_end=look, capacity=9) as queue:
        results = queue.results()
        await queue.submit(0)
        await wait_all_tasks_blocked()
        jobs = [*queue.running(), *[queue.submit_nowait(number) for number in (1, 2, 3, 4)]]
        jobs[1].cancel()
        await queue.stop(drain=0)
    expected = [1, 2, 3, 0, 4]
    assert calls == [(what, number) for number in expected for what in ("begin", "end")]
    assert [job.payload async for job in results] == expected


async def test_there_is_room_when_a_hook_is_told_of_a_cancel(autojump_clock: MockClock) -> None:
    """The job has left its place by then."""
    submitted = []

    def replace(job: Job[Any, Any]) -> None:
        if job.cause == "cancelled":
            submitted.append(queue.submit_nowait(sleep(1)))

    async with open_audited(capacity=1, on_end=replace) as queue:
        await queue.submit(sleep(1))
        await wait_all_tasks_blocked()
        job = await queue.submit(sleep(1))
        job.cancel()
        assert kinds(*submitted) == ["waiting"]


@pytest.mark.parametrize("busy", [False, True])
async def test_a_job_that_is_cancelled_as_it_starts_does_not_get_to_its_handler(
    busy: bool, autojump_clock: MockClock
) -> None:
    """Though the handler might never look."""
    handled = []

    async def handle(number: int) -> None:
        handled.append(number)

    def cancel(job: Job[Any, Any]) -> None:
        for other in jobs:
            if other.payload % 2:
                other.cancel("odd")

    jobs: list[Job[Any, Any]] = []
    async with open_audited(handle, on_start=cancel, strategy=Stack(9)) as queue:
        jobs += [queue.submit_nowait(number) for number in range(6)]
    assert handled == [0, 4, 2]
    assert kinds(*jobs) == ["done", "cancelled"] * 3
    assert [job.outcome.reason for job in jobs[1::2]] == ["odd"] * 3


async def test_a_job_may_be_cancelled_by_the_hook_that_sees_it_start(
    autojump_clock: MockClock,
) -> None:
    """It has run for no time then, and its worker goes on."""
    handled = []

    async def handle(number: int) -> None:
        handled.append(number)

    def cancel(job: Job[Any, Any]) -> None:
        if job.payload == 1:
            job.cancel("not this one")

    async with open_audited(handle, on_start=cancel) as queue:
        jobs = [await queue.submit(number) for number in range(3)]
    assert handled == [0, 2]
    assert kinds(*jobs) == ["done", "cancelled", "done"]
    assert (jobs[1].outcome.reason, jobs[1].outcome.ran) == ("not this one", 0)


@pytest.mark.parametrize("when", ["on_start", "on_end"])
async def test_hooks_may_stop_the_queue(when: str, autojump_clock: MockClock) -> None:
    """No further job starts; the one that has started goes on."""
    async with open_audited(**{when: lambda _: queue.stop_soon(drain=3)}) as queue:
        jobs = [queue.submit_nowait(sleep(2)) for _ in range(3)]
    assert kinds(*jobs) == ["done", "handed_back", "handed_back"]
    assert queue.report.done == ((jobs[0],) if when == "on_start" else ())


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("when", ["on_start", "on_end"])
async def test_a_hook_that_raises_ends_the_queue(
    when: str, error: type[BaseException], autojump_clock: MockClock
) -> None:
    """The error names the hook, every job ends, and the other hook hears of it."""
    calls: list[Job[Any, Any]] = []
    handled = []

    async def handle(number: int) -> None:
        handled.append(number)

    def fail_to_hook(job: Job[Any, Any]) -> None:
        calls.append(job)
        raise error("no")

    with pytest.raises(error) as caught:
        async with open_audited(handle, failures="collect", **{when: fail_to_hook}) as queue:
            jobs = [queue.submit_nowait(number) for number in range(100)]
            await trio.sleep_forever()
    first = "cancelled" if when == "on_start" else "done"
    assert kinds(*jobs) == [first] + ["handed_back"] * 99
    assert caught.value.__notes__ == [
        f"raised by {when} of a job queue, called with <gochan.Job 1: "
        f"{'running' if when == 'on_start' else 'done'}>"
    ]
    audited = queue.audit()
    assert handled == ([] if when == "on_start" else [0])
    assert len(calls) == (1 if when == "on_start" else audited.submitted)
    assert (audited.waiting, audited.running) == (0, 0)


async def test_a_hook_that_raises_at_the_very_end_is_heard_too(autojump_clock: MockClock) -> None:
    """When the queue was cancelled, and no worker is left."""

    def fail_to_hook(job: Job[Any, Any]) -> None:
        if job.cause == "handed_back":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), trio.CancelScope() as scope:
        async with open_job_queue(perform, on_end=fail_to_hook) as queue:
            jobs = [queue.submit_nowait(sleep(1))]
            await wait_all_tasks_blocked()
            jobs += [queue.submit_nowait(sleep(1)) for _ in range(2)]
            scope.cancel()
    assert kinds(*jobs) == ["cancelled", "handed_back", "handed_back"]


async def test_a_hook_that_turns_out_to_be_async_is_an_error(autojump_clock: MockClock) -> None:
    """If that could not be seen before."""
    with pytest.raises(TypeError, match="on_end must be a plain function, not an async one"):
        async with open_audited(on_end=lambda job: perform(sleep(1))) as queue:
            await queue.submit(sleep(1))
            await trio.sleep_forever()


# Strategies that break


QUESTIONS = ["offer", "take", "finished", "next_change", "close"]


def broken(method: str, after: int) -> Strategy[Any]:
    """Return a strategy of which one method raises from some call on."""

    class Broken(Strategy[Any]):
        calls = 0

    def fail_at_last(self: Broken, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls > after:
            raise ZeroDivisionError(method)
        return getattr(Strategy, method)(self, *arguments, **options)

    setattr(Broken, method, fail_at_last)
    return Broken(2)


@pytest.mark.parametrize("after", [0, 1, 2, 4, 7])
@pytest.mark.parametrize("method", QUESTIONS)
async def test_a_strategy_that_breaks_ends_the_queue_by_its_name(
    method: str, after: int, autojump_clock: MockClock
) -> None:
    """Wherever it is asked: on behalf of somebody who submits, of a worker, of a cancel, of the
    clock, or of a stop. Its error comes out of the block, once, and every job ends."""
    notes: list[list[str]] = []
    for seed in range(20):
        draw = Random(seed)
        chance.seed(seed)
        trio._core._run._r.seed(seed)  # type: ignore[attr-defined]
        ended: list[Job[Any, Any]] = []
        jobs: list[Job[Any, Any]] = []

        async def submit(patience: float) -> None:
            with suppress(ChanClosedError, ZeroDivisionError), trio.move_on_after(patience):
                for _ in range(3):
                    jobs.append(await queue.submit(sleep(draw.choice([0, 1, 2]))))  # noqa: B023
                    await trio.sleep(draw.choice([0, 0, draw.random()]))  # noqa: B023

        async def cancel() -> None:
            await trio.sleep(3 * draw.random())  # noqa: B023
            for job in draw.sample(jobs, len(jobs) // 2):  # noqa: B023
                job.cancel()

        try:
            async with (
                open_audited(
                    strategy=broken(method, after), workers=2, on_end=ended.append
                ) as queue,
                trio.open_nursery() as nursery,
            ):
                for patience in (99, 99, draw.random()):
                    nursery.start_soon(submit, patience)
                nursery.start_soon(cancel)
                if draw.randrange(2):
                    await trio.sleep(3 * draw.random())
                    report = await queue.stop(drain=1, grace=1)
                    assert report.stuck == ()
        except ZeroDivisionError as error:
            notes.append(error.__notes__)
        audited = queue.audit()
        assert len(ended) == len({*ended}) == audited.submitted
        assert {*jobs} <= {*ended}
        assert (audited.waiting, audited.running) == (0, 0)
    note = "raised by the strategy of a job queue, broken.<locals>.Broken; no further job starts"
    assert notes == [[note]] * len(notes)
    assert len(notes) > 2 or (method == "close" and after)


@pytest.mark.parametrize("how", ["submit", "submit_nowait", "try_submit"])
async def test_a_strategy_that_raises_at_a_submit_ends_the_queue(
    how: str, autojump_clock: MockClock
) -> None:
    """Although the submitter has caught the error: the block is cancelled, and raises it."""
    with pytest.raises(ZeroDivisionError) as caught:
        async with open_audited(strategy=broken("offer", 0)) as queue:
            with pytest.raises(ZeroDivisionError) as told:
                result = getattr(queue, how)(sleep())
                if how == "submit":
                    await result
            assert queue.closed
            await trio.sleep_forever()
    assert caught.value is told.value
    assert caught.value.__notes__[0].startswith("raised by the strategy of a job queue, ")


@pytest.mark.parametrize("end", ["leave", "close", "stop", "raise", "cancel"])
async def test_a_strategy_is_closed_once(end: str, autojump_clock: MockClock) -> None:
    """However the queue ends, and however often."""

    class Counting(Strategy[Any]):
        closes = 0

        def close(self) -> list[Any]:
            self.closes += 1
            return super().close()

    counting = Counting(9)
    with trio.CancelScope() as scope, suppress(KeyError):
        async with open_audited(strategy=counting) as queue:
            for _ in range(3):
                await queue.submit(sleep(1))
            if end == "close":
                queue.close()
                queue.close()
            if end == "stop":
                await queue.stop()
                await queue.stop()
            if end == "raise":
                raise KeyError
            if end == "cancel":
                scope.cancel()
                await trio.sleep_forever()
    queue.close()
    assert counting.closes == 1


async def test_a_strategy_that_breaks_while_the_workers_come_up_is_heard(
    autojump_clock: MockClock,
) -> None:
    """The block begins, but only to be cancelled."""
    with pytest.raises(ZeroDivisionError):
        async with open_audited(strategy=broken("next_change", 0), workers=3):
            await trio.sleep_forever()


async def test_a_strategy_that_breaks_twice_with_the_same_error_is_named_once(
    autojump_clock: MockClock,
) -> None:
    """Here when a job has ended, and when the queue is closed because of that."""
    error = ZeroDivisionError()

    class Broken(Strategy[Any]):
        def finished(self, *_: Any, **__: Any) -> None:
            raise error

        def close(self) -> list[Any]:
            raise error

    with pytest.raises(ZeroDivisionError) as caught:
        async with open_audited(strategy=Broken(9)) as queue:
            await queue.submit(sleep(1))
    assert caught.value is error
    assert len(error.__notes__) == 1


@pytest.mark.parametrize("how", ["submit", "submit_nowait"])
async def test_the_submitter_is_told_that_the_strategy_broke(
    how: str, autojump_clock: MockClock
) -> None:
    """As well as the block, where the same error is raised but once, also out of a nursery."""

    async def submit() -> None:
        job = getattr(queue, how)(sleep(1))
        if how == "submit":
            await job

    for in_a_task in (False, True):
        with pytest.raises((ZeroDivisionError, ExceptionGroup)) as caught:
            async with open_audited(strategy=broken("offer", 0)) as queue:
                if in_a_task:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(submit)
                else:
                    await submit()
        if in_a_task:
            (error,) = caught.value.exceptions
            assert isinstance(error, ZeroDivisionError)
        else:
            assert isinstance(caught.value, ZeroDivisionError)


async def test_kept_results_are_there_when_the_first_call_comes_late(
    autojump_clock: MockClock,
) -> None:
    """A queue that keeps them keeps them from its first job on."""
    async with open_audited(results=True) as queue:
        await queue.submit(sleep(1))
        await queue.join()
        results = queue.results()
    assert [job.id async for job in results] == [1]


@pytest.mark.parametrize("fault", ["a job too many", "a waiting job runs", "a running job waits"])
async def test_an_audit_finds_what_does_not_add_up(fault: str, autojump_clock: MockClock) -> None:
    """The number of jobs, and where each of them is."""
    async with open_job_queue(perform, workers=1, capacity=9) as queue:
        running, waiting = await queue.submit(sleep(1)), await queue.submit(sleep(1))
        await wait_all_tasks_blocked()
        queue.audit()
        ledger = queue._ledger
        if fault == "a job too many":
            ledger.submitted += 1
        elif fault == "a waiting job runs":
            ledger.waiting[running] = ledger.waiting.pop(waiting)
        else:
            ledger.running[waiting] = ledger.running.pop(running)
        with pytest.raises(AssertionError):
            queue.audit()
        if fault == "a job too many":
            ledger.submitted -= 1
        elif fault == "a waiting job runs":
            ledger.waiting[waiting] = ledger.waiting.pop(running)
        else:
            ledger.running[running] = ledger.running.pop(waiting)
        queue.audit()

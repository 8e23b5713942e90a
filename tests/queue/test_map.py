"""Mapping a handler over payloads: order, back pressure, errors, and leaving early."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import aclosing, suppress
from itertools import count
from typing import Any

import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from gochan import (
    ChanClosedError,
    JobCancelled,
    JobDropped,
    JobFailed,
    JobHandedBack,
    JobInterrupted,
    JobRefused,
    JobTimedOut,
)
from gochan.lowlevel import yield_interval
from gochan.strategies import Refuse, Strategy, Verdict

from ..interrupts import unprotected_steps
from ..work import fail, open_audited, sleep

pytestmark = pytest.mark.usefixtures("both_modes")


async def wait(seconds: float) -> float:
    await trio.sleep(seconds)
    return seconds


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("capacity", [0, 1, 100])
async def test_results_come_as_jobs_end_or_in_order(
    capacity: int, workers: int, autojump_clock: MockClock
) -> None:
    """Each of them once, however much room there is."""
    seconds = [3, 1, 2, 5, 4, 1]
    async with open_audited(wait, workers=workers, capacity=capacity) as queue:
        in_order = [result async for result in queue.map(seconds, ordered=True)]
        began = trio.current_time()
        moments = [(trio.current_time() - began, result) async for result in queue.map(seconds)]
    assert in_order == seconds
    assert sorted(result for _, result in moments) == sorted(seconds)
    if workers == 3:
        assert moments[:4] == [(1, 1), (2, 2), (3, 3), (4, 1)]
        assert sorted(moments[4:]) == [(6, 4), (6, 5)]


async def test_nothing_to_map_is_nothing(autojump_clock: MockClock) -> None:
    """And goes on being nothing."""
    async with open_audited(wait) as queue:
        results = queue.map([])
        for _ in range(2):
            with pytest.raises(trio.EndOfChannel):
                await results.receive()
        assert [result async for result in results] == []


@pytest.mark.parametrize("ordered", [False, True])
async def test_payloads_are_read_as_results_are_taken(
    ordered: bool, autojump_clock: MockClock
) -> None:
    """So they may have no end, and a slow loop holds up the jobs."""
    read = 0

    def payloads() -> Iterator[int]:
        nonlocal read
        for read in count(1):  # noqa: B007
            yield 1

    async with open_audited(wait, workers=3) as queue:
        taken = 0
        async for _ in queue.map(payloads(), ordered=ordered):
            taken += 1
            await trio.sleep(10)
            assert read <= taken + 6
            assert queue.audit().running == 0
            if taken == 20:
                break
        assert read >= 20


async def test_the_first_job_that_ends_badly_ends_the_loop(autojump_clock: MockClock) -> None:
    """With an error that says how, and the jobs that are left are cancelled."""
    error = ValueError("no")
    works = [sleep(1, "a"), fail(error, after=2), sleep(9), sleep(9)]
    got = []
    async with open_audited(workers=2, failures="collect") as queue:
        with pytest.raises(JobFailed, match="no") as caught:
            async for result in queue.map(works):
                got.append(result)  # noqa: PERF401
        assert trio.current_time() == 2
        await queue.join()
        assert trio.current_time() == 2
        assert queue.audit().cancelled == 2
    assert got == ["a"]
    assert caught.value.__cause__ is error
    assert caught.value.job.payload is works[1]


@pytest.mark.parametrize(
    ("how", "error"),
    [("timeout", JobTimedOut), ("cancel", JobCancelled), ("stop", JobInterrupted)],
)
async def test_each_way_to_end_early_has_its_error(
    how: str, error: type[Exception], autojump_clock: MockClock
) -> None:
    """As with `Job.result`."""
    async with open_audited(wait) as queue, trio.open_nursery() as nursery:
        options: dict[str, Any] = {"timeout": 1} if how == "timeout" else {}
        results = queue.map([5], **options)

        async def end() -> None:
            await trio.sleep(1)
            if how == "cancel":
                queue.running()[0].cancel()
            if how == "stop":
                queue.stop_soon(drain=0)

        nursery.start_soon(end)
        with pytest.raises(error):
            await results.receive()
        with pytest.raises(trio.EndOfChannel):
            await results.receive()


async def test_what_the_strategy_turns_away_or_gives_up_is_an_error(
    autojump_clock: MockClock,
) -> None:
    """The queue says which job."""
    for name, error in [("drop-on-full", JobRefused), ("drop-oldest", JobDropped)]:
        async with open_audited(wait, strategy=name, capacity=1, workers=2) as queue:
            for _ in range(2):
                await queue.submit(50)
            await wait_all_tasks_blocked()
            with pytest.raises(error) as caught:
                await queue.map([1, 2, 3]).receive()
            assert caught.value.job.payload == (2 if name == "drop-on-full" else 1)


async def test_map_waits_in_line_if_others_have_all_the_room(autojump_clock: MockClock) -> None:
    """And takes part as soon as there is some."""
    async with open_audited(wait, capacity=1) as queue:
        await queue.submit(5)
        await wait_all_tasks_blocked()
        await queue.submit(5)
        assert [result async for result in queue.map([1, 2])] == [1, 2]
        assert trio.current_time() == 13


async def test_a_job_that_is_refused_while_it_waits_in_line_is_an_error(
    autojump_clock: MockClock,
) -> None:
    """As if it had been refused at once."""

    class Fastidious(Strategy[Any]):
        def offer(self, item: Any, now: float) -> Verdict:
            if len(self.items) < self.capacity and item.key == "bad":
                return Refuse("bad")
            return super().offer(item, now)

    async with open_audited(wait, strategy=Fastidious(1)) as queue:
        await queue.submit(5)
        await wait_all_tasks_blocked()
        await queue.submit(5)
        with pytest.raises(JobRefused, match="bad"):
            await queue.map([1], key="bad").receive()


@pytest.mark.parametrize("how", ["break", "aclose", "async with", "cancel", "forget"])
async def test_leaving_the_loop_early_cancels_what_is_left(
    how: str, autojump_clock: MockClock
) -> None:
    """And reads no more payloads."""
    payloads = iter([1, 20, 20, 20, 20, 20, 20])
    async with open_audited(wait, workers=2) as queue:
        other = await queue.submit(3)
        if how == "break":
            async for _ in queue.map(payloads):
                break
        elif how == "aclose":
            async with aclosing(queue.map(payloads)) as closing:
                await closing.receive()
        elif how == "async with":
            async with queue.map(payloads) as results:
                await results.receive()
        elif how == "cancel":
            with trio.move_on_after(2):
                async for _ in queue.map(payloads):
                    pass
        else:
            results = queue.map(payloads)
            await results.receive()
            del results
        gc.collect()
        await wait_all_tasks_blocked()
        assert {job.payload for job in queue.running()} <= {3}
        await queue.join()
        assert trio.current_time() == 3
        assert other.outcome is not None
        assert queue.audit().done == 2
    assert list(payloads)


async def test_jobs_that_are_left_behind_by_a_map_are_cancelled_with_a_reason(
    autojump_clock: MockClock,
) -> None:
    """Those that wait, too."""
    async with open_audited(wait) as queue:
        results = queue.results()
        async with queue.map([1, 1]) as mapped:
            with trio.move_on_after(0.5):
                await mapped.receive()
    reasons = [job.reason async for job in results]
    assert reasons == ["the loop over JobQueue.map was left"] * 2


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_closed_queue_gives_what_was_submitted_first(
    ordered: bool, autojump_clock: MockClock
) -> None:
    """Then the error, since payloads are left."""
    got = []
    async with open_audited(wait) as queue:
        with pytest.raises(ChanClosedError):
            async for result in queue.map([1, 2, 3, 4], ordered=ordered):
                got.append(result)
                queue.close()
    assert got == [1, 2]


async def test_a_stop_hands_back_what_map_has_waiting(autojump_clock: MockClock) -> None:
    """That is an error, too."""
    async with open_audited(wait) as queue, trio.open_nursery() as nursery:
        await queue.submit(5)
        await wait_all_tasks_blocked()

        async def receive() -> None:
            with pytest.raises(JobHandedBack, match="never ran: the queue was stopped"):
                await queue.map([1, 2, 3]).receive()

        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        await queue.stop(drain=1)


async def test_what_the_iterable_raises_comes_out(autojump_clock: MockClock) -> None:
    """And the jobs are cancelled."""

    def payloads() -> Iterator[float]:
        yield 5
        raise KeyError("of the iterable")

    async with open_audited(wait) as queue:
        with pytest.raises(KeyError, match="of the iterable"):
            await queue.map(payloads()).receive()
        await queue.join()
        assert queue.audit().cancelled == 1
        assert trio.current_time() == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"timeout": 0}, ValueError),
        ({"timeout": 10**400}, ValueError),
        ({"priority": "1"}, TypeError),
        ({"ordered": 1}, TypeError),
        ({"payloads": 3}, TypeError),
    ],
    ids=["timeout 0", "timeout too large", "priority", "ordered", "payloads"],
)
async def test_bad_arguments_are_rejected_at_the_call(
    options: dict[str, Any], error: type[Exception], autojump_clock: MockClock
) -> None:
    """Before a payload is read."""
    payloads = options.get("payloads", [1])
    others = {name: value for name, value in options.items() if name != "payloads"}
    async with open_audited(wait) as queue:
        with pytest.raises(error):
            queue.map(payloads, **others)
        assert queue.audit().submitted == 0


async def test_every_receive_lets_others_run(autojump_clock: MockClock) -> None:
    """Also where results are there already."""
    async with open_audited(wait, workers=4) as queue:
        results = queue.map([0, 0, 0])
        with yield_interval(0):
            for _ in range(3):
                with assert_checkpoints():
                    await results.receive()
            with assert_checkpoints(), suppress(trio.EndOfChannel):
                await results.receive()
            with assert_checkpoints():
                await results.aclose()


async def test_payloads_are_read_where_an_interrupt_can_strike(autojump_clock: MockClock) -> None:
    """The changes to the books are protected, the user's iterator is not."""
    seen = []

    def payloads() -> Iterator[float]:
        seen.append(trio.lowlevel.currently_ki_protected())
        yield 0

    async with open_audited(wait) as queue:
        assert [result async for result in queue.map(payloads())] == [0]
    assert seen == [False]


async def test_receive_is_protected_from_an_interrupt(autojump_clock: MockClock) -> None:
    """At every step but where the user's iterator is asked."""
    async with open_audited(wait, capacity=1) as queue:
        results = queue.map([0, 1, 2])
        for _ in range(3):
            steps = await unprotected_steps(type(results).receive, results.receive)
            assert {step.rpartition(" ")[2] for step in steps} <= {"_read_one"}

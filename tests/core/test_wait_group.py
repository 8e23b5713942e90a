"""Wait groups: until as many things are done as were begun."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from gochan import Chan, WaitGroup, after, default, select, select_nowait

from ..interrupts import unprotected_steps

pytestmark = pytest.mark.usefixtures("both_modes")


def under_way(count: int) -> WaitGroup:
    group = WaitGroup()
    group.add(count)
    return group


async def start_waiting(nursery: trio.Nursery, group: WaitGroup, done: list[Any]) -> None:
    """Start a task that waits and then leaves a mark."""

    async def wait() -> None:
        await group.wait()
        done.append(group.count)

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()


async def test_nobody_waits_for_nothing() -> None:
    """With a count of zero, from the start or again, waiting is over at once."""
    group = WaitGroup()
    with trio.fail_after(30):
        await group.wait()
        group.add()
        group.done()
        await group.wait()
    assert group.count == 0


async def test_all_waiting_tasks_go_on_when_the_count_is_zero() -> None:
    """Not a moment before, and all of them."""
    group, done = under_way(3), []
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            await start_waiting(nursery, group, done)
        for left in (2, 1):
            group.done()
            await wait_all_tasks_blocked()
            assert (group.count, done) == (left, [])
        group.done()
        await wait_all_tasks_blocked()
        assert done == [0, 0, 0, 0]


async def test_counting_in_larger_steps() -> None:
    """Both ways; adding nothing changes nothing."""
    group, done = WaitGroup(), []
    group.add(5)
    group.add(0)
    async with trio.open_nursery() as nursery:
        await start_waiting(nursery, group, done)
        group.add(-3)
        group.add(2)
        await wait_all_tasks_blocked()
        assert (group.count, done) == (4, [])
        group.add(-4)
    assert done == [0]


async def test_a_negative_count_is_an_error() -> None:
    """The count stays what it was, and nobody is woken by the attempt."""
    with pytest.raises(ValueError, match=r"done\(\) called more often than add\(\)"):
        WaitGroup().done()
    group, done = under_way(2), []
    async with trio.open_nursery() as nursery:
        await start_waiting(nursery, group, done)
        with pytest.raises(ValueError, match="the count is 2, so -3 would make it negative"):
            group.add(-3)
        await wait_all_tasks_blocked()
        assert (group.count, done) == (2, [])
        group.add(-2)


@pytest.mark.parametrize("wrong", [True, 1.0, "1", None])
async def test_what_is_added_must_be_an_int(wrong: Any) -> None:
    """The message names the parameter, and the count stays what it was."""
    group = under_way(1)
    with pytest.raises(TypeError, match=r"^n must be an int, not "):
        group.add(wrong)
    assert group.count == 1


async def test_it_can_be_used_again() -> None:
    """Round after round, as soon as the count has been zero."""
    group, done = WaitGroup(), []
    async with trio.open_nursery() as nursery:
        for finished in range(1, 4):
            group.add(2)
            await start_waiting(nursery, group, done)
            group.done()
            group.done()
            await wait_all_tasks_blocked()
            assert done == [0] * finished


async def test_a_task_that_waited_for_zero_goes_on_even_if_more_is_added() -> None:
    """The count was zero; what is added before the task runs belongs to the next round."""
    group, done = under_way(1), []
    async with trio.open_nursery() as nursery:
        await start_waiting(nursery, group, done)
        group.done()
        group.add(7)
        await wait_all_tasks_blocked()
        assert done == [7]


async def test_a_cancelled_wait_changes_nothing(autojump_clock: trio.abc.Clock) -> None:
    """The others who wait are not disturbed."""
    group, done = under_way(1), []
    async with trio.open_nursery() as nursery:
        await start_waiting(nursery, group, done)
        with trio.move_on_after(1) as scope:
            await group.wait()
        await start_waiting(nursery, group, done)
        assert scope.cancelled_caught
        assert group.count == 1
        assert "2 waiting" in repr(group)
        group.done()
    assert done == [0, 0]


async def test_a_wait_that_begins_cancelled_is_cancelled() -> None:
    """Also if there is nothing to wait for, as with everything in trio."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await WaitGroup().wait()
    assert scope.cancelled_caught


# As a case of a select


async def test_on_done_is_ready_while_the_count_is_zero() -> None:
    """Now and for ever, unless something is added."""
    group = WaitGroup()
    for _ in range(2):
        assert select_nowait(group.on_done(), default("busy")) == (0, None)
    group.add()
    assert select_nowait(group.on_done(), default("busy")) == (1, "busy")
    group.done()
    assert select_nowait(done=group.on_done()) == ("done", None)


async def test_a_select_waits_for_the_count_or_something_else(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Whichever comes first; the select leaves the other's line."""
    group, channel = under_way(1), Chan[int]()
    results: list[Any] = []

    async def run(*cases: Any) -> None:
        results.append(await select(*cases))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, channel.on_receive(), group.on_done())
        await wait_all_tasks_blocked()
        channel.send_nowait(1)
        nursery.start_soon(run, group.on_done(), after(1))
        await trio.sleep(2)
        assert results == [(0, 1), (1, 1.0)]
        assert "0 waiting" in repr(group)
        nursery.start_soon(run, channel.on_receive(), group.on_done())
        await wait_all_tasks_blocked()
        group.done()
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait(2)
    assert results[2:] == [(1, None)]


async def test_on_done_takes_part_in_priorities() -> None:
    """A group that is done may have to wait its turn, or come first."""
    channel = Chan[int](100)
    for number in range(100):
        channel.send_nowait(number)
    group = WaitGroup()
    for _ in range(20):
        assert select_nowait(channel.on_receive(), group.on_done(priority=1))[0] == 1
        assert select_nowait(channel.on_receive(), group.on_done(priority=-1))[0] == 0


async def test_a_pool_that_ends_when_its_last_worker_is_done() -> None:
    """Go's usual use: several tasks send, and the one that closes waits for all of them."""
    results, group = Chan[int](), WaitGroup()

    async def work(number: int) -> None:
        await results.send(number)
        group.done()

    async def close_behind_them() -> None:
        await group.wait()
        results.close()

    async with trio.open_nursery() as nursery:
        for number in range(20):
            group.add()
            nursery.start_soon(work, number)
        nursery.start_soon(close_behind_them)
        assert sorted([result async for result in results]) == list(range(20))


# Looking, and misuse


def test_repr_shows_what_is_under_way() -> None:
    """It needs no run; neither does counting."""
    group = under_way(3)
    group.done()
    assert repr(group) == "<gochan.WaitGroup: 2 under way, 0 waiting>"


async def test_another_thread_cannot_wake_those_who_wait() -> None:
    """The error names the way out, and nothing has changed."""
    group, done = under_way(1), []
    async with trio.open_nursery() as nursery:
        await start_waiting(nursery, group, done)
        with pytest.raises(RuntimeError, match=r"trio\.from_thread\.run"):
            await trio.to_thread.run_sync(group.done)
        assert (group.count, done) == (1, [])
        await trio.to_thread.run_sync(trio.from_thread.run_sync, group.done)
    assert done == [0]


# Tasks that are counted


async def test_a_started_task_is_counted_until_it_ends() -> None:
    """From the call on, before the task has run at all."""
    group, log = WaitGroup(), Chan[int](2)
    async with trio.open_nursery() as nursery:
        for number in range(2):
            group.start_soon(nursery, log.send, number)
        assert group.count == 2
        await group.wait()
        assert sorted(log.drain()) == [0, 1]


@pytest.mark.parametrize("cancelled_before", [True, False])
async def test_a_cancelled_task_is_counted_down(cancelled_before: bool) -> None:
    """Also if the nursery was cancelled before the task began."""
    group = WaitGroup()
    async with trio.open_nursery() as nursery:
        if cancelled_before:
            nursery.cancel_scope.cancel()
        group.start_soon(nursery, trio.sleep_forever)
        if not cancelled_before:
            await wait_all_tasks_blocked()
            assert group.count == 1
            nursery.cancel_scope.cancel()
    assert group.count == 0


async def test_a_task_that_raises_is_counted_down() -> None:
    """The error goes where the nursery sends it."""

    async def fail(reason: str) -> None:
        raise ValueError(reason)

    group = WaitGroup()
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="no reason")):
        async with trio.open_nursery() as nursery:
            group.start_soon(nursery, fail, "no reason")
    assert group.count == 0


async def test_a_task_is_called_as_its_function_is() -> None:
    """Or as one wishes."""
    group, names = WaitGroup(), list[str]()

    async def note_name() -> None:
        names.append(trio.lowlevel.current_task().name)

    async with trio.open_nursery() as nursery:
        group.start_soon(nursery, note_name)
        await group.wait()
        group.start_soon(nursery, note_name, name="other")
    assert names[0].endswith("note_name")
    assert names[1] == "other"


async def test_what_cannot_be_started_is_not_counted() -> None:
    """In a closed nursery, or because it is no function."""
    group = WaitGroup()
    async with trio.open_nursery() as nursery:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        group.start_soon(nursery, trio.sleep, 0)
    assert group.count == 0
    called: Any = group.wait()
    number: Any = 1
    for thing in (called, number):
        with pytest.raises(TypeError, match=r"as in start_soon\(nursery, work, 1\), not"):
            group.start_soon(nursery, thing)
    assert inspect.getcoroutinestate(called) == inspect.CORO_CLOSED
    assert group.count == 0


async def test_a_function_that_is_not_async_is_named() -> None:
    """By the error of the task."""
    group, function = WaitGroup(), print
    with pytest.RaisesGroup(pytest.RaisesExc(TypeError, match="print> is not async")):
        async with trio.open_nursery() as nursery:
            group.start_soon(nursery, function)  # type: ignore[arg-type]
    assert group.count == 0


async def test_an_interrupt_strikes_the_task_and_not_the_count() -> None:
    """The code of the user can be interrupted as everywhere."""
    group, protected = WaitGroup(), list[bool]()

    async def look() -> None:
        protected.append(trio.lowlevel.currently_ki_protected())

    async with trio.open_nursery() as nursery:
        group.start_soon(nursery, look)
    assert protected == [False]


async def test_to_count_cannot_be_interrupted_halfway() -> None:
    """Either nobody is woken, or everybody who waits."""
    group, done = under_way(1), list[Any]()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            await start_waiting(nursery, group, done)
        assert await unprotected_steps(WaitGroup.add, group.done) == []
    assert done == [0, 0]


async def test_to_start_a_task_cannot_be_interrupted_halfway() -> None:
    """Either it is counted and started, or neither."""
    group = WaitGroup()
    async with trio.open_nursery() as nursery:
        start = partial(group.start_soon, nursery, trio.lowlevel.checkpoint)
        assert await unprotected_steps(WaitGroup.start_soon, start) == []
    assert group.count == 0


async def test_its_end_is_no_more_urgent_than_a_value() -> None:
    """Unless one says so: without a priority, either may come."""
    channel, drawn = Chan[int](100), [0, 0]
    for number in range(100):
        channel.send_nowait(number)
    for _ in range(100):
        drawn[select_nowait(WaitGroup().on_done(), channel.on_receive())[0]] += 1
    assert min(drawn) > 25


async def test_the_end_of_a_counted_task_cannot_be_interrupted_halfway() -> None:
    """Once the code of the user has ended, the task is counted down."""
    group = WaitGroup()
    group.add()
    ending = partial(group._count_down_after, trio.lowlevel.checkpoint, ())
    steps = await unprotected_steps(WaitGroup._count_down_after, ending)
    assert [step for step in steps if "WaitGroup" in step] == []
    assert group.count == 0

"""An async generator that is read as a channel, and trio's own tests of that."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gochan import (
    MemoryReceiveChannel,
    Selector,
    after,
    as_safe_channel,
    default,
    select,
    select_nowait,
)
from gochan.lowlevel import yield_interval

from ..trios import arguments_of, trios_channel_tests

TRIOS = {
    name: test
    for name, test in trios_channel_tests(as_safe_channel=as_safe_channel).items()
    if "safe_channel" in name
}


@pytest.mark.parametrize("name", TRIOS)
@pytest.mark.parametrize("interval", [0, 100e-6])
async def test_trios_own_tests_pass(
    name: str, interval: float, autojump_clock: trio.testing.MockClock
) -> None:
    """Unchanged, in both paces."""
    with yield_interval(interval):
        await TRIOS[name](*arguments_of(TRIOS[name], autojump_clock))


def test_trios_tests_were_found() -> None:
    """A search that finds none would let anything pass."""
    assert len(TRIOS) >= 15
    for test in TRIOS.values():
        assert test.__globals__["as_safe_channel"] is as_safe_channel


@as_safe_channel
async def count(log: list[Any], stop: float = math.inf) -> AsyncGenerator[int, None]:
    """Yield 0, 1, 2 …, and note each step and the end."""
    number = 0
    try:
        while number < stop:
            log.append(number)
            yield number
            number += 1
    finally:
        log.append("closed")


@pytest.mark.usefixtures("both_modes")
async def test_the_generator_takes_a_step_for_each_value_that_is_awaited() -> None:
    """None before, none beside, and it is closed when the block is left."""
    log: list[Any] = []
    async with count(log) as numbers:
        assert isinstance(numbers, MemoryReceiveChannel)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.WouldBlock):
            numbers.receive_nowait()
        assert select_nowait(numbers.on_receive(), default("nothing"))[1] == "nothing"
        await wait_all_tasks_blocked()
        assert log == []
        for number in range(3):
            assert await numbers.receive() == number
            await wait_all_tasks_blocked()
            assert log == [*range(number + 1)]
    assert log == [0, 1, 2, "closed"]
    with pytest.raises(trio.ClosedResourceError):
        await numbers.receive()


@pytest.mark.usefixtures("both_modes")
async def test_every_way_of_waiting_gets_values() -> None:
    """A select, a selector, batches, a clone, one after the other and at once."""
    log: list[Any] = []
    got: list[int] = []

    async def receive_some(numbers: MemoryReceiveChannel[int]) -> None:
        async with numbers:
            got.extend([await numbers.receive() for _ in range(3)])

    async with count(log) as numbers:
        assert await select(numbers.on_receive(), after(5)) == (0, 0)
        assert await numbers.receive_many(5) == [1]
        assert await anext(numbers.batches(5)) == [2]
        with Selector[str, int]() as selector:
            selector.add(numbers.on_receive(), "numbers")
            for number in (3, 4, 5):
                assert await selector.select() == ("numbers", number)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_some, numbers.clone())
                nursery.start_soon(receive_some, numbers.clone())
            assert await selector.select() == ("numbers", 12)
        numbers.check()
    assert sorted(got) == [*range(6, 12)]


@pytest.mark.usefixtures("both_modes")
@pytest.mark.parametrize("by_select", [False, True])
async def test_a_receive_that_is_cancelled_wants_nothing_any_more(
    by_select: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What the generator had begun is there for the next one, and no further step is taken."""
    steps: list[int] = []

    @as_safe_channel
    async def slow() -> AsyncGenerator[int, None]:
        for number in range(9):
            steps.append(number)
            await trio.sleep(2)
            yield number

    async with slow() as numbers:
        for _ in range(5):
            if by_select:
                await select(numbers.on_receive(), after(0.1))
            else:
                with trio.move_on_after(0.1):
                    await numbers.receive()
        await trio.sleep(9)
        assert steps == [0]
        assert await numbers.receive() == 0
        await trio.sleep(9)
        assert steps == [0]
        assert await numbers.receive() == 1
        await trio.sleep(9)
        assert steps == [0, 1]


async def test_a_receive_that_is_cancelled_at_once_has_wanted_nothing() -> None:
    """Although the generator's task was roused for it."""
    log: list[Any] = []
    scope = trio.CancelScope()

    class Cancels(trio.abc.Instrument):
        def after_task_step(self, task: trio.lowlevel.Task) -> None:
            if numbers.statistics().tasks_waiting_receive:
                scope.cancel()

    async with count(log) as numbers:
        await wait_all_tasks_blocked()
        instrument = Cancels()
        trio.lowlevel.add_instrument(instrument)
        with scope:
            await numbers.receive()
        trio.lowlevel.remove_instrument(instrument)
        await wait_all_tasks_blocked()
        assert scope.cancelled_caught
        assert log == []


@pytest.mark.usefixtures("both_modes")
async def test_the_end_of_the_generator_is_the_end_of_the_channel() -> None:
    """For clones as well, and also of the generator's whole block."""
    log: list[Any] = []
    async with count(log, stop=2) as numbers:
        clone = numbers.clone()
        assert [number async for number in numbers] == [0, 1]
        assert log == [0, 1, "closed"]
        with pytest.raises(trio.EndOfChannel):
            await clone.receive()


@pytest.mark.usefixtures("both_modes")
async def test_an_error_has_neither_a_group_nor_its_context() -> None:
    """Whether it comes of the generator or of the block; and it keeps its own context."""

    @as_safe_channel
    async def fail() -> AsyncGenerator[None, None]:
        try:
            raise KeyError("cause")
        except KeyError:
            raise ValueError("generator") from None
        yield

    with pytest.raises(ValueError, match="generator") as caught:
        async with fail() as nothing:
            assert [value async for value in nothing] == []
    assert isinstance(caught.value.__context__, KeyError)
    with pytest.raises(ValueError, match="block") as caught:
        async with fail():
            raise ValueError("block")
    assert caught.value.__context__ is None


@pytest.mark.filterwarnings("ignore:.*strict_exception_groups:trio.TrioDeprecationWarning")
def test_a_group_of_the_block_stays_one_where_nurseries_open_groups() -> None:
    """Only the group of the nursery inside is opened, in every kind of run."""

    async def raise_a_group() -> None:
        async with count([]):
            raise ExceptionGroup("of the block", [ValueError()])

    with pytest.raises(ExceptionGroup, match="of the block"):
        trio.run(raise_a_group, strict_exception_groups=False)


@pytest.mark.parametrize("error", [KeyboardInterrupt("now"), SystemExit(3)])
async def test_what_ends_the_program_goes_before_other_errors(error: BaseException) -> None:
    """With the others as its cause."""

    @as_safe_channel
    async def fail_at_the_end() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            raise ValueError("cleanup")

    with pytest.raises(type(error)) as caught:
        async with fail_at_the_end() as nothing:
            await nothing.receive()
            raise error
    assert caught.value.args == error.args
    assert isinstance(caught.value.__cause__, BaseExceptionGroup)
    assert len(caught.value.__cause__.exceptions) == 2


async def test_the_function_keeps_its_name_and_its_arguments() -> None:
    """As with any decorator."""

    @as_safe_channel
    async def words(first: str, *, then: str) -> AsyncGenerator[str, None]:
        """Two."""
        yield first
        yield then

    assert (words.__name__, words.__doc__) == ("words", "Two.")
    async with words("one", then="two") as channel:
        assert [word async for word in channel] == ["one", "two"]

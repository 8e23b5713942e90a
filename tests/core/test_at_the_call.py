"""What can be done at the call is done at the call: contract 2.12, beside trio's own channels."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gochan import Chan, Selector, Unsent, default, merge, select
from gochan.lowlevel import yield_interval
from gochan.strategies import Block

pytestmark = pytest.mark.usefixtures("both_modes")

ENDS = (trio.ClosedResourceError, trio.EndOfChannel, StopAsyncIteration)

Make = Callable[[], Any]

# What can be done at once, and what shows that it was done.
OPERATIONS: dict[str, Callable[[Chan[Any]], Any]] = {
    "send": lambda c: c.send(3),
    "send_many": lambda c: c.send_many([3]),
    "receive": lambda c: c.receive(),
    "receive_ok": lambda c: c.receive_ok(),
    "async for": lambda c: anext(c),
    "receive_many": lambda c: c.receive_many(1),
    "batches": lambda c: anext(c.batches(1)),
    "select to send": lambda c: select(c.on_send(3)),
    "select to receive": lambda c: select(c.on_receive()),
    "select with a default": lambda c: select(c.on_receive(), default()),
    "selector": lambda c: selecting(c),
    "merge": lambda c: merge(c).receive(),
    "sending end": lambda c: c.sender.send(3),
    "receiving end": lambda c: c.receiver.receive(),
}


async def selecting(channel: Chan[Any]) -> Any:
    with Selector[str, Any]() as selector:
        selector.add(channel.on_receive(), "it")
        return await selector.select()


MAKERS: dict[str, Make] = {
    "buffer": lambda: Chan[int](2),
    "strategy": lambda: Chan[int](strategy=Block(2)),
}

every_channel = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_operation = pytest.mark.parametrize("name", OPERATIONS)


@every_channel
@every_operation
async def test_a_cancellation_that_comes_meanwhile_undoes_nothing(make: Make, name: str) -> None:
    """As with trio's channels, in 100 of 100: it was possible at the call, so it has happened.

    And it is reported: the call returns, though its scope is cancelled while others run.
    """
    happened = returned = meanwhile = 0
    for number in range(100):
        channel = make()
        channel.send_nowait(1)
        with trio.CancelScope() as scope, yield_interval(0 if number % 2 else 1e-9):

            async def cancel(scope: trio.CancelScope = scope) -> None:
                scope.cancel()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel)
                await OPERATIONS[name](channel)
                returned += 1
                meanwhile += scope.cancel_called
        happened += len(channel) != 1
        channel.check()
    assert (happened, returned) == (100, 100)
    assert meanwhile > 10


@every_channel
@every_operation
async def test_a_cancellation_that_came_before_stops_it(make: Make, name: str) -> None:
    """Then nothing has happened: that is trio's rule, too."""
    channel = make()
    channel.send_nowait(1)
    before = channel.statistics()
    with trio.CancelScope() as scope:
        scope.cancel()
        await OPERATIONS[name](channel)
    assert scope.cancelled_caught
    assert channel.statistics() == before


@every_channel
@every_operation
async def test_others_see_the_effect_as_soon_as_they_run(make: Make, name: str) -> None:
    """An operation acts before it lets others run, so they never find it about to begin."""
    channel = make()
    channel.send_nowait(1)
    seen: list[bool] = []

    async def look() -> None:
        seen.append(len(channel) != 1)

    with yield_interval(0):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await OPERATIONS[name](channel)
    assert seen == [True]


@every_channel
async def test_of_many_sent_those_for_which_there_is_room_go_at_once(make: Make) -> None:
    """The wait for the others may be cancelled; what was sent at the call stands."""
    channel = make()
    items = Unsent([1, 2, 3, 4])
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.send_many, items)
            await wait_all_tasks_blocked()
            assert len(channel) == 2
            scope.cancel()
    assert channel.drain() == [1, 2]
    assert [*items] == [3, 4]


async def race(open_pair: Callable[[], tuple[Any, Any]], seed: int) -> int:
    """Return how many of 100 sends with room happened though they were cancelled meanwhile."""
    chance = random.Random(seed)
    happened = 0
    for _ in range(100):
        sender, receiver = open_pair()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel(scope: trio.CancelScope = scope) -> None:
                    scope.cancel()

                for _ in range(chance.randrange(1, 4)):
                    nursery.start_soon(cancel)
                await sender.send(1)
        try:
            receiver.receive_nowait()
        except trio.WouldBlock:
            continue
        happened += 1
    return happened


async def test_it_is_as_with_trios_own_channels() -> None:
    """Side by side, where the cancellation comes while the call runs."""

    def ours() -> tuple[Any, Any]:
        channel = Chan[int](1)
        return channel.sender, channel.receiver

    assert await race(lambda: trio.open_memory_channel[int](1), 1) == 100
    assert await race(ours, 1) == 100


async def test_a_failed_call_lets_others_run_when_it_is_time() -> None:
    """Or a loop that tries again and again would starve them."""
    channel = Chan[int]()
    channel.close()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        with yield_interval(0):
            for call in (channel.receive, lambda: channel.send(1), lambda: anext(channel)):
                before = turns
                for _ in range(10):
                    with pytest.raises(
                        (trio.ClosedResourceError, trio.EndOfChannel, StopAsyncIteration)
                    ):
                        await call()
                assert turns - before >= 9  # the last of them may run later
        nursery.cancel_scope.cancel()


def test_every_async_operation_is_in_the_table() -> None:
    """So that one that is added later is not forgotten."""
    methods = {
        name
        for name, method in inspect.getmembers(Chan, inspect.iscoroutinefunction)
        if not name.startswith("_") and name != "aclose"
    }
    assert methods <= {*OPERATIONS}

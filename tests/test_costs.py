"""Costs that must not grow with what waits, and memory that must not stay.

How fast things are, the benchmarks tell. Here ten times the work may take ten times the
processor time, and three times that, to be safe from noise; with a hidden search it would
take a hundred times.
"""

from __future__ import annotations

import gc
import math
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from time import process_time
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Case, Chan, Selector, after, default, select
from gochan.strategies import Block


@pytest.fixture(autouse=True)
def _no_garbage_collection() -> Iterator[None]:
    """Its cost grows with all that exists."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Watch:
    """Adds up the processor time of the blocks in which it runs."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        begun = process_time()
        yield
        self.seconds += process_time() - begun


async def assert_cheap(
    measure: Callable[[int], Awaitable[float]], few: int, many: int, *, factor: float
) -> None:
    """Assert that ``many`` cost at most ``factor`` times what ``few`` do, perhaps at a retry."""
    for _ in range(3):
        cost_of_few = min([await measure(few) for _ in range(3)])
        cost_of_many = await measure(many)
        if cost_of_many <= factor * cost_of_few:
            return
    raise AssertionError(f"{few} cost {cost_of_few:.4f} s, {many} cost {cost_of_many:.4f} s")


async def assert_linear(measure: Callable[[int], Awaitable[float]]) -> None:
    await assert_cheap(measure, 1_000, 10_000, factor=10 * 3)


# Long lines

WAITS: dict[str, Callable[[Chan[Any]], Awaitable[object]]] = {
    "send": lambda channel: channel.send(None),
    "receive": lambda channel: channel.receive(),
    "select to send": lambda channel: select(channel.on_send(None), Chan[None]().on_receive()),
    "select to receive": lambda channel: select(
        channel.on_receive_ok(), Chan[None]().on_receive(), channel.on_receive_ok()
    ),
}


def send_to_all(channel: Chan[Any], scopes: list[trio.CancelScope]) -> None:
    for _ in scopes:
        channel.send_nowait(None)


def receive_from_all(channel: Chan[Any], scopes: list[trio.CancelScope]) -> None:
    for _ in scopes:
        channel.receive_nowait()


def cancel_all(channel: Chan[Any], scopes: list[trio.CancelScope]) -> None:
    for scope in Random(0).sample(scopes, len(scopes)):
        scope.cancel()


def close(channel: Chan[Any], scopes: list[trio.CancelScope]) -> None:
    channel.close()


@pytest.mark.parametrize(
    ("wait", "end"),
    [
        ("receive", send_to_all),
        ("select to send", receive_from_all),
        ("send", cancel_all),
        ("select to receive", cancel_all),
        ("select to receive", close),
    ],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
async def test_each_of_ten_thousand_waiting_tasks_costs_the_same(
    wait: str, end: Callable[[Chan[Any], list[trio.CancelScope]], None]
) -> None:
    """To serve, to cancel in any order or to finish a waiting task takes constant time."""

    async def measure(tasks: int) -> float:
        channel = Chan[None]()
        scopes: list[trio.CancelScope] = []
        watch = Watch()

        async def stand_in_line() -> None:
            with trio.CancelScope() as scope:
                scopes.append(scope)
                await WAITS[wait](channel)

        async with trio.open_nursery() as nursery:
            for _ in range(tasks):
                nursery.start_soon(stand_in_line)
            await wait_all_tasks_blocked()
            with watch.running():
                end(channel, scopes)
        return watch.seconds

    await assert_linear(measure)


async def test_each_of_many_values_costs_the_same_beside_a_selector() -> None:
    """However many tasks wait to send many values, where a selector waits, too."""

    async def receive_many(number: int) -> float:
        channel, watch = Chan[int](), Watch()
        selector = Selector[str, None]()
        async with trio.open_nursery() as nursery:
            for _ in range(number):
                nursery.start_soon(channel.send_many, [1, 2, 3])
            await wait_all_tasks_blocked()
            selector.add(channel.on_send(4), "send")
            nursery.start_soon(selector.select)
            await wait_all_tasks_blocked()
            with watch.running():
                assert len(channel.receive_many_nowait(number)) == number
            nursery.cancel_scope.cancel()
        return watch.seconds

    await assert_cheap(receive_many, 200, 2_000, factor=10 * 3)


async def test_a_thousand_selects_on_one_channel_cost_each_what_a_hundred_do() -> None:
    """Go's rule for tasks that select on a shared channel and their own: linear in the tasks."""
    served = 4_000

    async def measure(tasks: int) -> float:
        shared, own = Chan[None](), [Chan[None]() for _ in range(tasks)]
        watch = Watch()

        async def listen(channel: Chan[None]) -> None:
            while (await select(shared.on_receive_ok(), channel.on_receive()))[0] == 1:
                pass

        async with trio.open_nursery() as nursery:
            for channel in own:
                nursery.start_soon(listen, channel)
            await wait_all_tasks_blocked()
            with watch.running():
                for _ in range(served // tasks):
                    for channel in own:
                        channel.send_nowait(None)
                    await wait_all_tasks_blocked()
            shared.close()
        return watch.seconds

    await assert_cheap(measure, 100, 1_000, factor=3)


async def test_a_select_costs_the_same_for_each_of_its_cases() -> None:
    """Waiting, being served and being cancelled are linear in the number of cases."""

    async def measure(cases: int) -> float:
        channels = [Chan[None]() for _ in range(cases)]
        last = channels[-1]
        watch = Watch()

        async def wait() -> None:
            await select(*[channel.on_receive() for channel in channels])

        with watch.running():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                await wait_all_tasks_blocked()
                last.send_nowait(None)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
        return watch.seconds

    await assert_linear(measure)


@pytest.mark.parametrize("make", [Chan, lambda capacity: Chan(strategy=Block(capacity))])
async def test_each_of_many_buffered_values_costs_the_same(
    make: Callable[[float], Chan[int]],
) -> None:
    """A long buffer gives up its front in constant time."""

    async def measure(values: int) -> float:
        channel = make(math.inf)
        watch = Watch()
        with watch.running():
            for value in range(10 * values):
                channel.send_nowait(value)
            for _ in range(10 * values):
                channel.receive_nowait()
        return watch.seconds

    await assert_linear(measure)


# Memory


async def test_a_hundred_thousand_selects_leave_nothing_beside_a_silent_channel() -> None:
    """Go's rule for a select in a loop: a case that never happens costs no memory."""
    silent, busy = Chan[None](), Chan[None]()
    cases: list[Case[Any]] = [silent.on_receive(), busy.on_receive(), silent.on_close()]

    async def serve() -> None:
        with busy:
            for _ in range(101_000):
                await busy.send(None)

    async def select_often(times: int) -> int:
        for _ in range(times):
            await select(*cases)
        gc.collect()
        return sys.getallocatedblocks()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        blocks = await select_often(1_000)
        assert await select_often(100_000) < blocks + 100

    assert silent.statistics().tasks_waiting_receive == 0
    silent.check()


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(lambda silent: silent.receive(), id="cancelled receive"),
        pytest.param(lambda silent: silent.send(None), id="cancelled send"),
        pytest.param(
            lambda silent: select(silent.on_receive(), silent.on_close(), after(10)),
            id="cancelled select",
        ),
        pytest.param(lambda silent: select(silent.on_receive(), default()), id="default"),
        pytest.param(
            lambda silent: select(silent.on_send(None), after(0.1), after(0.2)), id="timer first"
        ),
        pytest.param(
            lambda silent: select(silent.on_receive(), after(10), after(0)), id="timer at once"
        ),
    ],
)
@pytest.mark.usefixtures("both_modes")
async def test_what_comes_to_nothing_leaves_nothing(
    operation: Callable[[Chan[None]], Awaitable[object]], autojump_clock: MockClock
) -> None:
    """Cancelled operations, and timers beside other cases, cost no memory afterwards."""
    silent = Chan[None]()

    async def repeat(times: int) -> int:
        for _ in range(times):
            with trio.move_on_after(1):
                await operation(silent)
        gc.collect()
        return sys.getallocatedblocks()

    blocks = await repeat(100)
    assert await repeat(2_000) < blocks + 100
    assert silent.statistics().tasks_waiting_send == 0
    assert silent.statistics().tasks_waiting_receive == 0


@pytest.mark.parametrize("capacity", [0, 1, 1_000_000, math.inf])
def test_an_idle_channel_takes_less_than_500_bytes(capacity: float) -> None:
    """Nothing is allocated before it is needed, whatever the capacity."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        channels = [Chan[None](capacity) for _ in range(1_000)]
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert used / len(channels) <= 500


async def test_a_channel_that_was_used_is_small_again() -> None:
    """What a buffer and a line needed is given back when they are empty."""
    tracemalloc.start()
    try:
        channel = Chan[int](math.inf)
        before, _ = tracemalloc.get_traced_memory()
        for value in range(100_000):
            channel.send_nowait(value)
        channel.drain()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert used < 50_000

"""Checkpoints: every call looks for cancellation, and lets the scheduler run often enough."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from gochan import Chan, WaitGroup, after, default, every, select
from gochan._core import _pacing, _parts
from gochan._core._trio_private import NOWHERE, runs_a_task, shows_cancellation
from gochan.lowlevel import yield_interval
from gochan.strategies import Block, DropOnFull, Strategy

MICROSECOND = 1e-6
INTERVAL = 100 * MICROSECOND

# Every async call that need not wait, as what it is made on and how it is called: first
# those that succeed, then those that fail. Each can be repeated several times.


def filled(number: int = 9, **options: Any) -> Chan[Any]:
    channel = Chan[Any](**options) if options else Chan[Any](math.inf)
    for value in range(number):
        channel.send_nowait(value)
    return channel


def closed(channel: Chan[Any]) -> Chan[Any]:
    channel.close()
    return channel


def broken() -> Chan[Any]:
    channel = Chan[Any](1)
    channel.receiver.close()
    return channel


def stopped_ticker() -> Any:
    ticker = every(1)
    ticker.stop()
    return ticker


Calls = dict[str, tuple[Callable[[], Any], Callable[[Any], Awaitable[Any]]]]

SUCCEEDING: Calls = {
    "send": (filled, lambda c: c.send(1)),
    "send on an end": (filled, lambda c: c.sender.send(1)),
    "send to a strategy": (lambda: Chan(strategy=Block(9)), lambda c: c.send(1)),
    "receive": (filled, lambda c: c.receive()),
    "receive on an end": (filled, lambda c: c.receiver.receive()),
    "receive from a strategy": (lambda: filled(strategy=Block(9)), lambda c: c.receive()),
    "receive_ok": (filled, lambda c: c.receive_ok()),
    "receive_ok on an end": (filled, lambda c: c.receiver.receive_ok()),
    "async for": (filled, lambda c: anext(aiter(c))),
    "async for on an end": (filled, lambda c: anext(aiter(c.receiver))),
    "receive what a close left": (lambda: closed(filled()), lambda c: c.receive()),
    "send_many": (filled, lambda c: c.send_many([1, 2])),
    "send_many on an end": (filled, lambda c: c.sender.send_many(iter([1, 2]))),
    "send_many of nothing": (filled, lambda c: c.send_many([])),
    "send_many to a strategy": (lambda: Chan(strategy=Block(99)), lambda c: c.send_many([1, 2])),
    "receive_many": (filled, lambda c: c.receive_many(1)),
    "receive_many on an end": (filled, lambda c: c.receiver.receive_many(1)),
    "receive_many from a strategy": (
        lambda: filled(strategy=Block(9)),
        lambda c: c.receive_many(1),
    ),
    "batches": (filled, lambda c: anext(c.batches(1))),
    "batches on an end": (filled, lambda c: anext(c.receiver.batches(1, linger=1))),
    "select to send": (filled, lambda c: select(c.on_send(1))),
    "select to receive": (filled, lambda c: select(c.on_receive(), after(60))),
    "select with a default": (Chan, lambda c: select(c.on_receive(), default())),
    "select of a default": (Chan, lambda c: select(default())),
    "select on a close": (lambda: closed(Chan()), lambda c: select(c.on_close())),
    "select after no time": (Chan, lambda c: select(c.on_receive(), after(0))),
    "wait": (WaitGroup, lambda group: group.wait()),
}
FAILING: Calls = {
    "send, closed": (lambda: closed(Chan()), lambda c: c.send(1)),
    "send, abandoned": (broken, lambda c: c.send(1)),
    "send, refused": (lambda: filled(1, strategy=DropOnFull(1)), lambda c: c.send(1)),
    "receive, ended": (lambda: closed(Chan()), lambda c: c.receive()),
    "receive, abandoned": (broken, lambda c: c.receive()),
    "receive_ok, ended": (lambda: closed(Chan()), lambda c: c.receive_ok()),
    "async for, ended": (lambda: closed(Chan()), lambda c: anext(aiter(c))),
    "send_many, closed": (lambda: closed(Chan()), lambda c: c.send_many([1])),
    "send_many, refused": (
        lambda: filled(1, strategy=DropOnFull(1)),
        lambda c: c.send_many([1]),
    ),
    "receive_many, ended": (lambda: closed(Chan()), lambda c: c.receive_many(1)),
    "batches, ended": (lambda: closed(Chan()), lambda c: anext(c.batches(1))),
    "select to send, closed": (lambda: closed(Chan()), lambda c: select(c.on_send(1))),
    "select to receive, ended": (lambda: closed(Chan()), lambda c: select(c.on_receive())),
    "select of what is no case": (Chan, lambda c: select(c)),
    "async for, ticker stopped": (stopped_ticker, lambda ticker: anext(aiter(ticker))),
}
WAITING: Calls = {
    "send, no receiver": (Chan, lambda c: c.send(1)),
    "send, full": (lambda: filled(1, capacity=1), lambda c: c.send(1)),
    "receive, empty": (Chan, lambda c: c.receive()),
    "async for, empty": (Chan, lambda c: anext(aiter(c))),
    "send_many, no receiver": (Chan, lambda c: c.send_many([1])),
    "send_many, full": (lambda: filled(1, capacity=1), lambda c: c.send_many([1, 2])),
    "receive_many, empty": (Chan, lambda c: c.receive_many(1)),
    "batches, empty": (Chan, lambda c: anext(c.batches(1, linger=1))),
    "select, none ready": (Chan, lambda c: select(c.on_receive(), c.on_send(1), after(60))),
    "select of nothing": (Chan, lambda c: select()),
}


def calls(*tables: Calls) -> pytest.MarkDecorator:
    table = {name: entry for part in tables for name, entry in part.items()}
    return pytest.mark.parametrize(("make", "call"), table.values(), ids=table)


def look(thing: Any) -> Any:
    """Return what a call could have changed."""
    return thing.statistics() if isinstance(thing, Chan) else repr(thing)


class Clock:
    """Time for gochan, which passes only when somebody says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        """Spend time without giving the thread away."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Take the place of ``perf_counter`` wherever gochan looks at it."""
    clock = Clock()
    replace_everywhere(monkeypatch, "perf_counter", clock)
    return clock


def replace_everywhere(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    """Replace what several modules of gochan have imported under that name."""
    modules = [module for key, module in sys.modules.items() if key.startswith("gochan.")]
    for module in modules:
        if hasattr(module, name):
            monkeypatch.setattr(module, name, value)


class Steps(trio.abc.Instrument):
    """Counts how often the scheduler has given the thread to one task."""

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self.task = task
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self.task


async def yields(call: Callable[..., Awaitable[Any]], *args: Any) -> bool:
    """Tell whether the scheduler had control during a call, which may fail."""
    steps = Steps(trio.lowlevel.current_task())
    trio.lowlevel.add_instrument(steps)
    with suppress(Exception):
        await call(*args)
    trio.lowlevel.remove_instrument(steps)
    return steps.count > 0


async def attempt(call: Callable[..., Awaitable[Any]], *args: Any) -> None:
    """Make a call, cancelled if it waits; gochan then knows that the scheduler had control."""

    async def make() -> None:
        with suppress(Exception):
            await call(*args)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(make)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


# Cancellation


@pytest.mark.parametrize("seconds", [0, 60])
@calls(SUCCEEDING, FAILING, WAITING)
async def test_a_cancelled_task_gets_nothing_done(
    seconds: float, make: Callable[[], Any], call: Callable[..., Awaitable[Any]]
) -> None:
    """S54: on entry each call raises ``Cancelled``, whatever it would have done or raised."""
    with yield_interval(seconds):
        thing = make()
        for _ in range(2):
            before = look(thing)
            with trio.CancelScope() as scope:
                scope.cancel()
                await call(thing)
            assert scope.cancelled_caught
            assert look(thing) == before
            # From now on, with the long interval, no schedule point is due.
            await attempt(call, thing)


@pytest.mark.parametrize("seconds", [0, 60])
@calls(SUCCEEDING)
async def test_time_that_is_up_already_leaves_no_time_for_a_call(
    seconds: float, make: Callable[[], Any], call: Callable[..., Awaitable[Any]]
) -> None:
    """S54: a deadline in the past is a cancellation, though the call could succeed at once."""
    with yield_interval(seconds):
        thing = make()
        await attempt(call, thing)
        before = look(thing)
        with trio.move_on_after(0) as scope:
            await call(thing)
        assert scope.cancelled_caught
        assert look(thing) == before


@pytest.mark.parametrize("seconds", [0, 60])
@calls(SUCCEEDING)
async def test_a_shielded_task_goes_on(
    seconds: float, make: Callable[[], Any], call: Callable[..., Awaitable[Any]]
) -> None:
    """What counts is whether the task is cancelled effectively."""
    with yield_interval(seconds):
        thing = make()
        with trio.CancelScope() as scope:
            scope.cancel()
            with trio.CancelScope(shield=True):
                await call(thing)
                await call(thing)
            await call(thing)
        assert scope.cancelled_caught


# Schedule points


@calls(SUCCEEDING, FAILING)
async def test_with_interval_zero_every_call_is_a_full_checkpoint(
    clock: Clock, make: Callable[[], Any], call: Callable[..., Awaitable[Any]]
) -> None:
    """Trio's rule to the letter, also for calls that fail, though no time passes."""
    with yield_interval(0):
        thing = make()
        for _ in range(3):
            with assert_checkpoints(), suppress(Exception):
                await call(thing)


@calls(SUCCEEDING, FAILING)
async def test_a_call_yields_if_the_scheduler_had_no_control_for_the_interval(
    clock: Clock, make: Callable[[], Any], call: Callable[..., Awaitable[Any]]
) -> None:
    """100 microseconds: not earlier, not later, also for calls that fail."""
    thing = make()
    assert await yields(call, thing)
    for _ in range(2):
        assert not await yields(call, thing)
        clock.work(0.99 * INTERVAL)
        assert not await yields(call, thing)
        clock.work(0.02 * INTERVAL)
        assert await yields(call, thing)


class SlowScheduler(trio.abc.Instrument):
    """Whenever the scheduler has control, much time passes before a task gets it back."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def before_io_wait(self, timeout: float) -> None:
        self.clock.work(50 * INTERVAL)


@calls(SUCCEEDING, FAILING)
async def test_the_interval_begins_when_the_task_gets_the_thread_back(
    clock: Clock, make: Callable[[], Any], call: Callable[..., Awaitable[Any]]
) -> None:
    """However long others were at work meanwhile."""
    thing, slow = make(), SlowScheduler(clock)
    trio.lowlevel.add_instrument(slow)
    assert await yields(call, thing)
    clock.work(0.99 * INTERVAL)
    assert not await yields(call, thing)
    trio.lowlevel.remove_instrument(slow)


async def test_tasks_and_channels_share_the_interval(clock: Clock) -> None:
    """What counts is when the scheduler had control last, for whichever task and channel."""
    channels = [filled() for _ in range(4)]
    for channel in channels:
        await channel.receive()

    async def operate() -> None:
        for channel in channels:
            assert not await yields(channel.receive)
        clock.work(0.6 * INTERVAL)
        for channel in channels:
            assert not await yields(select, channel.on_receive())

    clock.work(2 * INTERVAL)
    assert await yields(channels[0].receive)
    await operate()
    clock.work(0.6 * INTERVAL)
    assert await yields(channels[3].receive)
    # Another task goes on where this one has stopped.
    async with trio.open_nursery() as nursery:
        nursery.start_soon(operate)


class Timed(Strategy[Any]):
    """A strategy that might follow the clock, for which tasks wait in another way."""

    def next_change(self, now: float) -> float | None:
        return None


@pytest.mark.parametrize(
    ("make", "wait", "serve"),
    [
        (Chan, lambda c: c.receive(), lambda c: c.send_nowait(1)),
        (Chan, lambda c: c.send(1), lambda c: c.receive_nowait()),
        (Chan, lambda c: anext(aiter(c)), lambda c: c.send_nowait(1)),
        (Chan, lambda c: c.receive_ok(), lambda c: c.close()),
        (Chan, lambda c: select(c.on_receive()), lambda c: c.send_nowait(1)),
        (Chan, lambda c: select(c.on_receive(), after(60)), lambda c: c.send_nowait(1)),
        (lambda: Chan(strategy=Timed(1)), lambda c: c.receive(), lambda c: c.send_nowait(1)),
        (Chan, lambda c: c.send_many([1, 2]), lambda c: c.receive_many_nowait(2)),
        (Chan, lambda c: c.receive_many(2), lambda c: c.send_nowait(1)),
    ],
    ids=[
        *("receive", "send", "async for", "end", "select", "select with a timer"),
        *("timed strategy", "send_many", "receive_many"),
    ],
)
async def test_a_call_that_had_to_wait_has_yielded_by_waiting(
    clock: Clock,
    make: Callable[[], Chan[Any]],
    wait: Callable[..., Awaitable[Any]],
    serve: Callable[..., Any],
) -> None:
    """The interval begins again when a task wakes up."""
    channel, other = make(), filled()
    await other.receive()

    async def use() -> None:
        await wait(channel)
        clock.work(0.99 * INTERVAL)
        assert not await yields(other.receive)
        clock.work(0.02 * INTERVAL)
        assert await yields(other.receive)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use)
        await wait_all_tasks_blocked()
        clock.work(50 * INTERVAL)
        serve(channel)


async def test_tasks_that_wait_for_a_group_have_yielded_by_waiting(clock: Clock) -> None:
    """The same for a wait group."""
    group, other = WaitGroup(), filled()
    group.add()

    async def use() -> None:
        await group.wait()
        clock.work(0.99 * INTERVAL)
        assert not await yields(other.receive_ok)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.receive)
        nursery.start_soon(use)
        await wait_all_tasks_blocked()
        clock.work(50 * INTERVAL)
        await other.receive()
        group.done()


# The bound


class KeepingTime(trio.abc.Instrument):
    """Measures, on gochan's clock, how long each step of each task keeps the thread."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.began = clock.now
        self.kept: list[float] = []

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.began = self.clock.now

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.kept.append(self.clock.now - self.began)


@pytest.mark.parametrize(
    "interval", [None, INTERVAL / 10, 10 * INTERVAL], ids=["default", "short", "long"]
)
@pytest.mark.parametrize("seed", range(3))
async def test_nobody_keeps_the_thread_longer_than_the_interval_and_one_piece_of_own_work(
    clock: Clock, seed: int, interval: float | None
) -> None:
    """The bound: 100 microseconds plus the caller's own code between two operations."""
    dice = random.Random(seed)
    trio._core._run._r.seed(seed)
    # So many values that nobody ever has to wait.
    buffered = [filled(1000) for _ in range(3)]
    strategy = filled(1000, strategy=Block(math.inf))
    ended, group = closed(Chan()), WaitGroup()
    longest_work = 70 * MICROSECOND
    operations = 0

    def operation() -> Awaitable[Any]:
        channel = dice.choice([*buffered, strategy])
        return dice.choice(
            [
                lambda: channel.send(1),
                lambda: channel.sender.send(1),
                lambda: channel.receive(),
                lambda: anext(aiter(channel)),
                lambda: select(channel.on_receive(), default()),
                lambda: select(channel.on_send(1), default()),
                lambda: select(ended.on_receive_ok()),
                ended.receive,
                ended.receive_ok,
                lambda: ended.send(1),
                group.wait,
            ]
        )()

    async def keep_busy(number: int) -> None:
        nonlocal operations
        for _ in range(200):
            clock.work(dice.uniform(0, longest_work))
            with suppress(trio.EndOfChannel, trio.ClosedResourceError):
                await operation()
            operations += 1
            if dice.random() < 0.01:
                await trio.lowlevel.checkpoint()

    timekeeper = KeepingTime(clock)
    with ExitStack() as stack:
        if interval is not None:
            stack.enter_context(yield_interval(interval))
        trio.lowlevel.add_instrument(timekeeper)
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(keep_busy, number)
        trio.lowlevel.remove_instrument(timekeeper)
    bound = (INTERVAL if interval is None else interval) + longest_work
    assert max(timekeeper.kept) <= bound + 1e-9  # for rounding
    # Had they yielded in each call, the bound would say nothing about the interval.
    assert max(timekeeper.kept) > 0.8 * bound
    assert len(timekeeper.kept) < operations


@pytest.mark.parametrize("strategy", [False, True])
async def test_an_iterable_keeps_the_thread_no_longer_than_its_items_need(
    clock: Clock, strategy: bool
) -> None:
    """Sending many looks at the clock after each item that somebody's code has to make."""
    dice = random.Random(0)
    longest_work = 70 * MICROSECOND

    def items() -> Iterator[int]:
        for number in range(1000):
            clock.work(dice.uniform(0, longest_work))
            yield number

    timekeeper = KeepingTime(clock)
    trio.lowlevel.add_instrument(timekeeper)
    channel = Chan[int](strategy=Block(math.inf)) if strategy else Chan[int](math.inf)
    await channel.send_many(items())
    trio.lowlevel.remove_instrument(timekeeper)
    # The next item is there already when time turns out to be up.
    assert max(timekeeper.kept) <= INTERVAL + 2 * longest_work + 1e-9
    assert max(timekeeper.kept) > INTERVAL


LOOPS: Calls = {
    "send and receive": (filled, lambda c: c.send(c.receive_nowait())),
    "receive and send": (filled, lambda c: receive_and_send(c)),
    "select with a default": (Chan, lambda c: select(c.on_receive(), default())),
    "select of what is ready": (filled, lambda c: select(c.on_close(), c.on_send(1))),
    "send_many and receive_many": (filled, lambda c: c.send_many(c.receive_many_nowait(5))),
    "send_many, endless": (filled, lambda c: c.send_many(count())),
    "send_many, closed": FAILING["send_many, closed"],
    "batches": (filled, lambda c: batches_and_send(c)),
    "batches, ended": FAILING["batches, ended"],
    "send, closed": FAILING["send, closed"],
    "send, refused": FAILING["send, refused"],
    "receive, ended": FAILING["receive, ended"],
    "receive_ok, ended": FAILING["receive_ok, ended"],
    "async for, ended": FAILING["async for, ended"],
    "select to receive, ended": FAILING["select to receive, ended"],
    "wait": SUCCEEDING["wait"],
}


async def receive_and_send(channel: Chan[Any]) -> None:
    await channel.send(await channel.receive())


async def batches_and_send(channel: Chan[Any]) -> None:
    async for batch in channel.batches(3, linger=0):
        await channel.send_many(batch)


async def loop(call: Callable[..., Awaitable[Any]], thing: Any) -> None:
    """Call again and again, without ever having to wait, in the hope to be cancelled."""
    patience = perf_counter() + 10
    while perf_counter() < patience:
        with suppress(Exception):
            await call(thing)


@pytest.mark.usefixtures("both_modes")
@calls(LOOPS)
async def test_deadlines_fire_inside_loops_that_never_have_to_wait(
    make: Callable[[], Any], call: Callable[..., Awaitable[Any]]
) -> None:
    """Only the scheduler notices that time is up, so it has to run."""
    with trio.move_on_after(0.005) as scope:
        await loop(call, make())
    assert scope.cancelled_caught


@pytest.mark.usefixtures("both_modes")
@calls(LOOPS)
async def test_loops_that_never_have_to_wait_let_others_run(
    make: Callable[[], Any], call: Callable[..., Awaitable[Any]]
) -> None:
    """Another task gets its turns, and here ends the loop after some of them."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop, call, make())
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert nursery.cancel_scope.cancelled_caught


async def test_in_real_time_others_run_often() -> None:
    """Fifty milliseconds of busy loops are 500 intervals; ten are asked for, on any machine."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    with trio.move_on_after(0.05):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            await loop(receive_and_send, filled())
    assert turns >= 10


# yield_interval


async def yields_after(seconds: float, clock: Clock, channel: Chan[Any]) -> bool:
    """Tell whether a call yields so long after the scheduler had control."""
    clock.work(1000)
    assert await yields(channel.receive_ok)
    clock.work(seconds)
    return await yields(channel.receive_ok)


async def is_interval(seconds: float, clock: Clock) -> bool:
    """Tell whether that is how long a call may keep the thread, in whichever task."""
    ended = closed(Chan[Any]())
    answers: list[bool] = []

    async def ask() -> None:
        answers.append(await yields_after(1.01 * seconds, clock, ended))
        answers.append(not await yields_after(0.99 * seconds, clock, ended) or not seconds)

    await ask()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
    return all(answers)


async def test_the_interval_is_100_microseconds_unless_changed(clock: Clock) -> None:
    """The default, before and after a block."""
    assert await is_interval(INTERVAL, clock)
    with yield_interval(1):
        pass
    assert await is_interval(INTERVAL, clock)


@pytest.mark.parametrize("seconds", [0, 0.0, 1e-6, 0.5, 3])
async def test_a_block_changes_the_interval_at_once(clock: Clock, seconds: float) -> None:
    """Also for a run that is going already, and for its end."""
    ended = closed(Chan[Any]())
    await ended.receive_ok()
    assert not await yields(ended.receive_ok)
    with yield_interval(seconds):
        assert await yields(ended.receive_ok)
        assert await is_interval(seconds, clock)
    assert await is_interval(INTERVAL, clock)


async def test_no_call_escapes_a_block_though_its_time_had_come_later(clock: Clock) -> None:
    """A shorter interval applies to what was allowed under a longer one."""
    channel = filled()
    with yield_interval(60):
        await channel.receive()
        assert not await yields(channel.receive)
        with yield_interval(0):
            assert await yields(channel.receive)
            assert await yields(channel.receive)
    assert await yields(channel.receive)
    clock.work(1.01 * INTERVAL)
    assert await yields(channel.receive)


async def test_blocks_nest(clock: Clock) -> None:
    """The inner one applies, then again the outer one, also when an exception ends it."""
    with yield_interval(1):
        assert await is_interval(1, clock)
        with suppress(KeyError), yield_interval(0.5):
            assert await is_interval(0.5, clock)
            with yield_interval(0):
                assert await is_interval(0, clock)
            assert await is_interval(0.5, clock)
            raise KeyError
        assert await is_interval(1, clock)
    assert await is_interval(INTERVAL, clock)


async def test_blocks_may_overlap(clock: Clock) -> None:
    """As tasks enter and leave them in any order, the one entered last applies."""
    blocks = [yield_interval(seconds) for seconds in (1, 2, 3)]
    for seconds, block in enumerate(blocks, 1):
        block.__enter__()
        assert await is_interval(seconds, clock)
    for leaving, remaining in ((1, 3), (2, 1), (0, INTERVAL)):
        blocks[leaving].__exit__(None, None, None)
        assert await is_interval(remaining, clock)


async def test_a_block_applies_to_the_runs_of_all_threads(clock: Clock) -> None:
    """To those that begin while it is entered, and to those that are going already."""

    async def another_run() -> None:
        assert await is_interval(2, clock)

    with yield_interval(2):
        await trio.to_thread.run_sync(trio.run, another_run)
    assert await is_interval(INTERVAL, clock)
    block = yield_interval(3)
    await trio.to_thread.run_sync(block.__enter__)
    assert await is_interval(3, clock)
    await trio.to_thread.run_sync(partial(block.__exit__, None, None, None))
    assert await is_interval(INTERVAL, clock)


@pytest.mark.parametrize("seconds", [-1, -1e-9, -math.inf, math.nan])
async def test_an_interval_that_is_no_length_of_time_is_refused(
    clock: Clock, seconds: float
) -> None:
    """The error names the parameter, and nothing has changed."""
    with pytest.raises(ValueError, match="seconds"), yield_interval(seconds):
        pytest.fail("entered")
    assert await is_interval(INTERVAL, clock)


# Where trio does not show whether a task is cancelled


@pytest.mark.parametrize(
    "task",
    [
        SimpleNamespace(),
        SimpleNamespace(_cancel_status=None),
        SimpleNamespace(_cancel_status=SimpleNamespace()),
        SimpleNamespace(_cancel_status=SimpleNamespace(effectively_cancelled=lambda: True)),
    ],
    ids=["no status", "another status", "an empty status", "a method"],
)
async def test_where_cancellation_is_hidden_every_call_asks_trio(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, task: Any
) -> None:
    """Where trio does not show it, only trio's own checkpoint can tell: slower, never wrong."""
    monkeypatch.setattr(_pacing, "shows_cancellation", lambda _: shows_cancellation(task))
    with yield_interval(60):
        for make, call in [*SUCCEEDING.values(), *FAILING.values()]:
            thing = make()
            for _ in range(3):
                with suppress(Exception):
                    await call(thing)
                assert _pacing.current_pace().here is NOWHERE
            before = look(thing)
            with trio.CancelScope() as scope:
                scope.cancel()
                await call(thing)
            assert scope.cancelled_caught
            assert look(thing) == before


async def talk(items: int = 100) -> list[int]:
    """Send and receive, plainly and by select, and be cancelled."""
    channel, received = Chan[int](), list[int]()

    async def produce() -> None:
        with channel:
            for item in range(items):
                await channel.send(item)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        async for item in channel:
            received.append(item)
            chosen, value = await select(channel.on_receive(), after(1))
            assert chosen == 0
            received.append(value)
    for wait in (channel.receive_ok, Chan[int]().receive, select):
        with trio.move_on_after(0) as scope:
            await wait()
        assert scope.cancelled_caught
    return received


async def test_the_running_task_can_be_found_the_public_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a shortcut that trio does not document, everything works the same."""
    monkeypatch.setattr(_pacing, "find_here", lambda: NOWHERE)
    monkeypatch.setattr(_parts, "find_here", lambda: NOWHERE)
    assert await talk() == [*range(100)]
    assert _pacing.current_pace().here is NOWHERE
    assert not NOWHERE


def test_outside_any_run_there_is_no_pace() -> None:
    """The error says what to do."""
    assert not runs_a_task()
    with pytest.raises(RuntimeError, match=r"inside trio\.run"):
        _pacing.current_pace()


@pytest.mark.parametrize("finished", [True, False])
def test_a_channel_may_go_on_to_a_run_in_another_thread(finished: bool) -> None:
    """Who waits there is found, though a run in this thread has just used the channel."""
    channels = [Chan[int](capacity) for capacity in (0, 1)]

    async def use(channel: Chan[int]) -> None:
        with trio.fail_after(5):
            await use_in_time(channel)

    async def use_in_time(channel: Chan[int]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.send, 1)
            assert await channel.receive() == 1
            nursery.start_soon(channel.receive)
            await wait_all_tasks_blocked()
            await channel.send(2)

    def use_elsewhere() -> None:
        with ThreadPoolExecutor() as threads:
            for channel in channels:
                threads.submit(trio.run, use, channel).result()

    async def main() -> None:
        for channel in channels:
            await use(channel)
        if not finished:
            use_elsewhere()

    with yield_interval(60):
        trio.run(main)
        if finished:
            use_elsewhere()

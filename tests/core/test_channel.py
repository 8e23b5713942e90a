"""`Chan` as an object: how it is made, drained, looked at and let go, and how it is misused.

What channels do is in test_behaviours.py, in all ways to use them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import inspect
import math
import sys
import tracemalloc
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import assert_no_checkpoints

from gochan import (
    Chan,
    ChanClosedError,
    EndOfChannel,
    Refused,
    after,
    default,
    select,
    select_nowait,
)
from gochan.lowlevel import yield_interval
from gochan.strategies import Block, DropOnFull

from ..lines import Log, line_up, trying
from ..ways import (
    RECEIVING,
    SENDING,
    iterate,
    receive,
    select_receive_among_others,
    select_send_among_others,
)

pytestmark = pytest.mark.usefixtures("both_modes", "virtual_time")

New: TypeAlias = Callable[..., Chan[Any]]


@pytest.fixture(params=["buffer", "strategy"])
def new(request: pytest.FixtureRequest) -> New:
    """What makes channels: with a plain buffer, and with the strategy that means the same."""
    if request.param == "buffer":
        return Chan
    return lambda capacity=0, **options: Chan(strategy=Block(capacity), **options)


# What makes a channel


@pytest.mark.parametrize("capacity", [0, 1, 7, 10**15, math.inf])
def test_capacity_is_a_number_of_values(new: New, capacity: float) -> None:
    """A channel has the capacity it was given; infinity means unbounded."""
    channel = new(capacity)
    assert channel.capacity == capacity
    assert channel.statistics().max_buffer_size == capacity
    channel.check()


def test_capacity_is_zero_unless_given() -> None:
    """``Chan()`` is unbuffered, as in Go."""
    assert Chan().capacity == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((int, 10), r"write Chan[int](10), not Chan(int, …)"),
        ((str,), r"write Chan[str](), not Chan(str, …)"),
        ((3, "jobs"), r"'jobs' must be given by name, as in Chan(3, name='jobs')"),
    ],
)
def test_what_other_libraries_write_is_an_error_that_names_the_way_out(
    arguments: Any, text: str
) -> None:
    """The type of the values goes in square brackets."""
    with pytest.raises(TypeError) as caught:
        Chan(*arguments)
    assert text in str(caught.value)


@pytest.mark.parametrize("raises", [False, True])
async def test_an_async_block_closes_the_channel(raises: bool) -> None:
    """As ``with`` does; and, as with trio's ends, also if the scope is cancelled by then."""
    channel = Chan[int](1)
    with trio.CancelScope() as scope, contextlib.suppress(ZeroDivisionError):
        async with channel as same:
            assert same is channel
            scope.cancel()
            if raises:
                raise ZeroDivisionError
    assert channel.closed


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"capacity": math.nan}, TypeError, "capacity"),
        ({"capacity": -math.inf}, TypeError, "capacity"),
        ({"capacity": 1.0}, TypeError, "capacity"),
        ({"capacity": 0.0}, TypeError, "capacity"),
        ({"capacity": True}, TypeError, "capacity"),
        ({"capacity": False}, TypeError, "capacity"),
        ({"capacity": "1"}, TypeError, "capacity"),
        ({"capacity": None}, TypeError, "capacity"),
        ({"capacity": -1}, ValueError, "capacity"),
        ({"capacity": 1, "strategy": Block(1)}, TypeError, "not both"),
        ({"capacity": math.inf, "strategy": Block(1)}, TypeError, "not both"),
        ({"strategy": "block"}, TypeError, "strategy"),
        ({"strategy": Block}, TypeError, "strategy"),
        ({"name": 1}, TypeError, "name"),
        ({"name": b"jobs"}, TypeError, "name"),
        ({"on_drop": 1}, TypeError, "on_drop"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], word: str
) -> None:
    """Whatever a channel cannot be made of is refused, and the error names the parameter."""
    with pytest.raises(error, match=word):
        Chan(**arguments)


def test_only_the_capacity_may_be_given_by_position() -> None:
    """A strategy is never mistaken for a capacity."""
    with pytest.raises(TypeError):
        Chan(0, Block(1))  # type: ignore[misc]


def test_a_channel_that_was_refused_leaves_its_strategy_free() -> None:
    """A failed construction has no effect on the strategy."""
    strategy = Block[int](1)
    with pytest.raises(TypeError):
        Chan(strategy=strategy, name=1)  # type: ignore[arg-type]
    assert Chan(strategy=strategy).capacity == 1


def test_subclassing_is_refused() -> None:
    """Chan is final."""
    with pytest.raises(TypeError, match="subclass"):
        type("Derived", (Chan,), {})


def test_a_type_argument_is_accepted() -> None:
    """``Chan[int](3)`` is a channel like any other."""
    assert Chan[int](3).capacity == 3


def bytes_each(make: Callable[[], object]) -> float:
    """Measure what one object costs, all that it holds included."""
    number = 100
    make()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [make() for _ in range(number)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before - sys.getsizeof(kept)) / number


@pytest.mark.parametrize("capacity", [0, 10**15, math.inf])
def test_an_idle_channel_is_small(capacity: float) -> None:
    """Nothing is preallocated: an idle channel takes under 500 bytes, whatever its capacity."""
    assert bytes_each(lambda: Chan(capacity)) < 500


@pytest.mark.parametrize("capacity", [10**15, math.inf])
def test_a_huge_capacity_costs_only_what_is_used(new: New, capacity: float) -> None:
    """A buffer grows with what is in it."""

    def used_a_little() -> Chan[int]:
        channel = new(capacity)
        for number in range(5):
            channel.send_nowait(number)
        return channel

    assert bytes_each(used_a_little) < 5000


def test_channels_are_told_apart_by_identity(new: New) -> None:
    """S13: a channel equals only itself, and can be a key or a value in a channel."""
    one, other = new(1), new(1)
    assert one == one
    assert one != other
    assert len({one, other}) == 2
    one.send_nowait(other)
    assert one.receive_nowait() is other


@pytest.mark.parametrize("attribute", ["capacity", "closed", "name", "sender", "receiver"])
def test_what_a_channel_is_cannot_be_assigned(attribute: str) -> None:
    """The attributes are for looking."""
    with pytest.raises(AttributeError):
        setattr(Chan(), attribute, 1)


# Closing and iterating


async def test_a_channel_closes_on_the_way_out_of_its_block(new: New) -> None:
    """``with channel`` closes, also when an exception passes, which it lets pass."""
    channel = new()
    with channel as same:
        assert same is channel
        assert not channel.closed
    assert channel.closed

    channel = new()
    with pytest.raises(KeyError), channel:
        raise KeyError
    assert channel.closed


def test_the_synchronous_half_needs_no_run_while_nobody_waits(new: New) -> None:
    """Outside of trio a channel works as long as nobody has to wait or be woken."""
    channel = new(2)
    channel.send_nowait(1)
    assert channel.receive_nowait() == 1
    assert select_nowait(channel.on_send(2)) == (0, None)
    assert select_nowait(channel.on_receive(), default()) == (0, 2)
    assert select_nowait(channel.on_receive(), default()) == (1, None)
    assert trying(channel.receive_nowait) is trio.WouldBlock
    channel.send_nowait(3)
    channel.close()
    assert select_nowait(channel.on_close()) == (0, None)
    assert channel.drain() == [3]
    assert trying(channel.receive_nowait) is EndOfChannel
    abandoned = new(1)
    abandoned.send_nowait(4)
    abandoned.receiver.close()
    assert abandoned.statistics().dropped == 1


async def test_iteration_may_be_left_and_taken_up_again(new: New) -> None:
    """S26: ``break`` loses nothing, and two loops share the values."""
    channel = new(4)
    for number in range(4):
        channel.send_nowait(number)
    channel.close()
    async for number in channel:
        assert number == 0
        break
    one, other = aiter(channel), aiter(channel)
    assert await anext(one) == 1
    assert await anext(other) == 2
    assert await anext(one) == 3
    for iterator in (one, other, one):
        with pytest.raises(StopAsyncIteration):
            await anext(iterator)


# Draining


@pytest.mark.parametrize("capacity", [1, 3, math.inf])
def test_drain_closes_and_takes_back_what_was_buffered(new: New, capacity: float) -> None:
    """Oldest first; and after that there is nothing left to take."""
    channel = new(capacity)
    number = min(capacity, 5)
    for value in range(int(number)):
        channel.send_nowait(value)
    assert channel.drain() == list(range(int(number)))
    assert channel.closed
    assert len(channel) == 0
    assert channel.drain() == []
    assert trying(channel.receive_nowait) is EndOfChannel
    assert trying(lambda: channel.send_nowait(1)) is ChanClosedError
    channel.check()


def test_drain_takes_back_what_a_close_left(new: New) -> None:
    """A channel that is closed already may still be drained, as far as it was not received."""
    channel = new(3)
    for value in range(3):
        channel.send_nowait(value)
    channel.close()
    assert channel.receive_nowait() == 0
    assert channel.drain() == [1, 2]


async def test_after_a_drain_nothing_is_unaccounted_for(new: New) -> None:
    """What was sent is received, or taken back, or on the error of its sender."""
    channel = new(2)
    sent: list[int] = []
    failed: list[object] = []

    async def produce(number: int) -> None:
        try:
            await channel.send(number)
            sent.append(number)
        except ChanClosedError as error:
            failed.append(error.value)

    async with trio.open_nursery() as nursery:
        for number in range(5):
            await line_up(nursery, produce, number)
        assert channel.receive_nowait() == 0
        drained = channel.drain()
        channel.check()
    assert drained == [1, 2]
    assert sent == [0, 1, 2]
    assert sorted(failed) == [3, 4]


async def test_a_drain_wakes_all_who_wait_as_a_close_does(new: New) -> None:
    """Receivers are told of the end, and senders get their values back."""
    receivers, senders, log = new(1), new(), Log()
    async with trio.open_nursery() as nursery:
        for way in RECEIVING.values():
            await line_up(nursery, log.run, "receive", way, receivers)
        for way in SENDING.values():
            await line_up(nursery, log.run, "send", way, senders, "value")
        for channel in (receivers, senders):
            assert channel.drain() == []
            statistics = channel.statistics()
            assert (statistics.tasks_waiting_receive, statistics.tasks_waiting_send) == (0, 0)
            channel.check()
    assert len(log) == len(RECEIVING) + len(SENDING)
    assert all(
        issubclass(outcome, trio.EndOfChannel if label == "receive" else ChanClosedError)
        for label, outcome in log
    )


async def test_a_drain_is_no_checkpoint(new: New) -> None:
    """S25: it never waits, and works in a cancelled scope."""
    with trio.CancelScope() as scope:  # noqa: ASYNC100  # nothing in it waits: that is the promise
        scope.cancel()
        channel = new(1)
        channel.send_nowait("value")
        with assert_no_checkpoints():
            assert channel.drain() == ["value"]
        assert channel.closed


async def test_a_drain_does_not_report_what_it_returns(new: New) -> None:
    """What is taken back has not been dropped."""
    dropped: list[Any] = []
    channel = new(1, on_drop=lambda *drop: dropped.append(drop))
    channel.send_nowait("value")
    assert channel.drain() == ["value"]
    assert dropped == []
    assert channel.statistics().dropped == 0


# Looking


async def test_statistics_count_what_a_channel_holds_and_the_tasks_that_wait(new: New) -> None:
    """Each field, through the life of a channel; peaks stay."""
    channel = new(2)

    def look(*names: str) -> list[Any]:
        return [getattr(channel.statistics(), name) for name in names]

    use = ("current_buffer_used", "max_buffer_size", "peak_buffer_used")
    waiting = ("tasks_waiting_send", "tasks_waiting_receive")
    assert look(*use) == [0, 2, 0]
    assert look(*waiting, "closed", "dropped") == [0, 0, False, 0]
    channel.send_nowait(1)
    assert look(*use) == [1, 2, 1]
    async with trio.open_nursery() as nursery:
        channel.send_nowait(2)
        await line_up(nursery, channel.send, 3)
        await line_up(nursery, channel.send, 4)
        assert look(*use, *waiting) == [2, 2, 2, 2, 0]
        assert len(channel) == 2
        nursery.cancel_scope.cancel()
    assert look(*use, *waiting) == [2, 2, 2, 0, 0]
    channel.receive_nowait()
    channel.receive_nowait()
    assert look(*use) == [0, 2, 2]
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.receive)
        assert look(*waiting) == [0, 1]
        nursery.cancel_scope.cancel()
    assert look(*waiting, "closed") == [0, 0, False]
    channel.close()
    assert look("closed") == [True]


def test_statistics_are_a_frozen_value(new: New) -> None:
    """They show one moment, and compare by value."""
    channel = new(1)
    before = channel.statistics()
    assert before == channel.statistics()
    channel.send_nowait(1)
    assert before.current_buffer_used == 0
    assert before != channel.statistics()
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.closed = True  # type: ignore[misc]


async def test_statistics_count_tasks_and_not_cases(new: New) -> None:
    """A select with many cases at one channel is one task, on each side where it waits."""
    channel = new()
    cases = [channel.on_receive(), channel.on_receive_ok(), channel.on_send(1), channel.on_send(2)]
    async with trio.open_nursery() as nursery:
        await line_up(nursery, select, *cases)
        statistics = channel.statistics()
        assert statistics.tasks_waiting_receive == 1
        assert statistics.tasks_waiting_send == 1
        await line_up(nursery, select, channel.on_close())
        assert channel.statistics() == statistics
        nursery.cancel_scope.cancel()


async def test_length_counts_what_is_buffered(new: New) -> None:
    """S9: never what waiting senders have; and an empty channel is still true."""
    channel = new(1)
    assert len(channel) == 0
    assert bool(channel) is True
    async with trio.open_nursery() as nursery:
        for expected in (1, 1, 1):
            await line_up(nursery, channel.send, None)
            assert len(channel) == expected
        nursery.cancel_scope.cancel()
    assert channel.capacity == 1
    assert channel.drain() == [None]
    assert (len(channel), channel.capacity, bool(channel)) == (0, 1, True)


class Secret:
    """A value that must not be shown."""

    def __repr__(self) -> str:
        raise AssertionError("repr shows a value")

    __str__ = __repr__


async def test_repr_shows_state_but_never_values(new: New) -> None:
    """Name or identity, use, who waits, open or closed; errors do not show values either."""
    channel = new(1, name="jobs")
    assert repr(channel) == "<gochan.Chan 'jobs': open, 0/1 buffered, 0 sending, 0 receiving>"
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.receive)
        assert repr(channel).endswith("0/1 buffered, 0 sending, 1 receiving>")
        nursery.cancel_scope.cancel()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            await line_up(nursery, channel.send, Secret())
        assert repr(channel) == "<gochan.Chan 'jobs': open, 1/1 buffered, 2 sending, 0 receiving>"
        nursery.cancel_scope.cancel()
    channel.close()
    assert repr(channel) == "<gochan.Chan 'jobs': closed, 1/1 buffered, 0 sending, 0 receiving>"
    assert hex(id(channel)) not in repr(channel)
    with pytest.raises(ChanClosedError, match="'jobs'"):
        channel.send_nowait(Secret())


def test_a_channel_without_a_name_shows_its_identity(new: New) -> None:
    """The name is optional."""
    channel = new(math.inf)
    assert channel.name is None
    assert repr(channel).startswith(f"<gochan.Chan at {id(channel):#x}: open, 0/inf buffered")
    assert new(name="jobs").name == "jobs"


# Letting go


class Thing:
    """Something that can be watched through a weak reference."""


async def buffered(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(thing)
    channel.receive_nowait()


async def refused_for_lack_of_room(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(None)
    with suppress(trio.WouldBlock):
        channel.send_nowait(thing)
    with suppress(trio.WouldBlock):
        select_nowait(channel.on_send(thing))


async def another_case_won(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(None)
    other = Chan[Any]()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, select, channel.on_send(thing), other.on_receive())
        other.send_nowait(None)


async def another_case_won_beside_a_timer(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(None)
    other = Chan[Any]()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, select, channel.on_send(thing), other.on_receive(), after(60))
        other.send_nowait(None)


async def select_cancelled_beside_a_timer(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(None)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, select, channel.on_send(thing), after(60))
        nursery.cancel_scope.cancel()


async def closed_before(channel: Chan[Any], thing: object) -> None:
    channel.close()
    with suppress(ChanClosedError):
        await channel.send(thing)
    with suppress(ChanClosedError):
        await select(channel.on_send(thing))


async def drained(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(thing)
    channel.drain()


async def abandoned(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(thing)
    channel.receiver.close()


WAYS_TO_LEAVE = [
    buffered,
    refused_for_lack_of_room,
    another_case_won,
    another_case_won_beside_a_timer,
    select_cancelled_beside_a_timer,
    closed_before,
    drained,
    abandoned,
]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Switch off the collector of cyclic garbage, which would hide what is kept by a cycle."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("leave", WAYS_TO_LEAVE)
async def test_a_value_that_has_left_is_not_kept_alive(
    new: New, leave: Callable[..., Awaitable[None]]
) -> None:
    """S14: neither by the channel nor by what a waiting task leaves behind."""
    channel = new(1)
    things = [Thing()]
    watch = weakref.ref(things[0])
    await leave(channel, things.pop())
    assert watch() is None


@pytest.mark.usefixtures("no_collector")
async def test_a_channel_that_nobody_holds_is_gone_at_once(new: New) -> None:
    """No cycle keeps a channel, used or not, nor what it holds."""
    channel, thing = new(1), Thing()
    watches = [weakref.ref(channel), weakref.ref(thing)]
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.receive)
        channel.send_nowait(None)
    channel.send_nowait(thing)
    del channel, thing
    assert [watch() for watch in watches] == [None, None]


# What a channel gives up


def test_an_abandoned_channel_reports_what_it_held(new: New) -> None:
    """Each value, oldest first, with the reason; last of all, so it sees the final state."""
    reports: list[Any] = []

    def on_drop(value: str, reason: str) -> None:
        assert channel.closed
        assert len(channel) == 0
        assert channel.statistics().dropped == 2
        channel.check()
        reports.append((value, reason))

    channel = new(2, on_drop=on_drop)
    channel.send_nowait("one")
    channel.send_nowait("two")
    channel.receiver.close()
    channel.receiver.close()
    assert reports == [("one", "abandoned"), ("two", "abandoned")]
    assert channel.statistics().dropped == 2


def test_a_refused_value_was_not_dropped() -> None:
    """A sender that gets its value back has lost nothing."""
    reports: list[Any] = []
    channel = Chan[int](strategy=DropOnFull(1), on_drop=lambda *drop: reports.append(drop))
    channel.send_nowait(1)
    assert trying(lambda: channel.send_nowait(2)) is Refused
    assert reports == []
    assert channel.statistics().dropped == 0


async def test_on_drop_may_use_the_channel(new: New) -> None:
    """S60: ``on_drop`` is called when nothing is left to do."""
    channel = new(1, on_drop=lambda value, reason: (channel.close(), channel.drain()))
    channel.send_nowait(1)
    channel.receiver.close()
    assert trying(channel.receive_nowait) is ChanClosedError
    assert trying(lambda: channel.send_nowait(2)) is ChanClosedError  # as that was closed, too


# What ``check`` notices: each invariant of a channel, broken by hand


def shut(channel: Chan[Any]) -> None:
    channel._state.closed = channel._state.ended = True


@pytest.mark.parametrize("name", ["buffer", "mark"])
def test_check_notices_a_buffer_beside_a_strategy(name: str) -> None:
    """The strategy alone keeps what waits."""
    channel = Chan[Any](strategy=Block(2))
    channel.check()
    setattr(channel._state, name, {"buffer": deque([1]), "mark": 1}[name])
    with pytest.raises(AssertionError):
        channel.check()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c._state.buffer.append(2),
        lambda c: c._state.buffer.extend([2, 3]),
        lambda c: setattr(c._state, "mark", 3),
        lambda c: shut(c),
        lambda c: setattr(c._state, "closed", True),
        lambda c: setattr(c._state, "quick", deque([2])),
    ],
    ids=["above the peak", "above the capacity", "mark too high", "closed", "no end", "not quick"],
)
def test_check_notices_a_wrong_buffer_or_mark(spoil: Callable[[Chan[Any]], object]) -> None:
    """Invariants 4 to 6."""
    channel = Chan[Any](2)
    channel.send_nowait(1)
    channel.check()
    spoil(channel)
    with pytest.raises(AssertionError):
        channel.check()


@pytest.mark.parametrize(
    ("used", "wait", "spoil"),
    [
        (0, lambda c: c.receive(), lambda c: c._state.buffer.append(1)),
        (1, lambda c: c.send(1), lambda c: c._state.buffer.popleft()),
        (0, lambda c: c.receive(), lambda c: shut(c)),
        (1, lambda c: c.send(1), lambda c: shut(c)),
        (0, lambda c: select(c.on_close()), lambda c: shut(c)),
        (0, lambda c: c.receive(), lambda c: setattr(c._state, "mark", 1)),
    ],
    ids=[
        "receiver, buffered",
        "sender, room",
        "receiver, closed",
        "sender, closed",
        "watcher, closed",
        "receiver, mark",
    ],
)
async def test_check_notices_a_task_that_should_not_wait(
    used: int, wait: Callable[[Chan[Any]], Awaitable[Any]], spoil: Callable[[Chan[Any]], object]
) -> None:
    """Invariants 1, 3 and 4."""
    channel = Chan[Any](1)
    channel.send_nowait(1)  # so that the peak is no part of the question
    if not used:
        channel.receive_nowait()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait, channel)
        channel.check()
        spoil(channel)
        with pytest.raises(AssertionError):
            channel.check()
        nursery.cancel_scope.cancel()


async def test_check_notices_a_sender_and_a_receiver_that_should_have_met() -> None:
    """Invariant 2."""
    channel, other = Chan[Any](), Chan[Any]()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.receive)
        await line_up(nursery, other.send, 1)
        channel._state.senders = other._state.senders
        with pytest.raises(AssertionError):
            channel.check()
        nursery.cancel_scope.cancel()


# Control-C

# Who waits at a channel of capacity 2, and the call that must not be cut in two.
CHANGES: dict[str, tuple[list[Callable[[Chan[Any]], Any]], Callable[[Chan[Any]], Any]]] = {
    "send_nowait": ([], lambda c: c.send_nowait(1)),
    "receive_nowait": ([lambda c: c.send(1)], lambda c: c.receive_nowait()),
    "send_nowait, a receive waits": ([receive] * 2, lambda c: c.send_nowait(1)),
    "send_nowait, a select waits": ([select_receive_among_others] * 2, lambda c: c.send_nowait(1)),
    "receive_nowait, a send waits": ([lambda c: c.send(1)] * 4, lambda c: c.receive_nowait()),
    "receive_nowait, a select waits": (
        [lambda c: select_send_among_others(c, 1)] * 4,
        lambda c: c.receive_nowait(),
    ),
    "select_nowait": ([select_receive_among_others] * 2, lambda c: select_nowait(c.on_send(1))),
    "close, receivers wait": ([receive, select_receive_among_others], lambda c: c.close()),
    "close, senders wait": ([lambda c: c.send(1)] * 4, lambda c: c.close()),
    "with, watchers wait": (
        [lambda c: select(c.on_close())] * 2,
        lambda c: c.__exit__(None, None, None),
    ),
    "close of the sending end": ([receive] * 2, lambda c: c.sender.close()),
    "close of the receiving end": ([lambda c: c.send(1)] * 4, lambda c: c.receiver.close()),
    "close of the receiving end, nothing buffered": ([receive] * 2, lambda c: c.receiver.close()),
    "drain": ([lambda c: c.send(1)] * 4, lambda c: c.drain()),
    "send": ([select_receive_among_others] * 2, lambda c: c.send(1)),
    "receive": ([lambda c: c.send(1)] * 4, lambda c: c.receive()),
    "receive_ok": ([lambda c: c.send(1)] * 4, lambda c: c.receive_ok()),
    "async for": ([lambda c: c.send(1)] * 4, iterate),
    "select": ([lambda c: c.send(1)] * 4, select_receive_among_others),
    "aclose of the receiving end": ([lambda c: c.send(1)] * 4, lambda c: c.receiver.aclose()),
    "send_many": ([], lambda c: c.send_many([1])),
    "send_many, a receive waits": ([receive], lambda c: c.send_many(iter([1]))),
    "receive_many_nowait": (
        [lambda c: c.send(1), lambda c: c.send_many([1, 2, 3])] * 2,
        lambda c: c.receive_many_nowait(5),
    ),
    "receive_many": (
        [lambda c: c.send(1), lambda c: c.send_many([1, 2, 3])] * 2,
        lambda c: c.receive_many(math.inf),
    ),
    "batches": ([lambda c: c.send_many([1] * 5)], lambda c: anext(c.batches(3, linger=1))),
}


class Runnable(trio.abc.Instrument):
    """Counts how often other tasks were made runnable."""

    def __init__(self) -> None:
        self.count = 0
        self.observer = trio.lowlevel.current_task()

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        self.count += task is not self.observer


@pytest.mark.parametrize(("waiting", "change"), CHANGES.values(), ids=CHANGES)
async def test_an_interrupt_finds_each_change_done_or_not_begun(
    new: New, waiting: list[Callable[..., Any]], change: Callable[..., Any]
) -> None:
    """At whatever step Control-C may strike, the call has happened entirely, or not at all."""
    channel, runnable = new(2), Runnable()
    seen = set()

    def look(*_: object) -> None:
        if not trio.lowlevel.currently_ki_protected():
            seen.add((channel.statistics(), runnable.count))

    async with trio.open_nursery() as nursery:
        for wait in waiting:
            await line_up(nursery, Log().run, None, wait, channel)
        trio.lowlevel.add_instrument(runnable)
        look()
        previous = sys.getprofile()
        with yield_interval(60):  # or other tasks would be seen as they go on
            await Chan[int](1).send(1)  # which yields, as the pace has changed
            sys.setprofile(look)  # it is called at each call and return, of whatever function
            try:
                result = change(channel)
                if inspect.isawaitable(result):
                    await result
            finally:
                sys.setprofile(previous)
        look()
        trio.lowlevel.remove_instrument(runnable)
        channel.check()
        nursery.cancel_scope.cancel()
    assert len(seen) == 2


async def test_an_interrupt_waits_until_on_drop_has_returned(new: New) -> None:
    """Otherwise a value that was taken beside the drop would be lost."""
    protected: list[bool] = []
    channel = new(1, on_drop=lambda *_: protected.append(trio.lowlevel.currently_ki_protected()))
    channel.send_nowait(1)
    channel.receiver.close()
    assert protected == [True]


async def test_an_operation_is_protected_while_it_wakes_others(new: New) -> None:
    """Where trio makes the other task runnable, an interrupt has to wait."""
    protected: list[bool] = []

    class Watch(trio.abc.Instrument):
        def task_scheduled(self, task: trio.lowlevel.Task) -> None:
            protected.append(trio.lowlevel.currently_ki_protected())

    channel, watch = new(), Watch()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            await line_up(nursery, Log().run, None, channel.receive)
        trio.lowlevel.add_instrument(watch)
        channel.send_nowait(1)
        channel.close()
        trio.lowlevel.remove_instrument(watch)
    assert protected == [True, True]


@pytest.mark.parametrize("capacity", [0, 1])
def test_a_value_that_is_put_back_goes_next(capacity: int) -> None:
    """It was handed over, and could not be delivered: that must not lose it."""
    channel = Chan[int](capacity)
    if capacity:
        channel.send_nowait(2)
    channel._state.put_back(1)
    assert channel.receive_nowait() == 1
    assert channel.drain() == [2] * capacity

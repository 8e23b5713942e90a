"""Channels: order, rendezvous, cancellation, close, drain, looking, misuse."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import inspect
import math
import random
import signal
import sys
import threading
import tracemalloc
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import permutations
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import assert_no_checkpoints, wait_all_tasks_blocked

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

from ..lines import line_up

pytestmark = pytest.mark.usefixtures("both_modes")

New: TypeAlias = Callable[..., Chan[Any]]


@pytest.fixture(params=["buffer", "strategy"])
def new(request: pytest.FixtureRequest) -> New:
    """What makes channels: with a plain buffer, and with the strategy that means the same."""
    if request.param == "buffer":
        return Chan
    return lambda capacity=0, **options: Chan(strategy=Block(capacity), **options)


# The ways to send and to receive, each as a function of a channel (and a value).


async def receive(channel: Chan[Any]) -> Any:
    return await channel.receive()


async def receive_ok(channel: Chan[Any]) -> Any:
    value, ok = await channel.receive_ok()
    if not ok:
        raise trio.EndOfChannel
    return value


async def iterate(channel: Chan[Any]) -> Any:
    async for value in channel:
        return value
    raise trio.EndOfChannel


async def receive_by_select(channel: Chan[Any]) -> Any:
    return (await select(channel.on_receive()))[1]


async def receive_ok_by_select(channel: Chan[Any]) -> Any:
    _, (value, ok) = await select(None, channel.on_receive_ok())
    if not ok:
        raise trio.EndOfChannel
    return value


async def receive_by_wide_select(channel: Chan[Any]) -> Any:
    """Wait in other lines too, and twice in this one."""
    other = Chan[Any]()
    return (await select(other.on_receive(), channel.on_receive(), channel.on_receive()))[1]


async def receive_by_end(channel: Chan[Any]) -> Any:
    return await channel.receiver.receive()


RECEIVING = [
    receive,
    receive_ok,
    iterate,
    receive_by_select,
    receive_ok_by_select,
    receive_by_wide_select,
    receive_by_end,
]


async def send(channel: Chan[Any], value: object) -> None:
    await channel.send(value)


async def send_by_select(channel: Chan[Any], value: object) -> None:
    assert await select(channel.on_send(value)) == (0, None)


async def send_by_wide_select(channel: Chan[Any], value: object) -> None:
    """Wait in other lines too, and twice in this one."""
    other = Chan[Any]()
    await select(channel.on_send(value), other.on_receive(), channel.on_send(value))


async def send_by_end(channel: Chan[Any], value: object) -> None:
    await channel.sender.send(value)


SENDING = [send, send_by_select, send_by_wide_select, send_by_end]

every_receiving = pytest.mark.parametrize("receiving", RECEIVING)
every_sending = pytest.mark.parametrize("sending", SENDING)


def trying(operation: Callable[[], Any]) -> Any:
    """Return what an operation returns, or the type of what it raises."""
    try:
        return operation()
    except Exception as error:
        return type(error)


class Log(list[tuple[Any, Any]]):
    """Runs tasks, and notes what became of each."""

    async def run(self, label: object, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        try:
            self.append((label, await function(*args)))
        except (trio.EndOfChannel, trio.ClosedResourceError, trio.BrokenResourceError) as error:
            self.append((label, type(error)))


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


# 2.1 Order


@pytest.mark.parametrize("capacity", [0, 1, 3, math.inf])
async def test_values_come_out_in_the_order_they_went_in(new: New, capacity: float) -> None:
    """S1: first in, first out, across buffer and waiting senders."""
    channel = new(capacity)

    async def produce() -> None:
        with channel:
            for number in range(20):
                await channel.send(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        assert [number async for number in channel] == list(range(20))
    channel.check()


@pytest.mark.parametrize("capacity", [0, 2])
async def test_order_holds_per_sender_and_nothing_is_lost_or_repeated(
    new: New, capacity: int
) -> None:
    """S1: with many senders and receivers, each receiver sees each sender's values in order."""
    channel = new(capacity)
    received: list[list[tuple[int, int]]] = []

    async def produce(sender: int) -> None:
        for number in range(30):
            await channel.send((sender, number))

    async def consume() -> None:
        received.append([item async for item in channel])

    async with trio.open_nursery() as consumers:
        for _ in range(3):
            consumers.start_soon(consume)
        async with trio.open_nursery() as producers:
            for sender in range(4):
                producers.start_soon(produce, sender)
        channel.close()
    for sender in range(4):
        each = [[number for source, number in part if source == sender] for part in received]
        assert all(part == sorted(part) for part in each)
        assert sorted(number for part in each for number in part) == list(range(30))


MIXED_RECEIVING = [*permutations([receive, receive_by_wide_select, iterate]), tuple(RECEIVING)]
MIXED_SENDING = [*permutations([send, send_by_select, send_by_wide_select]), tuple(SENDING)]


@pytest.mark.parametrize("mixed", MIXED_RECEIVING)
async def test_waiting_receivers_are_served_in_order_of_arrival(
    new: New, mixed: tuple[Callable[..., Any], ...]
) -> None:
    """S4, S51: plain receives and selects stand in one line; the longest waiting comes first."""
    channel, log = new(), Log()
    async with trio.open_nursery() as nursery:
        for place, receiving in enumerate(mixed):
            await line_up(nursery, log.run, place, receiving, channel)
        for number in range(len(mixed)):
            channel.send_nowait(number)
            channel.check()
    assert sorted(log) == [(place, place) for place in range(len(mixed))]


@pytest.mark.parametrize("capacity", [0, 2])
@pytest.mark.parametrize("mixed", MIXED_SENDING)
async def test_waiting_senders_are_served_in_order_of_arrival(
    new: New, mixed: tuple[Callable[..., Any], ...], capacity: int
) -> None:
    """S5, S51: plain sends and selects stand in one line, behind what is buffered."""
    channel = new(capacity)
    for number in range(capacity):
        channel.send_nowait(number)
    async with trio.open_nursery() as nursery:
        for place, sending in enumerate(mixed, capacity):
            await line_up(nursery, sending, channel, place)
        for number in range(capacity + len(mixed)):
            channel.check()
            assert channel.receive_nowait() == number


@every_receiving
async def test_a_buffer_is_refilled_from_the_waiting_senders(
    new: New, receiving: Callable[..., Any]
) -> None:
    """S5: a receive from a full buffer moves the first waiting sender's value into it."""
    channel, log = new(2), Log()
    channel.send_nowait(0)
    channel.send_nowait(1)
    async with trio.open_nursery() as nursery:
        for number in (2, 3):
            await line_up(nursery, log.run, number, channel.send, number)
        assert await receiving(channel) == 0
        assert len(channel) == 2
        assert channel.statistics().tasks_waiting_send == 1
        await wait_all_tasks_blocked()
        assert log == [(2, None)]
        assert [channel.receive_nowait() for _ in range(3)] == [1, 2, 3]
    assert log == [(2, None), (3, None)]


@every_receiving
@pytest.mark.parametrize("capacity", [0, 1])
async def test_a_newcomer_never_overtakes_a_waiting_receiver(
    new: New, capacity: int, receiving: Callable[..., Any]
) -> None:
    """S4: a value belongs to who waited for it, though somebody else may run first."""
    channel, log = new(capacity), Log()
    if capacity:  # a channel that has been used may have ways of its own
        channel.send_nowait("before")
        channel.receive_nowait()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "waiting", receiving, channel)
        channel.send_nowait("first")
        assert len(channel) == 0
        assert trying(channel.receive_nowait) is trio.WouldBlock
        assert select_nowait(channel.on_receive(), default()) == (1, None)
        # The waiting task has not run yet; a newcomer gets in line for the next value.
        nursery.start_soon(log.run, "newcomer", channel.receive)
        await wait_all_tasks_blocked()
        channel.send_nowait("second")
    assert log == [("waiting", "first"), ("newcomer", "second")]


@every_sending
@pytest.mark.parametrize("capacity", [1, 2])
async def test_a_newcomer_never_overtakes_a_waiting_sender(
    new: New, capacity: int, sending: Callable[..., Any]
) -> None:
    """S5: room that becomes free belongs to who waited for it."""
    channel = new(capacity)
    for number in range(capacity):
        channel.send_nowait(number)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, sending, channel, "waiting")
        assert channel.receive_nowait() == 0
        assert trying(lambda: channel.send_nowait("newcomer")) is trio.WouldBlock
        assert select_nowait(channel.on_send("newcomer"), default()) == (1, None)
        nursery.start_soon(channel.send, "newcomer")
        await wait_all_tasks_blocked()
        rest = [channel.receive_nowait() for _ in range(capacity + 1)]
    assert rest == [*range(1, capacity), "waiting", "newcomer"]


async def test_a_cancelled_waiter_does_not_disturb_the_order_of_the_others(new: New) -> None:
    """S52: first, middle and last may leave the line; the others keep their places."""
    channel, log = new(), Log()
    scopes = [trio.CancelScope() for _ in range(7)]

    async def wait(place: int) -> None:
        with scopes[place]:
            await log.run(place, RECEIVING[place], channel)

    async with trio.open_nursery() as nursery:
        for place in range(7):
            await line_up(nursery, wait, place)
        for place in (0, 3, 6):
            scopes[place].cancel()
            channel.check()
        assert channel.statistics().tasks_waiting_receive == 4
        for number in range(4):
            channel.send_nowait(number)
    assert sorted(log) == [(1, 0), (2, 1), (4, 2), (5, 3)]


async def test_a_receiver_that_waits_again_goes_to_the_end(new: New) -> None:
    """S51: what counts is the beginning of this wait, not of an earlier one."""
    channel, log = new(), Log()

    async def twice() -> None:
        await log.run("eager", channel.receive)
        await log.run("eager", channel.receive)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, twice)
        await line_up(nursery, log.run, "patient", channel.receive)
        for number in range(3):
            channel.send_nowait(number)
            await wait_all_tasks_blocked()
    assert log == [("eager", 0), ("patient", 1), ("eager", 2)]


# 2.2 Rendezvous


@every_sending
async def test_an_unbuffered_send_returns_only_after_its_value_was_taken(
    new: New, sending: Callable[..., Any]
) -> None:
    """S2: sender and receiver meet."""
    channel, log = new(), Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "sent", sending, channel, "value")
        assert log == []
        assert len(channel) == 0
        assert channel.receive_nowait() == "value"
        await wait_all_tasks_blocked()
        assert log == [("sent", None)]


@pytest.mark.parametrize("capacity", [0, 1, 3])
async def test_sends_run_ahead_by_the_capacity(new: New, capacity: int) -> None:
    """S3: receive k happens before send k + capacity completes."""
    channel = new(capacity)
    completed = 0

    async def produce() -> None:
        nonlocal completed
        for number in range(8):
            await channel.send(number)
            completed += 1

    async with trio.open_nursery() as nursery:
        await line_up(nursery, produce)
        for received in range(8):
            assert completed == min(received + capacity, 8)
            assert channel.receive_nowait() == received
            await wait_all_tasks_blocked()


async def test_an_unbounded_channel_never_makes_senders_wait(new: New) -> None:
    """With ``math.inf`` every send succeeds at once."""
    channel = new(math.inf)
    for number in range(1000):
        channel.send_nowait(number)
    await channel.send(1000)
    assert channel.drain() == list(range(1001))


def test_what_cannot_be_done_at_once_raises_and_changes_nothing(new: New) -> None:
    """S7, S8: a ``_nowait`` call needs room or a value, or somebody who waits."""
    for capacity in (0, 1, 2):
        channel = new(capacity)
        before = channel.statistics()
        for _ in range(2):
            assert trying(channel.receive_nowait) is trio.WouldBlock
        assert channel.statistics() == before
        for number in range(capacity):
            channel.send_nowait(number)
        before = channel.statistics()
        for _ in range(2):
            assert trying(lambda: channel.send_nowait("more")) is trio.WouldBlock  # noqa: B023
        assert channel.statistics() == before
        assert channel.drain() == list(range(capacity))


@every_receiving
async def test_an_unbuffered_send_succeeds_at_once_if_somebody_waits(
    new: New, receiving: Callable[..., Any]
) -> None:
    """S7: with a receiver in line, ``send_nowait`` hands over."""
    channel, log = new(), Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "got", receiving, channel)
        channel.send_nowait("value")
    assert log == [("got", "value")]


@pytest.mark.parametrize("first", ["receiver", "sender"])
@every_sending
async def test_every_way_to_send_meets_every_way_to_receive(
    new: New, sending: Callable[..., Any], first: str
) -> None:
    """S38, S51: in either order of arrival."""
    for receiving in RECEIVING:
        channel, log = new(), Log()
        operations = [(log.run, "got", receiving, channel), (sending, channel, "value")]
        if first == "sender":
            operations.reverse()
        async with trio.open_nursery() as nursery:
            for operation in operations:
                await line_up(nursery, *operation)
        assert log == [("got", "value")]
        channel.check()


@pytest.mark.parametrize(
    "value",
    [
        None,
        False,
        0,
        "",
        (),
        Ellipsis,
        NotImplemented,
        ValueError("a value"),
        StopAsyncIteration(),
        EndOfChannel("a value"),
        trio.WouldBlock(),
    ],
    ids=repr,
)
async def test_every_object_is_a_legal_value(new: New, value: object) -> None:
    """S10: ``None`` never means closed, and an exception is sent, not raised."""
    channel = new(1)
    channel.send_nowait(value)
    assert channel.receive_nowait() is value
    for receiving in RECEIVING:
        await channel.send(value)
        assert await receiving(channel) is value
    for receiving in RECEIVING:
        log = Log()
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.run, "got", receiving, channel)
            channel.send_nowait(value)
        assert log[0][1] is value
    await channel.send(value)
    assert await channel.receive_ok() == (value, True)
    assert not channel.closed


# 2.3 Never lost, never twice


@every_receiving
async def test_a_cancelled_receive_has_taken_nothing(
    new: New, receiving: Callable[..., Any], autojump_clock: trio.abc.Clock
) -> None:
    """S52: after a deadline, the next value goes to somebody else."""
    channel = new()
    with trio.move_on_after(10) as scope:
        await receiving(channel)
    assert scope.cancelled_caught
    assert channel.statistics().tasks_waiting_receive == 0
    assert trying(lambda: channel.send_nowait("value")) is trio.WouldBlock
    channel.check()


@every_sending
async def test_a_cancelled_send_has_sent_nothing(
    new: New, sending: Callable[..., Any], autojump_clock: trio.abc.Clock
) -> None:
    """S52: after a deadline, nobody receives the value."""
    channel = new(1)
    channel.send_nowait("first")
    with trio.move_on_after(10) as scope:
        await sending(channel, "cancelled")
    assert scope.cancelled_caught
    assert channel.statistics().tasks_waiting_send == 0
    channel.check()
    assert channel.drain() == ["first"]


async def test_cancelling_unlinks_at_once(new: New) -> None:
    """S52: between ``cancel`` and the run of the cancelled task, nobody finds it in line."""
    channel = new()
    async with trio.open_nursery() as nursery:
        for receiving in RECEIVING:
            await line_up(nursery, receiving, channel)
        assert channel.statistics().tasks_waiting_receive == len(RECEIVING)
        nursery.cancel_scope.cancel()
        assert channel.statistics().tasks_waiting_receive == 0
        assert trying(lambda: channel.send_nowait("value")) is trio.WouldBlock
        channel.check()


@every_receiving
async def test_a_value_handed_over_stays_so_though_its_task_is_cancelled(
    new: New, receiving: Callable[..., Any]
) -> None:
    """S53: what came before the cancellation counts, though the task runs after it."""
    channel, log, scope = new(), Log(), trio.CancelScope()

    async def wait() -> None:
        with scope:
            await log.run("got", receiving, channel)
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        channel.send_nowait("value")
        scope.cancel()
    assert log == [("got", "value")]
    assert scope.cancelled_caught


@every_sending
async def test_a_value_taken_stays_so_though_its_sender_is_cancelled(
    new: New, sending: Callable[..., Any]
) -> None:
    """S53: a send whose value was taken returns, and does not raise."""
    channel, log, scope = new(), Log(), trio.CancelScope()

    async def wait() -> None:
        with scope:
            await log.run("sent", sending, channel, "value")

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        assert channel.receive_nowait() == "value"
        scope.cancel()
    assert log == [("sent", None)]


async def test_the_end_told_to_a_task_stays_so_though_it_is_cancelled(new: New) -> None:
    """S53: the same for close."""
    receivers, senders, log = new(), new(), Log()
    async with trio.open_nursery() as nursery:
        for receiving in RECEIVING:
            await line_up(nursery, log.run, "receive", receiving, receivers)
        for sending in SENDING:
            await line_up(nursery, log.run, "send", sending, senders, "value")
        receivers.close()
        senders.close()
        nursery.cancel_scope.cancel()
    ends = [outcome for label, outcome in log if label == "receive"]
    errors = [outcome for label, outcome in log if label == "send"]
    assert len(ends) == len(RECEIVING)
    assert all(issubclass(end, trio.EndOfChannel) for end in ends)
    assert errors == [ChanClosedError] * len(SENDING)


async def test_what_a_cancelled_task_leaves_goes_to_the_next_in_line(new: New) -> None:
    """S52, S53: cancelled first, served next: the value finds the next waiter."""
    channel, log, scope = new(), Log(), trio.CancelScope()

    async def wait() -> None:
        with scope:
            await log.run("cancelled", channel.receive)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        await line_up(nursery, log.run, "next", channel.receive)
        scope.cancel()
        channel.send_nowait("value")
    assert log == [("next", "value")]


async def test_random_cancellations_lose_and_repeat_nothing(
    new: New, autojump_clock: trio.abc.Clock
) -> None:
    """S52: what was sent is what was received, in the order of sending, whoever gave up."""
    channel, dice = new(1), random.Random(1)
    sent: list[int] = []
    received: list[int] = []

    async def produce() -> None:
        for number in range(200):
            with trio.move_on_after(dice.choice([0, 1, 2, 3])):
                await dice.choice(SENDING)(channel, number)
                sent.append(number)
            await trio.sleep(dice.choice([0, 1, 2]))
        channel.close()

    async def consume() -> None:
        with suppress(trio.EndOfChannel):
            while True:
                with trio.move_on_after(dice.choice([0, 1, 2, 3])):
                    received.append(await dice.choice(RECEIVING)(channel))
                channel.check()
                await trio.sleep(dice.choice([0, 1, 2]))

    with trio.fail_after(10_000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(produce)
            nursery.start_soon(consume)
    assert received == sent
    assert 50 < len(sent) < 200


# 2.4 Close

CLOSING: dict[str, Callable[[Chan[Any]], None]] = {
    "close": lambda channel: channel.close(),
    "with": lambda channel: channel.__exit__(None, None, None),
    "sender": lambda channel: channel.sender.close(),
    "drain": lambda channel: None if channel.drain() == [] else pytest.fail("not empty"),
}
every_closing = pytest.mark.parametrize("closing", CLOSING.values(), ids=CLOSING)


async def test_what_was_buffered_before_the_close_is_still_delivered(new: New) -> None:
    """S17: first the values, then the end."""
    for receiving in RECEIVING:
        channel = new(3)
        for number in range(3):
            channel.send_nowait(number)
        channel.close()
        assert channel.closed
        assert len(channel) == 3
        assert [await receiving(channel) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(trio.EndOfChannel):
            await receiving(channel)
        channel.check()


@every_receiving
async def test_the_end_is_for_ever(new: New, receiving: Callable[..., Any]) -> None:
    """S11: once closed and drained, every receive ends at once, any number of times."""
    channel = new(1)
    channel.close()
    for _ in range(3):
        with pytest.raises(trio.EndOfChannel):
            await receiving(channel)
        with pytest.raises(EndOfChannel):
            channel.receive_nowait()
        assert await channel.receive_ok() == (None, False)
        assert [value async for value in channel] == []


@every_sending
async def test_a_closed_channel_takes_nothing_however_much_room_it_has(
    new: New, sending: Callable[..., Any]
) -> None:
    """S18, S19: a late send raises with its value, and is never buffered."""
    for used in (0, 1, 2):
        channel, value = new(2), object()
        for number in range(used):
            channel.send_nowait(number)
        channel.close()
        for _ in range(2):
            with pytest.raises(ChanClosedError) as caught:
                await sending(channel, value)
            assert caught.value.value is value
            with pytest.raises(ChanClosedError) as caught:
                channel.send_nowait(value)
            assert caught.value.value is value
        assert channel.drain() == list(range(used))


@every_closing
async def test_closing_wakes_every_waiting_receiver(
    new: New, closing: Callable[[Chan[Any]], None]
) -> None:
    """S16: each of them is told of the end, whatever it waits in."""
    channel, log = new(1), Log()
    async with trio.open_nursery() as nursery:
        for place, receiving in enumerate(RECEIVING):
            await line_up(nursery, log.run, place, receiving, channel)
        closing(channel)
        assert channel.statistics().tasks_waiting_receive == 0
        channel.check()
    assert [place for place, _ in sorted(log)] == list(range(len(RECEIVING)))
    assert all(issubclass(outcome, trio.EndOfChannel) for _, outcome in log)


@every_closing
async def test_closing_gives_every_waiting_sender_its_value_back(
    new: New, closing: Callable[[Chan[Any]], None]
) -> None:
    """S19, S20: a sender that waits gets the error, and nobody receives its value."""
    channel = new()
    handed_back: dict[int, object] = {}

    async def wait(place: int, sending: Callable[..., Any]) -> None:
        with pytest.raises(ChanClosedError) as caught:
            await sending(channel, f"value {place}")
        handed_back[place] = caught.value.value

    async with trio.open_nursery() as nursery:
        for place, sending in enumerate(SENDING):
            await line_up(nursery, wait, place, sending)
        closing(channel)
        assert channel.statistics().tasks_waiting_send == 0
        channel.check()
    assert handed_back == {place: f"value {place}" for place in range(len(SENDING))}
    assert trying(channel.receive_nowait) is EndOfChannel


async def test_senders_that_wait_at_a_full_buffer_fail_while_the_buffer_is_delivered(
    new: New,
) -> None:
    """S17, S20: a close parts what was taken in from what was not."""
    channel, log = new(2), Log()
    async with trio.open_nursery() as nursery:
        for number in range(4):
            await line_up(nursery, log.run, number, channel.send, number)
        channel.close()
    assert sorted(log[:2]) == [(0, None), (1, None)]
    assert sorted(log[2:]) == [(2, ChanClosedError), (3, ChanClosedError)]
    assert [value async for value in channel] == [0, 1]


class Woken(trio.abc.Instrument):
    """Notes the order in which tasks become runnable."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        self.names.append(task.name)


@contextmanager
def watching_wakes() -> Iterator[list[str]]:
    woken = Woken()
    trio.lowlevel.add_instrument(woken)
    try:
        yield woken.names
    finally:
        trio.lowlevel.remove_instrument(woken)


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("role", ["receive", "send", "watch"])
async def test_close_wakes_in_order(new: New, role: str, count: int) -> None:
    """S16: who waits longest becomes runnable first."""
    channel = new()
    calls: dict[str, list[Callable[[], Awaitable[Any]]]] = {
        "receive": [partial(receiving, channel) for receiving in RECEIVING],
        "send": [partial(sending, channel, None) for sending in SENDING],
        "watch": [lambda: select(channel.on_close())],
    }

    async def wait(place: int) -> None:
        with suppress(trio.EndOfChannel, ChanClosedError):
            await calls[role][place % len(calls[role])]()

    async with trio.open_nursery() as nursery:
        for place in range(count):
            nursery.start_soon(wait, place, name=f"task {place}")
            await wait_all_tasks_blocked()
        with watching_wakes() as woken:
            channel.close()
    assert woken == [f"task {place}" for place in range(count)]


async def test_a_close_is_heard_while_values_are_left(new: New) -> None:
    """``on_close`` fires from the moment of the close, whatever is still buffered."""
    channel, log = new(1), Log()
    channel.send_nowait("left")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "told", select, channel.on_close())
        channel.close()
    assert log == [("told", (0, None))]
    assert await select(channel.on_close()) == (0, None)
    assert channel.receive_nowait() == "left"


async def test_closing_again_does_nothing(new: New) -> None:
    """Closing is idempotent, however it is done, and loses nothing."""
    channel = new(1)
    channel.send_nowait("value")
    for _ in range(2):
        channel.close()
        channel.sender.close()
        with channel:
            pass
        async with channel.sender:
            pass
    assert channel.closed
    assert channel.receive_nowait() == "value"


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


async def test_close_and_drain_are_no_checkpoints(new: New) -> None:
    """S25: they never wait, and work in a cancelled scope."""
    with trio.CancelScope() as scope:  # noqa: ASYNC100  # nothing in it waits: that is the promise
        scope.cancel()
        one, other = new(1), new(1)
        with assert_no_checkpoints():
            one.close()
            other.send_nowait("value")
            assert other.drain() == ["value"]
        assert one.closed
        assert other.closed


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


async def test_many_workers_share_one_channel_until_it_ends(new: New) -> None:
    """Go's worker pool: range over one channel in many tasks; a close ends them all."""
    channel = new()
    done: list[int] = []

    async def work() -> None:
        done.extend([job async for job in channel])

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(work)
        with channel:
            for job in range(23):
                await channel.send(job)
    assert sorted(done) == list(range(23))


# 2.5 Drain


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


async def test_a_drain_does_not_report_what_it_returns(new: New) -> None:
    """What is taken back has not been dropped."""
    dropped: list[Any] = []
    channel = new(1, on_drop=lambda *drop: dropped.append(drop))
    channel.send_nowait("value")
    assert channel.drain() == ["value"]
    assert dropped == []
    assert channel.statistics().dropped == 0


# 2.9 Looking


async def test_statistics_tell_what_a_channel_holds_and_who_waits(new: New) -> None:
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


@pytest.mark.parametrize("capacity", [5, math.inf])
async def test_the_peak_is_the_most_ever_buffered(new: New, capacity: float) -> None:
    """Whichever way the values came, and however often the channel was empty meanwhile."""
    channel = new(capacity)
    most = 0
    for number in (2, 1, 3, 3, 0, 4, 2, 5, 1):
        for value in range(number):
            if value % 2:
                channel.send_nowait(value)
            else:
                await channel.send(value)
        most = max(most, number)
        assert channel.statistics().peak_buffer_used == most
        channel.check()
        # A receiver that has waited meanwhile must not make the peak be forgotten.
        for _ in range(number):
            await channel.receive()
        async with trio.open_nursery() as nursery:
            await line_up(nursery, channel.receive)
            channel.send_nowait("handed over")
    assert channel.statistics().peak_buffer_used == most == 5


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


# 2.9 A value that has left is not kept alive


class Thing:
    """Something that can be watched through a weak reference."""


async def buffered(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(thing)
    channel.receive_nowait()


async def buffered_and_awaited(channel: Chan[Any], thing: object) -> None:
    await channel.send(thing)
    await channel.receive()


async def handed_to_a_waiting_receiver(channel: Chan[Any], thing: object) -> None:
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.receive)
        await line_up(nursery, channel.receive)
        channel.send_nowait(thing)
        channel.send_nowait(None)


async def handed_to_a_waiting_select(channel: Chan[Any], thing: object) -> None:
    async with trio.open_nursery() as nursery:
        await line_up(nursery, receive_by_wide_select, channel)
        channel.send_nowait(thing)


async def taken_from_a_waiting_sender(channel: Chan[Any], thing: object) -> None:
    async with trio.open_nursery() as nursery:
        for value in (None, thing, None):  # the last one fills the buffer, and stays there
            await line_up(nursery, channel.send, value)
        await channel.receive()
        await channel.receive()


async def taken_from_a_waiting_select(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(None)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, send_by_wide_select, channel, thing)
        channel.receive_nowait()
        channel.receive_nowait()


async def refused_for_lack_of_room(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(None)
    with suppress(trio.WouldBlock):
        channel.send_nowait(thing)
    with suppress(trio.WouldBlock):
        select_nowait(channel.on_send(thing))


async def send_cancelled(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(None)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.send, thing)
        nursery.cancel_scope.cancel()


async def select_cancelled(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(None)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, send_by_wide_select, channel, thing)
        nursery.cancel_scope.cancel()


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


async def closed_while_sending(channel: Chan[Any], thing: object) -> None:
    async def wait() -> None:
        with suppress(ChanClosedError):
            await channel.send(thing)

    channel.send_nowait(None)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        channel.close()


async def closed_while_selecting(channel: Chan[Any], thing: object) -> None:
    async def wait() -> None:
        with suppress(ChanClosedError):
            await select(channel.on_send(thing))

    channel.send_nowait(None)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        channel.close()


async def drained(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(thing)
    channel.drain()


async def abandoned(channel: Chan[Any], thing: object) -> None:
    channel.send_nowait(thing)
    channel.receiver.close()


WAYS_TO_LEAVE = [
    buffered,
    buffered_and_awaited,
    handed_to_a_waiting_receiver,
    handed_to_a_waiting_select,
    taken_from_a_waiting_sender,
    taken_from_a_waiting_select,
    refused_for_lack_of_room,
    send_cancelled,
    select_cancelled,
    another_case_won,
    another_case_won_beside_a_timer,
    select_cancelled_beside_a_timer,
    closed_before,
    closed_while_sending,
    closed_while_selecting,
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


async def test_whoever_is_told_of_a_drop_may_use_the_channel(new: New) -> None:
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
async def test_check_notices_who_should_not_wait(
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


# 2.10 Misuse: threads and runs
#
# Each entry brings tasks of the test's own run into line, and then says what would have to
# wake one of them.

WAKING: dict[str, tuple[Callable[[Chan[Any]], Any], Callable[[Chan[Any]], Any]]] = {
    "send_nowait": (lambda c: c.receive(), lambda c: c.send_nowait(1)),
    "send_nowait to a select": (receive_by_wide_select, lambda c: c.send_nowait(1)),
    "receive_nowait": (lambda c: c.send("value"), lambda c: c.receive_nowait()),
    "receive_nowait from a select": (
        lambda c: send_by_wide_select(c, "value"),
        lambda c: c.receive_nowait(),
    ),
    "select_nowait to send": (lambda c: c.receive(), lambda c: select_nowait(c.on_send(1))),
    "select_nowait to receive": (lambda c: c.send(1), lambda c: select_nowait(c.on_receive())),
    "close, a receiver waits": (lambda c: c.receive(), lambda c: c.close()),
    "close, a sender waits": (lambda c: c.send("value"), lambda c: c.close()),
    "close, a select waits": (receive_by_wide_select, lambda c: c.close()),
    "close, a watcher waits": (lambda c: select(c.on_close()), lambda c: c.close()),
    "drain, a receiver waits": (lambda c: c.receive(), lambda c: c.drain()),
    "drain, a sender waits": (lambda c: c.send("value"), lambda c: c.drain()),
    "drain, a watcher waits": (lambda c: select(c.on_close()), lambda c: c.drain()),
    "abandon, a receiver waits": (lambda c: c.receive(), lambda c: c.receiver.close()),
    "abandon, a sender waits": (lambda c: c.send("value"), lambda c: c.receiver.close()),
}

WAKING_OR_JOINING: dict[str, tuple[Callable[[Chan[Any]], Any], Callable[[Chan[Any]], Any]]] = {
    "send": (lambda c: c.receive(), lambda c: c.send(1)),
    "receive": (lambda c: c.send("value"), lambda c: c.receive()),
    "async for": (lambda c: c.send("value"), iterate),
    "receive_ok": (lambda c: c.send("value"), lambda c: c.receive_ok()),
    "select to send": (lambda c: c.receive(), lambda c: select(c.on_send(1))),
    "select to receive": (lambda c: c.send("value"), lambda c: select(c.on_receive())),
    "send behind another": (lambda c: c.send("value"), lambda c: c.send(1)),
    "receive behind another": (lambda c: c.receive(), lambda c: c.receive()),
    "receive behind a select": (receive_by_wide_select, lambda c: c.receive()),
    "select behind a receive": (lambda c: c.receive(), receive_by_wide_select),
    "select behind a send": (lambda c: c.send("value"), lambda c: send_by_wide_select(c, 1)),
    "watch behind another": (
        lambda c: select(c.on_close()),
        lambda c: select(Chan[Any]().on_receive(), c.on_close()),
    ),
}


def entries(table: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("wait", "misuse"), table.values(), ids=table)


def refuse_threads(operation: Callable[[], object]) -> None:
    """Assert that ``operation`` says where it belongs; for running in a wrong place."""
    with pytest.raises(RuntimeError, match=r"trio\.from_thread\.run"):
        operation()


@entries(WAKING)
async def test_waking_a_task_from_elsewhere_is_refused(
    new: New, wait: Callable[..., Any], misuse: Callable[..., Any]
) -> None:
    """A worker thread or another run gets an error, and nothing has changed."""
    channel, log = new(), Log()

    async def another_run() -> None:
        refuse_threads(lambda: misuse(channel))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "task", wait, channel)
        before = channel.statistics()
        await trio.to_thread.run_sync(trio.run, another_run)
        await trio.to_thread.run_sync(refuse_threads, lambda: misuse(channel))
        assert log == []
        assert channel.statistics() == before
        channel.check()
        # The same is right here, also after the wrong attempts.
        misuse(channel)
    assert len(log) == 1


@entries(WAKING_OR_JOINING)
async def test_waiting_with_tasks_of_another_run_is_refused(
    new: New, wait: Callable[..., Any], misuse: Callable[..., Any]
) -> None:
    """A task of another run can neither wake those who wait nor stand in line with them."""
    channel, log = new(), Log()

    async def another_run() -> None:
        with pytest.raises(RuntimeError, match=r"trio\.from_thread\.run"), trio.fail_after(5):
            await misuse(channel)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "task", wait, channel)
        before = channel.statistics()
        await trio.to_thread.run_sync(trio.run, another_run)
        assert log == []
        assert channel.statistics() == before
        channel.check()
        nursery.cancel_scope.cancel()


async def test_a_select_refused_at_one_channel_stands_at_no_other(new: New) -> None:
    """A select that cannot wait everywhere waits nowhere."""
    ours, theirs = new(), new()

    async def another_run() -> None:
        with pytest.raises(RuntimeError), trio.fail_after(5):
            await select(theirs.on_receive(), theirs.on_close(), ours.on_receive())
        assert theirs.statistics().tasks_waiting_receive == 0
        theirs.check()

    async with trio.open_nursery() as nursery:
        await line_up(nursery, ours.receive)
        await trio.to_thread.run_sync(trio.run, another_run)
        nursery.cancel_scope.cancel()
    # If it stood there still, this would have to wake it.
    theirs.close()


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("operation", ["send_nowait", "close", "drain"])
async def test_a_thread_may_not_use_the_channel_of_a_run(
    new: New, operation: str, used: bool
) -> None:
    """Not even where nobody would have to wait or be woken: it would go unnoticed."""
    channel = new(3)
    if used:
        await channel.send(0)
        assert await channel.receive() == 0
        channel.send_nowait(0)
    before = channel.statistics()
    arguments = [1] if operation == "send_nowait" else []
    with pytest.raises(RuntimeError, match=r"use trio\.from_thread\.run"):
        await trio.to_thread.run_sync(getattr(channel, operation), *arguments)
    assert channel.statistics() == before
    channel.check()


def test_any_thread_may_use_a_channel_while_no_run_does(new: New) -> None:
    """A channel that no run uses is a plain object."""
    channel = new(3)
    results: list[object] = []

    def use() -> None:
        channel.send_nowait(1)
        channel.send_nowait(2)
        results.append(channel.receive_nowait())
        results.append(channel.drain())

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert results == [1, [2]]


async def test_another_run_may_use_what_is_buffered_while_nobody_waits(new: New) -> None:
    """Whether an operation waits decides, not which run made the channel."""
    channel = new(2)
    await channel.send("here")

    async def another_run() -> object:
        await channel.send("there")
        return await channel.receive()

    assert await trio.to_thread.run_sync(trio.run, another_run) == "here"
    assert await channel.receive() == "there"


async def test_from_thread_is_the_way_out(new: New) -> None:
    """What the error recommends works."""
    channel, log = new(), Log()

    def work() -> None:
        trio.from_thread.run(channel.send, 1)
        trio.from_thread.run_sync(channel.close)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, work)
        await log.run("first", channel.receive)
        await log.run("second", channel.receive)
    assert log == [("first", 1), ("second", EndOfChannel)]


async def test_callbacks_of_the_run_may_wake_its_tasks(new: New) -> None:
    """``run_sync_soon`` calls run in the run, though in no task of the user."""
    channel, log = new(), Log()
    token = trio.lowlevel.current_trio_token()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "first", channel.receive)
        await line_up(nursery, log.run, "second", channel.receive)
        token.run_sync_soon(channel.send_nowait, 1)
        token.run_sync_soon(channel.close)
    assert sorted(log) == [("first", 1), ("second", EndOfChannel)]


def test_a_channel_may_be_used_in_one_run_and_then_in_another(new: New) -> None:
    """A channel belongs to no run while nobody waits there."""
    channel = new(1)

    async def exchange() -> list[Any]:
        log = Log()
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.run, "receive", channel.receive)
            await channel.send("handed over")
            await wait_all_tasks_blocked()
            await channel.send("buffered")
            await line_up(nursery, log.run, "send", channel.send, "waited")
            log.append(("left over", channel.receive_nowait()))
        return log

    for _ in range(3):
        assert trio.run(exchange) == [
            ("receive", "handed over"),
            ("left over", "buffered"),
            ("send", None),
        ]
        assert channel.receive_nowait() == "waited"
        channel.check()


@pytest.mark.parametrize(
    "operate",
    [
        lambda c: c.send(1),
        lambda c: c.receive(),
        lambda c: c.receive_ok(),
        lambda c: aiter(c).__anext__(),
        lambda c: select(c.on_send(1)),
        lambda c: select(c.on_receive()),
    ],
    ids=["send", "receive", "receive_ok", "async for", "select to send", "select to receive"],
)
def test_an_async_call_outside_any_run_is_refused(new: New, operate: Callable[..., Any]) -> None:
    """Another event loop, or none, gets the error that names the way out, and no effect."""
    channel = new(3)
    channel.send_nowait("there")
    refuse_threads(lambda: operate(channel).send(None))

    async def use() -> None:
        await channel.send("there")
        assert await channel.receive() == "there"

    # That a run has used it a moment ago makes no difference.
    with yield_interval(60):
        trio.run(use)
        refuse_threads(lambda: operate(channel).send(None))
    assert channel.drain() == ["there"]


# 2.10 KeyboardInterrupt

# Who waits at a channel of capacity 2, and the call that must not be cut in two.
CHANGES: dict[str, tuple[list[Callable[[Chan[Any]], Any]], Callable[[Chan[Any]], Any]]] = {
    "send_nowait": ([], lambda c: c.send_nowait(1)),
    "receive_nowait": ([lambda c: c.send(1)], lambda c: c.receive_nowait()),
    "send_nowait, a receive waits": ([receive] * 2, lambda c: c.send_nowait(1)),
    "send_nowait, a select waits": ([receive_by_wide_select] * 2, lambda c: c.send_nowait(1)),
    "receive_nowait, a send waits": ([lambda c: c.send(1)] * 4, lambda c: c.receive_nowait()),
    "receive_nowait, a select waits": (
        [lambda c: send_by_wide_select(c, 1)] * 4,
        lambda c: c.receive_nowait(),
    ),
    "select_nowait": ([receive_by_wide_select] * 2, lambda c: select_nowait(c.on_send(1))),
    "close, receivers wait": ([receive, receive_by_wide_select], lambda c: c.close()),
    "close, senders wait": ([lambda c: c.send(1)] * 4, lambda c: c.close()),
    "with, watchers wait": (
        [lambda c: select(c.on_close())] * 2,
        lambda c: c.__exit__(None, None, None),
    ),
    "close of the sending end": ([receive] * 2, lambda c: c.sender.close()),
    "close of the receiving end": ([lambda c: c.send(1)] * 4, lambda c: c.receiver.close()),
    "close of the receiving end, nothing buffered": ([receive] * 2, lambda c: c.receiver.close()),
    "drain": ([lambda c: c.send(1)] * 4, lambda c: c.drain()),
    "send": ([receive_by_wide_select] * 2, lambda c: c.send(1)),
    "receive": ([lambda c: c.send(1)] * 4, lambda c: c.receive()),
    "receive_ok": ([lambda c: c.send(1)] * 4, lambda c: c.receive_ok()),
    "async for": ([lambda c: c.send(1)] * 4, iterate),
    "select": ([lambda c: c.send(1)] * 4, receive_by_wide_select),
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


@trio.lowlevel.enable_ki_protection
async def interrupt_the_main_task() -> None:
    """Press Control-C when all others wait; protected, so that it strikes elsewhere."""
    await wait_all_tasks_blocked()
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("operate", [*RECEIVING, lambda channel: channel.send(1)])
def test_an_interrupted_wait_has_left_its_line(new: New, operate: Callable[..., Any]) -> None:
    """Control-C while the main task waits: nothing has happened at the channel."""
    channel = new()
    before = channel.statistics()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupt_the_main_task)
            with pytest.raises(KeyboardInterrupt):
                await operate(channel)
            assert channel.statistics() == before
            channel.check()

    trio.run(main)


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

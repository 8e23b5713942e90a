"""What a channel does, whatever it is made of and in whatever way it is used.

Read this as the specification. Each test is one behaviour. ``new`` makes a channel: with a plain
buffer, with a strategy that means the same, as two ends, or as trio makes them. ``send`` and
``receive`` are ways to do it: plainly, many at once, by a select, by a selector. `tests/ways.py`
has the ways; the other files of this folder have what is particular to each.
"""

from __future__ import annotations

import gc
import math
import random
import re
import signal
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Any

import pytest
import trio
from trio.testing import assert_no_checkpoints, wait_all_tasks_blocked

from gochan import ChanBrokenError, ChanClosedError, EndOfChannel
from gochan.lowlevel import yield_interval

from ..guard import guarded
from ..lines import Log, line_up, trying
from ..ways import (
    CLOSING,
    KINDS,
    RECEIVING,
    RECEIVING_NOW,
    SENDING,
    SENDING_NOW,
    WATCHING,
    Channel,
    New,
    Receive,
    Send,
    every_close,
    every_receive,
    every_receive_now,
    every_send,
    every_send_now,
)

# In virtual time a wake-up that is lost lets a test fail at once.
pytestmark = pytest.mark.usefixtures("both_modes", "virtual_time")


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def new(request: pytest.FixtureRequest) -> Iterator[New]:
    """What makes channels. In the end their invariants hold, and nobody is left in line."""
    made: list[Channel] = []

    def new(capacity: float = 0) -> Channel:
        made.append(request.param(capacity))
        return made[-1]

    yield new
    for channel in made:
        channel.check()
        assert channel.sending == channel.receiving == 0


def in_turn(ways: dict[str, Any], first: Any) -> Iterator[Any]:
    """Yield all ways over and over, beginning with ``first``."""
    turn = cycle(ways.values())
    while next(turn) is not first:
        pass
    yield first
    yield from turn


# From hand to hand


@pytest.mark.parametrize("first", ["sender", "receiver"])
@every_send
async def test_every_way_to_send_meets_every_way_to_receive(
    new: New, send: Send, first: str
) -> None:
    """S38, S51: in either order of arrival, with nothing in between."""
    for receive in RECEIVING.values():
        channel, log = new(), Log()
        operations = [(log.run, "got", receive, channel), (log.run, "sent", send, channel, "it")]
        async with trio.open_nursery() as nursery:
            for operation in operations if first == "receiver" else reversed(operations):
                assert log == []
                await line_up(nursery, *operation)
            assert sorted(log) == [("got", "it"), ("sent", None)]
            assert channel.used == channel.sender.statistics().peak_buffer_used == 0


@every_send
async def test_an_unbuffered_send_returns_only_after_its_value_was_taken(
    new: New, send: Send
) -> None:
    """S2: sender and receiver meet."""
    for receive_now in RECEIVING_NOW.values():
        channel, log = new(), Log()
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.run, "sent", send, channel, "value")
            assert (log, channel.used, channel.sending) == ([], 0, 1)
            assert receive_now(channel) == "value"
            assert channel.sending == 0
            await wait_all_tasks_blocked()
            assert log == [("sent", None)]


@every_receive
async def test_a_value_that_a_task_waits_for_can_be_sent_at_once(
    new: New, receive: Receive
) -> None:
    """S7: it is handed over, before the other task has run."""
    for capacity in (0, 2):
        for send_now in SENDING_NOW.values():
            channel, log = new(capacity), Log()
            async with trio.open_nursery() as nursery:
                await line_up(nursery, log.run, "got", receive, channel)
                assert channel.receiving == 1
                send_now(channel, "value")
                assert (channel.used, channel.receiving) == (0, 0)
            assert log == [("got", "value")]


@every_send_now
def test_what_cannot_be_sent_at_once_changes_nothing(
    new: New, send: Callable[[Channel, Any], None]
) -> None:
    """S7: it needs room, or somebody who waits."""
    for capacity in (0, 1, 2):
        channel = new(capacity)
        for number in range(capacity):
            send(channel, number)
        before = channel.sender.statistics()
        for _ in range(2):
            assert trying(send, channel, "more") is trio.WouldBlock
        assert channel.sender.statistics() == before
        assert [channel.get() for _ in range(capacity)] == [*range(capacity)]


@every_receive_now
def test_what_cannot_be_received_at_once_changes_nothing(
    new: New, receive: Callable[[Channel], Any]
) -> None:
    """S8: it needs a value, or somebody who waits to send one."""
    for capacity in (0, 1, 2):
        channel = new(capacity)
        channel.fill(range(capacity))
        assert [receive(channel) for _ in range(capacity)] == [*range(capacity)]
        before = channel.receiver.statistics()
        for _ in range(2):
            assert trying(receive, channel) is trio.WouldBlock
        assert channel.receiver.statistics() == before
        assert trying(channel.put, "value") is (None if capacity else trio.WouldBlock)


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
    ways = cycle(SENDING.values())
    for receive in RECEIVING.values():
        await next(ways)(channel, value)
        assert await receive(channel) is value
        log = Log()
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.run, "got", receive, channel)
            channel.put(value)
        assert log[0][1] is value
    channel.put(value)
    assert await channel.receiver.receive_ok() == (value, True)


# In the buffer


@pytest.mark.parametrize("capacity", [0, 1, 3])
@every_send
async def test_sends_run_ahead_by_the_capacity(new: New, send: Send, capacity: int) -> None:
    """S3: receive k happens before send k + capacity completes."""
    channel = new(capacity)
    completed = 0

    async def produce() -> None:
        nonlocal completed
        for number in range(8):
            await send(channel, number)
            completed += 1

    async with trio.open_nursery() as nursery:
        await line_up(nursery, produce)
        for received in range(8):
            assert completed == min(received + capacity, 8)
            assert channel.used == min(8 - received, capacity)
            assert channel.get() == received
            await wait_all_tasks_blocked()


@every_send
async def test_an_unbounded_channel_never_makes_senders_wait(new: New, send: Send) -> None:
    """With ``math.inf`` every send succeeds at once."""
    channel = new(math.inf)
    for number in range(100):
        await send(channel, number)
    assert (channel.used, channel.sending) == (100, 0)
    assert channel.receiver.receive_many_nowait(math.inf) == [*range(100)]


@every_receive
async def test_a_buffer_is_refilled_from_the_waiting_senders(new: New, receive: Receive) -> None:
    """S5: a receive from a full buffer moves the first waiting sender's value into it."""
    for send in SENDING.values():
        channel, log = new(2), Log()
        channel.fill([0, 1])
        async with trio.open_nursery() as nursery:
            for number in (2, 3):
                await line_up(nursery, log.run, number, send, channel, number)
            assert await receive(channel) == 0
            assert (channel.used, channel.sending) == (2, 1)
            await wait_all_tasks_blocked()
            assert log == [(2, None)]
            assert [channel.get() for _ in range(3)] == [1, 2, 3]
        assert log == [(2, None), (3, None)]


# In order


@pytest.mark.parametrize("capacity", [0, 1, 3, math.inf])
async def test_values_come_out_in_the_order_they_went_in(new: New, capacity: float) -> None:
    """S1: first in, first out, across buffer and waiting senders, in whatever way they come."""
    channel = new(capacity)
    sending, receiving = cycle(SENDING.values()), cycle(RECEIVING.values())
    total = len(SENDING) * len(RECEIVING)  # so every way to send is followed by every other

    async def produce() -> None:
        for number in range(total):
            await next(sending)(channel, number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        assert [await next(receiving)(channel) for _ in range(total)] == [*range(total)]


@pytest.mark.parametrize("capacity", [0, 2])
async def test_order_holds_per_sender_and_nothing_is_lost_or_repeated(
    new: New, capacity: int
) -> None:
    """S1: with many senders and receivers, each receiver sees each sender's values in order."""
    channel = new(capacity)
    received: list[list[tuple[Any, int]]] = []

    async def produce(send: Send) -> None:
        for number in range(30):
            await send(channel, (send, number))

    async def consume(receive: Receive) -> None:
        received.append(items := [])
        with suppress(trio.EndOfChannel):
            while True:
                items.append(await receive(channel))

    async with trio.open_nursery() as consumers:
        for receive in RECEIVING.values():
            consumers.start_soon(consume, receive)
        async with trio.open_nursery() as producers:
            for send in SENDING.values():
                producers.start_soon(produce, send)
        channel.close()
    for send in SENDING.values():
        each = [[number for source, number in part if source is send] for part in received]
        assert all(part == sorted(part) for part in each)
        assert sorted(number for part in each for number in part) == [*range(30)]


# In line


@every_receive
async def test_waiting_receivers_are_served_in_order_of_arrival(new: New, receive: Receive) -> None:
    """S4, S51: all ways to receive stand in one line; the longest waiting comes first."""
    channel, log = new(), Log()
    ways = in_turn(RECEIVING, receive)
    async with trio.open_nursery() as nursery:
        for place in range(len(RECEIVING)):
            await line_up(nursery, log.run, place, next(ways), channel)
            assert channel.receiving == place + 1
        for number in range(len(RECEIVING)):
            channel.put(number)
            channel.check()
    assert sorted(log) == [(place, place) for place in range(len(RECEIVING))]


@pytest.mark.parametrize("capacity", [0, 2])
@every_send
async def test_waiting_senders_are_served_in_order_of_arrival(
    new: New, send: Send, capacity: int
) -> None:
    """S5, S51: all ways to send stand in one line, behind what is buffered."""
    channel = new(capacity)
    channel.fill(range(capacity))
    ways = in_turn(SENDING, send)
    async with trio.open_nursery() as nursery:
        for place in range(len(SENDING)):
            await line_up(nursery, next(ways), channel, capacity + place)
            assert channel.sending == place + 1
        for number in range(capacity + len(SENDING)):
            channel.check()
            assert channel.get() == number


@pytest.mark.parametrize("capacity", [0, 1])
@every_receive
async def test_a_newcomer_never_overtakes_a_waiting_receiver(
    new: New, receive: Receive, capacity: int
) -> None:
    """S4: a value belongs to who waited for it, though somebody else may run first."""
    channel, log = new(capacity), Log()
    if capacity:  # a channel that has been used may have ways of its own
        channel.put("before")
        assert channel.get() == "before"
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "waiting", receive, channel)
        channel.put("first")
        assert channel.used == 0
        # The waiting task has not run yet; a newcomer gets in line for the next value.
        for receive_now in RECEIVING_NOW.values():
            assert trying(receive_now, channel) is trio.WouldBlock
        nursery.start_soon(log.run, "newcomer", receive, channel)
        await wait_all_tasks_blocked()
        channel.put("second")
    assert log == [("waiting", "first"), ("newcomer", "second")]


@pytest.mark.parametrize("capacity", [1, 2])
@every_send
async def test_a_newcomer_never_overtakes_a_waiting_sender(
    new: New, send: Send, capacity: int
) -> None:
    """S5: room that becomes free belongs to who waited for it."""
    channel = new(capacity)
    channel.fill(range(capacity))
    async with trio.open_nursery() as nursery:
        await line_up(nursery, send, channel, "waiting")
        assert channel.get() == 0
        for send_now in SENDING_NOW.values():
            assert trying(send_now, channel, "newcomer") is trio.WouldBlock
        nursery.start_soon(send, channel, "newcomer")
        await wait_all_tasks_blocked()
        rest = [channel.get() for _ in range(capacity + 1)]
    assert rest == [*range(1, capacity), "waiting", "newcomer"]


@every_receive
async def test_a_receiver_that_waits_again_goes_to_the_end(new: New, receive: Receive) -> None:
    """S51: what counts is the beginning of this wait, not of an earlier one."""
    channel, log = new(), Log()

    async def twice() -> None:
        await log.run("eager", receive, channel)
        await log.run("eager", receive, channel)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, twice)
        await line_up(nursery, log.run, "patient", receive, channel)
        for number in range(3):
            channel.put(number)
            await wait_all_tasks_blocked()
    assert log == [("eager", 0), ("patient", 1), ("eager", 2)]


@every_receive
async def test_a_receiver_that_leaves_does_not_disturb_the_others(
    new: New, receive: Receive
) -> None:
    """S52: first, middle and last may leave the line; the others keep their places."""
    channel, log, ways = new(), Log(), in_turn(RECEIVING, receive)
    scopes = [trio.CancelScope() for _ in range(7)]
    leaving, staying = (0, 3, 6), (1, 2, 4, 5)

    async def wait(place: int) -> None:
        with scopes[place]:
            await log.run(place, next(ways), channel)

    async with trio.open_nursery() as nursery:
        for place in range(7):
            await line_up(nursery, wait, place)
        for place in leaving:
            scopes[place].cancel()
            channel.check()
        assert channel.receiving == len(staying)
        for place in staying:
            channel.put(place)
    assert sorted(log) == [(place, place) for place in staying]


@every_send
async def test_a_sender_that_leaves_does_not_disturb_the_others(new: New, send: Send) -> None:
    """S52: nobody receives what it had, and the others keep their places."""
    channel, ways = new(), in_turn(SENDING, send)
    scopes = [trio.CancelScope() for _ in range(7)]
    leaving, staying = (0, 3, 6), (1, 2, 4, 5)

    async def wait(place: int) -> None:
        with scopes[place]:
            await next(ways)(channel, place)

    async with trio.open_nursery() as nursery:
        for place in range(7):
            await line_up(nursery, wait, place)
        for place in leaving:
            scopes[place].cancel()
            channel.check()
        assert channel.sending == len(staying)
        assert [channel.get() for _ in staying] == [*staying]


# Letting others run


async def turns_of_others(call: Callable[[], Awaitable[Any]]) -> int:
    """Return how often another task runs while ``call`` is made ten times, in strict mode."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        with yield_interval(0):
            for _ in range(10):
                with suppress(trio.EndOfChannel, trio.ClosedResourceError):
                    await call()
        nursery.cancel_scope.cancel()
    return turns


@every_receive
async def test_every_receive_lets_others_run(new: New, receive: Receive) -> None:
    """Also if it need not wait, and if it fails; or a loop of such calls would starve them."""
    channel, ended = new(10), new()
    channel.fill(range(10))
    ended.close()
    for one in (channel, ended):
        assert await turns_of_others(lambda one=one: receive(one)) >= 9
    assert channel.used == 0


@every_send
async def test_every_send_lets_others_run(new: New, send: Send) -> None:
    """Also if it need not wait, and if it fails; or a loop of such calls would starve them."""
    channel, ended = new(10), new()
    ended.close()
    for one in (channel, ended):
        assert await turns_of_others(lambda one=one: send(one, "value")) >= 9
    assert channel.used == 10


# Cancelled


@every_receive
async def test_a_receive_that_begins_cancelled_takes_nothing(new: New, receive: Receive) -> None:
    """Trio's rule: not even what it could take at once, nor is an end told."""
    channel, ended = new(1), new()
    channel.put("value")
    ended.close()
    for one in (channel, ended):
        with trio.CancelScope() as scope:
            scope.cancel()
            await receive(one)
        assert scope.cancelled_caught
    assert channel.get() == "value"


@every_send
async def test_a_send_that_begins_cancelled_sends_nothing(new: New, send: Send) -> None:
    """Trio's rule: not even where there is room, nor is a close told."""
    channel, closed = new(1), new()
    closed.close()
    for one in (channel, closed):
        with trio.CancelScope() as scope:
            scope.cancel()
            await send(one, "value")
        assert scope.cancelled_caught
    assert channel.used == 0


@every_receive
async def test_a_cancelled_receive_has_taken_nothing(new: New, receive: Receive) -> None:
    """S52: after a deadline, the next value goes to somebody else."""
    channel = new()
    with trio.move_on_after(10) as scope:
        await receive(channel)
    assert scope.cancelled_caught
    assert channel.receiving == 0
    assert trying(channel.put, "value") is trio.WouldBlock


@every_send
async def test_a_cancelled_send_has_sent_nothing(new: New, send: Send) -> None:
    """S52: after a deadline, nobody receives the value."""
    channel = new(1)
    channel.put("first")
    with trio.move_on_after(10) as scope:
        await send(channel, "cancelled")
    assert scope.cancelled_caught
    assert channel.sending == 0
    assert channel.get() == "first"
    assert trying(channel.get) is trio.WouldBlock


async def test_cancelled_tasks_leave_the_line_at_once(new: New) -> None:
    """S52: between ``cancel`` and the run of the cancelled task, nobody finds it in line."""
    receivers, senders = new(), new()
    async with trio.open_nursery() as nursery:
        for receive in RECEIVING.values():
            await line_up(nursery, receive, receivers)
        for send in SENDING.values():
            await line_up(nursery, send, senders, "value")
        assert (receivers.receiving, senders.sending) == (len(RECEIVING), len(SENDING))
        nursery.cancel_scope.cancel()
        assert (receivers.receiving, senders.sending) == (0, 0)
        assert trying(receivers.put, "value") is trio.WouldBlock
        assert trying(senders.get) is trio.WouldBlock
        receivers.check()
        senders.check()


@every_receive
async def test_a_value_handed_over_stays_so_though_its_task_is_cancelled(
    new: New, receive: Receive
) -> None:
    """S53: what came before the cancellation counts, though the task runs after it."""
    channel, log, scope = new(), Log(), trio.CancelScope()

    async def wait() -> None:
        with scope:
            await log.run("got", receive, channel)
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        channel.put("value")
        scope.cancel()
    assert log == [("got", "value")]
    assert scope.cancelled_caught


@every_send
async def test_a_value_taken_stays_so_though_its_sender_is_cancelled(new: New, send: Send) -> None:
    """S53: a send whose value was taken returns, and does not raise."""
    channel, log, scope = new(), Log(), trio.CancelScope()

    async def wait() -> None:
        with scope:
            await log.run("sent", send, channel, "value")

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        assert channel.get() == "value"
        scope.cancel()
    assert log == [("sent", None)]


@every_close
async def test_what_a_close_has_told_stays_so_though_its_task_is_cancelled(
    new: New, close: Callable[[Channel], None]
) -> None:
    """S53: the end, and the value that was not sent."""
    receivers, senders, log = new(), new(), Log()
    async with trio.open_nursery() as nursery:
        for receive in RECEIVING.values():
            await line_up(nursery, log.run, "receive", receive, receivers)
        for send in SENDING.values():
            await line_up(nursery, log.run, "send", send, senders, "value")
        close(receivers)
        close(senders)
        nursery.cancel_scope.cancel()
    ends = [outcome for label, outcome in log if label == "receive"]
    errors = [outcome for label, outcome in log if label == "send"]
    assert len(ends) == len(RECEIVING)
    assert all(issubclass(end, trio.EndOfChannel) for end in ends)
    assert errors == [ChanClosedError] * len(SENDING)


@every_receive
async def test_what_a_cancelled_receiver_leaves_goes_to_the_next_in_line(
    new: New, receive: Receive
) -> None:
    """S52, S53: cancelled first, served next: the value finds the next waiter."""
    channel, log, scope = new(), Log(), trio.CancelScope()

    async def wait() -> None:
        with scope:
            await log.run("cancelled", receive, channel)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        await line_up(nursery, log.run, "next", receive, channel)
        scope.cancel()
        channel.put("value")
    assert log == [("next", "value")]


@pytest.mark.parametrize("seed", range(3))
async def test_random_cancellations_lose_and_repeat_nothing(new: New, seed: int) -> None:
    """S52: what was sent is what was received, in the order of sending, despite cancellations."""
    channel, dice = new(1), random.Random(seed)
    sending, receiving = [*SENDING.values()], [*RECEIVING.values()]
    sent: list[int] = []
    received: list[int] = []

    async def produce() -> None:
        for number in range(200):
            with trio.move_on_after(dice.choice([0, 1, 2, 3])):
                await dice.choice(sending)(channel, number)
                sent.append(number)
            await trio.sleep(dice.choice([0, 1, 2]))
        channel.close()

    async def consume() -> None:
        with suppress(trio.EndOfChannel):
            while True:
                with trio.move_on_after(dice.choice([0, 1, 2, 3])):
                    received.append(await dice.choice(receiving)(channel))
                channel.check()
                await trio.sleep(dice.choice([0, 1, 2]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        nursery.start_soon(consume)
    assert received == sent
    assert 50 < len(sent) < 200


def interrupted(call: Callable[[], Awaitable[Any]]) -> None:
    """Press Control-C while the main task waits in ``call``, and everybody else does."""

    @trio.lowlevel.enable_ki_protection  # so that it strikes elsewhere
    async def press() -> None:
        await wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(press)
            with pytest.raises(KeyboardInterrupt):
                await call()

    trio.run(guarded(main))


@every_receive
def test_an_interrupted_receive_has_left_its_line(new: New, receive: Receive) -> None:
    """Control-C while a task waits is as a cancellation: nothing has happened."""
    channel = new()
    before = channel.receiver.statistics()
    interrupted(lambda: receive(channel))
    assert channel.receiver.statistics() == before
    assert trying(channel.put, "value") is trio.WouldBlock


@every_send
def test_an_interrupted_send_has_left_its_line(new: New, send: Send) -> None:
    """Control-C while a task waits is as a cancellation: nothing has happened."""
    channel = new()
    before = channel.sender.statistics()
    interrupted(lambda: send(channel, "value"))
    assert channel.sender.statistics() == before
    assert trying(channel.get) is trio.WouldBlock


# Closed: no more values come


@every_receive
async def test_what_was_buffered_before_the_close_is_still_delivered(
    new: New, receive: Receive
) -> None:
    """S17: first the values, then the end."""
    channel = new(3)
    channel.fill(range(3))
    channel.close()
    assert channel.used == 3
    assert [await receive(channel) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(trio.EndOfChannel):
        await receive(channel)


@every_receive
async def test_the_end_is_for_ever(new: New, receive: Receive) -> None:
    """S11: once closed and drained, every receive ends at once, any number of times."""
    channel = new(1)
    channel.close()
    for _ in range(3):
        with pytest.raises(trio.EndOfChannel):
            await receive(channel)
        for receive_now in RECEIVING_NOW.values():
            with pytest.raises(EndOfChannel):
                receive_now(channel)
        assert await channel.receiver.receive_ok() == (None, False)
        assert [value async for value in channel.receiver] == []


@every_send
async def test_a_closed_channel_takes_nothing_however_much_room_it_has(
    new: New, send: Send
) -> None:
    """S18, S19: a late send raises with its value, and is never buffered."""
    for used in (0, 1, 2):
        channel, value = new(2), object()
        channel.fill(range(used))
        channel.close()
        for _ in range(2):
            with pytest.raises(ChanClosedError) as caught:
                await send(channel, value)
            assert caught.value.value is value
            for send_now in SENDING_NOW.values():
                with pytest.raises(ChanClosedError) as caught:
                    send_now(channel, value)
                assert caught.value.value is value
        assert [value async for value in channel.receiver] == [*range(used)]


@every_close
async def test_closing_wakes_every_waiting_receiver(
    new: New, close: Callable[[Channel], None]
) -> None:
    """S16: each of them is told of the end, whatever it waits in."""
    channel, log = new(1), Log()
    async with trio.open_nursery() as nursery:
        for name, receive in RECEIVING.items():
            await line_up(nursery, log.run, name, receive, channel)
        close(channel)
        assert channel.receiving == 0
        channel.check()
    assert {name for name, _ in log} == {*RECEIVING}
    assert all(issubclass(outcome, trio.EndOfChannel) for _, outcome in log)


@every_close
async def test_closing_gives_every_waiting_sender_its_value_back(
    new: New, close: Callable[[Channel], None]
) -> None:
    """S19, S20: a sender that waits gets the error, and nobody receives its value."""
    channel = new()
    handed_back: dict[str, object] = {}

    async def wait(name: str) -> None:
        with pytest.raises(ChanClosedError) as caught:
            await SENDING[name](channel, f"value of {name}")
        handed_back[name] = caught.value.value

    async with trio.open_nursery() as nursery:
        for name in SENDING:
            await line_up(nursery, wait, name)
        close(channel)
        assert channel.sending == 0
        channel.check()
    assert handed_back == {name: f"value of {name}" for name in SENDING}
    assert trying(channel.get) is EndOfChannel


@every_send
async def test_a_close_parts_what_was_taken_in_from_what_was_not(new: New, send: Send) -> None:
    """S17, S20: senders that wait at a full buffer fail, and the buffer is delivered."""
    channel, log = new(2), Log()
    async with trio.open_nursery() as nursery:
        for number in range(4):
            await line_up(nursery, log.run, number, send, channel, number)
        channel.close()
    assert sorted(log[:2]) == [(0, None), (1, None)]
    assert sorted(log[2:]) == [(2, ChanClosedError), (3, ChanClosedError)]
    assert [value async for value in channel.receiver] == [0, 1]


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


@pytest.mark.parametrize("role", ["receive", "send", "watch"])
async def test_a_close_wakes_in_order(new: New, role: str) -> None:
    """S16: who waits longest becomes runnable first."""
    channel = new()
    calls: list[Callable[[], Awaitable[Any]]] = {
        "receive": [lambda way=way: way(channel) for way in RECEIVING.values()],
        "send": [lambda way=way: way(channel, None) for way in SENDING.values()],
        "watch": [lambda way=way: way(channel) for way in WATCHING.values()],
    }[role]

    async def wait(place: int) -> None:
        with suppress(trio.EndOfChannel, ChanClosedError):
            await calls[place]()

    async with trio.open_nursery() as nursery:
        for place in range(len(calls)):
            nursery.start_soon(wait, place, name=f"task {place}")
            await wait_all_tasks_blocked()
        with watching_wakes() as woken:
            channel.close()
    assert woken == [f"task {place}" for place in range(len(calls))]


@pytest.mark.parametrize("watch", WATCHING.values(), ids=WATCHING)
async def test_a_close_is_heard_while_values_are_left(
    new: New, watch: Callable[[Channel], Awaitable[None]]
) -> None:
    """Those who watch take no value; they hear of the close at once, and for ever after."""
    channel, log = new(1), Log()
    channel.put("left")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "told", watch, channel)
        assert (log, channel.used) == ([], 1)
        channel.close()
    assert log == [("told", None)]
    await watch(channel)
    assert channel.get() == "left"


async def test_closing_again_does_nothing(new: New) -> None:
    """Closing is idempotent, however it is done, and loses nothing."""
    channel = new(1)
    channel.put("value")
    for _ in range(2):
        for close in CLOSING.values():
            close(channel)
            assert channel.sender.closed
        await channel.sender.aclose()
    assert channel.get() == "value"


@every_close
async def test_a_close_is_no_checkpoint(new: New, close: Callable[[Channel], None]) -> None:
    """S25: it never waits, and works in a cancelled scope."""
    with trio.CancelScope() as scope:  # noqa: ASYNC100  # nothing in it waits: that is the promise
        scope.cancel()
        channel, other = new(1), new(1)
        with assert_no_checkpoints():
            close(channel)
            other.abandon()
        assert channel.sender.closed
        assert other.receiver.closed


@every_receive
async def test_many_workers_share_one_channel_until_it_ends(new: New, receive: Receive) -> None:
    """Go's worker pool: a close ends them all, when every job is done."""
    channel = new()
    done: list[int] = []

    async def work() -> None:
        with suppress(trio.EndOfChannel):
            while True:
                done.append(await receive(channel))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(work)
        with channel.sender:
            for job in range(23):
                await channel.sender.send(job)
    assert sorted(done) == [*range(23)]


# Abandoned: nobody receives any more


@every_receive
async def test_nobody_can_receive_from_an_abandoned_channel(new: New, receive: Receive) -> None:
    """Every form of receiving raises ``ClosedResourceError``, for ever; none pretends an end."""
    channel = new(2)
    channel.put("lost")
    channel.abandon()
    assert channel.used == 0
    for _ in range(2):
        with pytest.raises(ChanClosedError) as caught:
            await receive(channel)
        assert not isinstance(caught.value, trio.BrokenResourceError)
        assert caught.value.value is None
        for receive_now in RECEIVING_NOW.values():
            with pytest.raises(ChanClosedError):
                receive_now(channel)


async def test_receivers_that_wait_at_an_abandoned_channel_get_an_error(new: New) -> None:
    """All of them, in whatever they wait, and those who watch."""
    channel, log = new(), Log()
    async with trio.open_nursery() as nursery:
        for name, receive in RECEIVING.items():
            await line_up(nursery, log.run, name, receive, channel)
        for watch in WATCHING.values():
            await line_up(nursery, log.run, "watch", watch, channel)
        channel.abandon()
        assert channel.receiving == 0
        channel.check()
    expected = [*((name, ChanClosedError) for name in RECEIVING), *[("watch", None)] * 2]
    assert sorted(log, key=str) == sorted(expected, key=str)


async def test_senders_that_wait_at_an_abandoned_channel_get_their_value_back(
    new: New,
) -> None:
    """The error is trio's for a broken resource, as their own end is open."""
    channel = new(1)
    channel.put("lost")
    handed_back: dict[str, object] = {}

    async def wait(name: str) -> None:
        with pytest.raises(ChanBrokenError) as caught:
            await SENDING[name](channel, f"value of {name}")
        assert not isinstance(caught.value, trio.ClosedResourceError)
        handed_back[name] = caught.value.value

    async with trio.open_nursery() as nursery:
        for name in SENDING:
            await line_up(nursery, wait, name)
        channel.abandon()
        assert channel.sending == 0
        channel.check()
    assert handed_back == {name: f"value of {name}" for name in SENDING}


@every_send
async def test_nobody_can_send_to_an_abandoned_channel(new: New, send: Send) -> None:
    """A late send raises the same, with its value, however much room there is."""
    channel, value = new(2), object()
    channel.abandon()
    for _ in range(2):
        with pytest.raises(ChanBrokenError) as caught:
            await send(channel, value)
        assert not isinstance(caught.value, trio.ClosedResourceError)
        assert caught.value.value is value
        for send_now in SENDING_NOW.values():
            with pytest.raises(ChanBrokenError) as caught:
                send_now(channel, value)
            assert caught.value.value is value


@pytest.mark.parametrize("first", ["sender", "receiver"])
async def test_where_both_ends_are_closed_each_side_gets_the_error_of_its_own(
    new: New, first: str
) -> None:
    """As with the ends of trio's channels, whichever was closed first."""
    channel = new(1)
    closings = [channel.close, channel.abandon]
    for close in closings if first == "sender" else reversed(closings):
        close()
    for send in SENDING.values():
        with pytest.raises(ChanClosedError):
            await send(channel, 1)
    for receive in RECEIVING.values():
        with pytest.raises(ChanClosedError):
            await receive(channel)


async def test_errors_say_at_which_channel(new: New) -> None:
    """They have its address, as its ``repr`` has, in whatever way it was used."""
    closed, abandoned = new(), new()
    address = {one: re.findall("0x[0-9a-f]+", repr(one.sender))[-1] for one in (closed, abandoned)}
    closed.close()
    abandoned.abandon()
    for one in (closed, abandoned):
        for send in SENDING.values():
            with pytest.raises((ChanClosedError, ChanBrokenError), match=address[one]):
                await send(one, 1)
        for receive in (RECEIVING["receive"], RECEIVING["receive_many"], RECEIVING["select"]):
            with pytest.raises((EndOfChannel, ChanClosedError), match=address[one]):
                await receive(one)


# Looking


async def test_statistics_count_what_is_buffered_and_tasks_that_wait(new: New) -> None:
    """Each task once, in whatever way it waits, and however many cases it has there."""
    channel = new(2)
    assert channel.sender.statistics() == channel.receiver.statistics()
    assert channel.sender.statistics().max_buffer_size == channel.sender.capacity == 2
    async with trio.open_nursery() as nursery:
        for number, receive in enumerate(RECEIVING.values(), 1):
            await line_up(nursery, receive, channel)
            assert (channel.used, channel.sending, channel.receiving) == (0, 0, number)
        nursery.cancel_scope.cancel()
    async with trio.open_nursery() as nursery:
        for number, send in enumerate(SENDING.values(), 1):
            await line_up(nursery, send, channel, number)
            expected = min(number, 2), max(0, number - 2), 0
            assert (channel.used, channel.sending, channel.receiving) == expected
        nursery.cancel_scope.cancel()
    assert (channel.used, channel.sending) == (2, 0)
    assert [channel.get(), channel.get()] == [1, 2]


@pytest.mark.parametrize("capacity", [5, math.inf])
@every_send
async def test_the_peak_is_the_most_that_was_ever_buffered(
    new: New, send: Send, capacity: float
) -> None:
    """However often the channel was empty meanwhile."""
    channel = new(capacity)
    most = 0
    for number in (2, 1, 3, 3, 0, 4, 2, 5, 1):
        for value in range(number):
            if value % 2:
                channel.put(value)
            else:
                await send(channel, value)
        most = max(most, number)
        assert channel.sender.statistics().peak_buffer_used == most
        channel.check()
        for _ in range(number):
            channel.get()
        # A receiver that has waited meanwhile must not make the peak be forgotten.
        async with trio.open_nursery() as nursery:
            await line_up(nursery, channel.receiver.receive)
            await send(channel, "handed over")
    assert channel.sender.statistics().peak_buffer_used == most == 5


# Letting go


class Thing:
    """Something that can be watched through a weak reference."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Switch off the collector of cyclic garbage, which would hide what is kept by a cycle."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("waiting", [False, True])
@every_receive
async def test_a_value_that_was_received_is_not_kept_alive(
    new: New, receive: Receive, waiting: bool
) -> None:
    """S14: neither by the channel nor by what a task that waited leaves behind."""
    channel, things = new(1), [Thing()]
    watch = weakref.ref(things[0])
    async with trio.open_nursery() as nursery:
        if waiting:
            await line_up(nursery, receive, channel)
        channel.put(things.pop())
        if not waiting:
            await receive(channel)
    assert watch() is None


SENDS_THAT_END: dict[str, Callable[[Channel, trio.CancelScope], Any]] = {
    "sent": lambda channel, scope: (channel.get(), channel.get()),
    "cancelled": lambda channel, scope: scope.cancel(),
    "closed": lambda channel, scope: channel.close(),
    "abandoned": lambda channel, scope: channel.abandon(),
}


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("end", SENDS_THAT_END.values(), ids=SENDS_THAT_END)
@every_send
async def test_a_send_that_has_ended_keeps_no_value_alive(
    new: New, send: Send, end: Callable[[Channel, trio.CancelScope], Any]
) -> None:
    """S14: however it has ended."""
    channel, things = new(1), [Thing()]
    watch = weakref.ref(things[0])
    channel.put("first")

    async def wait() -> None:
        with suppress(ChanClosedError, ChanBrokenError):
            await send(channel, things.pop())

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        end(channel, nursery.cancel_scope)
    assert watch() is None

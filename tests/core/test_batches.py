"""Many values at once: receive_many, send_many, batches, and what is left of a call."""

from __future__ import annotations

import gc
import math
import signal
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any, TypeAlias

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import (
    Batches,
    Chan,
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    Refused,
    Unsent,
    select,
)
from gochan._core._choice import chance
from gochan.lowlevel import yield_interval
from gochan.strategies import WAIT, Block, DropOnFull, Empty, Strategy, Verdict

from ..examples import examples
from ..guard import guarded, run_in_virtual_time
from ..lines import line_up

pytestmark = pytest.mark.usefixtures("both_modes", "virtual_time")

scheduling: Random = trio._core._run._r
New: TypeAlias = Callable[..., Chan[Any]]


def new_with_block(capacity: float = 0, **options: Any) -> Chan[Any]:
    return Chan(strategy=Block(capacity), **options)


MAKERS = [Chan, new_with_block]


@pytest.fixture(params=MAKERS, ids=["buffer", "strategy"])
def new(request: pytest.FixtureRequest) -> New:
    """What makes channels: with a plain buffer, and with the strategy that means the same."""
    return request.param


def filled(new: New, values: Iterable[Any], capacity: float = math.inf) -> Chan[Any]:
    channel = new(capacity)
    for value in values:
        channel.send_nowait(value)
    return channel


@asynccontextmanager
async def waiting(function: Callable[..., Awaitable[Any]], *args: Any) -> AsyncIterator[list[Any]]:
    """Let a call wait in a task of its own; its result comes into the list. Cancel it at last."""
    results: list[Any] = []

    async def call() -> None:
        results.append(await function(*args))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, call)
        yield results
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


# Receiving


@pytest.mark.parametrize("most", [1, 2, 3, 4, 10**30, math.inf])
async def test_it_receives_what_is_there_in_order_up_to_the_limit(new: New, most: float) -> None:
    """As many as there are now, the oldest first; it does not wait for more."""
    channel, twin = filled(new, "abc"), filled(new, "abc")
    expected = list("abc"[: int(min(most, 3))])
    assert await channel.receive_many(most) == expected
    assert twin.receive_many_nowait(most) == expected
    assert channel.drain() == twin.drain() == list("abc"[len(expected) :])


async def test_it_waits_for_one_value_and_takes_what_has_come_by_then(new: New) -> None:
    """What was sent before the receiver runs again belongs to the same batch."""
    channel = new(2)
    async with waiting(channel.receive_many, 9) as results:
        for value in "abc":  # one to the receiver, two into the buffer
            channel.send_nowait(value)
        await wait_all_tasks_blocked()
        assert results == [["a", "b", "c"]]
        channel.check()


async def test_having_waited_it_does_not_take_more_than_the_limit(new: New) -> None:
    """The value that it waited for counts."""
    channel = new(3)
    async with waiting(channel.receive_many, 2) as results:
        for value in "abcd":
            channel.send_nowait(value)
        await wait_all_tasks_blocked()
        assert results == [["a", "b"]]
        assert channel.drain() == ["c", "d"]


@pytest.mark.parametrize("most", range(1, 12))
@pytest.mark.parametrize("capacity", [0, 1, 3])
async def test_it_is_as_if_the_values_were_received_one_by_one(
    new: New, capacity: int, most: int
) -> None:
    """From the buffer, then from those who wait to send, in line; who has sent goes on."""
    channels = [new(capacity), new(capacity)]
    async with trio.open_nursery() as nursery:
        for channel in channels:
            for number in range(capacity):
                channel.send_nowait(number)
            for number in range(4):
                await line_up(nursery, channel.send, 2 * number + 100)
                await line_up(nursery, select, channel.on_send(2 * number + 101))
        many, single = channels
        values = many.receive_many_nowait(most)
        one_by_one = []
        with suppress(trio.WouldBlock):
            while len(one_by_one) < most:
                one_by_one.append(single.receive_nowait())
        assert values == one_by_one
        assert many.statistics() == single.statistics()
        for channel in channels:
            channel.check()
        nursery.cancel_scope.cancel()


async def test_it_does_not_overtake_waiting_receivers(new: New) -> None:
    """A newcomer finds nothing there, and goes to the end of the line."""
    channel = new(5)
    async with waiting(channel.receive) as first, waiting(channel.receive_many, 5) as second:
        for value in "abc":
            channel.send_nowait(value)
        await wait_all_tasks_blocked()
        assert (first, second) == (["a"], [["b", "c"]])


async def test_at_the_end_it_ends(new: New) -> None:
    """What is left after a close is received; then it is the end, as for a single receive."""
    channel = filled(new, "abc")
    channel.close()
    assert await channel.receive_many(2) == ["a", "b"]
    assert await channel.receive_many(2) == ["c"]
    with pytest.raises(EndOfChannel):
        await channel.receive_many(2)
    with pytest.raises(EndOfChannel):
        channel.receive_many_nowait(2)
    channel = new()
    with pytest.raises(trio.WouldBlock):
        channel.receive_many_nowait(2)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, expect, EndOfChannel, channel.receive_many, 2)
        channel.close()


async def expect(error: type[Exception], function: Callable[..., Any], *args: Any) -> Any:
    """Call it; it has to raise that, which is returned."""
    with pytest.raises(error) as raised:
        await function(*args)
    assert type(raised.value) is error
    return raised.value


async def test_what_was_handed_over_is_returned_though_it_is_cancelled(new: New) -> None:
    """And what else is there by then, since it can be."""
    channel, scope, results = new(1), trio.CancelScope(), []

    async def receive() -> None:
        with scope:
            results.append(await channel.receive_many(5))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, receive)
        channel.send_nowait("a")
        channel.send_nowait("b")
        scope.cancel()
    assert results == [["a", "b"]]


@pytest.mark.parametrize("kind", [list, tuple])
async def test_who_waits_alone_for_many_is_given_many_at_once(kind: Any) -> None:
    """As many as it wants, without a buffer; what is too much for it has not been sent."""
    channel = Chan[int]()
    rest = Unsent(kind([1, 2, 3, 4, 5]))
    async with waiting(channel.receive_many, 3) as received, waiting(channel.send_many, rest):
        await wait_all_tasks_blocked()
        assert received == [[1, 2, 3]]
    assert [*rest] == [4, 5]
    channel.check()


@pytest.mark.parametrize("capacity", [1, 10])
async def test_what_one_who_waits_for_many_leaves_is_buffered(capacity: int) -> None:
    """In order, and an iterator is read no further than that."""
    channel, numbers = Chan[int](capacity), count()
    async with waiting(channel.receive_many, 2) as received, waiting(channel.send_many, numbers):
        await wait_all_tasks_blocked()
        assert received == [[0, 1]]
    assert channel.drain() == [*range(2, 2 + capacity)]
    assert next(numbers) == 3 + capacity  # one more was read, and waited


async def test_who_waits_for_one_value_is_given_one_of_many() -> None:
    """So a select does not count as room for more, when an iterator is read."""
    channel, numbers = Chan[int](1), count()
    async with (
        waiting(select, channel.on_receive()) as received,
        waiting(channel.send_many, numbers),
    ):
        await wait_all_tasks_blocked()
        assert received == [(0, 0)]
    assert channel.drain() == [1]
    assert next(numbers) == 3  # one more was read, and waited


async def test_who_is_given_many_has_them_though_it_is_cancelled() -> None:
    """Before it runs again."""
    channel = Chan[int](5)
    async with trio.open_nursery() as nursery:
        received: list[list[int]] = []

        async def receive() -> None:
            received.append(await channel.receive_many(math.inf))

        await line_up(nursery, receive)
        await channel.send_many([1, 2, 3])
        nursery.cancel_scope.cancel()
    assert received == [[1, 2, 3]]


@pytest.mark.parametrize("other", [Chan.receive, lambda channel: select(channel.on_receive())])
async def test_those_who_wait_behind_come_before_a_second_value(
    other: Callable[[Chan[int]], Awaitable[Any]],
) -> None:
    """Whoever waits gets a value, however many the first in line would take."""
    channel = Chan[int]()
    async with (
        waiting(channel.receive_many, 3) as first,
        waiting(other, channel) as second,
        waiting(channel.send_many, [1, 2]),
    ):
        await wait_all_tasks_blocked()
        assert first == [[1]]
        assert second in ([2], [(0, 2)])


# Sending


@pytest.mark.parametrize("capacity", [0, 1, 2, 100, math.inf])
@pytest.mark.parametrize("kind", [list, tuple, iter, Unsent], ids=lambda kind: kind.__name__)
async def test_all_items_are_sent_in_order(new: New, capacity: float, kind: Any) -> None:
    """Into free room, to waiting receivers, and after waiting for room; any iterable will do."""
    channel = new(capacity)
    received: list[int] = []

    async def receive() -> None:
        while len(received) < 1500:
            received.append(await channel.receive())

    async with trio.open_nursery() as nursery:
        await line_up(nursery, receive)
        await channel.send_many(kind([*range(1500)]))
    assert received == [*range(1500)]
    channel.check()


async def test_nothing_is_no_item() -> None:
    """To send none is done at once, even on a closed channel."""
    channel = Chan[int]()
    await channel.send_many([])
    channel.close()
    await channel.send_many(iter([]))


async def test_it_returns_when_the_last_item_has_been_taken_in(new: New) -> None:
    """Received, or buffered."""
    channel = new(1)
    async with waiting(channel.send_many, "abc") as results:
        assert channel.receive_many_nowait(1) == ["a"]
        await wait_all_tasks_blocked()
        assert (results, len(channel)) == ([], 1)
        assert channel.statistics().tasks_waiting_send == 1
        assert channel.receive_nowait() == "b"
        await wait_all_tasks_blocked()
        assert (results, len(channel)) == ([None], 1)
        assert channel.statistics().tasks_waiting_send == 0


@pytest.mark.parametrize("capacity", [0, 2, math.inf])
async def test_every_receiver_that_waits_gets_an_item(new: New, capacity: float) -> None:
    """Plain ones and selects, in line; the others are buffered, or wait."""
    channel, never = new(capacity), Chan[Any]()
    got: list[Any] = []

    async def receive() -> None:
        got.append(await channel.receive())

    async def receive_by_select() -> None:
        got.append((await select(never.on_receive(), channel.on_receive()))[1])

    async with trio.open_nursery() as nursery:
        for _ in range(60):
            await line_up(nursery, receive)
            await line_up(nursery, receive_by_select)
        nursery.start_soon(channel.send_many, [*range(125)])
        await wait_all_tasks_blocked()
        assert sorted(got) == [*range(120)]
        assert len(channel) == min(capacity, 5)
        channel.check()
        assert [await channel.receive() for _ in range(5)] == [*range(120, 125)]


async def test_it_goes_to_the_end_of_the_line(new: New) -> None:
    """It overtakes nobody, and after each of its items the next one in line is first."""
    channel = new(1)
    async with trio.open_nursery() as nursery:
        channel.send_nowait("z")
        await line_up(nursery, channel.send, "a1")
        await line_up(nursery, channel.send_many, ["b1", "b2", "b3", "b4"])
        await line_up(nursery, channel.send_many, ["c1", "c2"])
        await line_up(nursery, select, channel.on_send("d1"))
        received = []
        while len(received) < 9:
            received.append(channel.receive_nowait())
            channel.check()
            await wait_all_tasks_blocked()
    assert received == ["z", "a1", "b1", "c1", "d1", "b2", "c2", "b3", "b4"]


@pytest.mark.parametrize("most", [2, 3, 5, 8, 99])
@pytest.mark.parametrize("capacity", [0, 1, 3])
async def test_senders_of_many_values_take_turns(capacity: int, most: int) -> None:
    """Also when a receiver takes a lot in one step."""
    channel = Chan[Any](capacity)
    for number in range(capacity):
        channel.send_nowait(number)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.send_many, ["a1", "a2", "a3"])
        await line_up(nursery, channel.send_many, ["b1", "b2", "b3", "b4", "b5"])
        await line_up(nursery, select, channel.on_send("c1"))
        received: list[Any] = []
        while len(received) < capacity + 9:
            received += channel.receive_many_nowait(most)
            channel.check()
    assert received[capacity:] == ["a1", "b1", "c1", "a2", "b2", "a3", "b3", "b4", "b5"]


async def test_many_meet_many() -> None:
    """What waits to be sent is received at once, also without any buffer."""
    channel = Chan[int]()
    async with waiting(channel.send_many, [*range(1500)]) as results:
        assert channel.receive_many_nowait(700) == [*range(700)]
        assert channel.receive_many_nowait(math.inf) == [*range(700, 1000)]
        await wait_all_tasks_blocked()
        assert channel.receive_many_nowait(math.inf) == [*range(1000, 1500)]
        await wait_all_tasks_blocked()
        assert results == [None]


@pytest.mark.parametrize("capacity", [3, 10, math.inf])
async def test_the_peak_is_what_was_buffered_at_most(new: New, capacity: float) -> None:
    """Counted as if the items were sent one by one."""
    channel = new(capacity)
    async with waiting(channel.send_many, range(5)):
        assert channel.statistics().peak_buffer_used == min(5, capacity)
        channel.receive_many_nowait(2)
        channel.send_nowait("x") if capacity > 3 else None
        assert channel.statistics().peak_buffer_used == min(5, capacity)


@pytest.mark.parametrize("abandon", [False, True])
@pytest.mark.parametrize("kind", [list, iter])
async def test_a_close_tells_which_items_were_not_sent(new: New, abandon: bool, kind: Any) -> None:
    """The first of them is the value of the error, and all of them are in ``unsent``."""
    channel, errors = new(2), []

    async def send() -> None:
        try:
            await channel.send_many(kind(list("abcde")))
        except (ChanClosedError, ChanBrokenError) as error:
            errors.append(error)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, send)
        assert channel.receive_nowait() == "a"
        await wait_all_tasks_blocked()
        channel.receiver.close() if abandon else channel.close()
    (error,) = errors
    assert type(error) is (ChanBrokenError if abandon else ChanClosedError)
    assert (error.value, list(error.unsent)) == ("d", ["d", "e"])
    # And on one that is closed already.
    error = await expect(type(error), channel.send_many, kind(list("de")))
    assert (error.value, list(error.unsent)) == ("d", ["d", "e"])


async def test_what_was_not_sent_can_be_sent_again() -> None:
    """To another channel, or the same; an Unsent is an iterable as any other."""
    channel, items = Chan[int](strategy=DropOnFull(2)), iter(range(7))
    received: list[int] = []
    for number in (2, 4, 6):
        refused = await expect(Refused, channel.send_many, items)
        assert (refused.value, refused.reason) == (number, "full")
        items = refused.unsent
        received += channel.receive_many_nowait(math.inf)
    await channel.send_many(items)
    assert received + channel.drain() == [*range(7)]
    assert list(items) == []


def test_other_errors_have_nothing_unsent() -> None:
    """``unsent`` is about many items."""
    channel = Chan[int]()
    channel.close()
    with pytest.raises(ChanClosedError) as closed:
        channel.send_nowait(1)
    assert list(closed.value.unsent) == list(Refused("full", value=1).unsent) == []


@pytest.mark.parametrize("taken", range(5))
@pytest.mark.parametrize("kind", [list, iter])
async def test_cancelled_it_leaves_what_was_not_sent(new: New, taken: int, kind: Any) -> None:
    """An Unsent then yields exactly that, in order, so that it can be sent later."""
    channel, unsent = new(1), Unsent(kind([*range(6)]))
    received = []
    async with waiting(channel.send_many, unsent):
        for _ in range(taken):
            received.append(channel.receive_nowait())
            await wait_all_tasks_blocked()
    received += channel.receive_many_nowait(9)
    assert received == [*range(taken + 1)]
    assert len(channel) == channel.statistics().tasks_waiting_send == 0
    channel.check()
    async with waiting(channel.send_many, unsent):
        received += await channel.receive_many(1)
    assert received + channel.drain() + list(unsent) == [*range(6)]


async def test_cancelled_again_it_leaves_the_same() -> None:
    """In the same order, however many were taken, and by which task."""
    unsent = Unsent([*range(9)])
    for channel in (Chan[int](1), new_with_block(1), Chan[int](1)):
        async with waiting(channel.send_many, unsent):
            pass
    assert list(unsent) == [*range(3, 9)]


async def test_cancelled_at_once_it_has_read_nothing(new: New) -> None:
    """Nothing was sent, so nothing need be put back, into whatever was given."""
    channel, items = new(9), iter("abc")
    with trio.CancelScope() as scope:
        scope.cancel()
        await channel.send_many(items)
    assert scope.cancelled_caught
    assert (list(items), len(channel)) == (list("abc"), 0)


async def test_sent_items_stay_sent_though_it_is_cancelled(new: New) -> None:
    """An item that was taken, before the task ran again, is not among the unsent."""
    channel, scope, unsent = new(), trio.CancelScope(), Unsent("abc")

    async def send() -> None:
        with scope:
            await channel.send_many(unsent)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, send)
        assert channel.receive_nowait() == "a"
        scope.cancel()
    assert list(unsent) == ["b", "c"]


async def test_an_iterator_is_read_only_as_far_as_items_can_be_sent(new: New) -> None:
    """And one item further, with which it waits. So it may be endless."""
    channel, items = new(3), count()
    async with waiting(channel.send_many, items):
        assert next(items) == 4
        assert channel.receive_many_nowait(9)[:4] == [0, 1, 2, 3]
        await wait_all_tasks_blocked()
    assert next(items) == channel.receive_many_nowait(9)[-1] + 2


@pytest.mark.parametrize("capacity", [0, 2, 3, 9])
async def test_an_error_of_the_iterable_comes_after_the_items_before_it(
    new: New, capacity: int
) -> None:
    """These have been sent; the error is raised as it is; what comes after it can be sent."""
    channel = new(capacity)
    errors: list[Exception] = []

    class Items(Iterator[int]):
        numbers = count()

        def __next__(self) -> int:
            number = next(self.numbers)
            if number == 3:
                raise ChanClosedError("of another channel", 2)
            if number == 5:
                raise StopIteration
            return number

    unsent = Unsent(Items())

    async def send() -> None:
        try:
            await channel.send_many(unsent)
        except (ChanClosedError, ChanBrokenError) as error:
            errors.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        assert [await channel.receive() for _ in range(3)] == [0, 1, 2]
    assert (len(channel), errors[0].value, list(errors[0].unsent)) == (0, 2, [])
    assert list(unsent) == [4]


async def test_several_tasks_may_send_from_one_unsent(new: New) -> None:
    """Every item is sent by one of them; what one has left, another one sends."""
    channel, unsent = new(), Unsent(iter(range(100)))
    received: list[int] = []
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(channel.send_many, unsent)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as others:
                for _ in range(3):
                    others.start_soon(channel.send_many, unsent)
                received += [await channel.receive() for _ in range(30)]
                await wait_all_tasks_blocked()
                scope.cancel()
        while len(received) < 100:
            received.append(await channel.receive())
    assert sorted(received) == [*range(100)]
    assert list(unsent) == []


@pytest.mark.parametrize("verb", ["send", "fill", "receive", "close", "close and raise"])
async def test_an_iterable_may_use_the_channel(new: New, verb: str) -> None:
    """While its next item is made: nothing is lost or doubled, whatever it does there."""
    channel = filled(new, ["old"], capacity=4)
    received: list[Any] = []

    def items() -> Iterator[Any]:
        yield "a"
        match verb:
            case "send":
                channel.send_nowait("own")
            case "fill":
                with suppress(trio.WouldBlock):
                    while True:
                        channel.send_nowait("own")
            case "receive":
                received.extend(channel.receive_many_nowait(9))
            case "close and raise":
                channel.close()
                raise ZeroDivisionError
            case "close":
                channel.close()
        yield from "bc"

    unsent = Unsent(items())
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with suppress(ChanClosedError, ChanBrokenError, ZeroDivisionError):
                await channel.send_many(unsent)

        await line_up(nursery, send)
        channel.check()
        with suppress(EndOfChannel, trio.WouldBlock):
            while True:
                received += channel.receive_many_nowait(2)
                channel.check()
                await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    rest = list(unsent)
    assert [item for item in received + rest if item != "own"] == [
        *("old", "a"),
        *("" if verb == "close and raise" else "bc"),
    ]
    assert (rest == []) or verb.startswith("close")
    assert (rest != []) or verb != "close"


@pytest.mark.parametrize("kind", [iter, list])
async def test_thousands_of_items_let_others_run(kind: Any) -> None:
    """An unlimited channel takes them without waiting, yet not in one go."""
    channel = Chan[int](math.inf)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        with yield_interval(0):
            await channel.send_many(kind([*range(20_000)]))
        nursery.cancel_scope.cancel()
    assert turns >= 19
    assert channel.receive_many_nowait(math.inf) == [*range(20_000)]


# Batches


async def test_a_batch_is_what_is_there(new: New) -> None:
    """Without lingering: up to the limit, until the end."""
    channel = filled(new, range(7))
    channel.close()
    assert [batch async for batch in channel.batches(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [batch async for batch in channel.batches(3)] == []


async def send_at(channel: Chan[Any], *times: float) -> None:
    """Send the numbers from 0 on, at these times from now, and close."""
    start = trio.current_time()
    with channel:
        for number, time in enumerate(times):
            await trio.sleep_until(start + time)
            await channel.send(number)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 1, 2, 3], [(2, [0, 1, 2]), (3, [3])]),  # full; ended
        ([0, 1, 5.5, 9], [(4, [0, 1]), (9, [2, 3])]),  # time; time
        ([1, 4, 4.5, 5.5, 6], [(4.5, [0, 1, 2]), (6, [3, 4])]),
        ([2, 3], [(3, [0, 1])]),
        ([], []),
    ],
)
@pytest.mark.parametrize("capacity", [0, 1, 9])
async def test_a_batch_lingers_from_its_first_value_on(
    new: New,
    capacity: int,
    times: list[float],
    expected: list[tuple[float, list[int]]],
    autojump_clock: MockClock,
) -> None:
    """Until it is full, or the time is over, or the channel ends."""
    channel = new(capacity)
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_at, channel, *times)
        batches = channel.batches(3, linger=4)
        seen = [(trio.current_time() - start, batch) async for batch in batches]
    assert [(pytest.approx(time), batch) for time, batch in expected] == seen


async def test_a_batch_may_linger_for_ever(new: New, autojump_clock: MockClock) -> None:
    """Then it is full, or the last one."""
    for linger in (math.inf, 10**300):
        channel = new()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_at, channel, 1, 10_000, 20_000)
            assert [batch async for batch in channel.batches(2, linger)] == [[0, 1], [2]]


async def test_a_batch_without_limit_takes_all_that_comes(
    new: New, autojump_clock: MockClock
) -> None:
    """As long as it lingers."""
    channel = new()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_at, channel, *range(100))
        sizes = [len(batch) async for batch in channel.batches(math.inf, linger=9.5)]
    assert sizes == [10] * 10


async def test_a_cancelled_turn_loses_nothing(new: New, autojump_clock: MockClock) -> None:
    """The next one goes on with the same batch, and for the same time."""
    channel = new(9)
    batches = channel.batches(9, linger=4)
    assert batches.pending == []
    start = trio.current_time()
    channel.send_nowait(0)
    for number in (1, 2, 3):
        with trio.move_on_after(1):
            await anext(batches)
        assert batches.pending == [*range(number)]
        channel.send_nowait(number)
    assert "3 pending" in repr(batches)
    assert await anext(batches) == [0, 1, 2, 3]
    assert trio.current_time() == pytest.approx(start + 4)
    assert batches.pending == []


async def test_an_overdue_batch_takes_what_has_come(new: New, autojump_clock: MockClock) -> None:
    """Nobody was there when its time was over; now it goes, with all that has come since."""
    channel = new(9)
    batches = channel.batches(4, linger=2)
    channel.send_nowait(0)
    with trio.move_on_after(1):
        await anext(batches)
    await trio.sleep(5)
    for number in range(1, 6):
        channel.send_nowait(number)
    begun = trio.current_time()
    assert await anext(batches) == [0, 1, 2, 3]
    assert await anext(batches) == [4, 5]
    assert trio.current_time() == pytest.approx(begun + 2)
    with trio.move_on_after(1):
        channel.send_nowait(6)
        await anext(batches)
    await trio.sleep(5)
    assert await anext(batches) == [6]


async def test_a_cancelled_turn_is_cancelled_though_its_batch_is_due_or_full(
    new: New, autojump_clock: MockClock
) -> None:
    """Neither its own deadline nor what is there hides a cancellation by others."""
    channel = filled(new, [0])
    batches = channel.batches(2, linger=1)
    for seconds in (0.5, 0, 0.1, 0, 5, 0):
        with trio.CancelScope() as scope:
            scope.deadline = trio.current_time() + seconds if seconds < 5 else math.inf
            scope.cancel() if not seconds else None
            if seconds == 5:
                channel.send_nowait(1)
                await trio.sleep(seconds)
            else:
                await anext(batches)
        assert batches.pending == [0]
    assert await anext(batches) == [0, 1]


@pytest.mark.parametrize("abandon", [False, True])
async def test_an_end_delivers_what_has_come_first(
    new: New, abandon: bool, autojump_clock: MockClock
) -> None:
    """Then the iteration is over; or it is an error, if the receiving end was closed."""
    channel = new(9)
    batches = channel.batches(9, linger=60)
    async with waiting(anext, batches) as results:
        channel.send_nowait(0)
        await wait_all_tasks_blocked()
        channel.receiver.close() if abandon else channel.close()
        await wait_all_tasks_blocked()
        assert results == [[0]]
    with pytest.raises(ChanClosedError if abandon else StopAsyncIteration):
        await anext(batches)


async def test_several_tasks_may_use_the_same_batches(new: New, autojump_clock: MockClock) -> None:
    """Each collects for itself; what a cancelled one has left, the next turn delivers."""
    channel = new()
    batches = channel.batches(3, linger=1)
    delivered: list[list[int]] = []

    async def consume() -> None:
        async for batch in batches:
            assert batch
            delivered.append(batch)

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(consume)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as others:
                for _ in range(2):
                    others.start_soon(consume)
                await channel.send_many(range(6))
                await wait_all_tasks_blocked()
                scope.cancel()
        assert len(batches.pending) + sum(map(len, delivered)) <= 6
        await channel.send_many(range(6, 20))
        channel.close()
    assert sorted(value for batch in delivered for value in batch) == [*range(20)]
    assert batches.pending == []
    assert max(map(len, delivered)) <= 3


def test_control_c_loses_neither_values_nor_items(new: New) -> None:
    """A send or a batch that it ends has left what it held."""

    @trio.lowlevel.enable_ki_protection
    async def interrupt_the_main_task() -> None:
        await wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        channel, unsent = new(1), Unsent("abc")
        batches = channel.batches(9, linger=60)
        channel.send_nowait("z")
        for call in (lambda: anext(batches), lambda: channel.send_many(unsent)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(interrupt_the_main_task)
                with pytest.raises(KeyboardInterrupt):
                    await call()
                channel.check()
        assert batches.pending == ["z"]
        assert channel.drain() + list(unsent) == list("abc")

    trio.run(guarded(main))


# Strategies


class Freshest(Strategy[Any]):
    """Drops the oldest when full."""

    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) >= self.capacity:
            self.drop(self.items.popleft(), "old")
        return super().offer(item, now)


class MakesRoom(Strategy[Any]):
    """Drops the oldest when full, and wants to be asked again."""

    def offer(self, item: Any, now: float) -> Verdict:
        verdict = super().offer(item, now)
        if verdict is WAIT:
            self.drop(self.items.popleft(), "old")
        return verdict


class OddOnly(Strategy[Any]):
    """Gives up even numbers instead of giving them out."""

    def take(self, now: float) -> Any:
        while (item := super().take(now)) % 2 == 0:
            self.drop(item, "even")
        return item


class OnePerSecond(Strategy[Any]):
    """Gives out an item every second."""

    next_at = -math.inf

    def take(self, now: float) -> Any:
        if now < self.next_at:
            raise Empty
        item = super().take(now)
        self.next_at = now + 1
        return item

    def next_change(self, now: float) -> float | None:
        return self.next_at if now < self.next_at and self.items else None


class Broken(Strategy[Any]):
    """Fails when it comes to a certain item."""

    def take(self, now: float) -> Any:
        if self.items and self.items[0] == "broken":
            raise ZeroDivisionError
        return super().take(now)


async def test_every_item_that_a_strategy_drops_is_reported() -> None:
    """Each by itself, as if the items had come one by one."""
    drops: list[Any] = []
    channel = Chan[int](strategy=Freshest(3), on_drop=lambda *drop: drops.append(drop))
    await channel.send_many(range(8))
    assert drops == [(number, "old") for number in range(5)]
    assert await channel.receive_many(9) == [5, 6, 7]
    drops.clear()
    channel = Chan[int](strategy=OddOnly(9), on_drop=lambda *drop: drops.append(drop))
    await channel.send_many(range(5))
    assert await channel.receive_many(9) == [1, 3]
    assert drops == [(number, "even") for number in (0, 2, 4)]
    with pytest.raises(trio.WouldBlock):
        channel.receive_many_nowait(9)
    await channel.send_many([1, 2])
    channel.close()
    assert await channel.receive_many(9) == [1]  # looking for more it meets the end
    await expect(EndOfChannel, channel.receive_many, 9)


async def test_a_drop_may_make_room_or_end_everything() -> None:
    """What was to wait is decided once more when the drops have been told of."""
    channel = Chan[int](strategy=MakesRoom(2))
    await channel.send_many(range(5))
    assert channel.drain() == [3, 4]
    channel = Chan[int](strategy=MakesRoom(2), on_drop=lambda *_: channel.close())
    closed = await expect(ChanClosedError, channel.send_many, range(5))
    assert (closed.value, list(closed.unsent)) == (2, [2, 3, 4])
    assert channel.drain() == [1]


async def test_a_drop_that_sends_again_does_not_make_a_batch_endless() -> None:
    """A batch is what is there when it is taken."""

    def send_again(value: int, _: str) -> None:
        channel.send_nowait(value)
        channel.send_nowait(value + 1)

    channel = Chan[int](strategy=OddOnly(math.inf), on_drop=send_again)
    await channel.send_many([2, 4])
    assert await channel.receive_many(math.inf) == [3, 5]


async def test_what_a_strategy_gives_out_in_time_comes_in_time(autojump_clock: MockClock) -> None:
    """A batch lingers for what the strategy holds back, and each receive takes what may go."""
    channel = Chan[int](strategy=OnePerSecond(2))
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.send_many, [*range(7)])
        batches = channel.batches(3, linger=1.5)
        for seconds, batch in [(1.5, [0, 1]), (3.5, [2, 3]), (5.5, [4, 5])]:
            assert await anext(batches) == batch
            assert trio.current_time() == pytest.approx(start + seconds)
        assert await channel.receive_many(9) == [6]
    assert trio.current_time() == pytest.approx(start + 6)


async def test_a_strategy_that_refuses_has_taken_what_came_before() -> None:
    """And the rest is in the error, the refused item first."""
    channel, unsent = Chan[int](strategy=DropOnFull(3)), Unsent([*range(9)])
    refused = await expect(Refused, channel.send_many, unsent)
    assert (refused.value, refused.unsent) == (3, unsent)
    assert list(unsent) == [3, 4, 5, 6, 7, 8]
    assert channel.drain() == [0, 1, 2]


@pytest.mark.parametrize("error", [ZeroDivisionError, Refused, ChanClosedError])
async def test_if_on_drop_raises_it_is_plain_what_was_sent(error: type[Exception]) -> None:
    """It must not; but the item that was let in is not among the unsent."""

    def fail(value: object, reason: str) -> None:
        raise error("of another channel")

    channel, unsent = Chan[int](strategy=Freshest(2), on_drop=fail), Unsent([*range(5)])
    raised = await expect(error, channel.send_many, unsent)
    assert error is ZeroDivisionError or list(raised.unsent) == []
    assert list(unsent) == [3, 4]
    assert channel.drain() == [1, 2]
    # One that was to wait is.
    channel, unsent = Chan[int](strategy=MakesRoom(2), on_drop=fail), Unsent([*range(5)])
    raised = await expect(error, channel.send_many, unsent)
    assert error is ZeroDivisionError or list(raised.unsent) == []
    assert list(unsent) == [2, 3, 4]


@pytest.mark.parametrize("error", [ZeroDivisionError, ChanClosedError])
async def test_if_on_drop_raises_nothing_that_was_taken_is_lost(error: type[Exception]) -> None:
    """It must not; but all that was taken in the same call can be received again."""

    def fail(value: object, reason: str) -> None:
        raise error("of another channel")

    channel = Chan[int](strategy=OddOnly(9), on_drop=fail)
    await channel.send_many([1, 3, 2, 5])
    await expect(error, channel.receive_many, 9)
    channel.check()
    assert await channel.receive_many(9) == [1, 3, 5]


async def test_a_broken_strategy_loses_nothing(autojump_clock: MockClock) -> None:
    """What was taken before it failed is put back in front, for the next receiver."""
    channel = Chan[Any](strategy=Broken(9))
    await channel.send_many([1, 2, "broken"])
    await expect(ZeroDivisionError, channel.receive_many, 9)
    await expect(ZeroDivisionError, anext, channel.batches(9, linger=1))
    assert await channel.receive_many(2) == [1, 2]
    await expect(ZeroDivisionError, channel.receive_many, 9)
    # A value that was handed over, too; others who wait may have it.
    channel = Chan[Any](strategy=Broken(9))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect, ZeroDivisionError, channel.receive_many, 9)
        await wait_all_tasks_blocked()
        channel.send_nowait(1)
        channel.send_nowait("broken")
        await wait_all_tasks_blocked()
        channel.check()
    assert channel.receive_nowait() == 1
    # And one that a batch had kept.
    channel = Chan[Any](strategy=Broken(9))
    batches = channel.batches(9, linger=60)
    channel.send_nowait(1)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, expect, ZeroDivisionError, anext, batches)
        channel.send_nowait("broken")
    assert batches.pending == [1]
    await expect(ZeroDivisionError, anext, batches)
    assert batches.pending == []
    assert channel.receive_nowait() == 1


# Misuse


WRONG_SIZES = [
    (0, ValueError),
    (-1, ValueError),
    *((wrong, TypeError) for wrong in (True, 1.0, math.nan, -math.inf, "1", None)),
]


@pytest.mark.parametrize(("size", "error"), WRONG_SIZES)
async def test_a_size_that_is_none_is_refused(size: Any, error: type[Exception]) -> None:
    """Before anything is done, with the name of what is wrong."""
    channel = filled(Chan, "abc")
    with pytest.raises(error, match="max must be"):
        await channel.receive_many(size)
    with pytest.raises(error, match="max must be"):
        channel.receive_many_nowait(size)
    with pytest.raises(error, match="max must be"):
        channel.batches(size)
    assert channel.drain() == list("abc")


@pytest.mark.parametrize(
    ("linger", "error"),
    [
        *((wrong, ValueError) for wrong in (-1, -1e-9, math.nan, -math.inf)),
        *((wrong, TypeError) for wrong in (True, "1", None)),
    ],
)
def test_a_linger_that_is_no_length_of_time_is_refused(linger: Any, error: type[Exception]) -> None:
    """When the iterator is made, before anybody waits."""
    with pytest.raises(error, match="linger must be"):
        Chan[int]().batches(1, linger)


async def test_what_is_not_iterable_cannot_be_sent() -> None:
    """Before anything is done."""

    class Wrong:
        def __iter__(self) -> Iterator[int]:
            raise ZeroDivisionError

    channel = Chan[Any](9)
    with pytest.raises(TypeError, match="items must be an iterable, such as a list, not 1"):
        await channel.send_many(1)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        await channel.send_many(Wrong())
    assert len(channel) == 0


@pytest.mark.parametrize("kind", [Unsent, Batches])
def test_the_classes_are_final(kind: type) -> None:
    """At run time, too."""
    with pytest.raises(TypeError, match="does not support subclassing"):
        type("Mine", (kind,), {})


async def test_looking_tells_what_a_batches_is(new: New) -> None:
    """Its limit, what is pending, and the channel; never values."""
    channel = new(2, name="letters")
    assert repr(channel.batches(3)).startswith(
        "<gochan.Batches of at most 3, 0 pending, of <gochan.Chan 'letters'"
    )
    assert "of any number" in repr(channel.batches(math.inf))


# Ends, and memory


async def test_nothing_is_kept_alive_by_what_is_over(new: New) -> None:
    """Neither by a send that has ended, however, nor by those who waited."""

    class Item:
        pass

    gc.collect()
    gc.disable()
    try:
        for how in ("received", "cancelled", "closed"):
            channel = new(1)
            items = [Item() for _ in range(5)]
            traces = [weakref.ref(item) for item in items]

            async def send(channel: Chan[Any], items: list[Item]) -> None:
                with suppress(ChanClosedError, ChanBrokenError):
                    await channel.send_many(items)

            async with trio.open_nursery() as nursery:
                await line_up(nursery, send, channel, items)
                del items
                match how:
                    case "received":
                        for _ in range(5):
                            await channel.receive()
                    case "cancelled":
                        nursery.cancel_scope.cancel()
                    case "closed":
                        channel.drain()
            channel.drain()
            del nursery
            await wait_all_tasks_blocked()
            assert [trace() for trace in traces] == [None] * 5, how
    finally:
        gc.enable()


# Random programs: single operations, many at once and batches, with closes and cancellations


@dataclass(eq=False)
class Exchange:
    """Producers and consumers of all kinds on one channel, disturbed at random."""

    channel: Chan[Any]
    random: Random
    sent: list[tuple[int, int]] = field(default_factory=list)
    received: list[tuple[int, int]] = field(default_factory=list)
    scopes: list[trio.CancelScope] = field(default_factory=list)
    producing: int = 0

    async def run(self, producers: int, consumers: int, items: int, patience: int) -> None:
        async with trio.open_nursery() as nursery:
            self.producing = producers
            for number in range(producers):
                nursery.start_soon(self.produce, number, items)
            for _ in range(consumers):
                nursery.start_soon(self.consume)
            nursery.start_soon(self.disturb, patience)
        statistics = self.channel.statistics()
        assert (statistics.tasks_waiting_send, statistics.tasks_waiting_receive) == (0, 0)
        assert sorted(self.received) == sorted(self.sent)

    @asynccontextmanager
    async def cancellable(self) -> AsyncIterator[None]:
        with trio.CancelScope() as scope:
            self.scopes.append(scope)
            try:
                yield
            finally:
                self.scopes.remove(scope)

    async def produce(self, producer: int, items: int) -> None:
        """Send the items in order, in ways of all kinds, until they or the channel end."""
        rest = [(producer, number) for number in range(items)]
        while rest:
            kind = self.random.choice(["single", "select", "many", "many", "lazy"])
            some = rest[: self.random.choice([1, 2, 5, items])]
            unsent = Unsent(iter(some) if kind == "lazy" else some)
            closed: ChanClosedError | None = None
            try:
                async with self.cancellable():
                    match kind:
                        case "single":
                            await self.channel.send(some[0])
                            next(unsent)
                        case "select":
                            await select(self.channel.on_send(some[0]))
                            next(unsent)
                        case _:
                            await self.channel.send_many(unsent)
            except (ChanClosedError, ChanBrokenError) as error:
                closed = error
            left = [*unsent]
            sent = len(some) - len(left)
            assert left == some[sent:]
            self.sent += some[:sent]
            rest = rest[sent:]
            if closed is not None:
                assert closed.value == left[0]
                assert kind in ("single", "select") or closed.unsent is unsent
                break
        self.producing -= 1

    async def consume(self) -> None:
        """Receive in ways of all kinds until the channel ends."""
        newest: dict[int, int] = {}

        def take(values: list[tuple[int, int]]) -> None:
            self.received.extend(values)
            for producer, number in values:
                assert newest.get(producer, -1) < number
                newest[producer] = number

        size = self.random.choice([1, 2, 3, 10, math.inf])
        linger = self.random.choice([0, 0, 0.5, 1, 100])
        batches = self.channel.batches(size, linger)
        try:
            while True:
                async with self.cancellable():
                    match self.random.randrange(5):
                        case 0 if not batches.pending:
                            take([await self.channel.receive()])
                        case 1 if not batches.pending:
                            take([(await select(self.channel.on_receive()))[1]])
                        case 2 if not batches.pending:
                            values = await self.channel.receive_many(size)
                            assert 1 <= len(values) <= size
                            take(values)
                        case _:
                            async for batch in batches:
                                assert 1 <= len(batch) <= size
                                take(batch)
                                if self.random.random() < 0.3:
                                    break
                            else:
                                raise EndOfChannel("over")
        except (EndOfChannel, ChanClosedError, ChanBrokenError):
            take(batches.pending)

    async def disturb(self, patience: int) -> None:
        """Cancel somebody at random, let time pass, and close in the end or before."""
        for step in range(2000):
            await self.random.choice([trio.lowlevel.checkpoint, wait_all_tasks_blocked])()
            if self.random.random() < 0.2:
                await trio.sleep(0.7)
            self.channel.check()
            if not self.producing or step == patience:
                break
            if self.scopes and self.random.random() < 0.5:
                self.random.choice(self.scopes).cancel()
        else:
            raise AssertionError("they do not come to an end")
        match self.random.randrange(3):
            case 0:
                self.channel.close()
            case 1:
                self.received += self.channel.drain()
            case 2:
                self.channel.receiver.close()


@pytest.mark.parametrize("make", MAKERS, ids=["buffer", "strategy"])
@examples(few=60)
@given(
    capacity=st.sampled_from([0, 0, 1, 2, 5, math.inf]),
    producers=st.integers(1, 4),
    consumers=st.integers(1, 4),
    items=st.integers(1, 30),
    patience=st.sampled_from([3, 30, 10_000]),
    luck=st.integers(0, 2**32),
)
def test_whatever_happens_nothing_is_lost_doubled_or_out_of_order(
    make: New,
    capacity: float,
    producers: int,
    consumers: int,
    items: int,
    patience: int,
    luck: int,
) -> None:
    """Of single operations, many at once, selects and batches, with closes and cancellations."""
    chance.seed(luck)
    scheduling.seed(luck)
    dropped: list[Any] = []
    channel = make(capacity, on_drop=lambda value, _: dropped.append(value))
    exchange = Exchange(channel, Random(luck), received=dropped)
    run_in_virtual_time(partial(exchange.run, producers, consumers, items, patience))

"""The two ends of a channel: what each can do, and trio's promises about channels."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import assert_checkpoints, assert_no_checkpoints

from gochan import (
    Chan,
    ChanBrokenError,
    EndOfChannel,
    ReceiveChan,
    SendChan,
    select,
    select_nowait,
)
from gochan.lowlevel import yield_interval

from ..lines import line_up

pytestmark = pytest.mark.usefixtures("both_modes", "virtual_time")


def open_ends(capacity: float = 0, **options: Any) -> tuple[SendChan[Any], ReceiveChan[Any]]:
    """Make a channel that is known only by its ends, as trio's channels are."""
    channel = Chan[Any](capacity, **options)
    return channel.sender, channel.receiver


def public(thing: object) -> set[str]:
    """Return what a user can do with ``thing``."""
    return {name for name in dir(thing) if not name.startswith("_")}


async def expect(error: type[Exception], function: Callable[..., Any], *args: Any) -> None:
    """Run ``function``, which has to raise that."""
    with pytest.raises(error):
        await function(*args)


# What an end is

SENDING = {"send", "send_nowait", "send_many", "on_send"}
RECEIVING = {
    *("receive", "receive_nowait", "receive_ok", "on_receive", "on_receive_ok"),
    *("receive_many", "receive_many_nowait", "batches"),
}
COMMON = {"aclose", "close", "closed", "capacity", "name", "statistics", "on_close"}


def test_each_end_offers_its_own_half_only() -> None:
    """A sender has no way to receive, a receiver none to send, also at run time."""
    sender, receiver = open_ends()
    assert public(sender) == SENDING | COMMON
    assert public(receiver) == RECEIVING | COMMON
    assert not hasattr(sender, "__aiter__")
    assert not hasattr(sender, "__anext__")
    assert not hasattr(sender, "__len__")


async def test_a_sending_end_cannot_be_ranged_over() -> None:
    """``async for`` over the wrong end is a type error, as in Go."""
    sender, _ = open_ends()
    with pytest.raises(TypeError):
        async for _ in sender:  # type: ignore[attr-defined]
            pytest.fail("there is nothing to receive")


def test_the_ends_are_what_trio_calls_channels() -> None:
    """They satisfy trio's abstract classes, complete and each on its own side only."""
    sender, receiver = open_ends()
    assert isinstance(sender, trio.abc.SendChannel)
    assert isinstance(receiver, trio.abc.ReceiveChannel)
    assert isinstance(sender, trio.abc.AsyncResource)
    assert isinstance(receiver, trio.abc.AsyncResource)
    assert not isinstance(sender, trio.abc.ReceiveChannel)
    assert not isinstance(receiver, trio.abc.SendChannel)
    for method in ("send", "aclose"):
        assert inspect.iscoroutinefunction(getattr(sender, method))
    for method in ("receive", "aclose"):
        assert inspect.iscoroutinefunction(getattr(receiver, method))


def test_the_ends_are_types_that_can_be_named() -> None:
    """``SendChan`` and ``ReceiveChan`` are there for annotations and checks."""
    sender, receiver = open_ends()
    assert type(sender) is SendChan
    assert type(receiver) is ReceiveChan
    SendChan[int]
    ReceiveChan[int]


def test_ends_are_equal_if_they_belong_to_the_same_channel() -> None:
    """However often an end is asked for, it is the same one; the two ends differ."""
    one, other = Chan[int](), Chan[int]()
    assert one.sender == one.sender
    assert one.receiver == one.receiver
    assert one.sender != other.sender
    assert one.receiver != other.receiver
    assert one.sender != one.receiver
    assert one.sender != one
    assert len({one.sender, one.sender, one.receiver, one.receiver, other.sender}) == 3


def test_an_end_shows_the_state_of_its_channel() -> None:
    """Capacity, name, closed and statistics are those of the channel, on both ends."""
    channel = Chan[str](3, name="jobs")
    channel.send_nowait("value")
    for end in (channel.sender, channel.receiver):
        assert (end.capacity, end.name, end.closed) == (3, "jobs", False)
        assert end.statistics() == channel.statistics()
    channel.close()
    for end in (channel.sender, channel.receiver):
        assert end.closed
        assert end.statistics().closed


def test_the_repr_of_an_end_tells_which_end_of_what() -> None:
    """Kind of end, and the channel."""
    channel = Chan[str](3, name="jobs")
    assert repr(channel.sender) == f"<gochan.SendChan of {channel!r}>"
    assert repr(channel.receiver) == f"<gochan.ReceiveChan of {channel!r}>"


async def test_each_end_offers_its_half_of_the_select_cases() -> None:
    """With priorities, and of the same channel."""
    sender, receiver = open_ends(1)
    assert await select(sender.on_send("value")) == (0, None)
    assert await select(receiver.on_receive()) == (0, "value")
    sender.send_nowait("value")
    assert await select(receiver.on_receive_ok()) == (0, ("value", True))
    for case in (
        sender.on_send("value", priority=3),
        sender.on_close(priority=3),
        receiver.on_receive(priority=3),
        receiver.on_receive_ok(priority=3),
        receiver.on_close(priority=3),
    ):
        assert case.priority == 3
    sender.close()
    assert select_nowait(sender.on_close()) == (0, None)
    assert select_nowait(receiver.on_close()) == (0, None)
    assert await select(receiver.on_receive_ok()) == (0, (None, False))


# What trio promises about channels


async def test_many_producers_and_the_last_one_out_closes() -> None:
    """Where trio hands out clones, a nursery around the producers knows when all are done."""
    sender, receiver = open_ends()

    async def produce(number: int) -> None:
        for value in range(3 * number, 3 * number + 3):
            await sender.send(value)

    async def produce_all() -> None:
        async with sender, trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(produce, number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce_all)
        assert sorted([value async for value in receiver]) == list(range(30))


async def test_an_unbuffered_channel_passes_values_from_hand_to_hand() -> None:
    """Nothing can be done at once while nobody waits, before and after."""
    sender, receiver = open_ends()

    def nothing_to_do() -> None:
        with pytest.raises(trio.WouldBlock):
            receiver.receive_nowait()
        with pytest.raises(trio.WouldBlock):
            sender.send_nowait(1)

    async def send() -> None:
        with assert_checkpoints():
            await sender.send(1)

    nothing_to_do()
    with yield_interval(0):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            with assert_checkpoints():
                assert await receiver.receive() == 1
    nothing_to_do()


# Closing one end


async def test_closing_the_sending_end_closes_the_channel() -> None:
    """It says "no more values", and no more than that."""
    channel = Chan[int](2)
    channel.send_nowait(1)
    with assert_no_checkpoints():
        channel.sender.close()
    assert channel.closed
    assert channel.statistics().dropped == 0
    assert channel.receive_nowait() == 1
    with pytest.raises(EndOfChannel):
        channel.receive_nowait()


@pytest.mark.parametrize("before", ["open", "closed"])
async def test_closing_the_receiving_end_abandons_the_channel(before: str) -> None:
    """What was buffered is dropped and counted; nobody may receive or send any more."""
    dropped: list[Any] = []
    channel = Chan[int](3, on_drop=lambda *drop: dropped.append(drop))
    channel.send_nowait(1)
    channel.send_nowait(2)
    if before == "closed":
        channel.close()
    with assert_no_checkpoints():
        channel.receiver.close()
        channel.receiver.close()
    assert channel.closed
    assert len(channel) == 0
    assert channel.statistics().dropped == 2
    assert dropped == [(1, "abandoned"), (2, "abandoned")]
    assert channel.drain() == []
    assert await select(channel.on_close()) == (0, None)
    channel.check()


async def test_what_senders_got_back_was_not_dropped() -> None:
    """It is not lost, so it is not counted."""
    channel = Chan[Any](1)
    channel.send_nowait("dropped")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, expect, ChanBrokenError, channel.send, "handed back")
        channel.receiver.close()
    with pytest.raises(ChanBrokenError):
        channel.send_nowait("late")
    assert channel.statistics().dropped == 1


async def test_a_block_around_an_end_closes_it() -> None:
    """``with`` and ``async with``, on both ends, also when an exception passes."""
    for end_of in (lambda channel: channel.sender, lambda channel: channel.receiver):
        end = end_of(Chan[int]())
        with end as same:
            assert same is end
        assert end.closed

        end = end_of(Chan[int]())
        with pytest.raises(KeyError), end:
            raise KeyError
        assert end.closed

        end = end_of(Chan[int]())
        async with end as same:
            assert same is end
            assert not end.closed
        assert end.closed


async def test_aclose_is_a_checkpoint_also_when_there_is_nothing_to_close() -> None:
    """Trio's rule for asynchronous functions, in either mode."""
    for end in open_ends():
        for _ in range(2):
            with assert_checkpoints():
                await end.aclose()


@pytest.mark.parametrize("which", [0, 1])
async def test_aclose_in_a_cancelled_scope_closes_first(which: int) -> None:
    """Trio's rule for closing: it is closed, then the cancellation is raised."""
    ends = open_ends(1)
    ends[0].send_nowait("value")
    with trio.CancelScope() as scope:
        scope.cancel()
        await ends[which].aclose()
    assert scope.cancelled_caught
    assert ends[which].closed
    assert ends[0].statistics().dropped == which


async def test_an_end_serves_where_trio_wants_a_channel() -> None:
    """Code written for trio's abstract classes works with either end."""

    async def shout(source: trio.abc.ReceiveChannel[str], sink: trio.abc.SendChannel[str]) -> None:
        async with source, sink:
            async for word in source:
                await sink.send(word.upper())

    words, source = open_ends(2)
    sink, shouts = open_ends()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shout, source, sink)
        async with words:
            await words.send("hello")
            await words.send("world")
        assert [word async for word in shouts] == ["HELLO", "WORLD"]

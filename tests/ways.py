"""The ways to use a channel: what makes one, and how tasks send to it and receive from it.

All ways mean the same. So a test that takes one of them as an argument is a promise about all of
them; `tests/core/test_behaviours.py` has these promises.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import pytest
import trio

from gochan import Chan, Selector, after, default, open_memory_channel, select, select_nowait
from gochan.strategies import Block

# What makes a channel


class Ends(Protocol):
    """What has a sending end and a receiving end, as a `Chan` has."""

    @property
    def sender(self) -> Any: ...
    @property
    def receiver(self) -> Any: ...


@dataclass(frozen=True)
class Channel:
    """A channel seen from outside: what sends, what receives, and how each of them is closed."""

    sender: Any
    receiver: Any
    close: Callable[[], None]  # no more values come
    abandon: Callable[[], None]  # nobody receives any more
    check: Callable[[], None]
    drains: tuple[Callable[[], list[Any]], ...] = ()  # `Chan.drain`, if it can be drained

    @property
    def used(self) -> int:
        """How many values are buffered."""
        count: int = self.sender.statistics().current_buffer_used
        return count

    @property
    def sending(self) -> int:
        """How many tasks wait to send."""
        count: int = self.sender.statistics().tasks_waiting_send
        return count

    @property
    def receiving(self) -> int:
        """How many tasks wait to receive."""
        count: int = self.receiver.statistics().tasks_waiting_receive
        return count

    def put(self, value: Any) -> None:
        """Send at once."""
        self.sender.send_nowait(value)

    def fill(self, values: Iterable[Any]) -> None:
        """Send these at once."""
        for value in values:
            self.put(value)

    def get(self) -> Any:
        """Receive at once."""
        return self.receiver.receive_nowait()


def whole(channel: Chan[Any]) -> Channel:
    """A `Chan` is both ends in one."""
    ends = channel, channel, channel.close, channel.receiver.close
    return Channel(*ends, channel.check, drains=(channel.drain,))


def in_ends(channel: Chan[Any]) -> Channel:
    """Known by its ends alone."""
    sender, receiver = channel.sender, channel.receiver
    return Channel(sender, receiver, sender.close, receiver.close, channel.check)


def memory_channel(capacity: float) -> Channel:
    """Made as trio's channels are."""
    sender, receiver = open_memory_channel[Any](capacity)
    return Channel(sender, receiver, sender.close, receiver.close, sender.check)


New: TypeAlias = Callable[[float], Channel]

KINDS: dict[str, New] = {
    "buffer": lambda capacity: whole(Chan(capacity)),
    "strategy": lambda capacity: whole(Chan(strategy=Block(capacity))),
    "ends": lambda capacity: in_ends(Chan(capacity)),
    "memory channel": memory_channel,
}


# How to receive

Receive: TypeAlias = Callable[[Ends], Awaitable[Any]]


def never() -> Any:
    """A case that does not happen, so that a task waits in another line, too."""
    return Chan[Any]().on_receive()


async def receive(channel: Ends) -> Any:
    return await channel.receiver.receive()


async def receive_ok(channel: Ends) -> Any:
    return value_of(await channel.receiver.receive_ok())


def value_of(received: tuple[Any, bool]) -> Any:
    value, ok = received
    if not ok:
        assert value is None
        raise trio.EndOfChannel
    return value


async def iterate(channel: Ends) -> Any:
    async for value in channel.receiver:
        return value
    raise trio.EndOfChannel


async def receive_many(channel: Ends) -> Any:
    [value] = await channel.receiver.receive_many(1)
    return value


async def iterate_over_batches(channel: Ends) -> Any:
    async for [value] in channel.receiver.batches(1):
        return value
    raise trio.EndOfChannel


async def select_receive(channel: Ends) -> Any:
    index, value = await select(channel.receiver.on_receive())
    assert index == 0
    return value


async def select_receive_ok(channel: Ends) -> Any:
    label, received = await select(None, it=channel.receiver.on_receive_ok())
    assert label == "it"
    return value_of(received)


async def select_receive_among_others(channel: Ends) -> Any:
    cases = never(), channel.receiver.on_receive(), channel.receiver.on_receive()
    index, value = await select(*cases)
    assert index in (1, 2)
    return value


async def select_receive_beside_a_timer(channel: Ends) -> Any:
    index, value = await select(after(math.inf), channel.receiver.on_receive(), after(1e11))
    assert index == 1
    return value


async def selector_receive(channel: Ends) -> Any:
    return await run_selector(channel.receiver.on_receive())


async def selector_receive_among_others(channel: Ends) -> Any:
    """By ``on_receive_ok``, since beside others a selector does not tell of an end otherwise."""
    case = channel.receiver.on_receive_ok()
    return value_of(await run_selector(case, case, never(), after(1e11)))


async def run_selector(*cases: Any) -> Any:
    with Selector[int, Any]() as selector:
        for label, case in enumerate(cases):
            selector.add(case, label)
        label, value = await selector.select()
        assert 0 <= label <= 1
        return value


RECEIVING: dict[str, Receive] = {
    "receive": receive,
    "receive_ok": receive_ok,
    "async for": iterate,
    "receive_many": receive_many,
    "batches": iterate_over_batches,
    "select": select_receive,
    "select, ok": select_receive_ok,
    "select among others": select_receive_among_others,
    "select beside a timer": select_receive_beside_a_timer,
    "selector": selector_receive,
    "selector among others": selector_receive_among_others,
}


# How to send

Send: TypeAlias = Callable[[Ends, Any], Awaitable[None]]


async def send(channel: Ends, value: Any) -> None:
    assert await channel.sender.send(value) is None


async def send_many(channel: Ends, value: Any) -> None:
    assert await channel.sender.send_many([value]) is None


async def send_many_from_an_iterator(channel: Ends, value: Any) -> None:
    assert await channel.sender.send_many(item for item in [value]) is None


async def select_send(channel: Ends, value: Any) -> None:
    assert await select(channel.sender.on_send(value)) == (0, None)


async def select_send_among_others(channel: Ends, value: Any) -> None:
    cases = channel.sender.on_send(value), never(), channel.sender.on_send(value)
    assert await select(*cases) in ((0, None), (2, None))


async def select_send_beside_a_timer(channel: Ends, value: Any) -> None:
    assert await select(after(1e11), it=channel.sender.on_send(value)) == ("it", None)


async def selector_send(channel: Ends, value: Any) -> None:
    assert await run_selector(channel.sender.on_send(value)) is None


async def selector_send_among_others(channel: Ends, value: Any) -> None:
    case = channel.sender.on_send(value)
    assert await run_selector(case, case, never(), after(1e11)) is None


SENDING: dict[str, Send] = {
    "send": send,
    "send_many": send_many,
    "send_many, iterator": send_many_from_an_iterator,
    "select": select_send,
    "select among others": select_send_among_others,
    "select beside a timer": select_send_beside_a_timer,
    "selector": selector_send,
    "selector among others": selector_send_among_others,
}


# The same without waiting: it is done now, or raises `trio.WouldBlock`


def receive_now(channel: Ends) -> Any:
    return channel.receiver.receive_nowait()


def receive_many_now(channel: Ends) -> Any:
    [value] = channel.receiver.receive_many_nowait(1)
    return value


def select_receive_now(channel: Ends) -> Any:
    return select_nowait(channel.receiver.on_receive())[1]


def select_receive_or_default(channel: Ends) -> Any:
    index, value = select_nowait(channel.receiver.on_receive(), default("none"))
    if index == 1:
        assert value == "none"
        raise trio.WouldBlock
    return value


def selector_receive_now(channel: Ends) -> Any:
    with Selector[str, Any]() as selector:
        selector.add(channel.receiver.on_receive(), "it")
        return selector.select_nowait()[1]


RECEIVING_NOW: dict[str, Callable[[Ends], Any]] = {
    "receive_nowait": receive_now,
    "receive_many_nowait": receive_many_now,
    "select_nowait": select_receive_now,
    "select_nowait, default": select_receive_or_default,
    "selector": selector_receive_now,
}


def send_now(channel: Ends, value: Any) -> None:
    assert channel.sender.send_nowait(value) is None


def select_send_now(channel: Ends, value: Any) -> None:
    assert select_nowait(channel.sender.on_send(value)) == (0, None)


def select_send_or_default(channel: Ends, value: Any) -> None:
    if select_nowait(channel.sender.on_send(value), default("none")) == (1, "none"):
        raise trio.WouldBlock


def selector_send_now(channel: Ends, value: Any) -> None:
    with Selector[str, None]() as selector:
        selector.add(channel.sender.on_send(value), "it")
        assert selector.select_nowait() == ("it", None)


SENDING_NOW: dict[str, Callable[[Ends, Any], None]] = {
    "send_nowait": send_now,
    "select_nowait": select_send_now,
    "select_nowait, default": select_send_or_default,
    "selector": selector_send_now,
}


# How to wait for the close


async def select_close(channel: Ends) -> None:
    assert await select(channel.receiver.on_close()) == (0, None)


async def selector_close(channel: Ends) -> None:
    with Selector[str, None]() as selector:
        selector.add(channel.sender.on_close(), "it")
        assert await selector.select() == ("it", None)


WATCHING: dict[str, Callable[[Ends], Awaitable[None]]] = {
    "select": select_close,
    "selector": selector_close,
}


# How to say that no more values come


def close_by_block(channel: Channel) -> None:
    with channel.sender:
        pass


CLOSING: dict[str, Callable[[Channel], None]] = {
    "close": lambda channel: channel.close(),
    "with": close_by_block,
}

# For tests that have one of these as an argument

every_receive = pytest.mark.parametrize("receive", RECEIVING.values(), ids=RECEIVING)
every_send = pytest.mark.parametrize("send", SENDING.values(), ids=SENDING)
every_receive_now = pytest.mark.parametrize("receive", RECEIVING_NOW.values(), ids=RECEIVING_NOW)
every_send_now = pytest.mark.parametrize("send", SENDING_NOW.values(), ids=SENDING_NOW)
every_close = pytest.mark.parametrize("close", CLOSING.values(), ids=CLOSING)

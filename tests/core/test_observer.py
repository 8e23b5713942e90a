"""The observer: told everything, and nothing else is any different."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import (
    Chan,
    EndOfChannel,
    Selector,
    WaitGroup,
    every,
    open_job_queue,
    open_memory_channel,
    select,
    select_nowait,
)
from gochan._core import NO_BUFFER, SLOT
from gochan.debug import Observer, Operation, describe, look, observe
from gochan.lowlevel import yield_interval
from gochan.strategies import DropOnFull

pytestmark = pytest.mark.usefixtures("both_modes")


class Listener(Observer):
    """Keeps what it is told, in words."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, *words: object) -> None:
        self.told.append(" ".join(map(str, words)))

    def begins(self, operation: Operation) -> None:
        cases = [describe(case, lambda thing: str(look(thing).name)) for case in operation.cases]
        self.note("begins", operation.verb, *operation.values, *cases)

    def waits(self, operation: Operation) -> None:
        self.note("waits", operation.verb)

    def sends(self, operation: Operation, channel: object, values: Sequence[object]) -> None:
        self.note("sends", operation.verb, look(channel).name, *values)

    def receives(self, operation: Operation, channel: object, values: Sequence[object]) -> None:
        self.note("receives", operation.verb, look(channel).name, *values)

    def decides(self, operation: Operation) -> None:
        self.note("decides", operation.verb, operation.label)

    def ends(self, operation: Operation, error: BaseException | None) -> None:
        self.note("ends", operation.verb, *([] if error is None else [type(error).__name__]))

    def drops(self, channel: object, value: object, reason: str) -> None:
        self.note("drops", look(channel).name, value, reason)

    def submits(self, operation: Operation, job: Any) -> None:
        self.note("submits", operation.verb, job.payload)

    def admits(self, queue: object, job: Any) -> None:
        self.note("admits", look(queue).name, job.id)

    def starts(self, queue: object, job: Any, task: trio.lowlevel.Task) -> None:
        self.note("starts", look(queue).name, job.id, task.name)

    def finishes(self, queue: object, job: Any, kind: str, reason: str) -> None:
        self.note("finishes", look(queue).name, job.id, kind)

    def enters_phase(self, queue: object, phase: str) -> None:
        self.note("enters", phase)


# What is told


async def test_a_send_and_a_receive() -> None:
    """At a channel that was there before, and has used its fast paths."""
    channel = Chan[int](2, name="numbers")
    for _ in range(2):
        channel.send_nowait(0)
        await channel.send(0)
        channel.receive_nowait()
        await channel.receive()
    listener = Listener()
    with observe(listener):
        channel.send_nowait(1)
        await channel.send(2)
        assert channel.receive_nowait() == 1
        assert await channel.receive() == 2
        with suppress(trio.WouldBlock):
            channel.receive_nowait()
    channel.send_nowait(3)
    assert listener.told == [
        "begins send_nowait 1",
        "sends send_nowait numbers 1",
        "ends send_nowait",
        "begins send 2",
        "sends send numbers 2",
        "ends send",
        "begins receive_nowait",
        "receives receive_nowait numbers 1",
        "ends receive_nowait",
        "begins receive",
        "receives receive numbers 2",
        "ends receive",
        "begins receive_nowait",
        "ends receive_nowait WouldBlock",
    ]


async def test_a_rendezvous() -> None:
    """The value of a waiting sender is told when it is taken, before the sender goes on."""
    channel, listener = Chan[int](name="numbers"), Listener()
    with observe(listener):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.send, 1)
            await wait_all_tasks_blocked()
            assert await channel.receive() == 1
    assert listener.told == [
        "begins send 1",
        "waits send",
        "begins receive",
        "sends send numbers 1",
        "receives receive numbers 1",
        *sorted(["ends receive", "ends send"], key=listener.told.index),
    ]


async def test_a_cancelled_operation_has_an_end() -> None:
    """Also if it was cancelled before it began."""
    channel, listener = Chan[int](name="numbers"), Listener()
    with observe(listener):
        for seconds in (0, 0.01):
            with trio.move_on_after(seconds):
                await channel.receive()
    assert listener.told == [
        "begins receive",
        "ends receive Cancelled",
        "begins receive",
        "waits receive",
        "ends receive Cancelled",
    ]


async def test_many_at_once() -> None:
    """Values are told together; those of a sender in line as they are taken."""
    channel, listener = Chan[int](2, name="numbers"), Listener()
    with observe(listener):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.send_many, [1, 2, 3, 4])
            await wait_all_tasks_blocked()
            assert await channel.receive_many(3) == [1, 2, 3]
        assert channel.receive_many_nowait(5) == [4]
        await channel.send_many([5])
        assert await anext(channel.batches(2)) == [5]
        channel.close()
        assert channel.drain() == []
    told = [line for line in listener.told if line.split()[0] not in {"begins", "ends", "waits"}]
    assert told == [
        "sends send_many numbers 1 2",
        "sends send_many numbers 3",
        "sends send_many numbers 4",
        "receives receive_many numbers 1 2 3",
        "receives receive_many_nowait numbers 4",
        "sends send_many numbers 5",
        "receives receive_many numbers 5",
        "receives drain numbers",
    ]


async def test_selects() -> None:
    """With their cases and with the one that was done, whether or not they had to wait."""
    one, two, listener = Chan[int](1, name="one"), Chan[int](name="two"), Listener()
    with observe(listener):
        assert await select(one.on_send(1), two.on_receive()) == (0, None)
        assert select_nowait(a=one.on_receive(), b=two.on_receive()) == ("a", 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(select, two.on_send(2), one.on_receive())
            await wait_all_tasks_blocked()
            assert await two.receive() == 2
        one.close()
        with suppress(EndOfChannel):
            await select(one.on_receive())
    assert [line for line in listener.told if "select" in line] == [
        "begins select send to one receive from two",
        "sends select one 1",
        "decides select 0",
        "ends select",
        "begins select receive from one receive from two",
        "decides select a",
        "receives select one 1",
        "ends select",
        "begins select send to two receive from one",
        "waits select",
        "sends select two 2",
        "decides select 0",
        "ends select",
        "begins select receive from one",
        "ends select EndOfChannel",
    ]


async def test_selectors_tickers_and_wait_groups(autojump_clock: MockClock) -> None:
    """A turn is an operation of its own; the channel of a ticker belongs to gochan."""
    channel, group, ticker = Chan[int](1, name="numbers"), WaitGroup(), every(1)
    listener = Listener()
    with observe(listener), Selector[str, Any](name="all") as selector:
        selector.add(channel.on_receive(), "number")
        with suppress(trio.WouldBlock):
            selector.select_nowait()
        channel.send_nowait(1)
        assert await selector.select() == ("number", 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(anext, selector)
            await wait_all_tasks_blocked()
            channel.send_nowait(2)
        group.add()
        group.done()
        await group.wait()
        assert await anext(ticker) == 1
        ticker.stop()
    assert [line for line in listener.told if "nowait" not in line] == [
        "begins select receive from numbers",
        "decides select number",
        "receives select numbers 1",
        "ends select",
        "begins select receive from numbers",
        "waits select",
        "decides select number",
        "receives select numbers 2",
        "ends select",
        "begins add 1",
        "ends add",
        "begins done -1",
        "ends done",
        "begins wait end of None",
        "decides wait 0",
        "ends wait",
        "begins tick tick every 1 s",
        "waits tick",
        "decides tick 1",
        "ends tick",
    ]
    assert look(ticker).kind == "ticker"
    assert look(selector).kind == "selector"


async def test_what_is_dropped() -> None:
    """By a strategy, and because the receiving end was closed."""
    channel, listener = Chan[int](strategy=DropOnFull(2), name="numbers"), Listener()
    with observe(listener):
        await channel.send(1)
        channel.receiver.close()
        channel.receiver.close()
    assert listener.told == [
        "begins send 1",
        "sends send numbers 1",
        "ends send",
        "begins close",
        "drops numbers 1 abandoned",
        "ends close",
    ]


async def test_counted_ends() -> None:
    """They are told as those of any channel; the last clone closes it."""
    sender, receiver = open_memory_channel[int](1)
    clone, listener = sender.clone(), Listener()
    with observe(listener):
        await sender.send(1)
        sender.close()
        clone.close()
        assert await receiver.receive() == 1
        receiver.close()
    assert listener.told == [
        "begins send 1",
        "sends send None 1",
        "ends send",
        "begins close",
        "ends close",
        "begins receive",
        "receives receive None 1",
        "ends receive",
    ]


async def test_jobs(autojump_clock: MockClock) -> None:
    """From the submit to the end; nothing of what the queue does with its own channels."""
    listener = Listener()
    with observe(listener), yield_interval(float("inf")):  # so the worker starts later
        async with open_job_queue(trio.sleep) as queue:
            await queue.submit(1)
            queue.submit_nowait(2)
            await trio.sleep(0.5)
            queue.close()
            await queue.stop(drain=1, grace=1)
    assert look(queue) == look(queue._lives)
    assert listener.told == [
        "begins submit 1",
        "submits submit 1",
        "admits sleep 1",
        "ends submit",
        "begins submit_nowait 2",
        "submits submit_nowait 2",
        "admits sleep 2",
        "ends submit_nowait",
        "starts sleep 1 worker of sleep",
        "begins close",
        "ends close",
        "enters quiet",
        "enters drain",
        "finishes sleep 1 done",
        "enters release",
        "finishes sleep 2 handed_back",
        "enters report",
    ]


def test_operations_outside_of_tasks() -> None:
    """They are told, too."""
    channel, listener = Chan[int](1, name="numbers"), Listener()
    with observe(listener):
        channel.send_nowait(1)
        channel.close()
    assert listener.told == [
        "begins send_nowait 1",
        "sends send_nowait numbers 1",
        "ends send_nowait",
        "begins close",
        "ends close",
    ]


async def test_operations_inside_operations() -> None:
    """What a user's function does in the middle of one is told, and the outer one goes on."""
    inner = Chan[int](5, name="inner")
    outer = Chan[int](1, name="outer", on_drop=lambda value, _: inner.send_nowait(value))
    outer.send_nowait(1)
    listener = Listener()
    with observe(listener):
        outer.receiver.close()
    assert listener.told == [
        "begins close",
        "drops outer 1 abandoned",
        "begins send_nowait 1",
        "sends send_nowait inner 1",
        "ends send_nowait",
        "ends close",
    ]


# What an observer changes


async def test_the_fast_paths_are_closed_and_open_again() -> None:
    """At channels that exist and at those made meanwhile."""
    old = Chan[int](5)
    old.send_nowait(1)
    old.send_nowait(2)
    old.receive_nowait()
    assert old._state.mark
    assert old._state.quick
    with observe(Observer()):
        new = Chan[int](5)
        for channel in (old, new):
            await channel.send_many([1, 2])
            await channel.receive()
            assert not channel._state.mark
            assert channel._state.quick is NO_BUFFER
            channel.check()
    for channel in (old, new):
        channel.send_nowait(3)
        channel.receive_nowait()
        assert channel._state.mark
        assert channel._state.quick is channel._state.buffer
        channel.check()
    assert SLOT.observer is None
    assert SLOT.begun == SLOT.waiting == {}


async def test_an_observer_need_not_listen_to_anything() -> None:
    """Its methods do nothing unless they are overridden."""
    channel = Chan[int](strategy=DropOnFull(1))
    with observe(Observer()):
        async with open_job_queue(trio.sleep) as queue, trio.open_nursery() as nursery:
            nursery.start_soon(channel.receive)
            await wait_all_tasks_blocked()
            await select(channel.on_send(1))
            await channel.send(2)
            channel.receiver.close()
            await queue.submit(0)
            await queue.stop()


async def test_after_the_block_nothing_is_reported() -> None:
    """Not even of an operation that goes on."""
    channel, listener = Chan[int](), Listener()
    async with trio.open_nursery() as nursery:
        with observe(listener):
            nursery.start_soon(channel.send, 1)
            await wait_all_tasks_blocked()
        assert await channel.receive() == 1
    assert listener.told == ["begins send 1", "waits send"]
    assert SLOT.begun == SLOT.waiting == {}


async def test_what_no_operation_does_is_not_reported() -> None:
    """An operation that had begun before the observer came is none to it."""
    told: list[str] = []

    class Telling(Observer):
        def sends(self, operation: Operation, channel: object, values: Any) -> None:
            told.append("sends")

        def submits(self, operation: Operation, job: Any) -> None:
            told.append("submits")

    channel = Chan[int](1)
    with observe(Telling()):
        SLOT.gave(channel._state, (1,))
        SLOT.submits(object())
        await channel.send(1)
    assert told == ["sends"]

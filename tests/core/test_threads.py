"""Threads and runs: who may use a channel, and what those are told who may not."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gochan import Chan, EndOfChannel, select
from gochan.lowlevel import yield_interval
from gochan.strategies import Block

from ..lines import Log, line_up
from ..ways import (
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
    every_receive,
    every_send,
)

pytestmark = pytest.mark.usefixtures("both_modes")

NewChan: TypeAlias = Callable[..., Chan[Any]]


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def new(request: pytest.FixtureRequest) -> New:
    """What makes channels of all kinds."""
    make: New = request.param
    return make


@pytest.fixture(params=[Chan, lambda capacity=0: Chan(strategy=Block(capacity))])
def new_chan(request: pytest.FixtureRequest) -> NewChan:
    """What makes a `Chan`: with a plain buffer, and with the strategy that means the same."""
    make: NewChan = request.param
    return make


def refused(operation: Callable[[], object]) -> None:
    """Assert that ``operation`` says where it belongs; for running in a wrong place."""
    with pytest.raises(RuntimeError, match=r"trio\.from_thread\.run"):
        operation()


async def refused_elsewhere(*operations: Callable[[], object]) -> None:
    """Assert that these are refused in a thread without a run, and in one with a run of its own."""

    def use() -> None:
        for operation in operations:
            refused(operation)

    async def another_run() -> None:
        use()

    await trio.to_thread.run_sync(use)
    await trio.to_thread.run_sync(trio.run, another_run)


# To wake a task of another run


def endings(channel: Channel) -> list[Callable[[], object]]:
    """All that ends the waits at a channel."""
    return [channel.close, channel.abandon, *channel.drains]


@every_receive
async def test_another_thread_cannot_serve_a_receiver_that_waits(
    new: New, receive: Receive
) -> None:
    """A worker thread or another run gets an error, nothing has changed, and the wait goes on."""
    channel, log = new(0), Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "got", receive, channel)
        before = channel.receiver.statistics()
        sends = [partial(send_now, channel, "wrong") for send_now in SENDING_NOW.values()]
        await refused_elsewhere(*sends, *endings(channel))
        assert (log, channel.receiver.statistics()) == ([], before)
        channel.check()
        channel.put("right")
    assert log == [("got", "right")]


@every_send
async def test_another_thread_cannot_serve_a_sender_that_waits(new: New, send: Send) -> None:
    """Neither by taking its value nor by ending its wait."""
    channel, log = new(1), Log()
    channel.put("first")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "sent", send, channel, "second")
        before = channel.sender.statistics()
        receives = [partial(receive_now, channel) for receive_now in RECEIVING_NOW.values()]
        await refused_elsewhere(*receives, *endings(channel))
        assert (log, channel.sender.statistics()) == ([], before)
        channel.check()
        assert [channel.get(), channel.get()] == ["first", "second"]
    assert log == [("sent", None)]


@pytest.mark.parametrize("watch", WATCHING.values(), ids=WATCHING)
async def test_another_thread_cannot_close_a_channel_that_tasks_watch(
    new: New, watch: Callable[[Channel], Awaitable[None]]
) -> None:
    """It gets an error, and nothing is closed."""
    channel, log = new(0), Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "told", watch, channel)
        await refused_elsewhere(*endings(channel))
        assert log == []
        channel.close()
    assert log == [("told", None)]


# To stand in line with tasks of another run


async def refused_in_another_run(*calls: Callable[[], Awaitable[object]]) -> None:
    """Assert that each of these async calls is refused in another run, and does not wait there."""

    async def another_run() -> None:
        for call in calls:
            with pytest.raises(RuntimeError, match=r"trio\.from_thread\.run"), trio.fail_after(5):
                await call()

    await trio.to_thread.run_sync(trio.run, another_run)


@every_receive
async def test_a_task_of_another_run_neither_serves_nor_joins_a_receiver(
    new: New, receive: Receive
) -> None:
    """It can neither send to one that waits nor stand in line behind it."""
    channel, log = new(0), Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "got", receive, channel)
        before = channel.receiver.statistics()
        sends = [partial(send, channel, "wrong") for send in SENDING.values()]
        receives = [partial(other, channel) for other in RECEIVING.values()]
        await refused_in_another_run(*sends, *receives)
        assert (log, channel.receiver.statistics()) == ([], before)
        channel.check()
        channel.put("right")
    assert log == [("got", "right")]


@every_send
async def test_a_task_of_another_run_neither_serves_nor_joins_a_sender(
    new: New, send: Send
) -> None:
    """It can neither receive from one that waits nor stand in line behind it."""
    channel, log = new(0), Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "sent", send, channel, "value")
        before = channel.sender.statistics()
        sends = [partial(other, channel, "wrong") for other in SENDING.values()]
        receives = [partial(receive, channel) for receive in RECEIVING.values()]
        await refused_in_another_run(*sends, *receives)
        assert (log, channel.sender.statistics()) == ([], before)
        channel.check()
        assert channel.get() == "value"
    assert log == [("sent", None)]


async def test_a_task_of_another_run_cannot_watch_beside_one_that_does(new: New) -> None:
    """It leaves the lines that it has joined by then."""
    channel, elsewhere, log = new(0), new(0), Log()

    async def watch_both() -> None:
        await select(elsewhere.receiver.on_receive(), channel.sender.on_close())

    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "told", WATCHING["select"], channel)
        await refused_in_another_run(watch_both)
        assert (log, elsewhere.receiving) == ([], 0)
        channel.close()
    assert log == [("told", None)]


# Who may


async def test_a_select_refused_at_one_channel_stands_at_no_other(new_chan: NewChan) -> None:
    """A select that cannot wait everywhere waits nowhere."""
    ours, theirs = new_chan(), new_chan()

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
    new_chan: NewChan, operation: str, used: bool
) -> None:
    """Not even where nobody would have to wait or be woken: it would go unnoticed."""
    channel = new_chan(3)
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


def test_any_thread_may_use_a_channel_while_no_run_does(new_chan: NewChan) -> None:
    """A channel that no run uses is a plain object."""
    channel = new_chan(3)
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


async def test_another_run_may_use_what_is_buffered_while_nobody_waits(new_chan: NewChan) -> None:
    """Whether an operation waits decides, not which run made the channel."""
    channel = new_chan(2)
    await channel.send("here")

    async def another_run() -> object:
        await channel.send("there")
        return await channel.receive()

    assert await trio.to_thread.run_sync(trio.run, another_run) == "here"
    assert await channel.receive() == "there"


async def test_from_thread_is_the_way_out(new_chan: NewChan) -> None:
    """What the error recommends works."""
    channel, log = new_chan(), Log()

    def work() -> None:
        trio.from_thread.run(channel.send, 1)
        trio.from_thread.run_sync(channel.close)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, work)
        await log.run("first", channel.receive)
        await log.run("second", channel.receive)
    assert log == [("first", 1), ("second", EndOfChannel)]


async def test_callbacks_of_the_run_may_wake_its_tasks(new_chan: NewChan) -> None:
    """``run_sync_soon`` calls run in the run, though in no task of the user."""
    channel, log = new_chan(), Log()
    token = trio.lowlevel.current_trio_token()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.run, "first", channel.receive)
        await line_up(nursery, log.run, "second", channel.receive)
        token.run_sync_soon(channel.send_nowait, 1)
        token.run_sync_soon(channel.close)
    assert sorted(log) == [("first", 1), ("second", EndOfChannel)]


def test_a_channel_may_be_used_in_one_run_and_then_in_another(new_chan: NewChan) -> None:
    """A channel belongs to no run while nobody waits there."""
    channel = new_chan(1)

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


@pytest.mark.parametrize("used", [False, True])
def test_an_async_call_outside_any_run_is_refused(new: New, used: bool) -> None:
    """Another event loop, or none, gets the error that names the way out, and no effect."""
    channel = new(3)
    channel.put("there")

    async def use() -> None:
        await channel.sender.send("there")
        assert await channel.receiver.receive() == "there"

    with yield_interval(60):
        if used:  # that a run has used it a moment ago makes no difference
            trio.run(use)
        for send in SENDING.values():
            refused(lambda send=send: send(channel, "more").send(None))
        for receive in RECEIVING.values():
            refused(lambda receive=receive: receive(channel).send(None))
    assert (channel.used, channel.get()) == (1, "there")

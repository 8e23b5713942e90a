"""The switch from trio: `open_memory_channel`, and trio's own tests of its channels on it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

import gochan
from gochan import (
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    MemoryChannelStatistics,
    MemoryReceiveChannel,
    MemorySendChannel,
    Selector,
    open_memory_channel,
    select,
    select_nowait,
)
from gochan.lowlevel import yield_interval

from ..examples import examples
from ..guard import guarded
from ..interrupts import unprotected_steps
from ..lines import line_up
from ..trios import arguments_of, counts_checkpoints, trios_channel_tests

# trio's own tests, read from the trio that is installed


TRIOS = trios_channel_tests(open_memory_channel=open_memory_channel)


@pytest.fixture(params=["paced", "strict"])
def pace(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("name", TRIOS)
async def test_trios_own_tests_pass(
    name: str, pace: str, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """Unchanged; those that count checkpoints with a schedule point in every call."""
    test = TRIOS[name]
    monkeypatch.setattr(trio, "open_memory_channel", open_memory_channel)
    with yield_interval(0 if pace == "strict" or counts_checkpoints(test) else 100e-6):
        await test(*arguments_of(test, autojump_clock))


def test_trios_tests_were_found() -> None:
    """A search that finds none would let anything pass."""
    assert len(TRIOS) >= 12
    assert {"test_channel", "test_close_basics", "test_statistics"} <= {*TRIOS}
    assert any(map(counts_checkpoints, TRIOS.values()))


# What the ends are


@pytest.mark.usefixtures("both_modes", "virtual_time")
@pytest.mark.parametrize("capacity", [0, 3, math.inf])
async def test_it_returns_two_ends(capacity: float) -> None:
    """Of the classes that say so; typed by a subscript, as trio's."""
    sender, receiver = open_memory_channel[int](capacity)
    assert isinstance(sender, MemorySendChannel)
    assert isinstance(sender, trio.abc.SendChannel)
    assert isinstance(receiver, MemoryReceiveChannel)
    assert isinstance(receiver, trio.abc.ReceiveChannel)
    assert not hasattr(sender, "receive")
    assert not hasattr(receiver, "send")
    assert sender.capacity == receiver.capacity == capacity
    assert repr(sender).startswith("<gochan.MemorySendChannel at 0x")
    assert repr(receiver).startswith("<gochan.MemoryReceiveChannel at 0x")


@pytest.mark.parametrize(
    ("capacity", "error"),
    [
        (1.0, TypeError),
        ("1", TypeError),
        (None, TypeError),
        (-1, ValueError),
        (-math.inf, TypeError),
    ],
)
def test_a_wrong_capacity_is_refused_as_trio_does(capacity: Any, error: type[Exception]) -> None:
    """With the same kind of error and the same words."""
    with pytest.raises(error) as ours:
        open_memory_channel(capacity)
    with pytest.raises(error) as theirs:
        trio.open_memory_channel(capacity)
    assert str(ours.value) == str(theirs.value)


def test_statistics_have_the_fields_of_trio() -> None:
    """By the same names."""
    sender, receiver = open_memory_channel[int](2)
    theirs = trio.open_memory_channel[int](2)[0].statistics()
    ours = sender.statistics()
    assert isinstance(ours, MemoryChannelStatistics)
    assert ours == receiver.statistics()
    fields = MemoryChannelStatistics.__slots__
    assert {*fields} == {field.name for field in type(theirs).__attrs_attrs__}
    assert [getattr(ours, name) for name in fields] == [getattr(theirs, name) for name in fields]


def test_it_is_no_class_to_build_on() -> None:
    """Nor are its ends, as trio's are not."""
    with pytest.raises(TypeError, match="is a function"):
        type("Mine", (open_memory_channel,), {})
    for end in (MemorySendChannel, MemoryReceiveChannel):
        with pytest.raises(TypeError, match=f"{end.__name__} does not support subclassing"):
            type("Mine", (end,), {})


async def test_the_ends_take_attributes_as_trios_do() -> None:
    """Programs add methods to them, and tests replace those that they have."""
    sender, receiver = open_memory_channel[int](1)
    sender.put = sender.send  # type: ignore[attr-defined]
    receiver.receive_nowait = lambda: 5  # type: ignore[method-assign]
    await sender.put(1)  # type: ignore[attr-defined]
    assert receiver.receive_nowait() == 5
    assert await receiver.receive() == 1


def test_an_end_is_closed_under_the_private_name_that_trio_has() -> None:
    """Programs that look at it, such as tractor, need not change."""
    for open_channel in (trio.open_memory_channel[int], open_memory_channel[int]):
        for end in open_channel(1):
            assert not end._closed
            end.close()
            assert end._closed


# Clones


@pytest.fixture
def ends() -> Iterator[tuple[MemorySendChannel[Any], MemoryReceiveChannel[Any]]]:
    sender, receiver = open_memory_channel[Any](1)
    yield sender, receiver
    sender.check()


Ends = tuple[MemorySendChannel[Any], MemoryReceiveChannel[Any]]


@pytest.mark.usefixtures("both_modes", "virtual_time")
async def test_an_end_closes_with_its_last_clone(ends: Ends) -> None:
    """Not before, in whatever order they are closed."""
    sender, receiver = ends
    clones = [sender.clone(), sender.clone()]
    sender.close()
    clones[1].close()
    clones[0].send_nowait("last")
    clones[0].close()
    assert receiver.receive_nowait() == "last"
    with pytest.raises(EndOfChannel):
        await receiver.receive()
    others = [receiver.clone(), receiver.clone()]
    receiver.close()
    others[0].close()
    assert sender.statistics().open_receive_channels == 1
    others[1].close()
    assert sender.statistics().open_receive_channels == 0


@pytest.mark.usefixtures("both_modes", "virtual_time")
async def test_closing_a_clone_again_counts_once(ends: Ends) -> None:
    """Also by ``aclose``, and by a block that is left."""
    sender, _ = ends
    clone = sender.clone()
    async with clone:
        with clone:
            pass
        await clone.aclose()
    assert sender.statistics().open_send_channels == 1
    assert clone.closed
    assert not sender.closed


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "send": lambda end: end.send(1),
    "send_nowait": lambda end: end.send_nowait(1),
    "send_many": lambda end: end.send_many([1]),
    "select to send": lambda end: select(end.on_send(1)),
    "select_nowait to send": lambda end: select_nowait(end.on_send(1)),
    "receive": lambda end: end.receive(),
    "receive_nowait": lambda end: end.receive_nowait(),
    "receive_many": lambda end: end.receive_many(3),
    "receive_many_nowait": lambda end: end.receive_many_nowait(3),
    "async for": lambda end: anext(end),
    "batches": lambda end: anext(end.batches(3)),
    "select to receive": lambda end: select(end.on_receive()),
    "select to receive_ok": lambda end: select(end.on_receive_ok()),
    "clone": lambda end: end.clone(),
}


async def perform(operation: Callable[[Any], Any], end: Any) -> Any:
    result = operation(end)
    return await result if inspect.isawaitable(result) else result


@pytest.mark.usefixtures("both_modes", "virtual_time")
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("others", ["open", "closed", "broken"])
async def test_a_closed_clone_does_nothing(ends: Ends, name: str, others: str) -> None:
    """The caller's own end comes first, whatever the state of the rest."""
    sender, receiver = ends
    sending = "send" in name
    clone = (sender if sending else receiver).clone()
    assert not select_ready(clone)
    clone.close()
    if others != "open":
        (sender if (others == "closed") == sending else receiver).close()
    before = sender.statistics()
    with pytest.raises(ChanClosedError, match="clone" if name == "clone" else "closed") as caught:
        await perform(OPERATIONS[name], clone)
    assert isinstance(caught.value, trio.ClosedResourceError)
    assert not isinstance(caught.value, trio.BrokenResourceError)
    assert sender.statistics() == before
    assert select_ready(clone)


def select_ready(end: Any) -> bool:
    """Whether a select finds the end closed."""
    return select_nowait(end.on_close(), gochan.default("open"))[1] is None


WAITING = {
    "send": lambda end: end.send("value"),
    "send_many": lambda end: end.send_many(["value", "another"]),
    "select to send": lambda end: select(end.on_send("value")),
    "receive": lambda end: end.receive(),
    "async for": lambda end: anext(end),
    "receive_many": lambda end: end.receive_many(3),
    "select to receive": lambda end: select(end.on_receive(), end.on_receive()),
    "select to receive_ok": lambda end: select(end.on_receive_ok()),
}


@pytest.mark.usefixtures("both_modes", "virtual_time")
@pytest.mark.parametrize("name", WAITING)
async def test_closing_a_clone_wakes_tasks_that_wait_through_it(name: str) -> None:
    """And nobody else: the others wait on, and are served."""
    sender, receiver = open_memory_channel[Any](0)
    mine = sender if "send" in name else receiver
    clone = mine.clone()
    log: list[str] = []
    told = f"clone: closed, {'value' if mine is sender else None}"

    async def wait(end: Any, who: str) -> None:
        try:
            await WAITING[name](end)
        except ChanClosedError as error:
            log.append(f"{who}: closed, {error.value}")
        else:
            log.append(f"{who}: done")

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait, clone, "clone")
        await line_up(nursery, wait, mine, "mine")
        clone.close()
        await wait_all_tasks_blocked()
        assert log == [told]
        if mine is sender:
            while log == [told]:
                assert receiver.receive_nowait() in ("value", "another")
                await wait_all_tasks_blocked()
        else:
            sender.send_nowait("value")
    assert log == [told, "mine: done"]
    sender.check()


@pytest.mark.usefixtures("both_modes", "virtual_time")
async def test_a_select_over_two_clones_is_woken_by_the_close_of_either(ends: Ends) -> None:
    """The error says which case it was, and the select has left the line of the other."""
    _, receiver = ends
    clone = receiver.clone()
    caught: list[ChanClosedError] = []

    async def wait() -> None:
        with pytest.raises(ChanClosedError) as error:
            await select(first=receiver.on_receive(), second=clone.on_receive())
        caught.append(error.value)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        clone.close()
    assert [error.case for error in caught] == ["second"]
    assert receiver.statistics().tasks_waiting_receive == 0


@pytest.mark.usefixtures("both_modes", "virtual_time")
async def test_a_watcher_is_told_of_the_close_of_its_own_clone(ends: Ends) -> None:
    """`on_close` is about the end that it was asked of, and about the channel."""
    sender, receiver = ends
    clone = sender.clone()
    log: list[str] = []

    async def watch(end: Any, who: str) -> None:
        await select(end.on_close())
        log.append(who)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, watch, clone, "clone")
        await line_up(nursery, watch, sender, "sender")
        clone.close()
        await wait_all_tasks_blocked()
        assert log == ["clone"]
        receiver.close()
    assert log == ["clone", "sender"]


@pytest.mark.usefixtures("both_modes", "virtual_time")
@pytest.mark.parametrize("waits", [True, False])
async def test_a_selector_finds_that_a_clone_was_closed(ends: Ends, waits: bool) -> None:
    """Whether it waits at that moment or is away; the case goes, the others stay."""
    sender, receiver = ends
    clone = receiver.clone()
    with Selector[str, Any]() as selector:
        selector.add(receiver.on_receive(), "mine")
        selector.add(clone.on_receive(), "clone")
        with pytest.raises(trio.WouldBlock):
            selector.select_nowait()  # from here on it has places

        async def wait() -> None:
            with pytest.raises(ChanClosedError) as caught:
                await selector.select()
            assert caught.value.case == "clone"

        async with trio.open_nursery() as nursery:
            if waits:
                await line_up(nursery, wait)
                clone.close()
            else:
                clone.close()
                nursery.start_soon(wait)
        sender.send_nowait("value")
        assert await selector.select() == ("mine", "value")


@pytest.mark.usefixtures("both_modes", "virtual_time")
async def test_the_last_receiving_end_drops_what_is_buffered(ends: Ends) -> None:
    """Waiting senders get their value back in an error that is not about their own end."""
    sender, receiver = ends
    sender.send_nowait("buffered")
    caught: list[object] = []

    async def send() -> None:
        with pytest.raises(ChanBrokenError) as error:
            await sender.send("waiting")
        caught.append(error.value.value)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, send)
        receiver.close()
    assert caught == ["waiting"]
    assert sender.statistics().current_buffer_used == 0


async def test_another_thread_may_not_close_a_clone(ends: Ends) -> None:
    """Nothing has changed then."""
    sender, _ = ends
    clone = sender.clone()
    with pytest.raises(RuntimeError, match="from another thread"):
        await trio.to_thread.run_sync(clone.close)
    assert not clone.closed
    assert sender.statistics().open_send_channels == 2


# What more they can do


@pytest.mark.usefixtures("both_modes", "virtual_time")
async def test_the_ends_send_and_receive_many(ends: Ends) -> None:
    """As those of `Chan`."""
    sender, receiver = ends
    batches: list[list[int]] = []

    async def collect() -> None:
        batches.extend([batch async for batch in receiver.batches(4)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect)
        async with sender:
            await sender.send_many(range(10))
    assert [number for batch in batches for number in batch] == [*range(10)]


async def test_trios_safe_channels_work_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`trio.as_safe_channel` needs no more of a channel than these ends have."""
    monkeypatch.setattr(trio, "open_memory_channel", open_memory_channel)

    @trio.as_safe_channel
    async def count() -> Any:
        for number in range(3):
            yield number

    async with count() as numbers:
        assert [number async for number in numbers] == [0, 1, 2]


# Beside trio's


Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["send", "receive", "clone sender", "clone receiver", "close sender", "close receiver"]
        ),
        st.integers(0, 3),
    ),
    max_size=30,
)


async def play(open_channel: Callable[[Any], Any], capacity: float, steps: list[Step]) -> list[Any]:
    """Take the steps one by one, each when all tasks are at rest, and note the result of each."""
    sender, receiver = open_channel(capacity)
    senders, receivers = [sender], [receiver]
    log: list[Any] = []

    async def operate(number: int, operation: Callable[[], Awaitable[Any]]) -> None:
        try:
            outcome: Any = await operation()
        except trio.EndOfChannel:
            outcome = "end"
        except trio.BrokenResourceError:
            outcome = "broken"
        except trio.ClosedResourceError:
            outcome = "closed"
        log.append((number, outcome))

    async with trio.open_nursery() as nursery:
        for number, (verb, index) in enumerate(steps):
            chosen = senders if "send" in verb else receivers
            end = chosen[index % len(chosen)]
            if verb == "send":
                nursery.start_soon(operate, number, lambda end=end, number=number: end.send(number))
            elif verb == "receive":
                nursery.start_soon(operate, number, end.receive)
            elif verb.startswith("clone"):
                try:
                    chosen.append(end.clone())
                except trio.ClosedResourceError:
                    log.append((number, "closed"))
            else:
                end.close()
            await wait_all_tasks_blocked()
            statistics = sender.statistics()
            log.append([getattr(statistics, name) for name in MemoryChannelStatistics.__slots__])
        nursery.cancel_scope.cancel()
    return [entry if isinstance(entry, tuple) else tuple(entry) for entry in log]


@examples(60)
@given(capacity=st.sampled_from([0, 1, 2, math.inf]), steps=STEPS, strict=st.booleans())
def test_whatever_is_done_trios_channel_does_the_same(
    capacity: float, steps: list[Step], strict: bool
) -> None:
    """Each value goes the same way, each error is the same, and so are the figures."""
    with yield_interval(0 if strict else 100e-6):
        ours = trio.run(guarded(play), open_memory_channel, capacity, steps)
    theirs = trio.run(play, trio.open_memory_channel, capacity, steps)
    # Of several that are woken at once, chance decides who runs first.
    assert sorted(map(repr, ours)) == sorted(map(repr, theirs))


async def test_reports_name_the_tasks_that_wait_at_an_end() -> None:
    """By the channel, which all clones have in common."""
    sender, receiver = open_memory_channel[int](0)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, receiver.receive)
        await line_up(nursery, select_to_receive, receiver.clone())
        report = gochan.debug.report()
        nursery.cancel_scope.cancel()
    assert len(report.waits) == 2
    assert len(report.channels) == 1
    assert all("receive from channel 0x" in wait.wants for wait in report.waits)
    sender.close()


async def select_to_receive(end: MemoryReceiveChannel[Any]) -> None:
    await select(end.on_receive())


@pytest.mark.parametrize("side", ["send", "receive"])
async def test_ends_cannot_be_cloned_or_closed_halfway(side: str) -> None:
    """The count of open ends is right, whenever Control-C comes."""
    ends = dict(zip(("send", "receive"), gochan.open_memory_channel[int](1), strict=True))
    end = ends[side]
    assert await unprotected_steps(type(end).clone, end.clone) == []
    assert await unprotected_steps(type(end).close, end.close) == []
    ends["send"].close()
    ends["receive"].close()

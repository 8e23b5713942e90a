"""A selector: what it does, to whom it counts, and what it costs."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, TypeAlias

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import (
    Chan,
    ChanClosedError,
    EndOfChannel,
    Refused,
    Selector,
    WaitGroup,
    after,
    at,
    default,
    every,
    select,
    select_nowait,
)
from gochan._core import ChanState, Line, heap_here
from gochan._core._cases import Case, ChannelCase
from gochan._core._choice import chance
from gochan.strategies import ADMIT, WAIT, Block, DropOnFull, Empty, Refuse, Strategy, Verdict

from ..examples import examples
from ..guard import run_in_virtual_time
from ..interrupts import unprotected_steps
from ..lines import line_up

pytestmark = pytest.mark.usefixtures("both_modes")


CHANNELS, SELECTORS = 3, 2
ENDS = (ChanClosedError, EndOfChannel, Refused, trio.BusyResourceError)

Wish: TypeAlias = tuple[str, int, int]  # what, at which channel, with which priority
Value: TypeAlias = tuple[int, int]  # whose, and which of theirs
Step: TypeAlias = tuple[Any, ...]

# Strategies that hold back, that are hard to please, and that break


class Slow(Strategy[Any]):
    """Lets one item go per second."""

    def __init__(self, capacity: int | float = math.inf) -> None:
        super().__init__(capacity)
        self.next_at = -math.inf

    def take(self, now: float) -> Any:
        if now < self.next_at:
            raise Empty
        item = super().take(now)
        self.next_at = now + 1
        return item

    def next_change(self, now: float) -> float | None:
        return self.next_at if now < self.next_at else None


class Weighed(Strategy[int]):
    """Holds items, which are numbers, up to a total."""

    def offer(self, item: int, now: float) -> Verdict:
        if item < 0:
            return Refuse("negative")
        if sum(self.items) + item > self.capacity:
            return WAIT
        self.items.append(item)
        return ADMIT


class Broken(Strategy[Any]):
    """Breaks on demand."""

    broken = False

    def offer(self, item: Any, now: float) -> Verdict:
        if self.broken:
            raise OSError("broken")
        return super().offer(item, now)

    def take(self, now: float) -> Any:
        if self.broken:
            raise OSError("broken")
        return super().take(now)


def standers(channel: Chan[Any]) -> int:
    """Return how many stand in the lines of ``channel``, whether they wait or not."""
    lines = (channel._state.receivers, channel._state.senders, channel._state.watchers)
    return sum(map(OrderedDict.__len__, lines))


def idle_selector(*cases: Case[Any]) -> Selector[int, Any]:
    """Return a selector that has its places in all lines, as nothing is ready."""
    selector = Selector[int, Any]()
    for label, case in enumerate(cases):
        selector.add(case, label)
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()
    selector.check()
    return selector


class Log(list[Any]):
    """What a selector, run in a task, has yielded."""

    async def loop(self, selector: Selector[Any, Any]) -> None:
        async for event in selector:
            self.append(event)
        self.append("end")

    async def once(self, selector: Selector[Any, Any]) -> None:
        try:
            self.append(await selector.select())
        except (trio.ClosedResourceError, EndOfChannel, Refused, OSError) as error:
            self.append(error)

    async def receive(self, channel: Chan[Any]) -> None:
        self.append(await channel.receive())

    async def send(self, channel: Chan[Any], value: Any) -> None:
        await channel.send(value)
        self.append(value)

    async def select(self, *cases: Case[Any]) -> None:
        self.append(await select(*cases))


# Each kind of case


async def test_a_loop_receives_from_all_and_ends_when_all_have() -> None:
    """Each value with the label of its channel; an end goes unreported."""
    channels = {name: Chan[str](3) for name in "abc"}
    selector = Selector[str, str]()
    for name, channel in channels.items():
        selector.add(channel.on_receive(), name)
        for number in range(3):
            channel.send_nowait(f"{name}{number}")
        channel.close()
    events = [event async for event in selector]
    assert sorted(events) == [(name, f"{name}{number}") for name in "abc" for number in range(3)]
    for name in "abc":
        assert [value for label, value in events if label == name] == [
            f"{name}{number}" for number in range(3)
        ]
    assert len(selector) == 0
    selector.check()


async def test_without_a_case_there_is_nothing_to_wait_for() -> None:
    """The loop ends, the operations say so."""
    selector = Selector[str, int](name="empty")
    assert [event async for event in selector] == []
    with pytest.raises(EndOfChannel, match="no case is left in selector 'empty'"):
        await selector.select()
    with pytest.raises(EndOfChannel, match="no case is left"):
        selector.select_nowait()


async def test_receive_ok_tells_of_the_end_once() -> None:
    """And then the case is gone."""
    there, gone = Chan[int](1), Chan[int]()
    there.send_nowait(1)
    there.close()
    log = Log()
    selector = Selector[str, Any]()
    selector.add(there.on_receive_ok(), "there")
    selector.add(gone.on_receive_ok(), "gone")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)
        assert log == [("there", (1, True)), ("there", (None, False))]
        gone.close()
    assert log[2:] == [("gone", (None, False)), "end"]


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_send_happens_once(waiting: bool) -> None:
    """And can be added again, with another value."""
    channel = Chan[int]()
    log, received = Log(), Log()
    selector = Selector[str, None]()
    for value in range(3):
        selector.add(channel.on_send(value), "out")
        async with trio.open_nursery() as nursery:
            if waiting:
                await line_up(nursery, log.once, selector)
                await received.receive(channel)
            else:
                await line_up(nursery, received.receive, channel)
                await log.once(selector)
        assert "out" not in selector
    assert (log, received) == ([("out", None)] * 3, [0, 1, 2])


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_close_and_the_end_of_a_wait_group_happen_once(waiting: bool) -> None:
    """Or they would be ready for ever."""
    channel, group = Chan[int](), WaitGroup()
    group.add()
    selector = Selector[str, None]()
    selector.add(channel.on_close(), "close")
    selector.add(group.on_done(), "done")
    log = Log()
    async with trio.open_nursery() as nursery:
        if waiting:
            await line_up(nursery, log.loop, selector)
        channel.close()
        group.done()
        if not waiting:
            await log.loop(selector)
    assert sorted(log[:2]) == [("close", None), ("done", None)]
    assert log[2:] == ["end"]


async def test_timers_count_from_when_they_are_added(autojump_clock: MockClock) -> None:
    """However often the selector waits meanwhile; they happen once."""
    start = trio.current_time()
    ticks = every(1)
    selector = Selector[str, float]()
    selector.add(after(3.5), "after")
    selector.add(at(start + 2.25), "at")
    selector.add(after(math.inf), "never")
    selector.add(ticks.on_tick(), "tick")
    events = []
    with trio.move_on_after(5.5):
        async for label, moment in selector:
            assert trio.current_time() == moment
            events.append((label, moment - start))
            selector.check()
    assert events == [
        *[("tick", 1), ("tick", 2), ("at", 2.25), ("tick", 3), ("after", 3.5)],
        *[("tick", 4), ("tick", 5)],
    ]
    assert "after" not in selector
    assert "at" not in selector


async def test_a_timer_that_is_due_is_ready(autojump_clock: MockClock) -> None:
    """Also if something else is ready all the time."""
    busy = Chan[int](math.inf)
    selector = Selector[str, float]()
    selector.add(busy.on_receive(), "busy")
    selector.add(after(1, priority=1), "after")
    selector.add(every(1).on_tick(priority=2), "tick")
    selector.add(after(-1, priority=3), "at once")
    labels = []
    for number in range(4):
        busy.send_nowait(number)
        label, _ = await selector.select()
        labels.append(label)
        if label == "busy":
            await trio.sleep(1)
    assert labels == ["at once", "busy", "tick", "after"]


async def test_a_timer_can_be_added_while_the_loop_waits(autojump_clock: MockClock) -> None:
    """Whether or not there was an alarm before."""
    start = trio.current_time()
    log = Log()
    selector = Selector[Any, float]()
    selector.add(Chan[float]().on_receive(), "silent")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)
        selector.add(after(3), 3)
        selector.add(after(2), 2)
        await wait_all_tasks_blocked()
        selector.add(after(1), 1)
        selector.add(after(4), 4)
        await wait_all_tasks_blocked()
        selector.remove(4)
        selector.check()
        await trio.sleep(5)
        selector.remove("silent")
    assert log == [(1, start + 1), (2, start + 2), (3, start + 3), "end"]


async def test_a_stopped_ticker_is_never_due(autojump_clock: MockClock) -> None:
    """It has to be removed."""
    ticker = every(1)
    selector = Selector[str, float]()
    selector.add(ticker.on_tick(), "tick")
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)
        ticker.stop()
        await trio.sleep(10)
        assert selector.remove("tick")
    assert log == ["end"]


async def test_removing_says_whether_there_was_anything() -> None:
    """Whatever the state of the case; and the answer is a real bool."""
    selector, ended = Selector[str, Any](), Chan[int]()
    selector.add(ended.on_receive(), "in")
    assert selector.remove("in") is True
    assert selector.remove("in") is False
    selector.add(ended.on_receive(), "in")
    ended.close()
    with pytest.raises(EndOfChannel):
        selector.select_nowait()
    assert selector.remove("in") is False


class Shut(Strategy[Any]):
    """Lets nothing in, and is asked once more whenever a task receives."""

    asked = 0

    def offer(self, item: Any, now: float) -> Verdict:
        self.asked += 1
        return WAIT


async def test_to_look_again_is_not_to_do_what_a_strategy_was_asked_last() -> None:
    """A send that the strategy has not let in is not reported when another case is added."""
    strategy = Shut(5)
    channel, other = Chan[Any](strategy=strategy), Chan[Any](1)
    other.send_nowait("ready")
    selector = Selector[str, Any]()
    selector.add(channel.on_send("value"), "send")
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        asked = strategy.asked
        with pytest.raises(trio.WouldBlock):
            channel.receive_nowait()
        assert strategy.asked > asked  # on behalf of the selector
        selector.add(other.on_receive(), "other")
        await wait_all_tasks_blocked()
    assert log == [("other", "ready")]
    assert len(channel) == 0


class Thing:
    """Something to refer to weakly."""


def test_selectors_that_ended_threads_have_left_are_garbage() -> None:
    """They are in nobody's way, and kept no longer than their places in lines."""
    channel = Chan[int]()
    gc.collect()
    before = len(heap_here())
    left: list[weakref.ref[object]] = []

    def forget() -> None:
        selector, label = Selector[object, int](), Thing()
        selector.add(channel.on_receive(), label)
        with pytest.raises(trio.WouldBlock):
            selector.select_nowait()  # so that it stands in the line
        left.append(weakref.ref(label))

    for _ in range(5):
        thread = threading.Thread(target=forget)
        thread.start()
        thread.join()
    assert standers(channel) == 5
    assert len(heap_here()) == before
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(1)  # it passes over those that are away
    assert standers(channel) == 0
    gc.collect()
    assert [label() for label in left] == [None] * 5


# Errors


def test_what_cannot_be_added() -> None:
    """With a word about what to do instead; nothing is added."""
    channel = Chan[int]()
    selector = Selector[Any, Any]()
    with pytest.raises(TypeError, match=r"case 'it' is not a case but .*on_receive\(\)"):
        selector.add(channel, "it")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="case 'it' is not a case but None"):
        selector.add(None, "it")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"case 'it' is a default, .* use select_nowait"):
        selector.add(default(), "it")
    with pytest.raises(TypeError, match="unhashable"):
        selector.add(channel.on_receive(), [])
    with pytest.raises(RuntimeError, match=r"inside trio\.run"):
        selector.add(after(1), "it")
    assert len(selector) == 0
    selector.check()
    with pytest.raises(TypeError, match="name must be a str, not 1"):
        Selector(name=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="subclassing"):
        type("Mine", (Selector,), {})


@pytest.mark.parametrize("waiting", [False, True])
async def test_errors_say_which_case_and_that_case_is_gone(waiting: bool) -> None:
    """A send at a close, a receive at an abandoned channel, a send that is refused."""
    closed, abandoned = Chan[int](), Chan[int]()
    refusing = Chan(strategy=DropOnFull[int](1))
    silent = Chan[int]()
    selector = Selector[Any, Any]()
    selector.add(silent.on_receive(), "silent")
    caught = Log()

    async def make(label: str, case: Case[Any], go_wrong: Callable[[], object]) -> Any:
        selector.add(case, label)
        async with trio.open_nursery() as nursery:
            if waiting:
                await line_up(nursery, caught.once, selector)
                go_wrong()
            else:
                go_wrong()
                await caught.once(selector)
        assert label not in selector
        assert "silent" in selector
        assert caught[-1].case == label
        return caught[-1]

    error = await make("send", closed.on_send(5), closed.close)
    assert type(error) is ChanClosedError
    assert error.value == 5
    error = await make("receive", abandoned.on_receive(), abandoned.receiver.close)
    assert type(error) is ChanClosedError
    if not waiting:
        refusing.send_nowait(0)
        error = await make("refused", refusing.on_send(6), lambda: None)
        assert (type(error), error.value) == (Refused, 6)


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("verb", ["send", "receive"])
async def test_a_strategy_that_breaks_leaves_the_case(waiting: bool, verb: str) -> None:
    """What is wrong with it is raised, and the selector is as good as before."""
    strategy = Broken(1)
    channel = Chan(strategy=strategy)
    selector = Selector[str, Any]()
    log = Log()
    if verb == "send":
        channel.send_nowait("first")
        selector.add(channel.on_send("second"), verb)
    else:
        selector.add(channel.on_receive(), verb)
    async with trio.open_nursery() as nursery:
        if waiting:
            await line_up(nursery, log.once, selector)
        if verb == "receive":
            strategy.items.append("put there")
        strategy.broken = True
        if waiting:
            channel._state.ask_again()
        else:
            await log.once(selector)
    assert [type(error) for error in log] == [OSError]
    selector.check()
    strategy.broken = False
    if verb == "send":
        assert channel.receive_nowait() == "first"
    await log.once(selector)
    assert log[1] == (verb, None if verb == "send" else "put there")


class Forgetful(Strategy[Any]):
    """Gives up whatever it is asked for."""

    def take(self, now: float) -> Any:
        self.drop(super().take(now), "forgotten")
        raise Empty


def test_a_case_may_be_removed_while_it_is_tried() -> None:
    """By those who are told what a strategy has given up."""
    selector = Selector[str, Any]()
    channel = Chan(strategy=Forgetful(3), on_drop=lambda *_: selector.remove("in"))
    selector.add(channel.on_receive(), "in")
    selector.add(Chan[int]().on_receive(), "silent")
    channel.send_nowait(1)
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()
    assert "in" not in selector
    selector.check()
    assert standers(channel) == 0


class Fading(Slow):
    """As slow; what goes out makes it give up what came in after that."""

    def take(self, now: float) -> Any:
        item = super().take(now)
        if self.items:
            self.drop(self.items.pop(), "faded")
        return item


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_value_is_not_lost_if_on_drop_raises(
    waiting: bool, autojump_clock: MockClock
) -> None:
    """Which it must not; then the value comes with the next call."""

    def on_drop(value: Any, reason: str) -> None:
        raise OSError(reason)

    channel = Chan(strategy=Fading(), on_drop=on_drop)
    for value in "abc":
        channel.send_nowait(value)
    with pytest.raises(OSError, match="faded"):
        channel.receive_nowait()
    assert channel.receive_nowait() == "a"
    selector = Selector[str, Any]()
    selector.add(channel.on_receive(), "in")
    selector.add(Chan[int]().on_receive(), "silent")
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()
    channel.send_nowait("d")
    with pytest.raises(OSError, match="faded"):
        if waiting:
            await selector.select()
        await trio.sleep(1)
        selector.select_nowait()
    assert await selector.select() == ("in", "b")
    selector.check()
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()


class Perishable(Strategy[Any]):
    """Has room for one item, and gives it up instead of giving it out."""

    def take(self, now: float) -> Any:
        self.drop(super().take(now), "perished")
        raise Empty


async def test_to_receive_in_vain_may_make_room_to_send() -> None:
    """Whichever of the two was tried first, the send is not left waiting beside free room."""
    for _ in range(20):
        channel = Chan[Any](strategy=Perishable(1))
        channel.send_nowait("old")
        with Selector[str, Any]() as selector:
            selector.add(channel.on_receive(), "in")
            selector.add(channel.on_send("new"), "out")
            assert selector.select_nowait() == ("out", None)
        assert channel.drain() == ["new"]


class Hesitant(Strategy[Any]):
    """May let something go in a second, and never does."""

    def take(self, now: float) -> Any:
        raise Empty

    def next_change(self, now: float) -> float | None:
        return now + 1


async def test_two_cases_may_follow_the_same_clock(autojump_clock: MockClock) -> None:
    """If it has struck for one of them, the other may be looked at later."""
    hesitant, other = Chan[int](strategy=Hesitant(1)), Chan[int](1)
    with Selector[str, int]() as selector:
        selector.add(hesitant.on_receive(), "one")
        selector.add(hesitant.on_receive(), "two")
        selector.add(other.on_receive(), "other")
        for number in range(20):
            with pytest.raises(trio.WouldBlock):
                selector.select_nowait()
            await trio.sleep(1)
            await other.send(number)
            assert await selector.select() == ("other", number)
            selector.check()


async def test_one_task_at_a_time() -> None:
    """Another one is turned away, and the first is not disturbed."""
    channel = Chan[int]()
    selector = Selector[str, int](name="mine")
    selector.add(channel.on_receive(), "in")
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        with pytest.raises(trio.BusyResourceError, match="another task waits with selector 'mine'"):
            await selector.select()
        with pytest.raises(trio.BusyResourceError):
            selector.select_nowait()
        channel.send_nowait(1)
        with pytest.raises(trio.BusyResourceError):
            selector.select_nowait()  # it was woken, but has not run yet
    assert log == [("in", 1)]
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()


async def test_another_thread_is_turned_away() -> None:
    """As by a channel, and nothing has changed."""
    channel = Chan[int]()
    selector = Selector[str, int]()
    selector.add(channel.on_receive(), "in")
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        operations: list[Callable[[], object]] = [
            selector.select_nowait,
            selector.close,
            partial(selector.remove, "in"),
            partial(selector.add, channel.on_close(), "close"),
            partial(trio.run, selector.select),
            partial(channel.send_nowait, 5),
        ]
        for operation in operations:
            with pytest.raises(RuntimeError, match=r"inside trio\.run"):
                await trio.to_thread.run_sync(operation)
        selector.check()
        channel.check()
        channel.send_nowait(1)
    assert log == [("in", 1)]
    with pytest.raises(RuntimeError, match=r"inside trio\.run"):
        await trio.to_thread.run_sync(partial(wait_outside, selector))


def wait_outside(selector: Selector[Any, Any]) -> None:
    with suppress(StopIteration):
        selector.select().send(None)


async def test_it_may_be_used_by_one_run_after_the_other() -> None:
    """In any thread; its places do not matter to those who wait in the other one."""
    channels = [Chan[int]() for _ in range(3)]
    selector = idle_selector(*(channel.on_receive() for channel in channels))
    log = Log()

    async def elsewhere() -> None:
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.once, selector)
            await channels[1].send(1)

    await trio.to_thread.run_sync(trio.run, elsewhere)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        selector.check()
        await channels[2].send(2)
    assert log == [(1, 1), (2, 2)]


async def test_where_tasks_of_another_thread_wait_it_cannot() -> None:
    """That is an error, and what it was about to do is not forgotten."""
    busy, theirs, other = Chan[int](1), Chan[int](), Chan[int]()
    go_on = threading.Event()
    log = Log()

    async def wait_there() -> None:
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.receive, theirs)
            waits.set()
            go_on.wait()
            theirs.send_nowait(7)

    waits = threading.Event()
    thread = threading.Thread(target=trio.run, args=(wait_there,))
    thread.start()
    waits.wait()
    selector = Selector[str, int]()
    for label, channel in {"theirs": theirs, "busy": busy, "other": other}.items():
        selector.add(channel.on_receive(), label)
    busy.send_nowait(1)
    selected = []
    for _ in range(20):
        try:
            selected.append(selector.select_nowait())
        except RuntimeError as error:
            assert "inside trio.run" in str(error)  # noqa: PT017
        except trio.WouldBlock:  # pragma: no cover  # which would be wrong
            selected.append("nothing")
        selector.check()
    assert {*selected} <= {("busy", 1)}
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            selector.remove("theirs")
            nursery.start_soon(log.once, selector)
            await wait_all_tasks_blocked()
            if not selected:  # then it is there now
                assert log == [("busy", 1)]
                nursery.start_soon(log.once, selector)
                await wait_all_tasks_blocked()
            with pytest.raises(RuntimeError, match=r"inside trio\.run"):
                selector.add(theirs.on_receive(), "theirs")
            assert "theirs" not in selector
            await wait_all_tasks_blocked()
            other.send_nowait(2)
        assert not scope.cancelled_caught
    go_on.set()
    await trio.to_thread.run_sync(thread.join)
    assert log[-2:] == [("other", 2), 7]


# Being there, and being away


async def test_while_nobody_waits_it_takes_nothing() -> None:
    """It counts nowhere, and a send to it does not go through."""
    channel, full = Chan[int](), Chan[int](1)
    full.send_nowait(0)
    selector = idle_selector(channel.on_receive(), full.on_send(5), channel.on_close())
    assert standers(channel) == 2
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(1)
    for one in (channel, full):
        one.check()
        assert one.statistics().tasks_waiting_receive == 0
        assert one.statistics().tasks_waiting_send == 0
    assert full.receive_nowait() == 0
    with pytest.raises(trio.WouldBlock):
        full.receive_nowait()
    assert selector.select_nowait() == (1, None)
    assert full.receive_nowait() == 5


async def test_a_send_waits_until_the_loop_comes_back() -> None:
    """At an unbuffered channel it returns when the value has been taken, and not before."""
    channel, busy = Chan[int](), Chan[int](1)
    selector = idle_selector(channel.on_receive(), busy.on_receive())
    sent = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, sent.send, channel, 1)
        assert sent == []
        assert channel.statistics().tasks_waiting_send == 1
        channel.check()
        assert await selector.select() == (0, 1)
    assert sent == [1]


async def test_while_a_task_waits_it_counts() -> None:
    """Once in each line, as a task that waits."""
    channel, full = Chan[int](), Chan[int](1)
    full.send_nowait(0)
    selector = idle_selector(
        channel.on_receive(), channel.on_receive_ok(), full.on_send(5), channel.on_close()
    )
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        selector.check()
        assert channel.statistics().tasks_waiting_receive == 1
        assert full.statistics().tasks_waiting_send == 1
        assert "1 receiving" in repr(channel)
        channel.check()
        channel.send_nowait(1)  # goes through, as somebody receives
        assert channel.statistics().tasks_waiting_receive == 0
        assert full.statistics().tasks_waiting_send == 0
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait(2)
        channel.check()
        full.check()
    assert log in ([(0, 1)], [(1, (1, True))])


async def test_two_selectors_meet() -> None:
    """In either order, whichever waits first, and repeatedly."""
    channel = Chan[int]()
    log = Log()
    there = idle_selector(channel.on_receive(), Chan[int]().on_receive())
    here = idle_selector(Chan[int]().on_receive())
    for value in range(4):
        here.add(channel.on_send(value), "send")  # type: ignore[arg-type]
        first, second = (here, there) if value % 2 else (there, here)
        with pytest.raises(trio.WouldBlock):
            second.select_nowait()
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.once, first)
            assert log == []
            await log.once(second)
        assert sorted(log, key=str) == [("send", None), (0, value)]
        log.clear()
        here.check()
        there.check()
        channel.check()


async def test_a_selector_that_sends_and_receives_does_not_meet_itself() -> None:
    """But it meets another one that does the same."""
    channel = Chan[str]()
    first = idle_selector(channel.on_receive(), channel.on_send("from first"))
    second = idle_selector(channel.on_receive(), channel.on_send("from second"))
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, first)
        channel.check()
        assert log == []
        await log.once(second)
    assert sorted(log, key=str) in (
        [(0, "from first"), (1, None)],
        [(0, "from second"), (1, None)],
    )


async def test_in_a_line_it_takes_turns_with_others() -> None:
    """Who was served goes to the end; places elsewhere are kept."""
    shared, own = Chan[int](), Chan[int]()
    log, others = Log(), Log()
    selector = idle_selector(shared.on_receive(), own.on_receive())
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)

        async def receive_on() -> None:
            async for value in shared:
                others.append(value)

        await line_up(nursery, receive_on)
        for value in range(6):
            await shared.send(value)
            await wait_all_tasks_blocked()
            own.send_nowait(-1)
            await wait_all_tasks_blocked()
        shared.close()
        own.close()
    assert [value for _, value in log[:-1] if value >= 0] == [0, 2, 4]
    assert others == [1, 3, 5]


async def test_a_selector_that_was_away_has_lost_its_place() -> None:
    """To those who were there."""
    channel = Chan[int]()
    selector = idle_selector(channel.on_receive())
    log, others = Log(), Log()
    async with trio.open_nursery() as nursery:
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait(0)
        await line_up(nursery, others.receive, channel)
        await line_up(nursery, log.once, selector)
        channel.send_nowait(1)
        channel.send_nowait(2)
    assert (others, log) == ([1], [(0, 2)])


async def test_nobody_waits_for_ever_behind_a_selector_that_is_away(
    autojump_clock: MockClock,
) -> None:
    """At a ticker, and where a strategy holds back: the next one gets what is due."""
    start = trio.current_time()
    ticker = every(2)
    slow = Chan(strategy=Slow())
    slow.send_nowait("at once")
    slow.send_nowait("one second later")
    assert slow.receive_nowait() == "at once"
    elsewhere = Chan[int]()
    selector = idle_selector(elsewhere.on_receive(), ticker.on_tick(), slow.on_receive())
    log = Log()

    async def note(case: Case[Any]) -> None:
        _, value = await select(case)
        log.append((value, trio.current_time() - start))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        await line_up(nursery, note, ticker.on_tick())
        await line_up(nursery, note, slow.on_receive())
        second = idle_selector(ticker.on_tick())
        await line_up(nursery, note, ticker.on_tick())
        elsewhere.send_nowait(0)
        await trio.sleep(4.5)
        with pytest.raises(trio.WouldBlock):
            second.select_nowait()
    assert log == [
        (0, 0),
        ("one second later", 1),
        (start + 2, 2),
        (start + 4, 4),
    ]


async def test_a_task_that_moved_up_to_the_front_may_go_away_too(autojump_clock: MockClock) -> None:
    """Those behind it get their alarms, though they came when it was not the first."""
    start = trio.current_time()
    ticker, elsewhere = every(1), Chan[int]()
    selector = idle_selector(elsewhere.on_receive())
    selector.add(ticker.on_tick(), "tick")
    log, others = Log(), Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, others.select, ticker.on_tick())
        await line_up(nursery, log.once, selector)
        await line_up(nursery, others.select, ticker.on_tick())
        await trio.sleep(1.5)
        elsewhere.send_nowait(0)
        await trio.sleep(1)
        assert others == [(0, start + 1), (0, start + 2)]
    assert log == [(0, 0)]


async def test_a_selector_that_is_away_is_passed_by_another_one_too(
    autojump_clock: MockClock,
) -> None:
    """At a ticker, and where a strategy holds back."""
    start = trio.current_time()
    ticker, slow = every(1), Chan(strategy=Slow())
    away = idle_selector(ticker.on_tick(), slow.on_receive())
    log = Log()
    selector = Selector[str, Any]()
    selector.add(ticker.on_tick(), "tick")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        assert log == [("tick", start + 1)]
        slow.send_nowait("first")
        slow.send_nowait("second")
        assert slow.receive_nowait() == "first"
        with pytest.raises(trio.WouldBlock):
            away.select_nowait()
        selector.remove("tick")
        selector.add(slow.on_receive(), "slow")
        await line_up(nursery, log.once, selector)
        await trio.sleep(1)
        await wait_all_tasks_blocked()
    assert log[1:] == [("slow", "second")]


async def test_a_task_that_looks_at_the_time_does_not_go_away(autojump_clock: MockClock) -> None:
    """The place in line is kept, whatever the clock says."""
    slow, elsewhere = Chan(strategy=Slow()), Chan[int]()
    slow.send_nowait(0)
    assert slow.receive_nowait() == 0
    selector = idle_selector(slow.on_receive(), elsewhere.on_receive())
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        await trio.sleep(5)
        assert standers(slow) == 1
        elsewhere.send_nowait(1)
        assert standers(slow) == 1
    assert log == [(1, 1)]
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()
    assert standers(slow) == 1


async def test_selectors_leave_each_other_their_places() -> None:
    """One that joins does not drive out those who are away."""
    channels = [Chan[int](), Chan[int](1)]
    selectors = [idle_selector(*(one.on_receive() for one in channels)) for _ in range(3)]
    assert [standers(channel) for channel in channels] == [3, 3]
    log = Log()
    async with trio.open_nursery() as nursery:
        for selector in selectors:
            await line_up(nursery, log.once, selector)
        for value in range(3):
            channels[value % 2].send_nowait(value)
    assert sorted(log) == [(0, 0), (0, 2), (1, 1)]


async def test_nobody_is_blocked_by_an_item_that_is_offered_no_more() -> None:
    """A strategy may let in the next one where the first was too heavy."""
    channel = Chan(strategy=Weighed(10))
    channel.send_nowait(5)
    elsewhere = Chan[int]()
    selector = idle_selector(channel.on_send(8), elsewhere.on_receive())
    log, sent = Log(), Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        await line_up(nursery, sent.send, channel, 3)
        assert sent == []
        elsewhere.send_nowait(0)
        await wait_all_tasks_blocked()
        assert sent == [3]
    assert log == [(1, 0)]


async def test_time_goes_on_while_nobody_waits(autojump_clock: MockClock) -> None:
    """What was held back, and is due by now, is ready when the selector looks again."""
    slow = Chan(strategy=Slow())
    for value in range(3):
        slow.send_nowait(value)
    selector = Selector[str, Any]()
    selector.add(slow.on_receive(), "slow")
    selector.add(Chan[int]().on_receive(), "silent")
    for value in range(3):
        assert selector.select_nowait() == ("slow", value)
        for _ in range(3):
            with pytest.raises(trio.WouldBlock):
                selector.select_nowait()
            selector.check()
            await trio.sleep(0.4)
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        start = trio.current_time()
        await slow.send(3)
        await slow.send(4)
        await trio.sleep(5)
        assert log == [("slow", 3)]
        await log.once(selector)
    assert log == [("slow", 3), ("slow", 4)]
    assert trio.current_time() == start + 5


async def test_a_place_at_a_ticker_is_passed_on(autojump_clock: MockClock) -> None:
    """When a case is removed while others stand behind, they get their alarms."""
    start = trio.current_time()
    ticker = every(1)
    selector = Selector[str, Any]()
    selector.add(ticker.on_tick(), "tick")
    selector.add(Chan[int]().on_receive(), "silent")
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)
        await line_up(nursery, log.select, ticker.on_tick())
        selector.remove("tick")
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        assert log == [(0, start + 1)]
        selector.remove("silent")
    assert log[1:] == ["end"]


async def test_several_selectors_share_what_is_held_back(autojump_clock: MockClock) -> None:
    """Each item to one of them, at its time."""
    start = trio.current_time()
    slow = Chan(strategy=Slow())
    ticker = every(1)
    got: list[tuple[Any, float]] = []

    async def worker() -> None:
        with Selector[str, Any]() as selector:
            selector.add(slow.on_receive(), "slow")
            selector.add(ticker.on_tick(), "tick")
            async for label, value in selector:
                selector.check()
                slow.check()
                got.append((value if label == "slow" else label, trio.current_time() - start))
                await trio.sleep(0.5 if label == "slow" else 1.5)

    with trio.move_on_after(6.5):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(worker)
            await trio.sleep(0.25)
            for value in range(5):
                slow.send_nowait(value)
    assert [one for one in got if one[0] != "tick"] == [(n, n + 0.25) for n in range(5)]
    assert [moment for what, moment in got if what == "tick"] == [1, 2, 3, 4, 5, 6]


# Adding and removing


async def test_a_new_case_is_noticed_at_once() -> None:
    """By a loop that waits: whether it is ready now or later."""
    silent, ready, later = Chan[int](), Chan[int](1), Chan[int]()
    ready.send_nowait(1)
    selector = idle_selector(silent.on_receive())
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)
        selector.add(later.on_receive(), 1)
        assert silent.statistics().tasks_waiting_receive == 1  # it was not even woken
        later.send_nowait(2)  # nor is there a moment at which it is not there
        await wait_all_tasks_blocked()
        assert log == [(1, 2)]
        selector.add(ready.on_receive(), 2)
        await wait_all_tasks_blocked()
        assert log == [(1, 2), (2, 1)]
        selector.add(silent.on_send(5), 3)  # looks ready, but it is itself that receives there
        await wait_all_tasks_blocked()
        assert log == [(1, 2), (2, 1)]
        assert await silent.receive() == 5
        await wait_all_tasks_blocked()
        assert log == [(1, 2), (2, 1), (3, None)]
        for channel in (silent, ready, later):
            channel.close()
    assert log[-1] == "end"


async def test_a_removed_case_does_not_happen() -> None:
    """Whether the loop waits or not; the loop ends when the last one is removed."""
    channels = [Chan[int]() for _ in range(3)]
    selector = idle_selector(*(channel.on_receive() for channel in channels))
    assert selector.remove(0)
    assert not selector.remove(0)
    assert 0 not in selector
    assert standers(channels[0]) == 0
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)
        assert selector.remove(1)
        with pytest.raises(trio.WouldBlock):
            channels[1].send_nowait(1)
        selector.check()
        assert log == []
        assert selector.remove(2)
    assert log == ["end"]


async def test_a_new_case_takes_the_place_of_one_with_the_same_label() -> None:
    """So the value of a pending send can be changed."""
    channel = Chan[int]()
    selector = Selector[str, None]()
    for value in range(3):
        selector.add(channel.on_send(value), "out")
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        selector.add(channel.on_send(3), "out")
        assert len(selector) == 1
        selector.check()
        assert channel.statistics().tasks_waiting_send == 1
        assert channel.receive_nowait() == 3
    assert log == [("out", None)]
    assert len(selector) == 0


@pytest.mark.parametrize("what", ["remove", "replace", "close"])
async def test_what_has_happened_is_reported_all_the_same(what: str) -> None:
    """If a value was handed over before its case went."""
    channel = Chan[int]()
    selector = Selector[str, int]()
    selector.add(channel.on_receive(), "in")
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        channel.send_nowait(1)
        match what:
            case "remove":
                selector.remove("in")
            case "replace":
                selector.add(Chan[int]().on_send(1), "in")  # type: ignore[arg-type]
            case _:
                selector.close()
    assert log == [("in", 1)]
    assert len(selector) == (1 if what == "replace" else 0)
    selector.check()


async def test_a_case_may_go_and_come_inside_the_loop() -> None:
    """A loop over clients, each with a channel, that come through a channel."""
    clients = Chan[Chan[int]](math.inf)
    received: Counter[int] = Counter()
    selector = Selector[Any, Any]()
    selector.add(clients.on_receive(), "new")
    for number in range(20):
        client = Chan[int](2)
        client.send_nowait(number)
        client.send_nowait(number)
        client.close()
        clients.send_nowait(client)
    clients.close()
    async for label, value in selector:
        if label == "new":
            selector.add(value.on_receive(), value)
        else:
            received[value] += 1
        selector.check()
    assert received == Counter(dict.fromkeys(range(20), 2))


async def test_one_channel_in_several_cases() -> None:
    """They count one by one in the draw, and may be removed one by one."""
    chance.seed(5)
    channel = Chan[int]()
    selector = idle_selector(*(channel.on_receive() for _ in range(3)))
    drawn: Counter[int] = Counter()
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)
        for value in range(300):
            await channel.send(value)
        await wait_all_tasks_blocked()
        drawn.update(label for label, _ in log)
        assert all(60 < drawn[label] < 140 for label in range(3))
        selector.remove(1)
        selector.check()
        log.clear()
        for value in range(50):
            await channel.send(value)
        await wait_all_tasks_blocked()
        assert {label for label, _ in log} == {0, 2}
        channel.close()


# Choosing


@pytest.mark.parametrize("waiting", [False, True])
async def test_the_highest_priority_comes_first(waiting: bool) -> None:
    """As in a select; also if one event makes several ready."""
    channel, group = Chan[int](2), WaitGroup()
    group.add()
    selector = Selector[str, Any]()
    selector.add(channel.on_receive(priority=1), "receive")
    selector.add(channel.on_close(priority=3), "close")
    selector.add(group.on_done(priority=2), "done")
    log = Log()
    async with trio.open_nursery() as nursery:
        if waiting:
            await line_up(nursery, log.loop, selector)
            group.done()
            channel.close()
        else:
            channel.send_nowait(1)
            channel.send_nowait(2)
            group.done()
            channel.close()
            await log.loop(selector)
    if waiting:
        assert log == [("done", None), ("close", None), "end"]
    else:
        expected = [("close", None), ("done", None), ("receive", 1), ("receive", 2), "end"]
        assert log == expected


async def test_a_chatty_channel_starves_nobody() -> None:
    """Among those that are ready each is equally likely, however much is in them."""
    chance.seed(11)
    chatty, others = Chan[int](math.inf), [Chan[int](math.inf) for _ in range(3)]
    selector = Selector[int, int]()
    for label, channel in enumerate([chatty, *others]):
        selector.add(channel.on_receive(), label)
    for number in range(4000):
        chatty.send_nowait(number)
    for channel in others:
        for number in range(500):
            channel.send_nowait(number)
    first = Counter([(await selector.select())[0] for _ in range(1200)])
    assert all(240 < first[label] < 360 for label in range(4))


async def test_sleepers_do_not_count_in_the_draw() -> None:
    """A draw among those that are ready is fair, however many were drawn that are not."""
    chance.seed(3)
    silent = [Chan[int]() for _ in range(20)]
    ready = [Chan[int](math.inf) for _ in range(2)]
    drawn: Counter[int] = Counter()
    for channel in ready:
        channel.send_nowait(0)
    for _ in range(500):
        with Selector[int, int]() as selector:
            for label, channel in enumerate([*ready, *silent]):
                selector.add(channel.on_receive(), label)
            label, value = selector.select_nowait()
            ready[label].send_nowait(value)
        drawn[label] += 1
    assert 200 < drawn[0] < 300
    assert drawn[0] + drawn[1] == 500


# Cancelling and closing


async def test_a_cancelled_wait_has_taken_nothing() -> None:
    """And leaves the selector as good as before."""
    channel, out = Chan[int](), Chan[int]()
    selector = idle_selector(channel.on_receive(), out.on_send(5))
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.loop, selector)
        nursery.cancel_scope.cancel()
    for one in (channel, out):
        one.check()
        assert one.statistics().tasks_waiting_receive == one.statistics().tasks_waiting_send == 0
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(1)
    with pytest.raises(trio.WouldBlock):
        out.receive_nowait()
    assert log == []
    selector.check()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        channel.send_nowait(1)
    assert log == [(0, 1)]


def test_what_comes_between_the_alarm_and_the_look_stands() -> None:
    """A task whose alarm has rung is still there until it runs."""

    async def main() -> Any:
        channel, start = Chan[int](), trio.current_time()
        selector = idle_selector(channel.on_receive())
        selector.add(at(start + 1), 1)
        log = Log()

        async def come_between() -> None:
            await trio.sleep_until(start + 1)
            sent = True
            try:
                channel.send_nowait(5)
            except trio.WouldBlock:
                sent = False
            log.append(sent)

        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.once, selector)
            nursery.start_soon(come_between)
        selector.check()
        assert sorted(log, key=str) in ([(0, 5), True], [(1, start + 1), False])
        return True in log

    outcomes = [run_in_virtual_time(main) for _ in range(40)]
    assert {*outcomes} == {True, False}


async def test_every_call_lets_others_run() -> None:
    """A loop in which something is always ready does not keep the thread."""
    channel = Chan[int](math.inf)
    for number in range(100_000):
        channel.send_nowait(number)
    selector = Selector[int, int]()
    selector.add(channel.on_receive(), 0)
    ran = trio.Event()

    async def run() -> None:
        ran.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        async for _ in selector:
            if ran.is_set():
                break
    assert len(channel) > 0


@pytest.mark.parametrize("clocked", [False, True])
async def test_closing_wakes_waiting_tasks(clocked: bool) -> None:
    """With an error, as at any other resource that is closed under somebody's hands."""
    channel = Chan[int]()
    log = Log()
    with Selector[str, Any](name="mine") as selector:
        selector.add(channel.on_receive(), "in")
        if clocked:
            selector.add(after(1000), "after")
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.once, selector)
            selector.close()
        assert [str(error) for error in log] == ["selector 'mine' is closed"]
    with pytest.raises(trio.ClosedResourceError, match="selector 'mine' is closed"):
        selector.add(channel.on_receive(), "in")
    with pytest.raises(trio.ClosedResourceError):
        await selector.select()
    with pytest.raises(trio.ClosedResourceError):
        selector.select_nowait()
    assert not selector.remove("in")
    selector.close()
    assert not channel.closed
    assert standers(channel) == 0


async def test_closed_while_it_was_about_to_look_again() -> None:
    """Closed is closed, also if the task was woken for something else."""
    selector = idle_selector(Chan[int]().on_receive())
    ready = Chan[int](1)
    ready.send_nowait(1)
    log = Log()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.once, selector)
        selector.add(ready.on_receive(), 1)
        selector.close()
    assert [type(error) for error in log] == [trio.ClosedResourceError]
    assert len(ready) == 1


# What stays behind


async def test_no_line_holds_a_closed_selector() -> None:
    """Nor is anything kept alive by it."""
    channel, group, ticker = Chan[int](), WaitGroup(), every(1)
    full = Chan[int](1)
    full.send_nowait(0)
    group.add()
    with idle_selector(
        channel.on_receive(),
        channel.on_close(),
        full.on_send(1),
        group.on_done(),
        ticker.on_tick(),
    ) as selector:
        group.done()
        assert selector.select_nowait() == (3, None)
        with pytest.raises(trio.WouldBlock):
            selector.select_nowait()
        assert standers(channel) == 2
    assert standers(channel) == standers(full) == 0
    assert OrderedDict.__len__(ticker._line) == OrderedDict.__len__(group._line) == 0


@pytest.mark.parametrize("in_cycle", [False, True])
def test_a_forgotten_selector_leaves_its_lines(in_cycle: bool) -> None:
    """When the next one is at work."""
    channel = Chan[int]()

    def forget() -> None:
        selector = idle_selector(channel.on_receive())
        if in_cycle:
            cycle: list[Any] = [selector]
            cycle.append(cycle)

    for _ in range(50):
        forget()
    gc.collect()
    Selector[str, int]().add(Chan[int]().on_receive(), "other")
    assert standers(channel) == 0


async def test_a_channel_that_selectors_have_left_is_like_any_other() -> None:
    """When a task waits there again, its lines are of the plain kind, which costs less to ask."""
    channel = Chan[int]()
    state = channel._state
    with idle_selector(channel.on_receive(), channel.on_close(), channel.on_send(1)):
        lines = state.receivers, state.watchers, state.senders
        assert Line not in map(type, lines)
    log = Log()
    for case in (channel.on_receive(), channel.on_close(), channel.on_send(1)):
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.select, case)
            nursery.cancel_scope.cancel()
    lines = state.receivers, state.watchers, state.senders
    assert [*map(type, lines)] == [Line] * 3


async def test_tasks_in_line_before_the_first_selector_keep_their_places() -> None:
    """Plain operations and selects, those that are cancelled and those that are served."""
    channel, log = Chan[int](), Log()
    scope = trio.CancelScope()

    async def cancelled() -> None:
        with scope:
            await log.select(channel.on_receive(), Chan[int]().on_receive())

    async with trio.open_nursery() as nursery:
        await line_up(nursery, log.receive, channel)
        await line_up(nursery, cancelled)
        await line_up(nursery, log.select, Chan[int]().on_receive(), channel.on_receive())
        selector = Selector[str, int]()
        selector.add(channel.on_receive(), "in")
        await line_up(nursery, log.once, selector)
        await line_up(nursery, log.receive, channel)
        scope.cancel()
        await wait_all_tasks_blocked()
        assert channel.statistics().tasks_waiting_receive == 4
        channel.check()
        for number in range(4):
            channel.send_nowait(number)
            await wait_all_tasks_blocked()
    assert log == [0, (1, 1), ("in", 2), 3]


async def test_senders_before_the_first_selector_keep_their_places() -> None:
    """Also those who send many values."""
    channel = Chan[int]()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.send, 1)
        await line_up(nursery, channel.send_many, [2, 4])
        await line_up(nursery, idle_selector(channel.on_send(3)).select)
        channel.check()
        assert [channel.receive_nowait() for _ in range(4)] == [1, 2, 3, 4]
        channel.check()


def test_a_forgotten_selector_of_another_thread_is_left_to_it() -> None:
    """For somebody may be looking at its lines there."""
    channel = Chan[int]()

    def forget() -> None:
        idle_selector(channel.on_receive())

    thread = threading.Thread(target=forget)
    thread.start()
    thread.join()
    Selector[str, int]().add(Chan[int]().on_receive(), "other")
    assert standers(channel) == 1
    assert channel.statistics().tasks_waiting_receive == 0
    channel.check()
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(1)
    assert standers(channel) == 0


async def test_a_selector_can_be_collected() -> None:
    """As soon as nobody refers to it, with all that its labels hold."""

    class Client:
        pass

    channel, client = Chan[int](), Client()
    selector = Selector[Client, int]()
    selector.add(channel.on_receive(), client)
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()
    remains = [weakref.ref(selector), weakref.ref(client)]
    selector.close()
    del selector, client
    assert [reference() for reference in remains] == [None, None]


async def test_channels_that_come_and_go_leave_nothing_behind(autojump_clock: MockClock) -> None:
    """However many."""
    selector = Selector[Any, Any]()
    silent = Chan[int]()
    selector.add(silent.on_receive(), "silent")
    sizes = []
    for number in range(300):
        channel, slow = Chan[int](1), Chan(strategy=Slow())
        selector.add(channel.on_receive(priority=number), number)
        selector.add(slow.on_receive(), "slow")
        selector.add(after(1000 + number), "after")
        channel.send_nowait(1)
        assert await selector.select() == (number, 1)
        if number % 2:
            selector.remove(number)
        channel.close()
        slow.close()
        with pytest.raises(trio.WouldBlock):
            selector.select_nowait()
        selector.check()
        places = selector._decider
        sizes.append(
            (
                len(selector),
                len(places._urn),
                len(places._urn._priorities),
                len(places._followed._followers),
                len(places._followed._shared),
                len(places._followed._deadlines._heap) < 20,
            )
        )
        assert standers(channel) == standers(slow) == 0
    assert {*sizes} == {(2, 0, 0, 1, 0, True)}


def test_its_repr_says_how_many_cases() -> None:
    """And its name."""
    selector = Selector[str, int](name="mine")
    selector.add(Chan[int]().on_receive(), "in")
    assert repr(selector) == "<gochan.Selector mine: 1 cases>"
    assert repr(Selector[str, int]()).startswith("<gochan.Selector 0x")


# Interrupts

METHODS: dict[str, Callable[[Selector[Any, Any], Chan[Any]], Any]] = {
    "add": lambda selector, channel: selector.add(channel.on_send(1), "new"),
    "remove": lambda selector, channel: selector.remove("in"),
    "select": lambda selector, channel: selector.select(),
    "select_nowait": lambda selector, channel: selector.select_nowait(),
    "__anext__": lambda selector, channel: selector.__anext__(),
    "close": lambda selector, channel: selector.close(),
}


@pytest.mark.parametrize("name", METHODS)
async def test_no_method_can_be_interrupted_halfway(name: str) -> None:
    """Once something has happened, Control-C waits until the method has returned."""
    selector, channel = Selector[str, Any](), Chan[Any](1)
    selector.add(channel.on_receive(), "in")
    selector.add(Chan[Any]().on_receive(), "other")
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()  # so that it stands in the lines
    channel.send_nowait(1)
    method = getattr(Selector, name)
    assert await unprotected_steps(method, lambda: METHODS[name](selector, channel)) == []
    selector.check()


@pytest.mark.parametrize("name", ["select", "__anext__"])
async def test_a_wait_cannot_be_interrupted_when_it_is_over(name: str) -> None:
    """What was handed over is reported."""
    selector, channel = Selector[str, Any](), Chan[Any]()
    selector.add(channel.on_receive(), "in")

    async def send() -> None:
        await wait_all_tasks_blocked()
        channel.send_nowait(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        method = getattr(Selector, name)
        assert await unprotected_steps(method, lambda: METHODS[name](selector, channel)) == []


# What it costs


class Counting:
    """Counts what is done at channels and lines while it is entered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for name in ("may_take", "may_give", "join", "line_up"):
            self.watch(monkeypatch, ChanState, name)
        for name in ("join", "lose_place", "withdraw"):
            self.watch(monkeypatch, type(Selector[int, int]()._decider), name)

    def watch(self, monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> None:
        original = getattr(kind, name)

        def counted(*arguments: Any) -> Any:
            self.count += 1
            return original(*arguments)

        monkeypatch.setattr(kind, name, counted)


async def count_steps(width: int, counting: Counting, events: int = 50) -> int:
    """Return how many steps ``events`` events take, at one of so many channels."""
    channels = [Chan[int](0 if number % 2 else 1) for number in range(width)]
    timed = [Chan(strategy=Slow()) for _ in range(width)]
    log = Log()
    with Selector[Any, Any]() as selector:
        for label, channel in enumerate([*channels, *timed]):
            selector.add(channel.on_receive(), label)
        for label in range(width):
            selector.add(at(1e6 + label), f"at {label}")
        async with trio.open_nursery() as nursery:
            await line_up(nursery, log.loop, selector)
            counting.count = 0
            for number in range(events):
                await channels[number % 2].send(number)
                if number % 3:
                    await wait_all_tasks_blocked()
                if number % 5 == 0:
                    selector.add(Chan[int]().on_receive(), "new")
                    selector.remove("new")
            await wait_all_tasks_blocked()
            steps = counting.count
            assert len(log) == events
            nursery.cancel_scope.cancel()
    return steps


async def test_silent_channels_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of steps per event, beside two channels and beside five hundred."""
    counting = Counting(monkeypatch)
    many, few = [await count_steps(width, counting) for width in (500, 2)]
    assert 50 < many <= 1.1 * few  # how often others run between two steps depends on the time


async def test_full_channels_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If all are ready, one is looked at."""
    counting = Counting(monkeypatch)
    selector = Selector[int, int]()
    for label in range(500):
        channel = Chan[int](math.inf)
        for number in range(10):
            channel.send_nowait(number)
        selector.add(channel.on_receive(), label)
    counting.count = 0
    for _ in range(100):
        await selector.select()
    assert counting.count == 100


async def test_many_selectors_at_the_same_channels_do_not_disturb_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each event concerns the one that it wakes."""
    counting = Counting(monkeypatch)

    async def count(width: int) -> int:
        channels = [Chan[int]() for _ in range(width)]
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    selector = Selector[int, int]()
                    for label, channel in enumerate(channels):
                        selector.add(channel.on_receive(), label)
                    await line_up(nursery, Log().loop, selector)
                counting.count = 0
                for number in range(50):
                    await channels[number % 2].send(number)
                    if number % 3 == 0:
                        await wait_all_tasks_blocked()
                await wait_all_tasks_blocked()
                steps = counting.count
                scope.cancel()
        return steps

    assert await count(200) <= 1.2 * await count(2)


# Random programs

SLOTS, PROGRAM = 5, 40

channel_numbers = st.integers(0, CHANNELS - 1)
selector_numbers = st.integers(0, SELECTORS - 1)
slots = st.integers(0, SLOTS - 1)
verbs = st.sampled_from(["receive", "receive", "receive_ok", "send", "send", "close"])
wishes = st.tuples(verbs, channel_numbers, st.integers(0, 1))
adding = st.tuples(st.just("add"), selector_numbers, slots, wishes)
waiting = st.tuples(st.just("wait"), selector_numbers)
steps: st.SearchStrategy[Step] = st.one_of(
    *[adding, adding, adding, waiting, waiting, waiting],
    st.tuples(st.just("remove"), selector_numbers, slots),
    st.tuples(st.just("look"), selector_numbers),
    st.tuples(st.sampled_from(["send", "receive"]), channel_numbers),
    st.tuples(st.sampled_from(["send_nowait", "receive_nowait"]), channel_numbers),
    st.tuples(st.just("select"), st.lists(wishes, min_size=1, max_size=3)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("close"), channel_numbers),
    st.tuples(st.just("settle")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("sleep")),
)
makers: dict[str, Callable[[], Chan[Any]]] = {
    **{f"capacity {n}": partial(Chan[Any], n) for n in (0, 1, 2)},
    "block": lambda: Chan(strategy=Block(1)),
    "nothing": lambda: Chan(strategy=Block(0)),
    "slow": lambda: Chan(strategy=Slow(2)),
}
kinds = st.lists(
    st.sampled_from(["capacity 0", "capacity 0", *makers]), min_size=CHANNELS, max_size=CHANNELS
)


@dataclass(frozen=True)
class Ticket:
    """A label: the same as any other for its slot, but it says which case it belongs to."""

    slot: int
    wish: Wish = field(compare=False)
    value: Value = field(compare=False)


class World:
    """Runs a random program, and keeps account of every value."""

    def __init__(self, kinds: Sequence[str], nursery: trio.Nursery) -> None:
        self.channels = [makers[kind]() for kind in kinds]
        self.nursery = nursery
        self.selectors = [Selector[Ticket, Any]() for _ in range(SELECTORS)]
        self.producers = count()
        self.sent: list[Counter[Value]] = [Counter() for _ in self.channels]
        self.received: list[Counter[Value]] = [Counter() for _ in self.channels]
        self.last: dict[tuple[int, int, int], int] = {}
        self.scopes: list[trio.CancelScope] = []
        self.inside: Counter[int] = Counter()  # how many tasks are in a call of each selector
        self.uses: Counter[int] = Counter()  # how often each was used

    def case(self, wish: Wish, value: Value) -> Case[Any]:
        verb, number, priority = wish
        channel = self.channels[number]
        if verb == "send":
            return channel.on_send(value, priority=priority)
        case: Case[Any] = getattr(channel, f"on_{verb}")(priority=priority)
        return case

    def note(self, wish: Wish, value: Value, result: Any) -> Value | None:
        """Account for what has happened; return the value if one was received."""
        verb, number, _ = wish
        if verb == "send":
            self.sent[number][value] += 1
            return None
        if verb == "receive_ok":
            result, ok = result
            verb = "receive" if ok else "end"
        if verb == "receive":
            self.received[number][result] += 1
            got: Value = result
            return got
        assert result is None
        assert self.channels[number].closed
        return None

    def note_event(
        self, number: int, ticket: Ticket, result: Any, *, in_order: bool = True
    ) -> None:
        got = self.note(ticket.wish, ticket.value, result)
        if got is not None:
            producer, index = got
            key = (number, ticket.wish[1], producer)
            last = self.last.get(key, -1)
            assert index > last or not in_order  # each producer's values come in order
            self.last[key] = max(index, last)

    async def select(self, number: int) -> None:
        """Wait with a selector; another task may use it before this one reports what it got."""
        alone = not self.inside[number]
        self.inside[number] += 1
        self.uses[number] += 1
        use = self.uses[number]
        try:
            event = await self.selectors[number].select()
        finally:
            self.inside[number] -= 1
        self.note_event(number, *event, in_order=alone and use == self.uses[number])

    async def take(self, step: Step) -> None:
        verb, *arguments = step
        match verb:
            case "settle":
                await wait_all_tasks_blocked()
                self.check_quiet()
            case "sleep":
                await trio.sleep(1)
            case "cancel":
                if self.scopes:
                    self.scopes[-1 - arguments[0] % len(self.scopes)].cancel()
            case "close":
                self.channels[arguments[0]].close()
            case "add":
                number, slot, wish = arguments
                value = (next(self.producers), 0)
                self.selectors[number].add(self.case(wish, value), Ticket(slot, wish, value))
            case "remove":
                number, slot = arguments
                self.selectors[number].remove(Ticket(slot, ("", 0, 0), (0, 0)))
            case "look":
                self.uses[arguments[0]] += 1
                alone = not self.inside[arguments[0]]
                with suppress(trio.WouldBlock, *ENDS):
                    event = self.selectors[arguments[0]].select_nowait()
                    self.note_event(arguments[0], *event, in_order=alone)
            case "send_nowait" | "receive_nowait":
                offered = ((verb.removesuffix("_nowait"), *arguments, 0), (next(self.producers), 0))
                with suppress(trio.WouldBlock, *ENDS):
                    self.note(*offered, select_nowait(self.case(*offered))[1])
            case _:
                scope = trio.CancelScope()
                self.scopes.append(scope)
                self.nursery.start_soon(self.in_scope, scope, verb, arguments[0])

    async def in_scope(self, scope: trio.CancelScope, verb: str, argument: Any) -> None:
        producer = next(self.producers)
        with scope, suppress(*ENDS):
            match verb:
                case "wait":
                    await self.select(argument)
                case "select":
                    offered = [(wish, (producer, n)) for n, wish in enumerate(argument)]
                    index, result = await select(*(self.case(*one) for one in offered))
                    assert isinstance(index, int)
                    self.note(*offered[index], result)
                case "send":
                    for n in range(3):
                        await self.channels[argument].send((producer, n))
                        self.note(("send", argument, 0), (producer, n), None)
                case _:
                    got = await self.channels[argument].receive()
                    self.note(("receive", argument, 0), got, got)

    def check_quiet(self) -> None:
        """Nobody sleeps although there is something to do."""
        for channel in self.channels:
            channel.check()
        for selector in self.selectors:
            selector.check()
            places = selector._decider
            for member in [] if places.away else places.members:
                assert isinstance(member.case, ChannelCase)
                channel, role = member.case._thing, member.case.role
                receiving, sending = (
                    [one for one in line if not one.away and one is not places]
                    for line in (channel._state.receivers, channel._state.senders)
                )
                if role == "send":
                    assert len(channel) >= channel.capacity
                    assert not receiving
                elif role == "receive":
                    assert not self.has_one(channel)
                    assert not sending
                assert not channel.closed or self.holds_back(channel)

    def has_one(self, channel: Chan[Any]) -> bool:
        return len(channel) > 0 and not self.holds_back(channel)

    def holds_back(self, channel: Chan[Any]) -> bool:
        if type(channel._state) is ChanState:
            return False
        strategy = channel._state.asked.strategy  # type: ignore[attr-defined]
        return isinstance(strategy, Slow) and trio.current_time() < strategy.next_at

    def check_account(self) -> None:
        """What was sent is what was received or is left, each value once."""
        for channel, sent, received in zip(self.channels, self.sent, self.received, strict=True):
            channel.check()
            assert sent == received + Counter(channel.drain())
            assert all(times == 1 for times in sent.values())
        for selector in self.selectors:
            selector.check()
            selector.close()
        assert [standers(channel) for channel in self.channels] == [0] * CHANNELS


@given(kinds, st.lists(steps, min_size=5, max_size=PROGRAM))
@examples(400)
def test_whatever_happens_nothing_is_lost_and_nobody_sleeps_in_vain(
    kinds: list[str], program: list[Step]
) -> None:
    """Selectors among plain operations and selects, closes and cancellations."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            world = World(kinds, nursery)
            for step in program:
                await world.take(step)
            await world.take(("settle",))
            nursery.cancel_scope.cancel()
        world.check_account()

    run_in_virtual_time(main)

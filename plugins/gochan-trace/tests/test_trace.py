"""Tracing: what is recorded, and that nothing else is any different."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import textwrap
import threading
import weakref
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from itertools import combinations, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from gochan_trace import Trace, trace
from gochan_trace._drawing import _COLOURS, SIZE, measure
from trio.testing import MockClock, wait_all_tasks_blocked

from _gochan_chance import chance
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
    merge,
    open_job_queue,
    select,
    select_nowait,
)
from gochan.lowlevel import yield_interval
from gochan.strategies import ADMIT, WAIT, DropOnFull, Strategy, Verdict

pytestmark = pytest.mark.usefixtures("both_modes")

scheduling: Random = trio._core._run._r


def told(seen: Trace) -> list[str]:
    """Return what happened, each in a line."""
    return [f"{event.words}: {event.outcome}" for event in seen.events]


def arrows(seen: Trace) -> list[tuple[str, str, str, str]]:
    return [(one.channel, one.value, one.sent.verb, one.received.verb) for one in seen.transfers]


class Thing:
    """A value that shows whether it is still kept."""

    def __repr__(self) -> str:
        return "thing"


# Nothing is there while nobody traces


def test_when_the_trace_ends_nothing_is_recorded_any_more() -> None:
    """Also after an error, and only when the last trace has ended."""
    channel = Chan[int](9, name="numbers")
    with suppress(ZeroDivisionError), trace() as outer:
        with trace() as inner:
            channel.send_nowait(1)
        channel.send_nowait(2)
        raise ZeroDivisionError
    channel.send_nowait(3)
    assert [event.value for event in inner.events] == ["1"]
    assert [event.value for event in outer.events] == ["1", "2"]


def test_traces_of_several_threads_may_overlap() -> None:
    """In any order; each sees its own thread alone, and the last one puts everything back."""
    steps = [threading.Event() for _ in range(4)]
    seen: dict[str, Trace] = {}

    def first() -> None:
        with trace() as seen["first"]:
            Chan[int](1, name="one").send_nowait(1)
            steps[0].set()
            steps[1].wait(10)
        steps[2].set()

    def second() -> None:
        steps[0].wait(10)
        with trace() as seen["second"]:
            Chan[int](1, name="two").send_nowait(2)
            steps[1].set()
            steps[2].wait(10)
            Chan[int](1, name="three").send_nowait(3)

    def third() -> None:
        steps[0].wait(10)
        channel = Chan[int](1, name="four")
        channel.send_nowait(4)

    threads = [threading.Thread(target=each) for each in (first, second, third)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert told(seen["first"]) == ["send nowait 1 to one: done"]
    assert told(seen["second"]) == ["send nowait 2 to two: done", "send nowait 3 to three: done"]


async def everything() -> None:
    """Do everything that can be recorded, and see that it is done."""
    a, b, c = Chan[int](name="a"), Chan[int](5, name="b"), Chan[int](name="c")
    group, ticker = WaitGroup(), every(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.send_many, [1, 2])
        await wait_all_tasks_blocked()
        assert [await a.receive(), a.receive_nowait()] == [1, 2]
        await b.send(1)
        b.send_nowait(2)
        assert await b.receive_many(5) == [1, 2]
        await b.send_many([3, 4, 5])
        assert b.receive_many_nowait(2) == [3, 4]
        assert await anext(b.batches(5)) == [5]
        nursery.start_soon(b.receive)
        await wait_all_tasks_blocked()
        b.send_nowait(6)
        group.add()
        nursery.start_soon(group.wait)
        nursery.start_soon(anext, ticker)
        nursery.start_soon(select, a.on_send(7), c.on_receive())
        await wait_all_tasks_blocked()
        group.done()
        assert await select(a.on_receive(), c.on_receive()) == (0, 7)
        with Selector[str, int]() as selector:
            selector.add(a.on_receive(), "a")
            nursery.start_soon(a.send, 8)
            assert await selector.select() == ("a", 8)
            with pytest.raises(trio.WouldBlock):
                selector.select_nowait()
            nursery.start_soon(anext, selector)
            await wait_all_tasks_blocked()
            await a.send(9)
            await wait_all_tasks_blocked()
        with pytest.raises(trio.WouldBlock):
            select_nowait(a.on_receive())
        with trio.move_on_after(0.5):
            await select(a.on_receive())
        with trio.move_on_after(0):
            await select(a.on_receive())
    async with open_job_queue(trio.sleep, workers=2, capacity=1) as queue:
        for number in (1, 2, 3, 4):
            await queue.submit(number)
        with pytest.raises(trio.WouldBlock):
            queue.submit_nowait(5)
        await queue.stop(drain=2, grace=1)
    b.send_nowait(10)
    await b.receiver.aclose()
    assert a.drain() == []
    assert [number async for number in a] == []


def test_other_threads_are_not_seen() -> None:
    """Whatever they do; and they do it as ever."""
    outcomes: list[None] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(trio.run(everything, clock=MockClock(autojump_threshold=0)))
    )
    with trace() as seen:
        thread.start()
        thread.join()
    assert outcomes == [None]
    assert seen.events == ()


def test_everything_has_words() -> None:
    """In a line of text, and in a picture."""
    with trace() as seen:
        trio.run(everything, clock=MockClock(autojump_threshold=0))
    seen.check()
    written = {text for *_, text in texts(seen.svg(last=1000))}
    assert written >= {
        "waits to send to a", "gets 1 from a", "sent [1, 2]", "sends 2 to b", "gets [1, 2] from b",
        "sends [3, 4, 5] to b", "waits to receive from b", "gets 6", "adds 1", "is done",
        "waits for end of wait group 1", "goes on", "waits for the tick every 1 s", "tick",
        "waits: send to a, receive from c", "sends 7 to a", "gets 7 from a", "gets 9 from a",
        "select nowait: would block", "cancelled", "select: cancelled",
        "submits job 1", "waits to submit 4", "submitted job 4", "job 1 (1)", "done",
        "job 4 handed back", "quiet", "report", "closes b", "drops 10 (abandoned)",
        "drains [] from a", "receive: closed",
    }  # fmt: skip


def test_an_operation_that_nothing_calls_is_recorded() -> None:
    """Such as one at the exit of the interpreter, where there is no frame around it."""
    program = """
        import atexit, gochan, gochan_trace
        channel = gochan.Chan(1, name="numbers")
        tracing = gochan_trace.trace()
        seen = tracing.__enter__()
        atexit.register(lambda: print(*seen.events))
        atexit.register(channel.close)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0 s  outside: close numbers: done\n", "")


async def test_operations_inside_operations() -> None:
    """What a user's function does in the middle of one is recorded, too, and before it."""
    outer = Chan[int](
        strategy=Newest(1), name="outer", on_drop=lambda one, _: inner.send_nowait(one)
    )
    inner = Chan[int](5, name="inner")
    with trace() as seen:
        await outer.send(1)
        await outer.send(2)
    assert told(seen) == [
        "send 1 to outer: done",
        "drop 1 from outer: dropped",
        "send nowait 1 to inner: done",
        "send 2 to outer: done",
    ]
    full = Chan[int](strategy=Fickle(1), on_drop=lambda one, _: inner.send_nowait(one))
    full.send_nowait(1)
    with trace() as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(full.send, 2)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert [(event.verb, event.waited) for event in seen.events] == [
        ("drop", False),
        ("send_nowait", False),
        ("send", True),
    ]


async def test_a_task_inside_an_operation_goes_on_when_the_trace_ends() -> None:
    """It is seen as waiting, and what it does later is not seen at all."""
    channel, group = Chan[int](name="numbers"), WaitGroup()
    got: list[Any] = []

    async def receive() -> None:
        got.append(await channel.receive())

    async def select_and_send() -> None:
        got.append(await select(channel.on_send(2), after(1000)))
        with Selector[str, Any]() as selector:
            selector.add(group.on_done(), "done")
            got.append(await selector.select())

    async def send_many() -> None:
        await channel.send_many([3, 4])

    group.add()
    async with trio.open_nursery() as nursery:
        with trace() as seen:
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            bound = channel.send
        await bound(1)
        nursery.start_soon(select_and_send)
        await wait_all_tasks_blocked()
        with trace() as later:
            assert await channel.receive() == 2
            await wait_all_tasks_blocked()
            nursery.start_soon(send_many)
            await wait_all_tasks_blocked()
        group.done()
        assert [await channel.receive() for _ in range(2)] == [3, 4]
    assert sorted(got, key=str) == [("done", None), (0, None), 1]
    assert told(seen) == ["receive from numbers: waiting"]
    assert told(later)[0] == "receive 2 from numbers: done"
    assert later.events[-1].verb == "send_many"
    assert later.events[-1].outcome == "waiting"


def test_a_trace_may_be_around_several_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """And around none at all. Time goes on from one to the next."""
    channel = Chan[int](5, name="numbers")

    async def main(number: int) -> None:
        await trio.sleep(1)
        await channel.send(number)
        await trio.sleep(1)
        await channel.receive()

    with trace() as seen:
        channel.send_nowait(0)
        for number in (1, 2):
            trio.run(main, number, clock=MockClock(autojump_threshold=0))
        assert channel.receive_nowait() == 2
    assert [(event.task, event.start) for event in seen.events] == [
        ("outside", 0),
        ("main 1", 0),
        ("main 1", 1),
        ("main 2", 1),
        ("main 2", 2),
        ("outside", 2),
    ]
    assert [one.value for one in seen.transfers] == ["0", "1", "2"]


async def test_traces_nest(autojump_clock: MockClock) -> None:
    """Each begins to count when it begins."""
    channel = Chan[int](1, name="numbers")
    with trace() as outer:
        await channel.send(1)
        await trio.sleep(1)
        with trace() as inner:
            await trio.sleep(1)
            await channel.receive()
            await channel.send(2)
        await channel.receive()
    assert [(event.first, event.start) for event in outer.events] == [
        (0, 0),
        (1, 2),
        (2, 2),
        (3, 2),
    ]
    assert [(event.first, event.start) for event in inner.events] == [(0, 1), (1, 1)]
    assert len(outer.transfers) == 2
    assert inner.transfers == ()
    with trace() as early:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.receive)
            await wait_all_tasks_blocked()
            with trace() as late:
                await channel.send(3)
                await wait_all_tasks_blocked()
    assert len(early.transfers) == 1
    assert told(late) == ["send 3 to numbers: done"]
    assert late.transfers == ()


# What is recorded


async def test_sends_and_receives(autojump_clock: MockClock) -> None:
    """Each form of them; who waits, for how long, and what it gets."""
    channel = Chan[int](name="numbers")
    main = trio.lowlevel.current_task().name.rpartition(".")[2]

    async def send() -> None:
        await channel.send(1)
        with suppress(trio.WouldBlock):
            channel.send_nowait(2)
        await trio.sleep(1)
        await channel.send(3)
        await trio.sleep(1)
        channel.close()
        with suppress(ChanClosedError):
            await channel.send(4)
        channel.close()

    with trace() as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            assert await channel.receive() == 1
            await wait_all_tasks_blocked()
            with suppress(trio.WouldBlock):
                channel.receive_nowait()
            assert [number async for number in channel] == [3]
            await trio.sleep(1)
            assert await channel.receive_ok() == (None, False)
    assert [*map(str, seen.events)] == [
        "0 s  send: send 1 to numbers, from 0 s: done",
        f"0 s  {main}: receive 1 from numbers: done",
        "0 s  send: send nowait 2 to numbers: would block",
        f"0 s  {main}: receive nowait from numbers: would block",
        f"1 s  {main}: receive 3 from numbers, from 0 s: done",
        "1 s  send: send 3 to numbers: done",
        f"2 s  {main}: receive from numbers, from 1 s: closed",
        "2 s  send: close numbers: done",
        "2 s  send: send 4 to numbers: closed",
        f"3 s  {main}: receive from numbers: closed",
    ]


async def test_many_at_once() -> None:
    """All of their values, and arrows for each."""
    channel = Chan[int](4, name="numbers")
    with trace() as seen:
        await channel.send_many([1, 2, 3])
        assert await channel.receive_many(2) == [1, 2]
        assert channel.receive_many_nowait(2) == [3]
        with suppress(trio.WouldBlock):
            channel.receive_many_nowait(max=2)
        await channel.send_many(range(30, 34))
        assert [batch async for batch in ended(channel).batches(3)] == [[30, 31, 32], [33]]
        await channel.receive_ok()
        assert channel.drain() == []
    assert told(seen) == [
        "send many [1, 2, 3] to numbers: done",
        "receive many [1, 2] from numbers: done",
        "receive many nowait [3] from numbers: done",
        "receive many nowait from numbers: would block",
        "send many [30, 31, 32, 33] to numbers: done",
        "close numbers: done",
        "receive many [30, 31, 32] from numbers: done",
        "receive many [33] from numbers: done",
        "receive many from numbers: closed",
        "receive from numbers: closed",
        "drain [] from numbers: done",
    ]
    assert [one.value for one in seen.transfers] == ["1", "2", "3", "30", "31", "32", "33"]


def ended(channel: Chan[Any]) -> Chan[Any]:
    channel.close()
    return channel


async def test_a_lingering_batch_is_one_operation(autojump_clock: MockClock) -> None:
    """Also one that was cancelled and goes on; nobody hears of the receives in it."""
    channel = Chan[int](name="numbers")
    batches = channel.batches(3, linger=5)

    async def send() -> None:
        for number in (1, 2):
            await channel.send(number)
            await trio.sleep(3)

    with trace() as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            with trio.move_on_after(2):
                await anext(batches)
            assert await anext(batches) == [1, 2]
    assert Counter(event.verb for event in seen.events) == {"send": 2, "receive_many": 2}
    assert [event.outcome for event in seen.events if event.verb != "send"] == ["cancelled", "done"]
    assert [one.value for one in seen.transfers] == ["1", "2"]


async def test_many_that_wait_in_line() -> None:
    """What is taken from them one by one has an arrow each, as soon as it is taken."""
    channel = Chan[int](name="numbers")
    with trace() as seen:
        async with trio.open_nursery() as nursery:
            for first in (1, 10):
                nursery.start_soon(channel.send_many, [first, first + 1, first + 2])
                await wait_all_tasks_blocked()
            assert [await channel.receive() for _ in range(2)] == [1, 10]
            assert await channel.receive_many(3) == [2, 11, 3]
            nursery.cancel_scope.cancel()
    assert [(one.sent.value, one.value) for one in seen.transfers] == [
        ("[1, 2, 3]", "1"),
        ("[10, 11]", "10"),
        ("[1, 2, 3]", "2"),
        ("[10, 11]", "11"),
        ("[1, 2, 3]", "3"),
    ]
    assert [e.outcome for e in seen.events if e.verb == "send_many"] in (
        ["done", "cancelled"],
        ["cancelled", "cancelled"],
    )


async def test_a_long_list_is_shortened() -> None:
    """Whatever is sent, or however much."""
    channel = Chan[Any](2000)
    with trace() as seen:
        await channel.send_many(range(1000))
        await channel.receive_many(1000)
        await channel.send("x" * 10_000)
    for event in seen.events:
        assert event.value is not None
        assert len(event.value) < 60
        assert "..." in event.value


async def test_the_last_of_many_may_wait_alone() -> None:
    """What does not come from a list is read only when it can be sent."""
    channel = Chan[int](name="numbers")
    with trace() as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.send_many, iter([1, 2]))
            await wait_all_tasks_blocked()
            assert [await channel.receive() for _ in range(2)] == [1, 2]
            nursery.start_soon(channel.send_many, iter([3]))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with suppress(trio.WouldBlock):
            channel.receive_nowait()
    assert [one.value for one in seen.transfers] == ["1", "2"]


async def test_a_select_says_what_it_waits_for(autojump_clock: MockClock) -> None:
    """And which case was done, in all its forms."""
    a, b, group = Chan[int](1, name="a"), Chan[int](name="b"), WaitGroup()
    ticker = every(1)
    group.add(2)
    with trace() as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(a.send, 1)
            await wait_all_tasks_blocked()
            assert await select(a.on_receive(), b.on_send(2), after(3)) == (0, 1)
            assert await select(a.on_receive(), None, after(3)) == (2, 3)
            assert await select(one=a.on_send(4), two=b.on_send(5)) == ("one", None)
            assert select_nowait(a.on_receive_ok(), b.on_close()) == (0, (4, True))
            with suppress(trio.WouldBlock):
                select_nowait(a.on_receive())
            assert await select(b.on_receive(), default(6)) == (1, 6)
            assert await select(ticker.on_tick(), at(1000)) == (0, 1)
            assert await anext(ticker) == 4
            nursery.start_soon(group.wait)
            await wait_all_tasks_blocked()
            group.done()
            group.add(-1)
            nursery.start_soon(b.receive)
            await wait_all_tasks_blocked()
            assert await select(b.on_send(7), a.on_receive()) == (0, None)
            with trio.move_on_after(1):
                await select()
            a.close()
            assert await select(a.on_close(), b.on_receive()) == (0, None)
            assert await select(a.on_receive_ok()) == (0, (None, False))
            with pytest.raises(EndOfChannel):
                await select(b.on_receive(), x=a.on_receive())
            with pytest.raises(TypeError, match="is not a case"):
                await select(7)
            nursery.cancel_scope.cancel()
            with suppress(trio.Cancelled):
                await select(a.on_close())
    assert [line for line in told(seen) if not re.match("send|receive|add|done", line)] == [
        "select receive from a 1: done",
        "select after 3 s: done",
        "select send to a 4: done",
        "select receive from a 4: done",
        "select receive from a: would block",
        "select default: done",
        "select tick every 1 s: done",
        "tick tick every 1 s: done",
        "wait end of wait group 1: done",
        "select send to b 7: done",
        "select: cancelled",
        "close a: done",
        "select close of a: done",
        "select end of a: done",
        "select receive from b or receive from a: closed",
        "select never: failed",
        "select close of a: cancelled",
    ]
    assert [event.value for event in seen.events if event.verb in ("add", "done")] == ["-1", "-1"]
    by_case = [event.case for event in seen.events if event.verb == "select"]
    assert by_case == [0, 2, "one", 0, None, 1, 0, 0, None, 0, 0, "x", None, None]
    assert len(seen.events[1].cases) == 3


async def test_a_select_that_waits_meets_others() -> None:
    """Sends and receives of selects have arrows, in either order."""
    a, b = Chan[int](name="a"), Chan[int](name="b")

    async def choose(*cases: Any) -> None:
        with suppress(EndOfChannel, ChanClosedError):
            await select(*cases)

    with trace() as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(choose, a.on_send(1), b.on_receive())
            await wait_all_tasks_blocked()
            assert await a.receive() == 1
            nursery.start_soon(choose, a.on_receive_ok(), b.on_receive())
            await wait_all_tasks_blocked()
            await a.send(2)
            nursery.start_soon(choose, a.on_send(3), b.on_send(3))
            await wait_all_tasks_blocked()
            assert await select(b.on_receive()) == (0, 3)
            nursery.start_soon(choose, a.on_send(4))
            nursery.start_soon(choose, b.on_receive())
            await wait_all_tasks_blocked()
            a.close()
            b.close()
    assert arrows(seen) == [
        ("a", "1", "select", "receive"),
        ("a", "2", "send", "select"),
        ("b", "3", "select", "select"),
    ]
    assert [e.outcome for e in seen.events if e.verb == "select"][-2:] == ["closed", "closed"]


async def test_selectors_and_merged_channels() -> None:
    """The same cases again and again; a case that waits, and one that need not."""
    a, b = Chan[int](1, name="a"), Chan[int](name="b")
    with trace() as seen, Selector[str, Any](name="both") as selector:
        selector.add(a.on_send(1), "send")
        selector.add(b.on_receive(), "receive")
        assert await selector.select() == ("send", None)
        selector.add(a.on_send(2), "send")
        with suppress(trio.WouldBlock):
            selector.select_nowait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(anext, selector)
            await wait_all_tasks_blocked()
            assert await a.receive() == 1
            await wait_all_tasks_blocked()
            assert await a.receive() == 2
            nursery.start_soon(selector.select)
            await wait_all_tasks_blocked()
            nursery.start_soon(b.send, 3)
        with trio.move_on_after(0):
            await selector.select()
        merged = merge(ended(a), ended(b))
        assert [value async for value in merged] == []
    assert [line for line in told(seen) if line.startswith("select")] == [
        "select send to a 1: done",
        "select nowait receive from b or send to a: would block",
        "select send to a 2: done",
        "select receive from b 3: done",
        "select receive from b: cancelled",
        "select receive from a or receive from b: closed",
    ]
    assert arrows(seen) == [
        ("a", "1", "select", "receive"),
        ("a", "2", "select", "receive"),
        ("b", "3", "send", "select"),
    ]


async def test_a_selector_that_looks_at_its_clocks(autojump_clock: MockClock) -> None:
    """It may then send something without a wait."""
    channel = Chan[int](strategy=Later(), name="later")
    with trace() as seen, Selector[str, Any]() as selector:
        selector.add(channel.on_send(1), "send")
        with trio.move_on_after(0.5):
            await selector.select()
        await trio.sleep(1)
        assert await selector.select() == ("send", None)
        assert await channel.receive() == 1
    assert arrows(seen) == [("later", "1", "select", "receive")]


class Later(Strategy[Any]):
    """Lets nothing in before the first second is over."""

    def __init__(self) -> None:
        super().__init__(1)

    def offer(self, item: Any, now: float) -> Verdict:
        if now < 1:
            return WAIT
        self.items.append(item)
        return ADMIT

    def next_change(self, now: float) -> float | None:
        return 1 if now < 1 else None


async def test_only_the_first_of_many_cases_are_recorded() -> None:
    """A thousand in a row would help nobody."""
    channels = [Chan[int](name=f"c{number}") for number in range(1000)]
    merged = merge(*channels)
    with trace() as seen:
        with suppress(trio.WouldBlock):
            merged.receive_nowait()
        with suppress(trio.WouldBlock):
            select_nowait(*(channel.on_receive() for channel in channels))
    for event in seen.events:
        assert event.cases[0] == "receive from c0"
        assert event.cases[-1] == "992 more"
        assert len(event.cases) == 9


async def test_what_a_strategy_gives_up() -> None:
    """The trace says why, and does not keep the value, even if it was given up at once."""
    channel = Chan[Any](strategy=Newest(1), name="newest")
    first, second, last = Thing(), Thing(), Thing()
    kept = [weakref.ref(thing) for thing in (first, second, last)]
    with trace() as seen:
        await channel.send(first)
        channel.send_nowait(second)
        channel.send_nowait("bad")
        await select(channel.on_send(last))
        del first, second, last
        gc.collect()
        assert [ref() is None for ref in kept] == [True, True, False]
        await channel.receiver.aclose()
        gc.collect()
        assert kept[2]() is None
    assert told(seen) == [
        "send thing to newest: done",
        "drop thing from newest: dropped",
        "send nowait thing to newest: done",
        "drop 'bad' from newest: dropped",
        "send nowait 'bad' to newest: done",
        "drop thing from newest: dropped",
        "select send to newest thing: done",
        "drop thing from newest: dropped",
        "close newest: done",
    ]
    assert [e.reason for e in seen.events if e.verb == "drop"] == ["old", "bad", "old", "abandoned"]


class Newest(Strategy[Any]):
    """Keeps what came last; what is bad it drops at once."""

    def offer(self, item: Any, now: float) -> Verdict:
        if item == "bad":
            self.drop(item, "bad")
            return ADMIT
        while self.items:
            self.drop(self.items.popleft(), "old")
        self.items.append(item)
        return ADMIT


async def test_what_was_sent_before_may_be_given_up() -> None:
    """It is not mistaken for a value that is sent at that moment."""
    channel = Chan[Any](strategy=Newest(1))
    channel.send_nowait(1)
    full = Chan[Any](strategy=Fickle(1))
    full.send_nowait(None)
    with trace() as seen:
        channel.send_nowait(2)
        channel.receive_nowait()
        channel.send_nowait(1)
        channel.receive_nowait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(full.send, None)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert [one.value for one in seen.transfers] == ["2", "1"]
    assert seen.events[-1].outcome == "cancelled"


class Fickle(Strategy[Any]):
    """Drops what it has for a new value, and does not admit that either."""

    had_one = False

    def offer(self, item: Any, now: float) -> Verdict:
        if self.items:
            self.drop(self.items.popleft(), "old")
        if self.had_one:
            return WAIT
        self.had_one = True
        self.items.append(item)
        return ADMIT


async def test_refused_and_failed() -> None:
    """By a strategy; and whatever else is raised."""
    channel = Chan[int](strategy=DropOnFull(1), name="numbers")
    with trace() as seen:
        await channel.send(1)
        for _ in range(2):
            with suppress(Refused):
                await channel.send(2)
        with suppress(Refused):
            await select(channel.on_send(3))
        with suppress(TypeError):
            await channel.send_many(7)
    assert [event.outcome for event in seen.events] == [
        *["done", "refused", "refused"],
        "refused",
        "failed",
    ]


async def test_jobs(autojump_clock: MockClock) -> None:
    """From the submission to the end, with the worker that ran it; and the phases of a stop."""

    async def cook(seconds: float) -> None:
        await inside.send(seconds)
        await trio.sleep(seconds)
        if seconds == 2:
            raise ValueError("burnt")

    inside = Chan[float](100, name="inside")
    with trace() as seen:
        async with open_job_queue(cook, workers=2, capacity=1, failures="collect") as queue:
            for seconds in (1, 2, 100):
                await queue.submit(seconds, timeout=5)
            assert not queue.try_submit(4)
            waiting = await queue.submit(4)
            waiting.cancel("no more")
            await queue.submit(5)
            await trio.sleep(1.5)
            queue.submit_nowait(6)
            await queue.stop(drain=10)
        with pytest.raises(ChanClosedError):
            queue.submit_nowait(7)
    jobs = [event for event in seen.events if event.verb == "job"]
    jobs.sort(key=lambda event: event.job or 0)
    assert [(event.job, event.outcome, event.end - event.start) for event in jobs] == [
        (1, "done", 1),
        (2, "failed", 2),
        (3, "timed_out", 5),
        (4, "cancelled", 0),
        (5, "done", 5),
        (6, "handed_back", 0),
    ]
    assert {event.task for event in jobs if event.waited} == {"worker 1", "worker 2"}
    submits = [event for event in seen.events if event.verb.startswith("submit")]
    assert [(event.verb, event.job, event.outcome, event.waited) for event in submits] == [
        ("submit", 1, "done", False),
        ("submit", 2, "done", False),
        ("submit", 3, "done", False),
        ("submit_nowait", None, "would block", False),
        ("submit", 4, "done", True),
        ("submit", 5, "done", False),
        ("submit_nowait", 6, "done", False),
        ("submit_nowait", None, "closed", False),
    ]
    assert [e.value for e in seen.events if e.verb == "phase"] == [
        "quiet",
        "drain",
        "release",
        "report",
    ]
    started = {one.value: one.sent.job for one in seen.transfers if one.received.verb == "job"}
    assert started == {"job 1": 1, "job 2": 2, "job 3": 3, "job 5": 5}
    inner = [event for event in seen.events if event.channel == "inside"]
    assert sorted(str(event.value) for event in inner) == ["1", "100", "2", "5"]
    assert {event.channel for event in seen.events} == {"queue of cook", "inside"}


async def test_a_refused_job_and_a_queue_that_was_there_before() -> None:
    """A refusal is told once; a job of before has no submission to point from."""

    async def cook(_: int) -> None:
        await gate.wait()

    gate = trio.Event()
    async with open_job_queue(cook, strategy="drop-on-full", capacity=1) as queue:
        await queue.submit(1)
        await wait_all_tasks_blocked()
        await queue.submit(2)
        with trace() as seen:
            with suppress(Refused):
                await queue.submit(3)
            assert seen.events[0].outcome == "refused"
            gate.set()
            await queue.join()
            queue.close()
    assert told(seen) == [
        "submit 3 to queue of cook: refused",
        "job 1 (1): done",
        "job 2 (2): done",
        "close queue of cook: done",
    ]
    assert seen.transfers == ()


# Names, values and limits


async def test_names() -> None:
    """Of tasks without their modules; where several have the same, with numbers."""

    class Kitchen:
        async def cook(self, channel: Chan[int]) -> None:
            await channel.send(1)

    channels = [Chan[int](1), Chan[int](1, name="dish"), Chan[int](2, name="dish")]
    with trace() as seen:
        async with trio.open_nursery() as nursery:
            for channel in channels:
                nursery.start_soon(Kitchen().cook, channel)
            nursery.start_soon(channels[2].send, 1, name="the chef, v1.0")
    names = {event.task for event in seen.events}
    assert names == {"cook 1", "cook 2", "cook 3", "the chef, v1.0"}
    assert {e.channel for e in seen.events} == {"channel 1", "dish", "dish (2)"}


async def test_a_value_whose_repr_fails() -> None:
    """Is no reason to fail, too."""

    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    class list:  # noqa: A001  # by its name it is taken for what it is not
        pass

    channel = Chan[Any](2)
    with trace() as seen:
        await channel.send(Shy())
        await channel.send(list())
    assert "Shy" in str(seen.events[0].value)
    assert seen.events[1].value == "<list>"


async def test_values_are_kept_only_while_they_are_on_their_way() -> None:
    """And no longer than their channel, which a trace does not keep."""
    channel, other = Chan[Thing](1), Chan[Thing](1)
    received, cancelled, buffered = Thing(), Thing(), Thing()
    kept = [weakref.ref(thing) for thing in (received, cancelled, buffered)]
    with trace() as seen:
        await channel.send(received)
        await channel.receive()
        await channel.send(buffered)
        with trio.move_on_after(0):
            await select(channel.on_send(cancelled))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.send, cancelled)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await other.send(buffered)
        del received, cancelled, buffered, nursery
        gc.collect()
        assert [ref() is None for ref in kept] == [True, True, False]
        del channel, other
        gc.collect()
        assert kept[2]() is None
        assert len(seen.events) == 6


async def test_the_same_object_twice_is_received_in_order() -> None:
    """Of several sends of one object, the oldest comes first."""
    channel = Chan[None](5)
    with trace() as seen:
        for _ in range(3):
            await channel.send(None)
        for _ in range(3):
            await channel.receive()
    assert [(one.sent.first, one.received.first) for one in seen.transfers] == [
        (0, 3),
        (1, 4),
        (2, 5),
    ]


async def test_of_two_senders_that_wait_with_the_same_object_one_may_go() -> None:
    """The other still waits, and is received from."""
    channel = Chan[None](name="nothing")
    scopes: list[trio.CancelScope] = []

    async def send() -> None:
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await channel.send(None)

    with trace() as seen:
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(send)
                await wait_all_tasks_blocked()
            scopes[0].cancel()
            await wait_all_tasks_blocked()
            await channel.receive()
    (one,) = seen.transfers
    assert one.sent.first == 1


async def test_what_was_sent_before_has_no_arrow() -> None:
    """Nobody knows where it came from."""
    channel = Chan[int](2)
    await channel.send(1)
    with trace() as seen:
        await channel.receive()
    assert seen.transfers == ()


async def test_the_oldest_are_dropped() -> None:
    """And it is said how many."""
    channel = Chan[int](1)
    with trace(limit=10) as seen:
        for number in range(100):
            await channel.send(number)
            await channel.receive()
            assert seen._recorder is not None
            assert len(seen._recorder.arrows) <= 10
    assert [event.value for event in seen.events] == [str(n) for n in range(95, 100) for _ in "ab"]
    assert len(seen.transfers) == 5
    assert seen.dropped == 190
    assert repr(seen) == "<gochan_trace.Trace: 10 events, 190 older ones dropped>"
    assert "190 older events were dropped" in seen.svg()
    assert json.loads(seen.json())["otherData"]["older events dropped"] == 190


@pytest.mark.parametrize("limit", ["1", True, 1.0, None])
def test_a_limit_is_a_number(limit: Any) -> None:
    """A whole one."""
    with pytest.raises(TypeError, match="limit must be an int"), trace(limit=limit):
        pass


def test_a_limit_is_positive() -> None:
    """Nothing is changed if it is not."""
    with pytest.raises(ValueError, match="limit must be >= 1"), trace(limit=0):
        pass


async def test_an_event_is_a_line_of_text(autojump_clock: MockClock) -> None:
    """With the moment at which it ended."""
    channel = Chan[int](name="numbers")
    with trace() as seen:
        with trio.move_on_after(2):
            await channel.receive()
        channel.close()
    assert [*map(str, seen.events)] == [
        f"2 s  {seen.events[0].task}: receive from numbers, from 0 s: cancelled",
        f"2 s  {seen.events[0].task}: close numbers: done",
    ]
    assert repr(seen) == "<gochan_trace.Trace: 2 events>"


# Nothing else is any different


def test_signals_are_held_back_where_they_are_otherwise() -> None:
    """Ctrl-C strikes in the user's code, never in the middle of an operation."""
    protected: list[tuple[str, bool]] = []

    def look(where: str) -> None:
        protected.append((where, trio.lowlevel.currently_ki_protected()))

    class Looking(Strategy[Any]):
        def offer(self, item: Any, now: float) -> Verdict:
            look(f"offer {item}")
            if item == "wait" and self.items:
                return WAIT
            self.items.append(item)
            return ADMIT

    async def handle(_: int) -> None:
        look("handler")

    async def main() -> None:
        channel = Chan[Any](strategy=Looking(5))
        await channel.send("send")
        channel.send_nowait("nowait")
        await channel.send_many(["many"])
        await select(channel.on_send("select"))
        with Selector[str, Any]() as selector:
            selector.add(channel.on_send("selector"), "")
            await selector.select()
        async with open_job_queue(handle, strategy=Looking(5)) as queue:
            job = await queue.submit(1)
            await job.wait()
            queue.submit_nowait(2)
        look("main")

    trio.run(main)
    plain, protected[:] = [*protected], []
    with trace():
        trio.run(main)
    assert Counter(re.sub("0x\\w+", "", where) for where, _ in protected) == Counter(
        re.sub("0x\\w+", "", where) for where, _ in plain
    )
    assert (
        {(where.split()[0], held) for where, held in protected}
        == {("offer", True), ("handler", False), ("main", False)}
        == {(where.split()[0], held) for where, held in plain}
    )


def test_methods_stay_the_same() -> None:
    """For programs that keep one, or look at its name."""
    before = [Chan.send, Chan.receive, Chan.close, select]
    with trace():
        assert [Chan.send, Chan.receive, Chan.close, select] == before


def test_the_order_of_events_is_the_same() -> None:
    """For the same chance, the same schedule: tracing makes no checkpoint."""

    async def main(seen: list[Any]) -> None:
        channel = Chan[int](1)

        async def send(name: str) -> None:
            for number in range(20):
                await channel.send(number)
                seen.append((name, number))

        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(send, name)
            async for number in channel:
                seen.append(number)
                if len(seen) > 110:
                    break
            nursery.cancel_scope.cancel()

    def run(traced: bool) -> list[Any]:
        seen: list[Any] = []
        with ExitStack() as stack:
            if traced:
                stack.enter_context(trace())
            stack.enter_context(yield_interval(float("inf")))
            monkey.setattr(trio._core._run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
            scheduling.seed(5)
            chance.seed(5)
            trio.run(main, seen)
        return seen

    with pytest.MonkeyPatch.context() as monkey:
        assert run(traced=True) == run(traced=False)


# As a file


async def tell(channels: Sequence[Chan[Any]], random: Random) -> None:
    """Do all kinds of things."""

    async def act() -> None:
        for number in range(4):
            channel = random.choice(channels)
            with trio.move_on_after(random.random()), suppress(Exception):
                match random.randrange(6):
                    case 0:
                        await channel.send(f"value {number} of <this> & that")
                    case 1:
                        await channel.receive()
                    case 2:
                        channel.send_nowait(number)
                    case 3:
                        await channel.receive_many(2)
                    case 4:
                        await select(channel.on_receive(), channels[0].on_send(number), after(0.4))
                    case 5:
                        await queue.submit(random.random())

    async with (
        open_job_queue(trio.sleep, workers=2, capacity=1) as queue,
        trio.open_nursery() as nursery,
    ):
        for _ in range(3):
            nursery.start_soon(act)
    channels[-1].close()


def some_trace(seed: int) -> Trace:
    scheduling.seed(seed)
    chance.seed(seed)
    channels = [Chan[Any](name="meet"), Chan[Any](2, name="few"), Chan[Any](float("inf"))]
    with trace() as seen, yield_interval(float("inf")):
        trio.run(tell, channels, Random(seed), clock=MockClock(autojump_threshold=0))
    return seen


SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_json_keeps_to_the_format(seed: int) -> None:
    """Every part has what the Trace Event Format wants of its kind, and arrows have two ends."""
    seen = some_trace(seed)
    parts = json.loads(seen.json())["traceEvents"]
    wanted = {
        "M": {"args"},
        "X": {"ts", "dur", "cat", "args"},
        "i": {"ts", "s", "args"},
        "C": {"ts", "args"},
        "s": {"ts", "id", "cat"},
        "f": {"ts", "id", "cat", "bp"},
    }
    for part in parts:
        assert {"ph", "name", "pid", "tid", *wanted[part["ph"]]} <= {*part}, part
        assert part.get("ts", 0) >= 0
        assert part.get("dur", 0) >= 0
    names = {p["args"]["name"] for p in parts if p["name"] == "thread_name"}
    assert names == {event.task for event in seen.events}
    assert len([p for p in parts if p["ph"] in "Xi"]) == len(seen.events)
    # Slices of one thread are one inside the other, or one after the other.
    slices = [(p["tid"], p["ts"], p["ts"] + p["dur"]) for p in parts if p["ph"] == "X"]
    for (one, start, end), (other, other_start, other_end) in combinations(slices, 2):
        if one == other:
            nested = start <= other_start <= other_end <= end
            assert nested or end <= other_start or other_end <= start
    # An arrow begins and ends inside a slice, and does not go back in time.
    begun = {p["id"]: p for p in parts if p["ph"] == "s"}
    ended = {p["id"]: p for p in parts if p["ph"] == "f"}
    assert begun.keys() == ended.keys()
    assert len(begun) == len(seen.transfers) > 0
    for number, part in begun.items():
        assert part["ts"] <= ended[number]["ts"]
        for end in (part, ended[number]):
            assert any(t == end["tid"] and a <= end["ts"] <= b for t, a, b in slices), end


async def test_json_counts_what_is_buffered(autojump_clock: MockClock) -> None:
    """After each operation, on the clock of the program."""
    channel = Chan[int](2, name="numbers")
    with trace() as seen:
        await channel.send(1)
        await trio.sleep(3)
        await channel.send(2)
        await channel.receive()
    parts = json.loads(seen.json())["traceEvents"]
    assert [(p["ts"], p["args"]["values"]) for p in parts if p["ph"] == "C"] == [
        (0, 1),
        (3_000_000, 2),
        (3_000_001, 1),
    ]
    assert {p["name"] for p in parts if p["ph"] == "C"} == {"in numbers"}


def texts(picture: str) -> list[tuple[float, float, float, str]]:
    """Return what is written in a picture: from where to where, how high, and what."""
    found = []
    for node in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text"):
        text = "".join(node.itertext())
        x, width = float(node.attrib["x"]), measure(text)
        x -= width if node.attrib.get("text-anchor") == "end" else 0
        found.append((x, x + width, float(node.attrib["y"]), text))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_texts_do_not_overlap(seed: int) -> None:
    """However much happens at one moment; and none leaves the picture."""
    picture = some_trace(seed).svg()
    _, _, width, height = map(float, ET.fromstring(picture).attrib["viewBox"].split())
    for one, other in combinations(texts(picture), 2):
        apart = one[1] <= other[0] or other[1] <= one[0] or abs(one[2] - other[2]) >= 10
        assert apart, (one, other)
    for start, end, y, _ in texts(picture):
        assert 0 < start < end < width + 10
        assert 0 < y < height


@pytest.mark.parametrize("seed", SEEDS)
def test_a_picture_tells_all(seed: int) -> None:
    """The same for the same trace, and readable by a screen reader."""
    seen = some_trace(seed)
    picture = seen.svg(title="What <they> did")
    assert picture == seen.svg(title="What <they> did")
    root = ET.fromstring(picture)
    title, description = (root.find(f"{{*}}{name}") for name in ("title", "desc"))
    assert title is not None
    assert title.text == "What <they> did"
    assert description is not None
    assert str(description.text).count(". ") >= len(seen.events) - 1
    written = [text for *_, text in texts(picture)]
    assert {event.task for event in seen.events} <= {*written}
    assert "0 s" in written
    classes = {kind for node in root.iter() for kind in node.attrib.get("class", "").split()}
    for kind in classes:
        assert f".{kind}{{" in picture, kind


def test_a_picture_without_anything() -> None:
    """Is a picture of nothing, as wide as a page."""
    with trace() as seen:
        pass
    assert seen.svg().startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 ')
    assert json.loads(seen.json())["traceEvents"] != []


async def test_a_long_picture_shows_the_end() -> None:
    """And says how much it leaves out; what began before goes on."""
    channel, other = Chan[int](1), Chan[int](name="never")
    with trace() as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other.receive, name="patient")
            await wait_all_tasks_blocked()
            for number in range(100):
                await channel.send(number)
                await channel.receive()
            await channel.send(101)
            picture = seen.svg(last=10)
            assert "the last 10 of 203 steps" in picture
            assert ">patient<" in picture
            nursery.cancel_scope.cancel()
    assert "sends 3 to" in seen.svg(last=1000)
    assert "sends 3 to" not in picture
    assert "waits to receive" not in picture
    with pytest.raises(ValueError, match="last must be >= 1"):
        seen.svg(last=0)


def test_colours_can_be_told_from_their_ground() -> None:
    """What is written or drawn on the panel, on light pages and on dark ones."""
    for mode in (0, 1):
        panel = luminance(_COLOURS["panel"][mode])
        for name, pair in _COLOURS.items():
            light, dark = sorted([panel, luminance(pair[mode])], reverse=True)
            contrast = (light + 0.05) / (dark + 0.05)
            if name in ("ink", "soft", "blue", "green", "violet", "red"):
                assert contrast >= 4.5, (name, mode)
        ink = luminance(_COLOURS["ink"][mode])
        for ground in ("wait", "band"):
            light, dark = sorted([ink, luminance(_COLOURS[ground][mode])], reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, mode)


def luminance(colour: str) -> float:
    """Return how bright a colour is, as defined for the contrast of web pages."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def times(moments: Sequence[float]) -> list[str]:
    """Return what is written below a picture of something that happens at these moments."""
    clock = MockClock()

    async def main() -> None:
        channel = Chan[int](100)
        for before, moment in pairwise([0, *moments]):
            clock.jump(moment - before)
            channel.send_nowait(1)

    with trace() as seen:
        trio.run(main, clock=clock)
    written = [text for *_, text in texts(seen.svg())]
    return [text for text in written if re.fullmatch(r"[\d.]+ (s|ms|µs)", text)]


def test_the_time_is_written_where_it_moves() -> None:
    """In a unit that fits; if it moves everywhere, then where there is room for it."""
    assert times([0, 0, 5e-6, 5e-3, 5e-3, 0.25, 1, 90]) == [
        "0 s",
        "5 µs",
        "5 ms",
        "250 ms",
        "1 s",
        "90 s",
    ]
    assert 1 < len(times([number + 1000.125 for number in range(40)])) < 30


@pytest.mark.parametrize("save", [Trace.svg, Trace.json])
async def test_names_may_hold_anything(save: Callable[[Trace], str]) -> None:
    """Also what a picture or a file cannot hold: control characters, halves of characters."""
    odd = "\x00\x1b[0m\x85\ud800]]>&<b>\ufffe"
    channel = Chan[str](1, name=odd)
    with trace() as seen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.send, odd, name=odd)
    text = save(seen).encode()
    if save is Trace.json:
        names = [part["name"] for part in json.loads(text)["traceEvents"]]
        assert f"send {odd!r} to {odd}" in names
    else:
        words = "".join(ET.fromstring(text).itertext())
        assert "\ufffd\ufffd[0m\x85\ufffd]]>&<b>\ufffd" in words
    assert seen.svg(title=odd).encode() != b""


async def test_arguments_may_have_names() -> None:
    """As in any call; and one that is missing is missed as without a trace."""

    async def handle(payload: str) -> None:
        pass

    channel = Chan[int](2)
    with trace() as seen:
        await channel.send(value=1)
        channel.send_nowait(value=2)
        assert await channel.receive_many(max=2) == [1, 2]
        with pytest.raises(TypeError, match=r"send_nowait\(\) missing .* argument: 'value'"):
            channel.send_nowait()  # type: ignore[call-arg]
        async with open_job_queue(handle) as queue:
            await queue.submit(timeout=3, payload="tea")
    told = [(event.verb, event.value) for event in seen.events]
    assert told[:3] == [
        ("send", "1"),
        ("send_nowait", "2"),
        ("receive_many", "[1, 2]"),
    ]
    assert ("submit", "'tea'") in told
    assert [one.value for one in seen.transfers][:2] == ["1", "2"]


async def test_labels_may_be_anything() -> None:
    """The trace does not keep them, and can be saved all the same."""
    channel, label = Chan[int](1), frozenset({1})
    selector = Selector[Any, int]()
    selector.add(channel.on_receive(), label)
    channel.send_nowait(1)
    with trace() as seen:
        assert await selector.select() == (label, 1)
    assert [event.case for event in seen.events] == ["frozenset({1})"]
    assert '"case": "frozenset({1})"' in seen.json()


def test_wide_characters_are_wide() -> None:
    """So that labels do not meet in writing that takes a square for each character."""
    assert measure("漢字") > 2 * SIZE > measure("ab")


def test_labels_are_where_no_arrow_comes_from() -> None:
    """Above the line of tasks that send, and below that of tasks that receive."""

    async def main() -> None:
        channel = Chan[int]()

        async def sender() -> None:
            await channel.send(1)

        async def receiver() -> None:
            await channel.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender)
            nursery.start_soon(receiver)

    with trace() as seen:
        trio.run(main)
    height = {text: y for *_, y, text in texts(seen.svg())}
    sends = next(y for text, y in height.items() if "send" in text and text != "sender")
    gets = next(y for text, y in height.items() if text == "gets 1")
    assert sends < height["sender"] < height["receiver"] < gets


async def test_saving(tmp_path: Path) -> None:
    """By the ending of the name."""
    with trace() as seen:
        Chan[str](1).send_nowait("µ")
    seen.save(tmp_path / "a.svg")
    seen.save(str(tmp_path / "a.json"))
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == seen.svg()
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == seen.json()
    with pytest.raises(ValueError, match=r"saved as \.json or as \.svg, not as 'a\.png'"):
        seen.save(tmp_path / "a.png")

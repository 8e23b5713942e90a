"""Channels with strategies in general: whatever somebody may come up with.

The strategies here are written as a third party would write them.
"""

from __future__ import annotations

import gc
import heapq
import math
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from random import Random
from typing import Any, Literal, TypeVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan import (
    Chan,
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    Refused,
    Selector,
    after,
    default,
    select,
    select_nowait,
)
from gochan.strategies import ADMIT, WAIT, Block, Empty, Refuse, Strategy, Verdict

from ..lines import line_up, stable

pytestmark = pytest.mark.usefixtures("both_modes", "virtual_time")

T = TypeVar("T")
scheduling: Random = trio._core._run._r  # type: ignore[attr-defined]


# Strategies that time leaves alone


class Newest(Strategy[T]):
    """Drop the oldest items, as many as there are too many."""

    def offer(self, item: T, now: float) -> Verdict:
        self.items.append(item)
        while len(self.items) > self.capacity:
            self.drop(self.items.popleft(), f"oldest of {len(self.items) + 1}")
        return ADMIT


class Quota(Strategy[T]):
    """Admit so many items in all; refuse what comes after."""

    def __init__(self, capacity: int, quota: int) -> None:
        super().__init__(capacity)
        self.left = quota

    def offer(self, item: T, now: float) -> Verdict:
        if not self.left:
            return Refuse("quota", 60.0)
        verdict = super().offer(item, now)
        self.left -= verdict is ADMIT
        return verdict


class Weighed(Strategy[str]):
    """Hold strings of no more than so many letters in all."""

    def offer(self, item: str, now: float) -> Verdict:
        if sum(map(len, self.items)) + len(item) > self.capacity:
            return WAIT
        self.items.append(item)
        return ADMIT


class ByPriority(Strategy[tuple[int, T]]):
    """Give out the pair with the highest number first, from a heap of its own."""

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.heap: list[tuple[int, int, T]] = []
        self.count = count()

    def __len__(self) -> int:
        return len(self.heap)

    def offer(self, item: tuple[int, T], now: float) -> Verdict:
        if len(self.heap) >= self.capacity:
            return WAIT
        heapq.heappush(self.heap, (-item[0], next(self.count), item[1]))
        return ADMIT

    def take(self, now: float) -> tuple[int, T]:
        if not self.heap:
            raise Empty
        priority, _, item = heapq.heappop(self.heap)
        return -priority, item


class Fresh(Strategy[T]):
    """Give up, instead of giving out, what has waited for more than so many seconds."""

    def __init__(self, capacity: int | float, seconds: float) -> None:
        super().__init__(capacity)
        self.seconds = seconds
        self.arrivals: list[float] = []

    def offer(self, item: T, now: float) -> Verdict:
        verdict = super().offer(item, now)
        if verdict is ADMIT:
            self.arrivals.append(now)
        return verdict

    def take(self, now: float) -> T:
        while True:
            item = super().take(now)
            if now - self.arrivals.pop(0) <= self.seconds:
                return item
            self.drop(item, "stale")


class Pairs(Strategy[T]):
    """Let items go two by two; at close, the last one too."""

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.free = 0

    def offer(self, item: T, now: float) -> Verdict:
        verdict = super().offer(item, now)
        if verdict is ADMIT and len(self.items) - self.free == 2:
            self.free += 2
        return verdict

    def take(self, now: float) -> T:
        if not self.free:
            raise Empty
        self.free -= 1
        return self.items.popleft()

    def close(self) -> list[T]:
        self.free = len(self.items)
        return []


class GiveUp(Strategy[T]):
    """Drop what waits at close."""

    def close(self) -> list[T]:
        while self.items:
            self.drop(self.items.popleft(), "closing")
        return []


# Strategies that follow the time


class RateLimit(Strategy[T]):
    """Give out one item every so many seconds, after a burst: the generic cell rate algorithm."""

    def __init__(self, capacity: int | float, interval: float, burst: int = 1) -> None:
        super().__init__(capacity)
        self.interval = interval
        self.tolerance = interval * (burst - 1)
        self.expected = -math.inf

    def take(self, now: float) -> T:
        if now < self.expected - self.tolerance:
            raise Empty
        item = super().take(now)
        self.expected = max(now, self.expected) + self.interval
        return item

    def next_change(self, now: float) -> float | None:
        due = self.expected - self.tolerance
        return due if self.items and due > now else None


class Debounce(Strategy[T]):
    """Give out the newest item, once nothing new has come for so many seconds."""

    def __init__(self, quiet: float) -> None:
        super().__init__(1)
        self.quiet = quiet
        self.due = math.inf

    def offer(self, item: T, now: float) -> Verdict:
        if self.items:
            self.drop(self.items.popleft(), "bounced")
        self.items.append(item)
        self.due = now + self.quiet
        return ADMIT

    def take(self, now: float) -> T:
        if now < self.due:
            raise Empty
        return super().take(now)

    def next_change(self, now: float) -> float | None:
        return self.due if self.items and self.due > now else None


class Delay(Strategy[tuple[float, T]]):
    """Give out each pair as many seconds after it came as it says, from a heap of its own."""

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.heap: list[tuple[float, int, tuple[float, T]]] = []
        self.count = count()

    def __len__(self) -> int:
        return len(self.heap)

    def offer(self, item: tuple[float, T], now: float) -> Verdict:
        if len(self.heap) >= self.capacity:
            return WAIT
        heapq.heappush(self.heap, (now + item[0], next(self.count), item))
        return ADMIT

    def take(self, now: float) -> tuple[float, T]:
        if not self.heap or now < self.heap[0][0]:
            raise Empty
        return heapq.heappop(self.heap)[2]

    def next_change(self, now: float) -> float | None:
        return self.heap[0][0] if self.heap and now < self.heap[0][0] else None


class FreshRateLimit(RateLimit[tuple[float, T]]):
    """A rate limiter that gives up, instead of giving out, what came before a moment."""

    def take(self, now: float) -> tuple[float, T]:
        while self.items and self.items[0][0] < now and now >= self.expected:
            self.drop(self.items.popleft(), "stale")
        return super().take(now)


# Tools


class Drops(list[tuple[Any, str]]):
    """What was dropped, and why: to be given as ``on_drop``."""

    def __call__(self, value: Any, reason: str) -> None:
        self.append((value, reason))


class Log(list[tuple[Any, float]]):
    """What came, and when, counted from when this was made."""

    def __init__(self) -> None:
        self.begin = trio.current_time()

    def note(self, thing: object) -> None:
        self.append((thing, trio.current_time() - self.begin))

    async def receive(self, channel: Chan[Any], name: str = "") -> None:
        """Receive one value, or learn how it ended."""
        try:
            value = await channel.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            value = type(error)
        self.note((name, value) if name else value)

    async def receive_all(self, channel: Chan[Any]) -> None:
        """Receive until the end, and note that too."""
        async for value in channel:
            self.note(value)
        self.note("end")

    async def send(self, channel: Chan[Any], value: object) -> None:
        """Send, and note when it has been let in, or how it ended."""
        try:
            await channel.send(value)
            self.note(value)
        except (Refused, ChanClosedError) as error:
            self.note((error.value, type(error)))


# What a channel takes as a strategy


@pytest.mark.parametrize(
    "thing", ["block", Block, Block[int], 20, object(), gochan.strategy, [Block(1)]], ids=stable
)
def test_a_strategy_is_an_instance(thing: Any) -> None:
    """Not a name, a class or a factory; the error shows what it was, and what to write."""
    with pytest.raises(
        TypeError, match=r"must be an instance of gochan\.strategies\.Strategy"
    ) as e:
        Chan(strategy=thing)
    assert repr(thing) in str(e.value)
    assert "strategies.Block(20)" in str(e.value)
    assert "gochan.strategy('block', capacity=20)" in str(e.value)


def test_what_only_looks_like_a_strategy_is_none() -> None:
    """Subclassing is what counts, so that methods can be added later."""

    class Duck:
        capacity, items, _dropped, _in_use = 1, [], [], False
        offer = take = next_change = finished = close = drop = __len__ = None

    with pytest.raises(TypeError, match="must be an instance"):
        Chan(strategy=Duck())  # type: ignore[arg-type]


def test_a_strategy_that_skipped_its_initialisation_says_so() -> None:
    """A forgotten ``super().__init__`` is reported when the channel is made, not at some send."""

    class Forgetful(Strategy[int]):
        def __init__(self, speed: float) -> None:
            self.speed = speed
            self.capacity = 3

    with pytest.raises(TypeError, match=r"Forgetful\.__init__ must call super\(\)\.__init__\(cap"):
        Chan(strategy=Forgetful(2.0))


def test_a_strategy_serves_one_channel_only() -> None:
    """Also after that channel has been closed; the error shows which strategy it was."""
    strategy = Block[int](3)
    channel = Chan(strategy=strategy)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"<Block 0/3> already serves another channel"):
            Chan(strategy=strategy)
        channel.close()
    assert Chan(strategy=Block[int](3)).capacity == 3


def test_a_strategy_as_it_stands_will_do() -> None:
    """The base class is one that blocks."""
    channel = Chan[int](strategy=Strategy(1))
    channel.send_nowait(1)
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(2)
    assert channel.receive_nowait() == 1


async def test_a_strategy_is_told_the_time_of_trio(autojump_clock: MockClock) -> None:
    """Each question comes with the moment at which it is asked."""
    moments: list[float] = []

    class Witness(Strategy[T]):
        def offer(self, item: T, now: float) -> Verdict:
            moments.append(now - trio.current_time())
            return super().offer(item, now)

        def take(self, now: float) -> T:
            moments.append(now - trio.current_time())
            return super().take(now)

        def next_change(self, now: float) -> None:
            moments.append(now - trio.current_time())

    channel = Chan[int](strategy=Witness(1))
    channel.send_nowait(1)
    await trio.sleep(5)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.send, 2)
        await trio.sleep(5)
        assert [channel.receive_nowait() for _ in range(2)] == [1, 2]
    assert len(moments) >= 4
    assert set(moments) == {0.0}


def test_a_strategy_is_asked_once_about_an_item_that_it_admits() -> None:
    """And again only about one that has to wait."""
    offered: list[int] = []

    class Curious(Strategy[int]):
        def offer(self, item: int, now: float) -> Verdict:
            offered.append(item)
            return super().offer(item, now)

    channel = Chan[int](strategy=Curious(2))
    for item in range(2):
        channel.send_nowait(item)
    assert (channel.receive_nowait(), channel.drain(), offered) == (0, [1], [0, 1])


# Items that a strategy gives up


def test_drops_are_reported_and_counted() -> None:
    """``on_drop`` gets each item with its reason, in the order of giving up."""
    drops = Drops()
    channel = Chan[int](strategy=Newest(2), on_drop=drops)
    for item in range(5):
        channel.send_nowait(item)
        assert channel.statistics().dropped == len(drops) == max(0, item - 1)
    assert drops == [(0, "oldest of 3"), (1, "oldest of 3"), (2, "oldest of 3")]
    assert channel.drain() == [3, 4]
    assert len(drops) == 3


def test_several_drops_at_once_are_reported_in_order() -> None:
    """Also if one step gives up many."""
    drops = Drops()
    strategy = Newest[int](5)
    channel = Chan(strategy=strategy, on_drop=drops)
    for item in range(5):
        channel.send_nowait(item)
    strategy.capacity = 2
    channel.send_nowait(5)
    assert [value for value, _ in drops] == [0, 1, 2, 3]
    assert (channel.statistics().dropped, channel.drain()) == (4, [4, 5])


def test_drops_are_counted_if_nobody_listens() -> None:
    """``on_drop`` is a choice."""
    channel = Chan[int](strategy=Newest(1))
    for item in range(4):
        channel.send_nowait(item)
    assert (channel.statistics().dropped, len(channel)) == (3, 1)


async def test_a_drop_is_reported_last() -> None:
    """When ``on_drop`` is called, everything has been done and counted, and may be looked at."""
    seen: list[Any] = []

    def look(value: int, reason: str) -> None:
        statistics = channel.statistics()
        seen.append((value, statistics.dropped, len(channel), statistics.tasks_waiting_receive))
        channel.check()

    strategy = Newest[int](3)
    channel = Chan(strategy=strategy, on_drop=look)
    for item in range(3):
        channel.send_nowait(item)
    strategy.capacity = 1
    channel.send_nowait(3)
    assert seen == [(0, 3, 1, 0), (1, 3, 1, 0), (2, 3, 1, 0)]


async def test_a_value_for_which_somebody_waits_is_not_dropped() -> None:
    """It goes to the receiver, so there is never one too many."""
    drops, received = Drops(), Log()
    channel = Chan[int](strategy=Newest(1), on_drop=drops)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, received.receive, channel)
        await line_up(nursery, received.receive, channel)
        for item in range(4):
            channel.send_nowait(item)
    assert sorted(value for value, _ in received) == [0, 1]
    assert [value for value, _ in drops] == [2]
    assert channel.drain() == [3]


def test_an_item_that_was_dropped_is_not_kept_alive() -> None:
    """Neither the channel nor its strategy holds on to it."""

    class Item:
        pass

    item = Item()
    reference = weakref.ref(item)
    channel = Chan[Item](strategy=Newest(1))
    channel.send_nowait(item)
    del item
    channel.send_nowait(Item())
    gc.collect()
    assert reference() is None


def test_drops_at_close_are_reported_at_close() -> None:
    """Nobody has to look for it: the close itself is the last that a channel may ever see."""
    drops = Drops()
    channel = Chan[int](strategy=GiveUp(3), on_drop=drops)
    channel.send_nowait(1)
    channel.send_nowait(2)
    channel.close()
    assert drops == [(1, "closing"), (2, "closing")]
    assert channel.statistics().dropped == 2
    assert channel.drain() == []


# Items that a strategy gives up on the way to another


async def test_drops_in_a_search_for_an_item_are_reported(autojump_clock: MockClock) -> None:
    """A receive gets the first that may go, and those before it are dropped."""
    drops = Drops()
    channel = Chan[int](strategy=Fresh(5, seconds=10), on_drop=drops)
    channel.send_nowait(1)
    channel.send_nowait(2)
    await trio.sleep(11)
    channel.send_nowait(3)
    assert await channel.receive() == 3
    assert drops == [(1, "stale"), (2, "stale")]


async def test_a_drop_makes_room_for_a_waiting_sender(autojump_clock: MockClock) -> None:
    """If all that waited is stale, a receive gets what the first waiting sender has."""
    drops, sent = Drops(), Log()
    channel = Chan[int](strategy=Fresh(2, seconds=10), on_drop=drops)
    async with trio.open_nursery() as nursery:
        for item in range(5):
            await line_up(nursery, sent.send, channel, item)
        await trio.sleep(11)
        assert channel.receive_nowait() == 2
        assert [value for value, _ in drops] == [0, 1]
        assert [channel.receive_nowait() for _ in range(2)] == [3, 4]
    assert sorted(sent) == [(0, 0.0), (1, 0.0), (2, 11.0), (3, 11.0), (4, 11.0)]


async def test_if_the_last_item_is_dropped_the_closed_channel_ends(
    autojump_clock: MockClock,
) -> None:
    """A receiver that looks for more gets the end, and does not wait for ever."""
    channel = Chan[int](strategy=Fresh(2, seconds=10))
    channel.send_nowait(1)
    channel.close()
    await trio.sleep(11)
    with trio.fail_after(1), pytest.raises(EndOfChannel):
        await channel.receive()
    assert channel.statistics().dropped == 1


async def test_an_empty_search_at_an_open_channel_waits(autojump_clock: MockClock) -> None:
    """If all that waited is stale and nobody sends, a receiver waits for the next item."""
    channel = Chan[int](strategy=Fresh(2, seconds=10))
    channel.send_nowait(1)
    await trio.sleep(11)
    with pytest.raises(trio.WouldBlock):
        channel.receive_nowait()
    async with trio.open_nursery() as nursery:
        received = Log()
        await line_up(nursery, received.receive, channel)
        channel.check()
        channel.send_nowait(2)
    assert received == [(2, 0.0)]


# Refused after waiting


async def test_a_sender_may_be_refused_while_it_waits_in_line() -> None:
    """It gets Refused as if it had been refused at once, and the next in line is asked."""
    sent = Log()
    channel = Chan[str](strategy=Quota(1, quota=2))
    async with trio.open_nursery() as nursery:
        for value in "abcd":
            await line_up(nursery, sent.send, channel, value)
        assert channel.statistics().tasks_waiting_send == 3
        assert channel.receive_nowait() == "a"
        assert channel.statistics().tasks_waiting_send == 0
        assert channel.drain() == ["b"]
    assert {thing for thing, _ in sent} == {"a", "b", ("c", Refused), ("d", Refused)}
    assert channel.statistics().dropped == 0


async def test_a_refusal_after_waiting_has_all_that_a_refusal_has() -> None:
    """Reason, time to try again, value; in a select also which case it was."""
    never = Chan[int]()
    channel = Chan[str](strategy=Quota(1, quota=2))
    channel.send_nowait("a")

    async def send() -> None:
        with pytest.raises(Refused, match="refused: quota; try again in 60 s") as caught:
            await select(never.on_receive(), push=channel.on_send("c"))
        error = caught.value
        assert (error.reason, error.retry_after, error.value) == ("quota", 60.0, "c")
        assert error.case == "push"

    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.send, "b")
        await line_up(nursery, send)
        assert channel.receive_nowait() == "a"
    assert never.statistics().tasks_waiting_receive == 0
    assert channel.drain() == ["b"]


# First come, first served


async def test_a_newcomer_that_would_fit_waits_behind_one_that_does_not() -> None:
    """Order is by arrival, whatever a strategy would say; so nothing big starves."""
    sent = Log()
    channel = Chan[str](strategy=Weighed(5))
    channel.send_nowait("four")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, sent.send, channel, "three")
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait("1")
        assert select_nowait(channel.on_send("1"), default()) == (1, None)
        await line_up(nursery, sent.send, channel, "1")
        assert sent == []
        assert channel.receive_nowait() == "four"
        assert channel.statistics().tasks_waiting_send == 1
        assert channel.receive_nowait() == "three"
    assert {value for value, _ in sent} == {"three", "1"}
    assert channel.drain() == ["1"]


async def test_when_a_sender_that_blocks_the_line_gives_up_the_next_are_let_in() -> None:
    """A cancelled sender must not leave those behind it waiting beside free room."""
    sent = Log()
    channel = Chan[str](strategy=Weighed(5))
    channel.send_nowait("four")
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                await line_up(inner, sent.send, channel, "three")
                await line_up(nursery, sent.send, channel, "1")
                scope.cancel()
        await wait_all_tasks_blocked()
        assert [value for value, _ in sent] == ["1"]
    assert channel.drain() == ["four", "1"]


# Items that a strategy holds back


async def test_a_receiver_waits_while_items_are_held_back() -> None:
    """It is served at the moment when one may go."""
    received = Log()
    channel = Chan[int](strategy=Pairs(9))
    channel.send_nowait(1)
    assert select_nowait(channel.on_receive(), default("held")) == (1, "held")
    async with trio.open_nursery() as nursery:
        await line_up(nursery, received.receive, channel)
        assert channel.statistics().tasks_waiting_receive == 1
        assert (received, len(channel)) == ([], 1)
        channel.send_nowait(2)
    assert [value for value, _ in received] == [1]
    assert channel.receive_nowait() == 2


async def test_what_a_strategy_decides_breaks_no_invariant() -> None:
    """Room that is not used and items that are held back are its own affair."""
    async with trio.open_nursery() as nursery:
        weighed, pairs = Chan[str](strategy=Weighed(5)), Chan[int](strategy=Pairs(9))
        weighed.send_nowait("four")
        await line_up(nursery, weighed.send, "three")
        weighed.check()
        pairs.send_nowait(1)
        await line_up(nursery, pairs.receive)
        pairs.check()
        nursery.cancel_scope.cancel()


async def test_a_close_may_let_go_what_was_held_back(autojump_clock: MockClock) -> None:
    """A strategy that changes its mind at close is asked again, for those who wait."""
    channel = Chan[int](strategy=Pairs(9))
    async with trio.open_nursery() as nursery:
        received = Log()
        await line_up(nursery, received.receive_all, channel)
        channel.send_nowait(1)
        await wait_all_tasks_blocked()
        assert received == []
        channel.close()
    assert received == [(1, 0.0), ("end", 0.0)]


# A capacity of 0


async def test_a_strategy_that_can_hold_nothing_may_refuse() -> None:
    """It is asked about a value for which nobody waits."""
    channel = Chan[int](strategy=Quota(0, quota=0))
    with pytest.raises(Refused, match="quota"):
        await channel.send(1)
    assert select_nowait(channel.on_send(1), default("no")) == (1, "no")


# Strategies that follow the time: limiting a rate


async def test_a_rate_limit_lets_a_burst_through_and_then_one_at_a_time(
    autojump_clock: MockClock,
) -> None:
    """A receiver is woken at the moment when the next item may go, not earlier or later."""
    channel = Chan[int](strategy=RateLimit(9, interval=2.0, burst=3))
    for item in range(6):
        channel.send_nowait(item)
    channel.close()
    async with trio.open_nursery() as nursery:
        received = Log()
        nursery.start_soon(received.receive_all, channel)
    assert received == [(0, 0), (1, 0), (2, 0), (3, 2), (4, 4), (5, 6), ("end", 6)]


async def test_a_rate_limit_starts_again_after_a_pause(autojump_clock: MockClock) -> None:
    """Time passes for a strategy also while nobody asks it anything."""
    channel = Chan[int](strategy=RateLimit(9, interval=2.0))
    received = Log()
    for item, seconds in enumerate((7.0, 0.5, 1.5, 1.0, 2.5, 0.0)):
        channel.send_nowait(item)
        await received.receive(channel)
        await trio.sleep(seconds)
    assert received == [(0, 0.0), (1, 7.0), (2, 9.0), (3, 11.0), (4, 13.0), (5, 15.5)]


async def test_receivers_are_served_in_turn_as_time_goes_by(autojump_clock: MockClock) -> None:
    """First come, first served: one of them at each moment when an item may go."""
    channel = Chan[int](strategy=RateLimit(9, interval=2.0))
    async with trio.open_nursery() as nursery:
        received = Log()
        for name in "abcd":
            await line_up(nursery, received.receive, channel, name)
        for item in range(4):
            channel.send_nowait(item)
        channel.check()
    assert received == [(("a", 0), 0), (("b", 1), 2), (("c", 2), 4), (("d", 3), 6)]


async def test_senders_are_let_in_in_turn_as_time_goes_by(autojump_clock: MockClock) -> None:
    """Each takes the place of an item that went."""
    channel = Chan[int](strategy=RateLimit(1, interval=2.0))
    async with trio.open_nursery() as nursery:
        sent, received = Log(), Log()
        for item in range(4):
            await line_up(nursery, sent.send, channel, item)
        nursery.start_soon(received.receive_all, channel)
        await trio.sleep(100)
        channel.close()
    assert sent == [(0, 0), (1, 0), (2, 2), (3, 4)]
    assert received == [(0, 0), (1, 2), (2, 4), (3, 6), ("end", 100)]


async def test_nobody_overtakes_a_task_that_waits_for_the_time(autojump_clock: MockClock) -> None:
    """A task that comes at the very moment when an item may go finds it taken."""
    for run in range(20):
        scheduling.seed(run)
        channel = Chan[int](strategy=RateLimit(9, interval=2.0))
        channel.send_nowait(0)
        channel.send_nowait(1)
        assert channel.receive_nowait() == 0
        async with trio.open_nursery() as nursery:
            received = Log()
            await line_up(nursery, received.receive, channel)
            await trio.sleep(2)
            with pytest.raises(trio.WouldBlock):
                channel.receive_nowait()
        assert received == [(1, 2)]


@pytest.mark.parametrize("moment", [0.0, 1.0, 2.0, 3.0])
async def test_if_the_first_receiver_gives_up_the_next_is_first(
    moment: float, autojump_clock: MockClock
) -> None:
    """It is woken in the other's stead, also if that gives up just as it is about to be served."""
    for run in range(10):
        scheduling.seed(run)
        channel = Chan[int](strategy=RateLimit(9, interval=2.0))
        for item in range(3):
            channel.send_nowait(item)
        assert channel.receive_nowait() == 0
        received = Log()
        gave_up = trio.CancelScope(deadline=trio.current_time() + moment)

        async def impatient() -> None:
            with gave_up:  # noqa: B023
                await received.receive(channel, "impatient")  # noqa: B023

        async with trio.open_nursery() as nursery:
            await line_up(nursery, impatient)
            await line_up(nursery, received.receive, channel, "patient")
        if gave_up.cancelled_caught:
            assert moment <= 2
            assert received == [(("patient", 1), 2)]
            assert channel.drain() == [2]
        else:
            assert moment >= 2
            assert received == [(("impatient", 1), 2), (("patient", 2), 4)]
        channel.check()


async def test_if_the_first_sender_gives_up_the_next_is_first(autojump_clock: MockClock) -> None:
    """The value of who gave up was never sent."""
    channel = Chan[int](strategy=RateLimit(1, interval=2.0))
    for item in range(2):
        await channel.send(item)
        if not item:
            assert await channel.receive() == 0
    async with trio.open_nursery() as nursery:
        sent, received = Log(), Log()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                await line_up(inner, sent.send, channel, "gives up")
                await line_up(nursery, sent.send, channel, "stays")
                scope.cancel()
        await received.receive(channel)
        await received.receive(channel)
    assert sent == [("stays", 2)]
    assert received == [(1, 2), ("stays", 4)]


async def test_all_tasks_that_wait_for_the_time_may_give_up(autojump_clock: MockClock) -> None:
    """Nothing is lost, and nothing stays behind."""
    channel = Chan[int](strategy=RateLimit(9, interval=2.0))
    for item in range(3):
        channel.send_nowait(item)
    assert channel.receive_nowait() == 0
    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(channel.receive)
                nursery.start_soon(select, channel.on_receive(), after(60))
    assert channel.statistics().tasks_waiting_receive == 0
    assert [await channel.receive() for _ in range(2)] == [1, 2]


# Settling down: the last item arrives


async def test_a_debouncer_gives_out_the_last_of_a_burst(autojump_clock: MockClock) -> None:
    """A receiver that waits sleeps longer with each item that comes."""
    drops = Drops()
    channel = Chan[str](strategy=Debounce(quiet=2.0), on_drop=drops)
    async with trio.open_nursery() as nursery:
        received = Log()
        nursery.start_soon(received.receive_all, channel)
        for value, pause in zip("abcde", (1.0, 1.5, 4.0, 0.0, 9.0), strict=True):
            channel.send_nowait(value)
            await trio.sleep(pause)
        channel.close()
    assert received == [("c", 4.5), ("e", 8.5), ("end", 15.5)]
    assert drops == [("a", "bounced"), ("b", "bounced"), ("d", "bounced")]
    assert channel.statistics().dropped == 3


async def test_an_item_that_is_due_earlier_wakes_earlier(autojump_clock: MockClock) -> None:
    """An alarm that was set may move both ways."""
    channel = Chan[tuple[float, str]](strategy=Delay(9))
    async with trio.open_nursery() as nursery:
        received = Log()
        for _ in range(4):
            await line_up(nursery, received.receive, channel)
        channel.send_nowait((8.0, "a"))
        channel.send_nowait((3.0, "b"))
        await trio.sleep(1)
        channel.send_nowait((1.0, "c"))
        channel.send_nowait((4.0, "d"))
        channel.check()
    assert received == [((1.0, "c"), 2), ((3.0, "b"), 3), ((4.0, "d"), 5), ((8.0, "a"), 8)]


# Selecting there


async def test_a_select_waits_for_the_time_of_a_strategy(autojump_clock: MockClock) -> None:
    """As a plain receive does; a default is taken at once."""
    channel = Chan[int](strategy=RateLimit(9, interval=2.0))
    for item in range(3):
        channel.send_nowait(item)
    begin = trio.current_time()
    assert await select(channel.on_receive(), default()) == (0, 0)
    assert await select(channel.on_receive(), default("held")) == (1, "held")
    with trio.fail_after(9):
        assert await select(None, item=channel.on_receive()) == ("item", 1)
        assert trio.current_time() - begin == 2
        assert await select(channel.on_receive_ok(), channel.on_receive_ok()) in (
            (0, (2, True)),
            (1, (2, True)),
        )
    assert trio.current_time() - begin == 4


@pytest.mark.parametrize(("seconds", "winner"), [(1.0, "timer"), (2.0, None), (3.0, "item")])
async def test_a_timer_and_the_time_of_a_strategy_keep_apart(
    seconds: float, winner: str | None, autojump_clock: MockClock
) -> None:
    """Whichever is due first wins, at its moment, and the item is never lost."""
    for run in range(10):
        scheduling.seed(run)
        channel = Chan[int](strategy=RateLimit(9, interval=2.0))
        channel.send_nowait(0)
        channel.send_nowait(1)
        assert channel.receive_nowait() == 0
        begin = trio.current_time()
        with trio.fail_after(9):
            name, value = await select(item=channel.on_receive(), timer=after(seconds))
        assert trio.current_time() - begin == min(seconds, 2.0)
        assert winner in (name, None)
        assert channel.drain() == ([1] if name == "timer" else [])
        assert value == (begin + seconds if name == "timer" else 1)
        assert channel.statistics().tasks_waiting_receive == 0


async def test_a_select_follows_the_times_of_several_strategies(autojump_clock: MockClock) -> None:
    """The earliest wins; at the others nothing has happened."""
    channels = [Chan[int](strategy=RateLimit(9, interval=seconds)) for seconds in (3.0, 2.0, 5.0)]
    for channel in channels:
        channel.send_nowait(0)
        channel.send_nowait(1)
        assert channel.receive_nowait() == 0
    with trio.fail_after(9):
        assert await select(*(channel.on_receive() for channel in channels)) == (1, 1)
    assert [len(channel) for channel in channels] == [1, 0, 1]
    for channel in channels:
        assert channel.statistics().tasks_waiting_receive == 0
        channel.check()


async def test_a_select_that_leaves_lets_the_next_be_first(autojump_clock: MockClock) -> None:
    """Whether its timer was due, or another of its channels was ready."""
    other = Chan[str]()
    channel = Chan[int](strategy=RateLimit(9, interval=2.0))
    for item in range(4):
        channel.send_nowait(item)
    assert channel.receive_nowait() == 0
    async with trio.open_nursery() as nursery:
        received = Log()

        async def choose() -> None:
            received.note(await select(channel.on_receive(), other.on_receive(), after(1)))

        await line_up(nursery, choose)
        await line_up(nursery, choose)
        await line_up(nursery, received.receive, channel)
        other.send_nowait("first")
    (first, second, third) = received
    assert first == ((1, "first"), 0)
    assert (second[0][0], second[1]) == (2, 1)
    assert third == (1, 2)
    assert channel.drain() == [2, 3]


class OneOfEach(Strategy[str]):
    """Hold one string with each first letter."""

    def offer(self, item: str, now: float) -> Verdict:
        if any(waiting[0] == item[0] for waiting in self.items):
            return WAIT
        self.items.append(item)
        return ADMIT


@pytest.mark.parametrize("again", [False, True])
async def test_a_waiting_select_sends_what_is_let_in_first(again: bool) -> None:
    """Of several things to send, none keeps another from being sent, whatever its priority."""
    for priority in (0, 1):
        channel = Chan[str](strategy=OneOfEach(math.inf))
        await channel.send_many(["c1", "b1", "a1"])
        results: list[str | int] = []

        async def choose(channel: Chan[str], priority: int, results: list[str | int]) -> None:
            a, b = channel.on_send("a2", priority=priority), channel.on_send("b2")
            if again:
                with Selector[str, None]() as selector:
                    selector.add(a, "a")
                    selector.add(b, "b")
                    results.append((await selector.select())[0])
            else:
                results.append((await select(a=a, b=b))[0])

        async with trio.open_nursery() as nursery:
            await line_up(nursery, choose, channel, priority, results)
            assert channel.receive_nowait() == "c1"  # which makes room for neither
            await wait_all_tasks_blocked()
            assert results == []
            assert channel.receive_nowait() == "b1"
            await wait_all_tasks_blocked()
            assert results == ["b"]
        assert channel.drain() == ["a1", "b2"]


async def test_a_select_never_meets_itself_at_a_strategy(autojump_clock: MockClock) -> None:
    """Sending and receiving at once, it receives what is held back and has sent nothing."""
    channel = Chan[int](strategy=RateLimit(1, interval=2.0))
    channel.send_nowait(0)
    assert channel.receive_nowait() == 0
    channel.send_nowait(1)
    with trio.fail_after(9):
        assert await select(channel.on_send(2), channel.on_receive()) == (1, 1)
    assert channel.drain() == []
    channel.check()


# Closing while items are held back


async def test_what_is_held_back_at_close_is_still_delivered_in_time(
    autojump_clock: MockClock,
) -> None:
    """Receivers wait for it, each in turn, and end when nothing is left."""
    channel = Chan[int](strategy=RateLimit(9, interval=2.0))
    for item in range(3):
        channel.send_nowait(item)
    channel.close()
    async with trio.open_nursery() as nursery:
        received = Log()
        for _ in range(3):
            await line_up(nursery, received.receive_all, channel)
        channel.check()
        assert select_nowait(channel.on_close()) == (0, None)
        with pytest.raises(trio.WouldBlock):
            channel.receive_nowait()
        with pytest.raises(ChanClosedError):
            channel.send_nowait(3)
    assert received == [(0, 0), (1, 2), (2, 4), *3 * [("end", 4)]]
    with pytest.raises(EndOfChannel):
        channel.receive_nowait()


async def test_a_close_while_receivers_wait_for_the_time(autojump_clock: MockClock) -> None:
    """They go on waiting; senders in line get their values back at once."""
    channel = Chan[int](strategy=RateLimit(2, interval=2.0))
    async with trio.open_nursery() as nursery:
        sent, received = Log(), Log()
        for item in range(5):
            await line_up(nursery, sent.send, channel, item)
        for name in "abcd":
            await line_up(nursery, received.receive, channel, name)
        await trio.sleep(1)
        channel.close()
    assert {*sent} == {
        *((item, 0) for item in range(3)),
        *(((item, ChanClosedError), 1) for item in range(3, 5)),
    }
    assert received == [
        (("a", 0), 0),
        (("b", 1), 2),
        (("c", 2), 4),
        (("d", EndOfChannel), 4),
    ]


async def test_selects_that_wait_for_the_time_learn_of_the_end(autojump_clock: MockClock) -> None:
    """When the last item that was held back has gone to somebody else."""
    channel = Chan[int](strategy=RateLimit(2, interval=2.0))
    channel.send_nowait(0)
    channel.send_nowait(1)
    assert channel.receive_nowait() == 0
    channel.close()
    async with trio.open_nursery() as nursery:
        received = Log()
        await line_up(nursery, received.receive, channel)

        @nursery.start_soon
        async def choose() -> None:
            received.note(await select(channel.on_receive_ok(), after(60)))

        @nursery.start_soon
        async def choose_or_fail() -> None:
            with pytest.raises(EndOfChannel) as caught:
                await select(after(60), item=channel.on_receive())
            received.note(caught.value.case)

    assert {*received} == {("item", 2), ((0, (None, False)), 2), (1, 2)}


@pytest.mark.parametrize("way", ["drain", "abandon"])
async def test_taking_everything_back_ends_the_wait_for_it(
    way: str, autojump_clock: MockClock
) -> None:
    """Nobody waits for the moment of items that are gone."""
    drops = Drops()
    channel = Chan[int](strategy=RateLimit(9, interval=2.0), on_drop=drops)
    for item in range(3):
        channel.send_nowait(item)
    assert channel.receive_nowait() == 0
    async with trio.open_nursery() as nursery:
        received = Log()
        await line_up(nursery, received.receive, channel)
        await trio.sleep(1)
        if way == "drain":
            assert channel.drain() == [1, 2]
        else:
            channel.receiver.close()
    if way == "drain":
        assert received == [(EndOfChannel, 1)]
        assert drops == []
    else:
        assert received == [(ChanClosedError, 1)]
        assert drops == [(1, "abandoned"), (2, "abandoned")]
        with pytest.raises(ChanBrokenError):
            channel.send_nowait(3)
    assert len(channel) == 0


async def test_a_receiver_ends_if_what_it_waits_for_is_dropped(autojump_clock: MockClock) -> None:
    """At a closed channel, the last item may turn out stale when its moment has come."""
    drops = Drops()
    channel = Chan[tuple[float, str]](strategy=FreshRateLimit(9, interval=2.0), on_drop=drops)
    now = trio.current_time()
    channel.send_nowait((now + 9, "a"))
    channel.send_nowait((now + 1, "b"))
    assert channel.receive_nowait() == (now + 9, "a")
    channel.close()
    async with trio.open_nursery() as nursery:
        received = Log()
        await line_up(nursery, received.receive, channel)
    assert received == [(EndOfChannel, 2)]
    assert drops == [((now + 1, "b"), "stale")]


@pytest.mark.parametrize("late", [True, False])
async def test_room_that_time_has_made_goes_to_a_waiting_sender(
    *, late: bool, autojump_clock: MockClock
) -> None:
    """If an item turns out stale when its moment has come, the next sender takes its place.

    Also if a passer-by finds that out, before those who wait for the moment come to look.
    """
    channel = Chan[tuple[float, str]](strategy=FreshRateLimit(1, interval=2.0))
    now = trio.current_time()
    channel.send_nowait((now + 9, "a"))
    assert channel.receive_nowait() == (now + 9, "a")
    channel.send_nowait((now + 1, "b"))
    async with trio.open_nursery() as nursery:
        received = Log()
        await line_up(nursery, channel.send, (now + 9, "c"))
        await line_up(nursery, received.receive, channel)
        if late:
            autojump_clock.jump(2)
            with pytest.raises(trio.WouldBlock):
                channel.receive_nowait()
    assert received == [((now + 9, "c"), 2)]
    assert channel.statistics().dropped == 1


@pytest.mark.parametrize("event", ["close", "drain", "abandon", "send", "cancel", "receive"])
async def test_whatever_happens_at_the_very_moment_nothing_is_lost(
    event: str, autojump_clock: MockClock
) -> None:
    """An alarm that rings while something else comes: the item goes one way or the other."""
    for run in range(20):
        scheduling.seed(run)
        drops, received = Drops(), Log()
        channel = Chan[int](strategy=RateLimit(9, interval=2.0), on_drop=drops)
        channel.send_nowait(0)
        channel.send_nowait(1)
        assert channel.receive_nowait() == 0
        found: list[int] = []
        async with trio.open_nursery() as nursery:
            await line_up(nursery, received.receive, channel)
            await trio.sleep(2)
            match event:
                case "close":
                    channel.close()
                case "drain":
                    found += channel.drain()
                case "abandon":
                    channel.receiver.close()
                case "send":
                    channel.send_nowait(2)
                case "cancel":
                    nursery.cancel_scope.cancel()
                case "receive":
                    with suppress(trio.WouldBlock):
                        found.append(channel.receive_nowait())
        found += [value for value, _ in received if isinstance(value, int)]
        found += [value for value, _ in drops]
        found += channel.drain()
        assert sorted(found) == ([1, 2] if event == "send" else [1])
        channel.check()


# Looking at the time, and nothing to do


async def test_a_moment_that_has_passed_keeps_nobody_awake(autojump_clock: MockClock) -> None:
    """A strategy may name a moment in the past: the channel has asked since, so that is that."""
    questions = count()

    class Careless(RateLimit[T]):
        def next_change(self, now: float) -> float | None:
            assert next(questions) < 1000, "the channel asks again and again"
            return self.expected if self.items else None

    channel = Chan[int](strategy=Careless(1, interval=2.0))
    channel.send_nowait(0)
    assert channel.receive_nowait() == 0
    channel.send_nowait(1)
    with trio.move_on_after(60) as scope:
        await channel.send(2)  # nobody receives, so this waits however late it is
    assert scope.cancelled_caught
    assert channel.drain() == [1]


async def test_a_waiting_task_is_not_woken_before_its_time(autojump_clock: MockClock) -> None:
    """A strategy is asked when something has changed or time is up, not over and over."""
    questions = count()

    class Counting(RateLimit[T]):
        def next_change(self, now: float) -> float | None:
            next(questions)
            return super().next_change(now)

    channel = Chan[int](strategy=Counting(9, interval=1000.0))
    channel.send_nowait(0)
    assert channel.receive_nowait() == 0
    channel.send_nowait(1)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            await line_up(nursery, channel.receive)
        before = next(questions)
        await trio.sleep(999)
        assert next(questions) == before + 1
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("thread", [True, False])
def test_outside_a_run_a_strategy_cannot_be_told_the_time(*, thread: bool) -> None:
    """If it needs to know, that is an error that names the way out, and nothing has changed."""
    channel = Chan[int](strategy=RateLimit(9, interval=2.0))

    def misuse() -> None:
        for misused in (partial(channel.send_nowait, 1), channel.receive_nowait):
            with pytest.raises(RuntimeError, match=r"trio\.from_thread\.run"):
                misused()
        assert (len(channel), channel.closed) == (0, False)

    if thread:
        trio.run(trio.to_thread.run_sync, misuse)
    else:
        misuse()


@pytest.mark.parametrize("make", [partial(RateLimit, 9, 2.0), partial(Delay, 9)])
def test_after_a_run_everything_can_be_taken_back(make: Callable[[], Strategy[Any]]) -> None:
    """What a program left behind can be looked at and drained; for that, no time is needed."""
    channel = Chan[tuple[float, int]](strategy=make())
    items = [(1.0, 1), (2.0, 2), (3.0, 3)]

    async def main() -> None:
        for item in items:
            channel.send_nowait(item)

    trio.run(main)
    assert channel.statistics().current_buffer_used == 3
    assert channel.drain() == items
    assert channel.closed


# Strategies that keep their items elsewhere


async def test_a_strategy_may_choose_the_order() -> None:
    """Items go as it says; senders are let in as they came."""
    channel = Chan[tuple[int, str]](strategy=ByPriority(3))
    async with trio.open_nursery() as nursery:
        for item in [(1, "a"), (3, "b"), (1, "c")]:
            await channel.send(item)
        assert len(channel) == 3
        for item in [(5, "d"), (9, "e")]:
            await line_up(nursery, channel.send, item)
        channel.check()
        received = [await channel.receive() for _ in range(5)]
    assert received == [(3, "b"), (5, "d"), (9, "e"), (1, "a"), (1, "c")]
    assert channel.statistics().peak_buffer_used == 3
    with pytest.raises(trio.WouldBlock):
        channel.receive_nowait()


def test_what_is_kept_elsewhere_is_drained_in_the_order_of_going() -> None:
    """If a strategy does not use ``items``, it is asked for one after the other."""
    channel = Chan[tuple[int, str]](strategy=ByPriority(9))
    for item in [(1, "a"), (3, "b"), (1, "c")]:
        channel.send_nowait(item)
    assert channel.drain() == [(3, "b"), (1, "a"), (1, "c")]
    assert len(channel) == 0
    with pytest.raises(EndOfChannel):
        channel.receive_nowait()


def test_what_is_kept_elsewhere_is_dropped_with_the_receiving_end() -> None:
    """And told one by one."""
    drops = Drops()
    channel = Chan[tuple[int, str]](strategy=ByPriority(9), on_drop=drops)
    for item in [(1, "a"), (3, "b")]:
        channel.send_nowait(item)
    channel.receiver.close()
    assert drops == [((3, "b"), "abandoned"), ((1, "a"), "abandoned")]
    assert channel.statistics().dropped == 2


# Taking everything back


async def test_draining_takes_back_what_is_held_back(autojump_clock: MockClock) -> None:
    """Whatever the time says, and wherever it is kept."""
    channel = Chan[tuple[float, str]](strategy=Delay(9))
    items = [(9.0, "c"), (5.0, "a"), (7.0, "b"), (1.0, "now")]
    for item in items:
        channel.send_nowait(item)
    await trio.sleep(2)
    assert channel.drain() == sorted(items)
    assert len(channel) == 0


async def test_draining_takes_back_what_a_strategy_would_give_up(
    autojump_clock: MockClock,
) -> None:
    """Nothing is dropped any more: the caller gets it all."""
    drops = Drops()
    channel = Chan[int](strategy=Fresh(9, seconds=10), on_drop=drops)
    channel.send_nowait(1)
    await trio.sleep(11)
    channel.send_nowait(2)
    assert channel.drain() == [1, 2]
    assert (drops, channel.statistics().dropped) == ([], 0)


async def test_draining_takes_back_what_a_token_bucket_holds_back(
    autojump_clock: MockClock,
) -> None:
    """Also from a strategy that reckons with the time, which then must stay a number."""

    class TokenBucket(ByPriority[str]):
        tokens, updated = 2.0, -math.inf

        def refill(self, now: float) -> float:
            self.tokens = min(self.tokens + (now - self.updated) * 0.5, 2.0)
            self.updated = now
            return self.tokens

        def take(self, now: float) -> tuple[int, str]:
            if self.refill(now) >= 1:
                item = super().take(now)
                self.tokens -= 1
                return item
            raise Empty

        def next_change(self, now: float) -> float | None:
            missing = 1 - self.refill(now)
            return now + missing / 0.5 if self.heap and missing > 0 else None

    channel = Chan[tuple[int, str]](strategy=TokenBucket(9))
    for number in range(6):
        channel.send_nowait((-number, "item"))
    assert await channel.receive() == (0, "item")
    assert channel.drain() == [(-number, "item") for number in range(1, 6)]
    assert len(channel) == 0


def test_draining_does_not_take_part_in_what_was_handed_back_before() -> None:
    """First what the strategy handed back at close, then what it still had; each once."""

    class HalfBack(Strategy[int]):
        def close(self) -> list[int]:
            return [self.items.popleft() for _ in range(2)]

    channel = Chan[int](strategy=HalfBack(9))
    for item in range(4):
        channel.send_nowait(item)
    channel.close()
    assert len(channel) == 2
    assert channel.receive_nowait() == 2
    assert channel.drain() == [0, 1, 3]
    assert channel.drain() == []


# Strategies with mistakes


@pytest.mark.parametrize("verdict", [None, True, 0, "admit", Refuse, NotImplemented])
async def test_a_verdict_that_is_none_is_an_error(verdict: Any) -> None:
    """It names the strategy, what it said, and what it may say; a missing return is the classic."""

    class Vague(Strategy[int]):
        def offer(self, item: int, now: float) -> Verdict:
            return verdict  # type: ignore[no-any-return]

    channel = Chan[int](strategy=Vague(3))
    for send in (
        lambda: channel.send(1),
        lambda: select(channel.on_send(1)),
        lambda: select(channel.on_send(1), default()),
    ):
        with pytest.raises(
            TypeError, match=r"Vague\.offer \(.*\) answered .*; it must be ADMIT, WAIT or Refuse"
        ) as e:
            await send()
        assert repr(verdict) in str(e.value)
    assert (len(channel), channel.statistics().tasks_waiting_send) == (0, 0)


@pytest.mark.parametrize("mistake", ["verdict", "error"])
async def test_a_mistake_about_a_waiting_item_concerns_its_sender_alone(
    mistake: Literal["verdict", "error"], autojump_clock: MockClock
) -> None:
    """A receiver that made room meanwhile keeps its item, and the line moves on."""

    class Moody(Strategy[str]):
        def offer(self, item: str, now: float) -> Verdict:
            verdict = super().offer(item, now)
            if item == "bad" and verdict is ADMIT:
                self.items.pop()
                if mistake == "error":
                    raise ZeroDivisionError
                return None  # type: ignore[return-value]
            return verdict

    channel = Chan[str](strategy=Moody(1))
    channel.send_nowait("a")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            with pytest.raises((TypeError, ZeroDivisionError)):
                await channel.send("bad")

        await wait_all_tasks_blocked()
        await line_up(nursery, channel.send, "b")
        assert channel.receive_nowait() == "a"
    assert channel.drain() == ["b"]


# And all of it at once


STRATEGIES: dict[str, Callable[[], Strategy[Any]]] = {
    "newest": lambda: Newest(2),
    "quota": lambda: Quota(2, quota=9),
    "by priority": lambda: ByPriority(2),
    "fresh": lambda: Fresh(2, seconds=3),
    "pairs": lambda: Pairs(3),
    "give up": lambda: GiveUp(2),
    "rate limit": lambda: RateLimit(2, interval=1.5, burst=2),
    "debounce": lambda: Debounce(quiet=1.0),
    "delay": lambda: Delay(2),
    "nothing": lambda: Strategy(0),
}


@pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES)
async def test_under_any_strategy_nothing_is_lost_invented_or_repeated(
    make: Callable[[], Strategy[Any]], autojump_clock: MockClock
) -> None:
    """Each item is received, dropped, refused, returned by a drain, or was never sent."""
    for seed in range(15):
        scheduling.seed(seed)
        await use_at_random(Chan[Any](strategy=make(), on_drop=(drops := Drops())), drops, seed)


async def use_at_random(channel: Chan[Any], drops: Drops, seed: int) -> None:
    """Let tasks send and receive in many ways, some of them impatient, and do the books."""
    dice = Random(seed)
    numbers = count()
    sent: list[Any] = []
    received: list[Any] = []

    def pause() -> float:
        return dice.choice([0, 0.25, 0.5, 1, 2])

    async def send() -> None:
        for _ in range(8):
            item = (dice.choice([0, 1, 2]), next(numbers))
            await trio.sleep(pause())
            with trio.move_on_after(dice.choice([0.5, 1.5, math.inf])):
                match dice.randrange(4):
                    case 0:
                        with suppress(trio.WouldBlock):
                            channel.send_nowait(item)
                            sent.append(item)
                    case 1:
                        if (await select(channel.on_send(item), after(pause())))[0] == 0:
                            sent.append(item)
                    case _:
                        await channel.send(item)
                        sent.append(item)
            channel.check()

    async def send_until_closed() -> None:
        with suppress(ChanClosedError, Refused):
            await send()

    async def receive() -> None:
        while True:
            await trio.sleep(pause())
            with trio.move_on_after(dice.choice([0.5, 1.5, math.inf])):
                match dice.randrange(4):
                    case 0:
                        with suppress(trio.WouldBlock):
                            received.append(channel.receive_nowait())
                    case 1:
                        name, item = await select(item=channel.on_receive(), late=after(pause()))
                        if name == "item":
                            received.append(item)
                    case _:
                        received.append(await channel.receive())
            channel.check()

    async def receive_until_the_end() -> None:
        with suppress(EndOfChannel):
            await receive()

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(send_until_closed)
            nursery.start_soon(receive_until_the_end)
        await trio.sleep(dice.choice([3, 6, 12]))
        taken_back = channel.drain() if dice.random() < 0.5 else channel.close() or []
    taken_back += channel.drain()
    found = Counter(received) + Counter(item for item, _ in drops) + Counter(taken_back)
    assert found == Counter(sent)
    assert channel.statistics().dropped == len(drops)
    assert len(channel) == 0
    channel.check()


# What goes wrong


class Reluctant(Strategy[T]):
    """Drop the oldest of two, but let the newcomer wait until it is asked again."""

    def offer(self, item: T, now: float) -> Verdict:
        if len(self.items) < 2:
            self.items.append(item)
            return ADMIT
        self.drop(self.items.popleft(), "oldest")
        return WAIT


async def test_after_a_drop_a_sender_that_would_wait_is_offered_again() -> None:
    """There is room now, so it need not wait."""
    drops = Drops()
    channel = Chan[int](strategy=Reluctant(2), on_drop=drops)
    for item in range(4):
        channel.send_nowait(item)
    assert drops == [(0, "oldest"), (1, "oldest")]
    assert channel.drain() == [2, 3]


async def test_on_drop_may_close_the_channel() -> None:
    """Then the sender that was about to be let in hears of that, with its value."""
    channel = Chan[int](strategy=Reluctant(2), on_drop=lambda *_: channel.close())
    channel.send_nowait(0)
    channel.send_nowait(1)
    with pytest.raises(ChanClosedError) as caught:
        channel.send_nowait(2)
    assert caught.value.value == 2
    assert channel.drain() == [1]


async def test_a_value_is_not_lost_if_on_drop_raises(autojump_clock: MockClock) -> None:
    """It must not raise. If it does, the receiver gets the error, and the value goes next."""

    def fail(value: int, reason: str) -> None:
        raise LookupError(value, reason)

    channel = Chan[int](strategy=Fresh(9, seconds=10), on_drop=fail)
    channel.send_nowait(1)
    await trio.sleep(11)
    channel.send_nowait(2)
    channel.send_nowait(3)
    with pytest.raises(LookupError, match="1, 'stale'"):
        channel.receive_nowait()
    assert len(channel) == 2
    assert await channel.receive() == 2
    await trio.sleep(11)
    with pytest.raises(LookupError, match="3, 'stale'"):
        channel.receive_nowait()
    assert channel.drain() == []


async def test_the_task_that_looks_at_the_time_gets_what_on_drop_raises(
    autojump_clock: MockClock,
) -> None:
    """And is in no line any more, so that nobody serves it."""

    class Expiring(Debounce[T]):
        def take(self, now: float) -> T:
            item = super().take(now)
            self.drop(item, "expired")
            raise Empty

    def fail(value: int, reason: str) -> None:
        raise LookupError(value, reason)

    channel = Chan[int](strategy=Expiring(3.0), on_drop=fail)
    channel.send_nowait(1)
    with trio.fail_after(100), pytest.raises(LookupError, match="1, 'expired'"):
        await channel.receive()
    assert channel.statistics().tasks_waiting_receive == 0


async def test_a_waiting_task_gets_what_a_broken_strategy_raises() -> None:
    """Nobody else is there to be told; and nobody waits for ever."""

    class Broken(Strategy[T]):
        def take(self, now: float) -> T:
            if self.items:
                raise ZeroDivisionError
            raise Empty

    channel = Chan[int](strategy=Broken(9))
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            with pytest.raises(ZeroDivisionError):
                await channel.receive()

        await line_up(nursery, receive)
        channel.send_nowait(1)


async def test_draining_gives_up_on_what_a_strategy_never_gives_out() -> None:
    """Rather than ask for ever."""

    class Hoard(Strategy[T]):
        def take(self, now: float) -> T:
            raise Empty

    channel = Chan[int](strategy=Hoard(9))
    channel.send_nowait(1)
    assert channel.drain() == []


async def test_a_sender_that_leaves_disturbs_no_select_that_receives() -> None:
    """The one waits for room, the other for an item; only the sender has an alarm."""
    channel = Chan[str](strategy=Weighed(2))
    received = Log()

    async def receive() -> None:
        received.note(await select(channel.on_receive(), Chan[str]().on_receive()))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, receive)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                await line_up(inner, channel.send, "long")
                scope.cancel()
        await wait_all_tasks_blocked()
        assert received == []
        channel.send_nowait("ok")
    assert [value for value, _ in received] == [(0, "ok")]


class CreepingClock(trio.abc.Clock):
    """A clock that goes on with every look at it, as real ones do, and not otherwise."""

    now = 0.0

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        self.now += 1e-4
        return self.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return 0


def test_no_change_is_missed_between_two_looks_at_the_clock() -> None:
    """A strategy that said "not yet" just before the change is asked again just after it."""

    async def main() -> None:
        for interval in (0.5e-4, 1e-4, 1.5e-4, 3e-4):
            channel = Chan[int](strategy=RateLimit(99, interval=interval))
            with trio.move_on_after(1) as scope:
                async with trio.open_nursery() as nursery:
                    for item in range(20):
                        nursery.start_soon(channel.send, item)
                    received = [await channel.receive() for _ in range(20)]
                    assert sorted(received) == [*range(20)]
            assert not scope.cancelled_caught

    trio.run(main, clock=CreepingClock())

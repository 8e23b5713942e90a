"""Fair: turns, shares, and what is kept for each key."""

from __future__ import annotations

import gc
import math
import weakref
from collections import Counter
from contextlib import suppress
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any

import gochan_order._fair as fair
import pytest
import trio
from gochan_order import Fair, Lifo, Priority
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import gochan
from gochan import Chan, Refused
from gochan.strategies import (
    ADMIT,
    WAIT,
    Block,
    DropOnFull,
    Empty,
    Filter,
    PriorityCancel,
    Refuse,
    Strategy,
    Verdict,
)


def letter(item: str) -> str:
    """The first letter of "a1" is its key."""
    return item[0]


def channel_of(strategy: Strategy[str]) -> tuple[Chan[str], list[tuple[str, str]]]:
    drops: list[tuple[str, str]] = []
    return Chan[str](strategy=strategy, on_drop=lambda *drop: drops.append(drop)), drops


def send_all(channel: Chan[str], items: str) -> None:
    for item in items.split():
        channel.send_nowait(item)


def receive_all(channel: Chan[str]) -> str:
    received = []
    while len(channel):
        received.append(channel.receive_nowait())
    return " ".join(received)


def test_keys_take_turns() -> None:
    """Within a key, first in, first out. A new key comes in at the end."""
    channel, _ = channel_of(Fair(letter))
    send_all(channel, "a1 a2 a3 a4 b1 b2 c1")
    assert [channel.receive_nowait() for _ in range(2)] == ["a1", "b1"]
    send_all(channel, "d1 a5")
    assert receive_all(channel) == "c1 a2 b2 d1 a3 a4 a5"


def test_what_follows_is_there_for_each_key() -> None:
    """With its order, and its limits."""
    channel, drops = channel_of(Fair(letter) | Lifo(2))
    send_all(channel, "a1 b1 a2 a3 b2")
    assert drops == [("a1", "oldest")]
    assert receive_all(channel) == "a3 b2 a2 b1"


def test_while_it_is_full_the_key_that_has_most_makes_room() -> None:
    """With its oldest; its own newcomers are refused, and those that make nothing more even."""
    channel, drops = channel_of(Fair(letter, capacity=5))
    send_all(channel, "a1 a2 a3 a4 a5")
    with pytest.raises(Refused) as refused:
        channel.send_nowait("a6")
    assert (refused.value.reason, refused.value.retry_after) == ("full", 6.0)
    send_all(channel, "b1 c1")
    assert drops == [("a1", "fair share"), ("a2", "fair share")]
    send_all(channel, "b2")  # now a has 2, b has 2, c has 1
    assert drops.pop() == ("a3", "fair share")
    for item in ("a7", "b3", "c2"):  # c would have 2, and then a or b 1
        with pytest.raises(Refused):
            channel.send_nowait(item)
    send_all(channel, "d1")
    assert drops.pop() == ("b1", "fair share")
    assert receive_all(channel) == "a4 b2 c1 d1 a5"


def test_of_keys_that_have_the_same_the_one_that_was_served_last_makes_room() -> None:
    """The next in turn was about to get what it waits for."""
    channel, drops = channel_of(Fair(letter, capacity=6))
    send_all(channel, "a0 b0 a1 a2 b1 b2")
    assert channel.receive_nowait() == "a0"
    send_all(channel, "a3 c0")
    assert drops == [("a1", "fair share")]


def test_a_refusal_says_when_to_try_again() -> None:
    """By what all keys together have finished lately."""
    strategy = Fair[str](letter, capacity=2)
    for number in range(20):
        strategy.offer(f"{'ab'[number % 2]}{number}", number / 4)
        strategy.finished(strategy.take(0.0), number / 4, waited=0.0, ran=0.25, ok=True)
    strategy.offer("a1", 5.0)
    strategy.offer("a2", 5.0)
    assert strategy.offer("a3", 5.0) == Refuse("full", 0.75)
    assert strategy.retry_after(5.0) == 0.75


@pytest.mark.parametrize("behind", [None, "lifo", "priority", "fair", "filter"])
def test_any_order_can_say_what_it_spares(behind: str | None) -> None:
    """The oldest, or what is worth least to it."""
    strategy: Filter[Any] = Fair("tenant", capacity=3)
    if behind == "lifo":
        strategy |= Lifo(9)
    if behind == "priority":
        strategy |= Priority(9, by="rank")
    if behind == "fair":
        strategy = strategy | Fair("user") | Lifo(9)
    if behind == "filter":
        strategy = strategy | Filter() | Lifo(9)
    drops: list[Any] = []
    channel = Chan[Any](strategy=strategy, on_drop=lambda *drop: drops.append(drop))
    items = [
        SimpleNamespace(tenant="a", user=user, rank=rank)
        for user, rank in (("x", 3), ("y", 1), ("y", 2))
    ]
    for item in (*items, SimpleNamespace(tenant="b", user="z", rank=0)):
        channel.send_nowait(item)
    spared = {None: 0, "lifo": 0, "filter": 0, "priority": 1, "fair": 1}[behind]
    assert drops == [(items[spared], "fair share")]
    assert len(channel) == 3


def test_an_order_that_cannot_tell_what_it_spares_keeps_what_it_has() -> None:
    """Then the newcomer is refused, as there is no room for it."""

    class Hidden(Strategy[str]):
        def spare(self) -> None:
            return None

    class Clinging(Strategy[str]):  # has an order of its own, and no way to remove
        def take(self, now: float) -> str:
            return super().take(now)

    for behind in (Hidden(9), Clinging(9)):
        channel, drops = channel_of(Fair(letter, capacity=2) | behind)
        send_all(channel, "a1 a2")
        with pytest.raises(Refused):
            channel.send_nowait("b1")
        assert drops == []
        assert receive_all(channel) == "a1 a2"


async def test_a_key_without_room_holds_up_no_other_one() -> None:
    """Its newcomers are refused, because waiting ones would block items of other keys."""
    channel, _ = channel_of(Fair(letter) | Block(2))
    with trio.fail_after(5):
        for item in ("a1", "a2", "b1"):
            await channel.send(item)
        with pytest.raises(Refused) as refused:
            await channel.send("a3")
        assert (refused.value.reason, refused.value.retry_after) == ("full", 3.0)
        await channel.send("b2")
    assert receive_all(channel) == "a1 b1 a2 b2"


def test_a_strategy_that_holds_items_back_loses_only_its_turn() -> None:
    """The next one is asked."""

    class Shut(Strategy[str]):
        def take(self, now: float) -> str:
            if self.items[0] == "a1" and now < 5:
                raise Empty
            return super().take(now)

        def next_change(self, now: float) -> float | None:
            return 5.0 if now < 5 else None

    strategy = Fair(letter) | Shut(9)
    for item in ("a1", "a2", "b1", "b2"):
        assert strategy.offer(item, 0.0) is ADMIT
    assert [strategy.take(0.0), strategy.take(0.0)] == ["b1", "b2"]
    with pytest.raises(Empty):
        strategy.take(0.0)
    assert len(strategy) == 2
    assert strategy.next_change(0.0) == 5.0
    assert [strategy.take(5.0), strategy.take(5.0)] == ["a1", "a2"]
    strategy.check()


def test_what_is_behind_may_give_up_items_when_asked_for_one() -> None:
    """Then there is one less, and perhaps none."""

    class Picky(Strategy[str]):
        def take(self, now: float) -> str:
            while True:
                item = super().take(now)
                if item[1] != "x":
                    return item
                self.drop(item, "x")

    strategy = Fair(letter) | Picky(9)
    for item in ("ax", "bx", "b1", "ax"):
        strategy.offer(item, 0.0)
    assert strategy.take(0.0) == "b1"
    strategy.check()
    assert len(strategy) == 0
    with pytest.raises(Empty):
        strategy.take(0.0)


class Limit(Filter[Any]):
    """At most one in work; raises if it is told of an end that it does not know."""

    in_work = 0

    def take(self, now: float) -> Any:
        if self.in_work:
            raise Empty
        item = super().take(now)
        self.in_work += 1
        return item

    def finished(self, item: Any, now: float, *, waited: float, ran: float, ok: bool) -> None:
        assert self.in_work
        self.in_work -= 1
        super().finished(item, now, waited=waited, ran=ran, ok=ok)


async def test_the_strategy_that_gave_out_a_job_is_told_of_its_end(
    autojump_clock: MockClock,
) -> None:
    """So a limit behind it is one for each key."""
    spans: list[tuple[str, float]] = []

    async def handle(name: str) -> None:
        spans.append((name, trio.current_time() - began))
        await trio.sleep(1)
        if name == "a1":
            raise ValueError

    began = trio.current_time()
    strategy = Fair[Any](letter) | Limit() | Lifo(9)
    async with gochan.open_job_queue(
        handle, workers=5, strategy=strategy, failures="collect"
    ) as queue:
        jobs = [queue.submit_nowait(name) for name in ("a1", "a2", "b1", "a3", "c1", "b2")]
        await trio.sleep(0.5)
        jobs[1].cancel()
        strategy.check()
        queue.audit()
    assert sorted(spans, key=lambda span: span[::-1]) == [
        ("a1", 0),
        ("b1", 0),
        ("c1", 0),
        ("a3", 1),
        ("b2", 1),
    ]
    strategy.check()
    assert len(fair_of(strategy)._in_work) == 0


def fair_of(strategy: Any) -> Fair[Any]:
    assert isinstance(strategy, Fair)
    return strategy


def test_an_end_of_something_unknown_is_not_reported() -> None:
    """It may have been taken before anybody could know that ends are told."""
    strategy = Fair[Any](letter) | Limit()
    strategy.finished("a1", 0.0, waited=0.0, ran=0.0, ok=True)
    strategy.check()


def end(strategy: Strategy[Any], item: Any) -> None:
    strategy.finished(item, 0.0, waited=0.0, ran=1.0, ok=True)


def test_idle_keys_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have been idle longest; never one that has something waiting or in work."""
    monkeypatch.setattr(fair, "MOST_IDLE", 3)
    strategy = fair_of(Fair[str](letter, capacity=99) | DropOnFull(9))
    strategy.offer("w1", 0.0)
    strategy.offer("x1", 0.0)
    assert strategy.take(0.0) == "w1"
    assert strategy.take(0.0) == "x1"  # both are in work
    strategy.offer("x2", 0.0)
    first = strategy._queues["w"]
    for key in "abcdefg":
        strategy.offer(key, 0.0)
        strategy.check()
    assert {*strategy._queues} == {*"wxabcdefg"}
    while len(strategy):
        end(strategy, strategy.take(0.0))
        strategy.check()
    used = [*"abcdefg"]
    for key in "hijklmnopq":
        strategy.offer(key, 0.0)
        end(strategy, strategy.take(0.0))
        used.append(key)
        strategy.check()
        assert {*strategy._queues} >= {*"wx", *used[-3:]}
        assert len(strategy._queues) <= 2 + 2 * 3
    assert strategy._queues["w"] is first
    assert not {*strategy._queues} & {*"abcdefg"}
    end(strategy, "x1")
    end(strategy, "w1")
    for key in "stuvyz":
        strategy.offer(key, 0.0)
        strategy.remove(key)
    assert {*strategy._queues} >= {*"vyz"}
    assert not {*strategy._queues} & {*"wx"}


def test_in_a_channel_nothing_is_kept_of_what_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel never reports that an item is finished; after some thousands this is clear."""
    monkeypatch.setattr(fair, "MOST_IDLE", 10)
    monkeypatch.setattr(fair, "MOST_UNTOLD", 50)

    class Item:
        def __init__(self, key: int) -> None:
            self.key = key

    strategy = Fair[Item]()
    channel = Chan[Item](strategy=strategy)
    items = [Item(number) for number in range(100)]
    for number, item in enumerate(items):
        channel.send_nowait(item)
        assert channel.receive_nowait() is item
        strategy.check()
        assert len(strategy._queues) <= number + 1
    assert len(strategy._in_work) == 0
    assert 10 <= len(strategy._queues) <= 20
    last = weakref.ref(items[-1])
    del items, item
    gc.collect()
    assert last() is None
    # If somebody tells after all, it is remembered from then on.
    late = Item(1)
    end(strategy, late)
    channel.send_nowait(late)
    channel.receive_nowait()
    assert len(strategy._in_work) == 1
    end(strategy, late)
    assert len(strategy._in_work) == 0


def test_the_same_item_can_be_in_work_twice() -> None:
    """Then the end of one is told, and nothing is kept of the other."""
    strategy = Fair[str](lambda item: keys.pop())
    keys = ["b", "a"]
    for _ in range(2):
        strategy.offer("same", 0.0)
    assert [strategy.take(0.0), strategy.take(0.0)] == ["same", "same"]
    strategy.check()
    for _ in range(2):
        end(strategy, "same")
    strategy.check()
    assert len(strategy._in_work) == 0


def test_an_offer_that_fails_leaves_nothing_behind() -> None:
    """But a queue for its key, which is idle."""
    strategy = fair_of(Fair[Any](letter, capacity=2) | Priority(2, by=lambda item: item[1]))
    with pytest.raises(TypeError, match="priority must be a number"):
        strategy.offer("a1", 0.0)
    strategy.check()
    assert len(strategy) == 0
    with pytest.raises(TypeError, match=r"Fair needs keys that can be hashed: unhashable type"):
        strategy.offer([[]], 0.0)
    with pytest.raises(LookupError, match="has no 'tenant'"):
        Chan[str](strategy=Fair("tenant")).send_nowait("a")
    strategy.check()


def test_what_does_not_let_in_a_newcomer_costs_nobody_a_place() -> None:
    """It is asked before room is made."""

    class NoB(Strategy[str]):
        def offer(self, item: str, now: float) -> Verdict:
            return {"b": Refuse("no b"), "c": WAIT}.get(item[0]) or super().offer(item, now)

    channel, drops = channel_of(Fair(letter, capacity=3) | NoB(9))
    send_all(channel, "a1 a2 a3")
    for item, reason in (("b1", "no b"), ("c1", "full")):
        with pytest.raises(Refused) as refused:
            channel.send_nowait(item)
        assert refused.value.reason == reason
    assert drops == []


def test_a_close_asks_every_key() -> None:
    """What they hand back, and what they give out, is counted."""
    channel, _ = channel_of(Fair(letter) | PriorityCancel(9))
    send_all(channel, "a1 b1 a2")
    channel.close()
    assert len(channel) == 0
    assert channel.drain() == ["a1", "a2", "b1"]
    channel, _ = channel_of(Fair(letter))
    send_all(channel, "a1 b1 a2")
    assert channel.drain() == ["a1", "a2", "b1"]
    assert len(channel) == 0


async def test_jobs_are_told_apart_by_their_key_or_payload() -> None:
    """And those that wait can be cancelled."""
    for key, submit in (
        ("", lambda queue, name: queue.submit_nowait(name, key=name[0])),
        ('"tenant"', lambda queue, name: queue.submit_nowait({"tenant": name[0], "name": name})),
    ):
        started = []

        async def handle(payload: Any, started: list[Any] = started) -> None:
            started.append(payload if isinstance(payload, str) else payload["name"])

        chain = f"fair({key}) | lifo(20)"
        async with gochan.open_job_queue(handle, strategy=chain) as queue:
            jobs = [submit(queue, name) for name in ("a0", "a1", "a2", "b1", "a3", "b2")]
            jobs[4].cancel()
            queue.audit()
        assert started == ["a0", "a2", "b2", "a1", "b1"]


async def test_a_job_in_the_hand_of_a_worker_runs_after_a_close() -> None:
    """Though this filter asks all its parts what they hand back, they hand back nothing."""
    done = []

    async def handle(name: str) -> None:
        done.append(name)

    async with gochan.open_job_queue(handle, workers=2, strategy=Fair(letter)) as queue:
        queue.submit_nowait("a1")
        queue.close()
    assert done == ["a1"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"capacity": 0}, ValueError, "capacity must be >= 1"),
        ({"capacity": -1}, ValueError, "capacity"),
        ({"capacity": math.nan}, TypeError, "capacity"),
        ({"capacity": True}, TypeError, "capacity"),
        ({"capacity": "9"}, TypeError, "capacity"),
        ({"capacity": None}, TypeError, "capacity"),
        ({"key": 3}, TypeError, "key must be a name or a function"),
    ],
)
def test_wrong_options_are_told(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """When it is made."""
    with pytest.raises(error, match=message):
        Fair(**options)


# How much it helps


def worst_waits(strategy: Strategy[Any], *, noise: int) -> dict[str, float]:
    """Let a noisy tenant and nine others send for 10 seconds; return who waited how long.

    The one worker needs 10 ms for each item. Each of the nine sends 5 items in a second, which
    is less than half of what it can do for all of them; the noisy one as many as is said.
    """
    arrivals: list[tuple[float, str]] = []
    for number in range(9):
        for turn in range(50):
            heappush(arrivals, (0.2 * turn + 0.02 * number, f"quiet {number}"))
    for turn in range(10 * noise):
        heappush(arrivals, (turn / noise, "noisy"))
    waits: dict[str, float] = Counter()
    free = 0.0
    while arrivals or len(strategy):
        if arrivals and (arrivals[0][0] <= free or not len(strategy)):
            came, tenant = heappop(arrivals)
            strategy.offer(SimpleNamespace(tenant=tenant, came=came), came)
            free = max(free, came)
        else:
            item = strategy.take(free)
            waits[item.tenant[:5]] = max(waits[item.tenant[:5]], free - item.came)
            strategy.finished(item, free + 0.01, waited=free - item.came, ran=0.01, ok=True)
            free += 0.01
    return waits


def test_a_noisy_tenant_delays_itself_alone() -> None:
    """Ten times as much as there is time for; others wait as if there were no noise, nearly."""
    without = worst_waits(Fair("tenant", capacity=200), noise=1)
    fairly = worst_waits(Fair("tenant", capacity=200), noise=1000)
    in_line = worst_waits(DropOnFull(200), noise=1000)
    assert without["quiet"] < 0.02
    assert fairly["quiet"] < 0.1  # ten tenants, one item each
    assert in_line["quiet"] > 1.9
    assert fairly["noisy"] > 1.9


def test_nobody_quiet_is_given_up_for_the_noise() -> None:
    """Also while it is full."""
    channel, drops = channel_of(Fair(letter, capacity=30))
    for turn in range(20):
        for number in range(60):
            with suppress(Refused):
                channel.send_nowait(f"noisy {turn} {number}")
        send_all(channel, "a b c d")
        for _ in range(5):
            channel.receive_nowait()
    assert {item[0] for item, _ in drops} == {"n"}


# The model


class Model:
    """Lists, and nothing that is remembered about them."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.lists: dict[str, list[list[str]]] = {}  # in the order of their turns

    def __len__(self) -> int:
        return sum(map(len, self.lists.values()))

    def offer(self, item: list[str]) -> str | list[str]:
        mine = self.lists.get(item[0], [])
        if len(self) < self.capacity:
            self.lists.setdefault(item[0], []).append(item)
            return "admitted"
        most = max(map(len, self.lists.values()))
        if len(mine) + 1 >= most:
            return "refused"
        longest = [key for key, items in self.lists.items() if len(items) == most][-1]
        self.lists.setdefault(item[0], []).append(item)
        return self.lists[longest].pop(0)

    def take(self) -> list[str] | None:
        for key, items in self.lists.items():
            del self.lists[key]
            item = items.pop(0)
            if items:
                self.lists[key] = items
            return item
        return None

    def remove(self, item: list[str]) -> None:
        self.lists[item[0]] = [one for one in self.lists[item[0]] if one is not item]
        if not self.lists[item[0]]:
            del self.lists[item[0]]


@settings(deadline=None, derandomize=True, database=None, max_examples=200)
@given(
    capacity=st.integers(1, 8),
    program=st.lists(st.sampled_from("aaaabbcd,,-."), max_size=60),
)
def test_it_is_lists_in_turns(capacity: int, program: list[str]) -> None:
    """A letter sends, a comma takes, a hyphen removes, a dot ends what has been taken."""
    strategy, model = Fair[Any](lambda item: item[0], capacity=capacity), Model(capacity)
    taken: list[Any] = []
    for number, step in enumerate(program):
        if step == ",":
            expected = model.take()
            if expected is None:
                with pytest.raises(Empty):
                    strategy.take(0.0)
            else:
                taken.append(strategy.take(0.0))
                assert taken[-1] is expected
        elif step == ".":
            if taken:
                end(strategy, taken.pop(number % len(taken)))
        elif step == "-":
            waiting = [item for items in model.lists.values() for item in items]
            if waiting:
                item = waiting[number % len(waiting)]
                model.remove(item)
                assert strategy.remove(item)
            assert not strategy.remove(["a"])
        else:
            item = [step]
            verdict, expected = strategy.offer(item, 0.0), model.offer(item)
            assert (verdict is ADMIT) == (expected != "refused")
            if isinstance(expected, list):
                ((dropped, reason),) = strategy._dropped
                assert (dropped is expected, reason) == (True, "fair share")
                strategy._dropped.clear()
        assert not strategy._dropped
        assert len(strategy) == len(model)
        strategy.check()


class Fails(Strategy[Any]):
    """Raises when an item is to be given out."""

    def take(self, now: float) -> Any:
        raise ZeroDivisionError


def test_what_is_behind_may_fail() -> None:
    """The error passes, and the items are still counted."""
    chain = Fair(lambda item: item) | Fails(3)
    chain.offer("a", 0.0)
    with pytest.raises(ZeroDivisionError):
        chain.take(0.0)
    assert len(chain) == 1

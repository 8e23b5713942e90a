"""Filters, and the chains that they make."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from gochan import Chan
from gochan.strategies import Block, Empty, Filter, PriorityCancel, Refuse, Strategy, Verdict, by


class Even(Filter[int]):
    """Lets pass even numbers only."""

    def offer(self, item: int, now: float) -> Verdict:
        return Refuse("odd") if item % 2 else super().offer(item, now)


class Small(Filter[int]):
    """Gives up what is not below 10 when it is to go."""

    def take(self, now: float) -> int:
        while True:
            item = super().take(now)
            if item < 10:
                return item
            self.drop(item, "large")


def test_alone_a_filter_stands_before_first_in_first_out() -> None:
    """With room for 100, or for as many as is said."""
    assert Even().capacity == 100
    even = Even(capacity=3)
    even.check()
    channel = Chan[int](strategy=even)
    channel.send_nowait(2)
    channel.send_nowait(0)
    assert len(channel) == 2
    assert channel.capacity == 3
    assert channel.drain() == [2, 0]


def test_every_filter_of_a_chain_is_asked() -> None:
    """Whatever the parentheses."""
    drops: list[Any] = []
    for chain in (Even() | Small() | Block(5), Even() | (Small() | Block(5))):
        chain.check()
        channel = Chan[int](strategy=chain, on_drop=lambda *drop: drops.append(drop))
        for item in (2, 12, 4):
            channel.send_nowait(item)
        assert [channel.receive_nowait(), channel.receive_nowait()] == [2, 4]
        assert channel.capacity == 5
    assert drops == [(12, "large")] * 2


def test_a_filter_can_have_another_default() -> None:
    """An order may follow nevertheless."""

    class Wide(Filter[int]):
        def __init__(self) -> None:
            super().__init__(default=7)

    assert Wide().capacity == 7
    assert (Wide() | Block(3)).capacity == 3


def test_a_chain_spares_what_its_order_spares() -> None:
    """Through all filters."""
    chain = Even() | Small() | Block(5)
    assert chain.spare() is None
    chain.offer(4, 0.0)
    chain.offer(2, 0.0)
    assert chain.spare() == 4


def test_a_chain_hands_back_what_its_order_hands_back() -> None:
    """The filters pass the question on."""
    channel = Chan[int](strategy=Even() | PriorityCancel(5))
    channel.send_nowait(2)
    channel.close()
    assert len(channel) == 0
    assert channel.drain() == [2]


def test_a_filter_sees_what_is_given_up_anywhere_in_the_chain() -> None:
    """Each part shows the same, until it has been reported."""
    drops: list[Any] = []
    inner = Small()
    chain = Even() | inner
    channel = Chan[int](strategy=chain, on_drop=lambda *drop: drops.append((drop, chain.dropped)))
    chain.offer(12, 0.0)
    with pytest.raises(Empty):
        chain.take(0.0)
    assert chain.dropped == inner.dropped == inner.inner.dropped == [(12, "large")]
    channel.send_nowait(2)
    assert drops == [((12, "large"), [])]


def test_its_repr_shows_the_chain() -> None:
    """From the first to the last."""
    assert repr(Even() | Small() | Block(5)) == "<Even 0/5> | <Small 0/5> | <Block 0/5>"


def test_a_chain_has_one_order_at_its_end() -> None:
    """Everything else is said at once, with both names."""
    with pytest.raises(TypeError, match=r"Block decides the order.*: write Even | Block"):
        Block[int](3) | Even()
    with pytest.raises(TypeError, match="ends with the order Block, so PriorityCancel cannot"):
        Even() | Block(3) | PriorityCancel(3)
    with pytest.raises(TypeError, match="ends with the order Block, so Small cannot"):
        (Even() | Block(3)) | Small()
    with pytest.raises(TypeError, match="ends with the order Fifo, so Block cannot"):
        Even(capacity=3) | Block(3)
    with pytest.raises(TypeError, match="unsupported"):
        Even() | 3  # type: ignore[operator]
    with pytest.raises(TypeError, match="unsupported"):
        Block(3) | 3  # type: ignore[operator]


def test_a_part_is_in_one_chain_only() -> None:
    """And not at work by itself."""
    block = Block[int](3)
    chain = Even() | block
    with pytest.raises(ValueError, match="at work elsewhere"):
        Small() | block
    with pytest.raises(ValueError, match="already serves"):
        Chan(strategy=block)
    Chan(strategy=chain)
    with pytest.raises(ValueError, match="already serves"):
        Chan(strategy=chain)
    alone = Even()
    Chan(strategy=alone)
    with pytest.raises(ValueError, match="at work already"):
        alone | Block(3)


def test_a_filter_needs_room_behind_it() -> None:
    """Sender and receiver would meet without asking it."""
    with pytest.raises(ValueError, match=r"nothing can wait in .*Block"):
        Even() | Block(0)
    with pytest.raises(ValueError, match="capacity must be >= 1"):
        Even(capacity=0)


def test_a_strategy_that_was_not_set_up_is_an_error() -> None:
    """As a channel would."""

    class Hasty(Strategy[int]):
        def __init__(self) -> None:
            self.capacity = 3

    with pytest.raises(TypeError, match=r"Hasty.__init__ must call super"):
        Even() | Hasty()


async def test_a_chain_follows_the_clock_if_any_part_does(autojump_clock: Any) -> None:
    """A waiting task is woken when that part says so."""

    class Later(Strategy[int]):
        def take(self, now: float) -> int:
            if now < 5:
                raise Empty
            return super().take(now)

        def next_change(self, now: float) -> float | None:
            return 5.0 if now < 5 else None

    channel = Chan[int](strategy=Even() | Small() | Later(3))
    channel.send_nowait(2)
    with trio.fail_after(10):
        assert await channel.receive() == 2
    assert trio.current_time() == 5


class Keyed(Filter[int]):
    """A queue of its own for each last digit."""

    def __init__(self) -> None:
        super().__init__()
        self.queues: dict[int, Strategy[int]] = {}

    def parts(self) -> list[Strategy[int]]:
        return list(self.queues.values())

    def offer(self, item: int, now: float) -> Verdict:
        queue = self.queues.get(item % 10) or self.queues.setdefault(item % 10, self.another())
        return queue.offer(item, now)

    def take(self, now: float) -> int:
        for queue in self.queues.values():
            try:
                return queue.take(now)
            except Empty:
                pass
        raise Empty


def test_a_filter_can_keep_several_copies_of_what_follows() -> None:
    """They share nothing but the list of what is given up."""
    drops: list[Any] = []
    keyed = Keyed()
    channel = Chan[int](
        strategy=Even() | keyed | Small() | PriorityCancel(2),
        on_drop=lambda *drop: drops.append(drop),
    )
    for item in (2, 4, 12, 14, 6):
        channel.send_nowait(item)
    assert len(channel) == 5
    keyed.check()
    assert [channel.receive_nowait() for _ in range(3)] == [2, 4, 6]
    assert drops == [(12, "large"), (14, "large")]
    channel.send_nowait(8)
    channel.close()
    assert channel.drain() == [8]
    assert len(keyed.inner) == 0


def test_removing_looks_into_every_part() -> None:
    """It is asked for one very item."""
    keyed = Keyed()
    keyed | Block(5)
    for item in (1001, 1002, 1011):
        keyed.offer(item, 0.0)
    first = next(iter(keyed.items))
    assert keyed.remove(first)
    assert not keyed.remove(first)
    assert list(keyed.items) == [1011, 1002]


def test_drain_takes_what_is_held_back() -> None:
    """As the parts say."""

    class Shut(Strategy[int]):
        def take(self, now: float) -> int:
            raise Empty

        def take_all(self, now: float) -> Iterator[int]:
            yield from self.items

        def __len__(self) -> int:
            return len(self.items)

    channel = Chan[int](strategy=Even() | Shut(5))
    channel.send_nowait(2)
    assert channel.drain() == [2]


@pytest.mark.parametrize(
    ("key", "item", "found"),
    [
        (None, SimpleNamespace(key=3), 3),
        ("tenant", SimpleNamespace(tenant="a"), "a"),
        ("tenant", {"tenant": "a"}, "a"),
        ("tenant", SimpleNamespace(payload={"tenant": "a"}), "a"),
        ("tenant", SimpleNamespace(tenant=None, payload={"tenant": "a"}), None),
        ("keys", {"keys": "a"}, "a"),
        ("tenant", SimpleNamespace(payload=SimpleNamespace(tenant="a")), "a"),
        (len, "four", 4),
        (len, SimpleNamespace(payload="four"), 4),
    ],
)
def test_by_finds_something_about_an_item(key: Any, item: Any, found: Any) -> None:
    """By a function or a name, of the item or its payload."""
    assert by(key)(item) == found


def test_by_says_what_it_cannot_find() -> None:
    """Or use."""
    with pytest.raises(LookupError, match="3 has no 'tenant'"):
        by("tenant")(3)
    with pytest.raises(TypeError, match="key must be a name or a function, not 3"):
        by(3)  # type: ignore[arg-type]


def test_a_part_that_cannot_be_copied_is_named() -> None:
    """Filters that keep several of what follows need copies, such as one for each key."""

    class Locked(Strategy[Any]):
        def __init__(self) -> None:
            super().__init__(3)
            self.lock = threading.Lock()

    chain: Filter[Any] = Filter() | Locked()
    with pytest.raises(
        TypeError, match=r"Filter needs copies of <Locked 0/3>, which .*_thread.lock"
    ):
        chain.another()

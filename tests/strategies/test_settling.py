"""What a channel with a strategy counts, while items come, go, and are given up."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import trio

import gochan
from gochan import Chan, Refused
from gochan.strategies import Strategy

STRATEGIES = [
    "block(3)",
    "drop-on-full(3)",
    "drop-oldest(3)",
    "latest(3)",
    "lifo(3)",
    "fair(capacity=3)",
    "fair(capacity=3) | lifo(2)",
    "priority(3)",
    "coalesce(capacity=3)",
    "codel(1e6, capacity=3)",
    "deadline(1e6, capacity=3)",
]


class Item:
    """What some of them want to know."""

    def __init__(self, key: int) -> None:
        self.key = self.priority = key


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("seed", range(10))
async def test_the_peak_is_the_most_that_have_ever_waited(name: str, seed: int) -> None:
    """However they come, go, are given up, or are removed."""
    random = Random(seed)
    strategy: Strategy[Any] = gochan.strategy(name)
    channel = Chan[Item](strategy=strategy)
    state: Any = channel._state
    items: list[Item] = []
    peak = 0
    for _ in range(60):
        number = random.randrange(7)
        try:
            if number < 4:
                items.append(Item(random.randrange(3)))
                channel.send_nowait(items[-1])
            elif number == 4 and items:
                state.discard(random.choice(items))
            elif number == 5:
                await channel.receive_many(2) if len(channel) else None
            else:
                channel.receive_nowait()
        except (trio.WouldBlock, Refused):
            pass
        peak = max(peak, len(strategy))
        assert channel.statistics().peak_buffer_used == peak
        state.check()
    assert peak > 1


async def test_what_is_put_back_counts_again() -> None:
    """A listener that raises undoes a receive of several."""

    def refuse(item: int, reason: str) -> None:
        raise ValueError(reason)

    class GivesUpTheThird(Strategy[int]):
        def take(self, now: float) -> int:
            item = super().take(now)
            if item == 3:
                self.drop(item, "third")
                return super().take(now)
            return item

    channel = Chan[int](strategy=GivesUpTheThird(10), on_drop=refuse)
    for item in (1, 2, 3, 4):
        channel.send_nowait(item)
    with pytest.raises(ValueError, match="third"):
        await channel.receive_many(10)
    assert len(channel) == 3
    channel.send_nowait(5)
    channel.send_nowait(6)
    assert channel.statistics().peak_buffer_used == len(channel) == 5
    assert [channel.receive_nowait() for _ in range(5)] == [1, 2, 4, 5, 6]

"""To remove a waiting item takes about as many steps in a long line as in a short one."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

import gochan
from gochan.strategies import Strategy

SHORT, LONG = 1_000, 30_000
SAMPLE = 300


class Job:
    """What a strategy wants to know of one."""

    def __init__(self, number: int) -> None:
        self.key = number % 7 if number % 3 else None
        self.priority = number % 5
        self.payload = number


class OfAUser(Strategy[Any]):
    """Knows nothing but the methods of a deque."""

    def offer(self, item: Any, now: float) -> Any:
        if len(self.items) >= self.capacity:
            self.drop(self.items.popleft(), "oldest")
        return super().offer(item, now)


def named(text: str) -> Callable[[], Strategy[Any]]:
    return lambda: gochan.strategy(text)


STRATEGIES: dict[str, Callable[[], Strategy[Any]]] = {
    "a user's own": lambda: OfAUser(100_000),
    **{
        text: named(text)
        for text in (
            "block(100_000)",
            "drop-on-full(100_000)",
            "priority-cancel(100_000)",
            "drop-oldest(100_000)",
            "latest(100_000)",
            "lifo(100_000)",
            "priority(100_000)",
            "priority(100_000, ageing=5)",
            "fair(capacity=100_000)",
            "codel(1000.0, capacity=100_000)",
            "deadline(1000.0, capacity=100_000)",
            "rate(1000, burst=1_000_000, capacity=100_000)",
            "adaptive(capacity=100_000)",
            "rate(1000, 1e6) | fair(capacity=100_000) | deadline(1000.0) | lifo(100_000)",
        )
    },
}


def coalesce() -> Strategy[Any]:
    return gochan.strategy("coalesce", capacity=100_000, key=lambda payload: payload)


STRATEGIES["coalesce by number"] = coalesce
STRATEGIES["coalesce without keys"] = lambda: gochan.strategy(
    "coalesce", capacity=100_000, key=lambda payload: None
)


def calls_and_lines(function: Callable[[], object]) -> int:
    """Count the lines that Python runs; loops inside of C do not count."""
    steps = 0

    def trace(frame: Any, event: str, arg: object) -> Any:
        nonlocal steps
        steps += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return steps


def steps_to_remove(make: Callable[[], Strategy[Any]], waiting: int, order: str) -> float:
    """Return how many steps a removal takes on average, after the first few of them."""
    strategy = make()
    jobs = [Job(number) for number in range(waiting)]
    for job in jobs:
        strategy.offer(job, 0.0)
    if order == "newest first":
        jobs.reverse()
    else:
        random.Random(0).shuffle(jobs)
    # The first removals may cost as many steps as there are items, in a chain one of each key.
    for job in jobs[:50]:
        assert strategy.remove(job)
    sample = jobs[50 : 50 + SAMPLE]
    gc.collect()

    def remove_all() -> None:
        for job in sample:
            assert strategy.remove(job)

    steps = calls_and_lines(remove_all)
    assert len(strategy) == waiting - 50 - len(sample)
    assert not strategy.remove(sample[0])
    return steps / len(sample)


@pytest.mark.parametrize("order", ["newest first", "by chance"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_removal_costs_no_more_in_a_long_line(name: str, order: str) -> None:
    """Thirty times as many items, and the same number of steps, give or take."""
    short = steps_to_remove(STRATEGIES[name], SHORT, order)
    long = steps_to_remove(STRATEGIES[name], LONG, order)
    assert long < 2 * short + 10
    assert short < 160

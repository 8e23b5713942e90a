"""The four policies together: found by their names, in chains, and what they tell those refused."""

from __future__ import annotations

import copy
from importlib.metadata import entry_points
from random import Random
from typing import Any

import gochan_overload
import pytest
import trio
from gochan_overload import Adaptive, CoDel, Deadline, Rate
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan import open_job_queue
from gochan.strategies import ADMIT, Filter, Promise, Refuse, Strategy, Verdict

from .simulation import SECONDS, WORKERS, Call, simulate

CLASSES: dict[str, Any] = {
    "adaptive": Adaptive,
    "codel": CoDel,
    "deadline": Deadline,
    "rate": Rate,
}
NEEDED = {"codel": {"patience": 1.0}, "deadline": {"patience": 1.0}, "rate": {"limit": 5}}


@pytest.mark.parametrize("name", CLASSES)
def test_each_is_found_by_its_name(name: str) -> None:
    """Installing this distribution is all it takes."""
    strategy = gochan.strategy(name, **NEEDED.get(name, {}), capacity=3)
    assert type(strategy) is CLASSES[name]
    assert strategy.capacity == 3


def test_the_entry_point_leads_to_the_hook() -> None:
    """Which offers these four, each with a summary, and promises."""
    (entry,) = entry_points(group="gochan", name="overload")
    assert entry.load() is gochan_overload
    specs = [*entry.load().gochan_strategies()]
    assert {spec.name: spec.factory for spec in specs} == CLASSES
    assert all(spec.summary and Promise.BOUNDED in spec.promises for spec in specs)


class PerKey(Filter[Any]):
    """A queue of its own for each payload's first letter."""

    def __init__(self) -> None:
        super().__init__()
        self.queues: dict[str, Strategy[Any]] = {}

    def parts(self) -> list[Strategy[Any]]:
        return [*self.queues.values()]

    def queue(self, item: Any) -> Strategy[Any]:
        key = item.payload[0]
        return self.queues.get(key) or self.queues.setdefault(key, self.another())

    def offer(self, item: Any, now: float) -> Verdict:
        return self.queue(item).offer(item, now)

    def take(self, now: float) -> Any:
        for queue in self.queues.values():
            if len(queue):
                return queue.take(now)
        raise gochan.strategies.Empty

    def finished(self, item: Any, now: float, **news: Any) -> None:
        self.queue(item).finished(item, now, **news)


CHAINS: list[Any] = [
    lambda: Rate(100, 50) | PerKey() | CoDel(1.0),
    lambda: PerKey() | Deadline(1.0) | Adaptive(start=9) | CoDel(1.0),
    lambda: PerKey() | Rate(100, 50),
    lambda: gochan.strategy("rate(100, 50) | adaptive(start=2) | deadline(5) | codel(1.0)"),
    lambda: gochan.strategy("deadline(1.0, slack=0.1) | adaptive(by=gradient)", capacity=9),
    lambda: gochan.strategy("rate(100, 50) | fair(payload) | deadline(1.0) | codel(1.0)"),
    lambda: gochan.strategy("fair(payload) | rate(100, 50) | adaptive"),
]


@pytest.mark.parametrize("make", CHAINS, ids=range(len(CHAINS)))
async def test_they_make_chains(make: Any, autojump_clock: MockClock) -> None:
    """In Python and in words; with a filter before them that keeps one of them per key."""

    async def handle(payload: str) -> None:
        await trio.sleep(0.01)

    chain = make()
    chain.check()
    async with open_job_queue(handle, workers=2, strategy=chain) as queue:
        await wait_all_tasks_blocked()
        jobs = [queue.submit_nowait(letter) for letter in "abcabc"]
        jobs[5].cancel()
        queue.audit()
    assert queue.audit().done == 5
    assert len(chain) == 0
    chain.check()


@pytest.mark.parametrize("name", CLASSES)
def test_a_fresh_one_can_be_copied(name: str) -> None:
    """The copy holds nothing of the other."""
    one = gochan.strategy(name, **NEEDED.get(name, {}))
    other = copy.deepcopy(one)
    assert one.offer("a", 1.0) is ADMIT
    assert len(other) == 0
    assert other.offer("b", 1.0) is ADMIT
    assert (one.take(1.0), other.take(1.0)) == ("a", "b")


# What those refused are told


def come_back(calls: list[Call], random: Random) -> tuple[int, int]:
    """Return how many are refused by a full queue, and how many of them once more.

    A refused sender comes back once, after the time that it was told, or up to a quarter more.
    """
    again: list[Call] = []

    def retry(call: Call) -> Call | None:
        assert isinstance(call.refused, Refuse)
        assert call.refused.retry_after is not None
        if call in again:
            return None
        later = call.refused.retry_after * random.uniform(1, 1.25)
        again.append(Call(call.at + later, call.seconds))
        return again[-1]

    simulate(gochan.strategy("drop-on-full", capacity=20), calls, retry)
    return len(again), sum(call.refused is not None for call in again)


def steady(seconds: float, rate: float, random: Random) -> list[Call]:
    """Return calls that come at random, at some rate."""
    calls = []
    now = random.expovariate(rate)
    while now < seconds:
        calls.append(Call(now, random.expovariate(1 / SECONDS)))
        now += random.expovariate(rate)
    return calls


def test_senders_that_come_back_to_a_full_queue_when_told_mostly_get_in() -> None:
    """After a burst every ten seconds, while half of what workers can do is asked for."""
    random = Random(1)
    calls = steady(200, WORKERS / SECONDS / 2, random)
    for second in range(5, 200, 10):
        calls += [Call(second, random.expovariate(1 / SECONDS)) for _ in range(40)]
    refused, again = come_back(calls, random)
    assert refused > 300
    assert again < refused / 4


def test_a_single_sender_that_comes_back_to_a_full_queue_when_told_gets_in() -> None:
    """The estimate is the time in which all that waits is done, so a place is nearly certain."""
    results = []
    for seed in range(50):
        random = Random(seed)
        calls = steady(5, WORKERS / SECONDS / 2, random)
        calls += [Call(6, random.expovariate(1 / SECONDS)) for _ in range(WORKERS + 21)]
        results.append(come_back(calls, random))
    assert sum(refused for refused, _ in results) >= 40
    assert sum(again for _, again in results) == 0


def test_the_estimate_of_a_full_queue_is_of_the_right_size() -> None:
    """The time in which what waits is done, and not much more than that."""
    strategy = gochan.strategy("drop-on-full", capacity=20)
    random = Random(2)
    calls = steady(60, WORKERS / SECONDS * 2, random)
    simulate(strategy, calls, lambda call: None)
    told = [call.refused.retry_after for call in calls if call.refused is not None]
    expected = 21 * SECONDS / WORKERS
    assert expected / 3 < min(filter(None, told[100:])) < max(filter(None, told)) < expected * 3
    assert sum(filter(None, told)) / len(told) == pytest.approx(expected, rel=0.15)

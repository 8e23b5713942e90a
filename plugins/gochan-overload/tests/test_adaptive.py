"""Adaptive: a limit on what is in work, learnt from how it ends."""

from __future__ import annotations

import copy
import heapq
import math
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
import trio
from gochan_overload import Adaptive, Deadline
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan import open_job_queue
from gochan.strategies import ADMIT, Block, Empty, Strategy


def take_rest(strategy: Strategy[Any], now: float = 0.0) -> Iterator[Any]:
    while True:
        try:
            yield strategy.take(now)
        except Empty:
            return


def finish(strategy: Strategy[Any], jobs: int, *, ran: float = 1.0, ok: bool = True) -> None:
    """Put the limit to full use, and tell of the ends of so many jobs, one per second."""
    now: float = getattr(strategy, "now", 1000.0)
    for _ in range(jobs):
        while len(strategy) < 10 and strategy.offer("job", now) is ADMIT:
            pass
        for _ in take_rest(strategy, now):
            pass
        now += ran
        strategy.finished("job", now, waited=0.0, ran=ran, ok=ok)
    strategy.now = now  # type: ignore[attr-defined]


# The limit


def test_so_many_items_are_in_work_and_no_more() -> None:
    """Taken, and not finished; however they end."""
    strategy = Adaptive[int](start=2, least=2)
    for item in range(6):
        strategy.offer(item, 0.0)
    assert [*take_rest(strategy)] == [0, 1]
    for item, ok, ran in ((0, True, 1.0), (1, False, 1.0), (2, False, 0.0)):
        strategy.finished(item, 1.0, waited=0.0, ran=ran, ok=ok)
        assert [*take_rest(strategy)] == [item + 2]
    assert len(strategy) == 1


def test_nothing_that_waits_takes_up_a_place() -> None:
    """Only what has been given out."""
    strategy = Adaptive[int](start=1)
    assert [*take_rest(strategy)] == []
    strategy.offer(1, 0.0)
    assert [*take_rest(strategy)] == [1]


def test_what_waits_can_be_taken_out_and_drained_at_the_limit() -> None:
    """The limit is about work, and that is not going to be done."""
    strategy = Adaptive[Any](start=1)
    items = [[] for _ in range(4)]
    for item in items:
        strategy.offer(item, 0.0)
    assert strategy.take(0.0) is items[0]
    assert strategy.remove(items[2])
    assert [*map(id, strategy.take_all(0.0))] == [id(items[1]), id(items[3])]
    assert len(strategy) == 0


def test_what_a_filter_before_it_gives_up_leaves_its_place() -> None:
    """It was given out, but never runs."""
    strategy = Deadline[int](1.0) | Adaptive(start=1)
    for item in range(3):
        strategy.offer(item, 10.0)
    strategy.offer(3, 12.0)
    assert [*take_rest(strategy, 12.5)] == [3]


# What it learns


def test_while_all_goes_well_it_grows_by_one_per_window() -> None:
    """A window is as many jobs as the limit, at least 10."""
    strategy = Adaptive[str](start=8)
    finish(strategy, 9)
    assert strategy.limit == 8
    finish(strategy, 1)
    assert strategy.limit == 9
    finish(strategy, 10 + 10)
    assert strategy.limit == 11
    finish(strategy, 10)
    assert strategy.limit == 11
    finish(strategy, 1)
    assert strategy.limit == 12


def test_it_does_not_grow_if_less_than_half_of_it_is_used() -> None:
    """Nobody knows what would be if it were."""
    strategy = Adaptive[str](start=20)
    for now in range(1000):
        for _ in range(9):
            strategy.offer("job", now)
        for item in [*take_rest(strategy, now)]:
            strategy.finished(item, now + 1.0, waited=0.0, ran=1.0, ok=True)
    assert strategy.limit == 20
    finish(strategy, 60)
    assert strategy.limit > 20


def test_if_a_tenth_of_a_window_goes_wrong_it_shrinks_by_a_tenth() -> None:
    """At once, without waiting for the end of the window."""
    strategy = Adaptive[str](start=100)
    finish(strategy, 9, ok=False)
    finish(strategy, 89)
    assert strategy.limit == 100
    finish(strategy, 1, ok=False)
    assert strategy.limit == 90


def test_a_few_that_go_wrong_are_no_sign_of_overload() -> None:
    """There are always some."""
    strategy = Adaptive[str](start=100)
    for _ in range(20):
        finish(strategy, 5, ok=False)
        finish(strategy, 95)
    assert strategy.limit > 100


def test_what_goes_wrong_at_once_counts_once() -> None:
    """Those that began before the limit was lowered do not lower it again."""
    strategy = Adaptive[int](start=100, capacity=1000)
    for item in range(200):
        strategy.offer(item, 0.0)
    for item in [*take_rest(strategy)]:
        strategy.finished(item, 5.0, waited=0.0, ran=5.0, ok=False)
    assert strategy.limit == 90
    for item in [*take_rest(strategy, 5.0)]:
        strategy.finished(item, 6.0, waited=5.0, ran=1.0, ok=False)
    assert strategy.limit == 81


def test_a_job_that_runs_longer_than_the_target_went_wrong() -> None:
    """Even if it was done."""
    strategy = Adaptive[str](start=20, target=1.0)
    finish(strategy, 20, ran=1.0)
    assert strategy.limit == 21
    finish(strategy, 3, ran=1.5)
    assert strategy.limit == 18


def test_jobs_that_never_started_teach_nothing() -> None:
    """They went neither well nor wrong."""
    strategy = Adaptive[str](start=20)
    finish(strategy, 100, ran=0.0, ok=False)
    assert strategy.limit == 20


@pytest.mark.parametrize("by", ["aimd", "gradient"])
def test_it_stays_within_its_bounds(by: str) -> None:
    """Whatever happens."""
    strategy = Adaptive[str](start=12, least=10, most=15, by=by)  # type: ignore[arg-type]
    finish(strategy, 1000)
    assert strategy.limit == 15
    finish(strategy, 1000, ok=False)
    assert strategy.limit == 10


def test_by_gradient_it_grows_while_jobs_run_as_usual() -> None:
    """By a fifth of its root per window; it shrinks when they become slower, or fail."""
    strategy = Adaptive[str](start=25, by="gradient")
    finish(strategy, 25)
    assert strategy._limit == pytest.approx(26)
    finish(strategy, 26 * 10)
    usual = strategy.limit
    finish(strategy, usual, ran=10.0)
    assert strategy.limit < usual
    lower = strategy.limit
    finish(strategy, lower, ok=False)
    assert strategy.limit < lower


def test_by_gradient_it_forgets_an_overload_soon() -> None:
    """When jobs are twice as fast as usual, that is what they should be."""
    strategy = Adaptive[str](start=25, by="gradient")
    finish(strategy, 25 * 10, ran=10.0)
    finish(strategy, 40 * 40, ran=1.0)
    assert strategy._usual < 2.5


def test_by_gradient_jobs_of_no_time_and_of_little_use_change_nothing() -> None:
    """There is nothing to compare, or nobody knows what would be."""
    strategy = Adaptive[str](start=20, by="gradient")
    finish(strategy, 200, ran=0.0)
    assert strategy.limit == 20
    strategy = Adaptive[str](start=20, by="gradient")
    for now in range(1000):
        strategy.offer("job", now)
        strategy.finished(strategy.take(now), now + 1.0, waited=0.0, ran=1.0, ok=True)
    assert strategy.limit == 20


# Services with a knee

KNEE = 40


def limits(
    strategy: Adaptive[float], jobs: int, *, seed: int, knee: Callable[[int], int]
) -> Iterator[int]:
    """Run so many jobs as soon as the strategy lets them, and yield the limit after each.

    Each takes 0.05 to 0.15 s; as many times longer as there are more in work than the knee.
    """
    random = Random(seed)
    number = count()
    ends: list[tuple[float, int, float]] = []
    now = 0.0
    for done in range(jobs):
        while len(strategy) < 20:
            strategy.offer(now, now)
        for _ in take_rest(strategy, now):
            more = max(1.0, (len(ends) + 1) / knee(done))
            heapq.heappush(ends, (now + random.uniform(0.05, 0.15) * more, next(number), now))
        now, _, began = heapq.heappop(ends)
        strategy.finished(began, now, waited=0.0, ran=now - began, ok=True)
        yield strategy.limit


@pytest.mark.parametrize("start", [5, 20])
@pytest.mark.parametrize(
    "options", [{"by": "aimd", "target": 0.2}, {"by": "gradient"}], ids=["aimd", "gradient"]
)
def test_it_finds_the_knee_of_a_service(options: dict[str, Any], start: int) -> None:
    """Where more in work at the same time make each of them slower; and again when it moves."""
    strategy = Adaptive[float](start=start, **options)

    def knee(done: int) -> int:
        return KNEE // 4 if 4000 <= done < 6000 else KNEE

    seen = [*limits(strategy, 9000, seed=start, knee=knee)]
    assert KNEE <= min(seen[2500:4000]) <= max(seen[2500:4000]) <= 2 * KNEE
    assert KNEE / 4 <= min(seen[5000:6000]) <= max(seen[5000:6000]) <= 3 * KNEE / 4
    assert min(seen[8000:]) >= KNEE


def test_with_a_target_it_also_comes_down_to_the_knee() -> None:
    """From wherever it started."""
    strategy = Adaptive[float](start=150, target=0.2)
    seen = [*limits(strategy, 6000, seed=1, knee=lambda done: KNEE)]
    assert KNEE <= min(seen[4000:]) <= max(seen[4000:]) <= 2 * KNEE


# In use


async def test_a_job_queue_has_no_more_jobs_in_work_than_the_limit(
    autojump_clock: MockClock,
) -> None:
    """However many workers there are; every job runs at last."""
    running = most = 0

    async def handle(seconds: float) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await trio.sleep(seconds)
        finally:
            running -= 1

    strategy = Adaptive[Any](start=3, most=3)
    async with open_job_queue(handle, workers=10, strategy=strategy) as queue:
        jobs = [await queue.submit(1) for _ in range(20)]
        jobs[0].cancel()  # in a worker's hand, or running
        jobs[19].cancel()  # waiting
        queue.audit()
    assert most == 3
    counts = queue.audit()
    assert (counts.done, counts.cancelled) == (18, 2)
    assert strategy._in_work == 0


async def test_a_stopped_queue_hands_back_what_waits_at_the_limit(
    autojump_clock: MockClock,
) -> None:
    """And does not wait for places."""
    async with open_job_queue(trio.sleep, workers=5, strategy=Adaptive(start=1)) as queue:
        await wait_all_tasks_blocked()
        for _ in range(4):
            await queue.submit(10)
        await wait_all_tasks_blocked()
        report = await queue.stop(drain=1, grace=1)
    assert (len(report.interrupted), len(report.handed_back)) == (1, 3)


def test_a_fresh_one_can_be_copied() -> None:
    """As a filter does that keeps one per key; the copies are on their own."""
    one = Adaptive[int](start=1) | Block(5)
    other = copy.deepcopy(one)
    for strategy in (one, other):
        strategy.offer(1, 0.0)
        assert [*take_rest(strategy)] == [1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start": 0}, ValueError, "start must be >= 1, not 0"),
        ({"least": 0}, ValueError, "least must be >= 1, not 0"),
        ({"least": -3}, ValueError, "least must be >= 1"),
        ({"most": math.inf}, TypeError, "most must be an int, not inf"),
        ({"most": math.nan}, TypeError, "most must be an int, not nan"),
        ({"start": True}, TypeError, "start must be an int, not True"),
        ({"start": "20"}, TypeError, "start must be an int, not '20'"),
        ({"start": 2.0}, TypeError, "start must be an int, not 2.0"),
        ({"most": 10}, ValueError, "least <= start <= most does not hold: 1, 20, 10"),
        ({"least": 30}, ValueError, "least <= start <= most does not hold: 30, 20, 200"),
        ({"by": "vegas"}, ValueError, 'by must be "aimd" or "gradient", not \'vegas\''),
        ({"target": 0}, ValueError, "target must be > 0 and finite, not 0"),
        ({"target": math.nan}, ValueError, "target must be > 0"),
        ({"target": "1"}, TypeError, "target must be a number"),
        ({"capacity": 0}, ValueError, "capacity must be >= 1"),
    ],
)
def test_options_that_make_no_sense_are_errors(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """When it is made."""
    with pytest.raises(error, match=message):
        gochan.strategy("adaptive", **options)

"""Overload, simulated: callers who give up after a second, and workers who cannot keep up.

As a program, this prints how the policies fare::

    uv run python plugins/gochan-overload/tests/simulation.py

Four workers, jobs of 0.1 s on average (exponential), so 40 jobs per second; a minute of random
arrivals (Poisson), of which the seconds from 10 to 40 are bad in one of two ways. A model, not a
benchmark: no clock is read, and the same seeds give the same figures everywhere.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random
from statistics import mean, quantiles
from typing import NamedTuple

import gochan
from gochan.strategies import ADMIT, Empty, Refuse, Strategy

WORKERS = 4
SECONDS = 0.1  # that a job takes
PATIENCE = 1.0  # of those who wait for it
BAD, GOOD_AGAIN = 10.0, 40.0
SEEDS = range(8)


@dataclass(eq=False)
class Call:
    """One job, and who waits for it."""

    at: float
    seconds: float
    patience: float = PATIENCE
    started: float = math.nan
    ended: float = math.nan  # stays so if it never ran
    refused: Refuse | None = None


def simulate(
    strategy: Strategy[Call],
    calls: Iterable[Call],
    *,
    workers: int = WORKERS,
    seconds: Callable[[Call, float, int], float] = lambda call, now, running: call.seconds,
    ok: Callable[[Call], bool] = lambda call: True,
    retry: Callable[[Call], Call | None] = lambda call: None,
    watch: Callable[[float], object] = lambda now: None,
) -> None:
    """Let workers do the calls as fast as they can, with the strategy between.

    Args:
        strategy: what decides.
        calls: in any order.
        workers: how many calls are in work at the same time.
        seconds: how long one runs that starts at such a time, as one of so many.
        ok: whether it has gone well, asked at its end.
        retry: what comes, at another time, of one that was refused.
        watch: called after everything that happens.
    """
    number = count()
    events = [(call.at, next(number), call) for call in calls]
    heapq.heapify(events)
    running = 0
    while events:
        now, _, call = heapq.heappop(events)
        if math.isnan(call.started):
            verdict = strategy.offer(call, now)
            if isinstance(verdict, Refuse):
                call.refused = verdict
                again = retry(call)
                if again is not None:
                    heapq.heappush(events, (again.at, next(number), again))
            else:
                assert verdict is ADMIT, "senders who wait are not simulated"
        else:
            running -= 1
            call.ended = now
            waited, ran = call.started - call.at, now - call.started
            strategy.finished(call, now, waited=waited, ran=ran, ok=ok(call))
        while running < workers:
            try:
                job = strategy.take(now)
            except Empty:
                break
            running += 1
            job.started = now
            heapq.heappush(events, (now + seconds(job, now, running), next(number), job))
        watch(now)


class Figures(NamedTuple):
    """What came of a minute."""

    goodput: float
    """Jobs done in time that came in the bad half minute, in per cent of what workers could do."""
    median: float
    """Seconds until they were done, of all that were done in time."""
    p99: float
    wasted: float
    """Jobs that were done too late."""
    recovery: float
    """Seconds from the end of the bad time until nothing waits."""


def run(make: Callable[[], Strategy[Call]], seed: int, rate: float, slower: float) -> Figures:
    """Run a minute of 28 calls per second; in the bad half of it, ``rate`` and slower workers."""
    random = Random(seed)
    calls: list[Call] = []
    for begin, end, frequency in ((0.0, BAD, 28.0), (BAD, GOOD_AGAIN, rate), (GOOD_AGAIN, 60, 28)):
        now = begin + random.expovariate(frequency)
        while now < end:
            calls.append(Call(now, random.expovariate(1 / SECONDS)))
            now += random.expovariate(frequency)
    strategy = make()
    recovered: list[float] = []

    def watch(now: float) -> None:
        if now > GOOD_AGAIN and not len(strategy):
            recovered.append(now - GOOD_AGAIN)

    simulate(
        strategy,
        calls,
        seconds=lambda call, now, _: call.seconds * (slower if BAD <= now < GOOD_AGAIN else 1),
        watch=watch,
    )
    ended = [call for call in calls if not math.isnan(call.ended)]
    good = [call for call in ended if call.ended - call.at <= call.patience]
    percentiles = quantiles([call.ended - call.at for call in good], n=100)
    return Figures(
        100
        * sum(BAD <= call.at < GOOD_AGAIN for call in good)
        / (WORKERS / SECONDS / slower * (GOOD_AGAIN - BAD)),
        percentiles[49],
        percentiles[98],
        len(ended) - len(good),
        recovered[0],
    )


def averaged(make: Callable[[], Strategy[Call]], rate: float, slower: float) -> Figures:
    """Average over a few seeds."""
    return Figures(*map(mean, zip(*(run(make, seed, rate, slower) for seed in SEEDS), strict=True)))


def twice_the_load(make: Callable[[], Strategy[Call]]) -> Figures:
    """Twice as many calls as the workers can do."""
    return averaged(make, 80.0, 1.0)


def slow_workers(make: Callable[[], Strategy[Call]]) -> Figures:
    """Workers that become five times slower."""
    return averaged(make, 28.0, 5.0)


POLICIES = [
    "drop-on-full(inf)",
    "drop-on-full(200)",
    "drop-on-full(20)",
    "drop-oldest(200)",
    "drop-oldest(20)",
    "deadline(1.0, slack=0) | drop-on-full(200)",
    "deadline(1.0, slack=0.2) | drop-on-full(200)",
    "deadline(1.0) | drop-on-full(200)",
    "codel(1.0, lifo=False)",
    "codel(1.0)",
]


def main() -> None:
    """Print a table: per cent, milliseconds, numbers of jobs, and seconds."""
    print(f"{'':45} twice the load" + " " * 18 + "workers 5 x slower")
    print(f"{'':44}", *["goodput   p50   p99 wasted back"] * 2, sep="  ")
    for policy in POLICIES:
        make = partial(gochan.strategy, policy)
        print(f"{policy:45}", *map(row, (twice_the_load(make), slow_workers(make))))


def row(figures: Figures) -> str:
    """Return figures as text."""
    return (
        f"{figures.goodput:6.0f} %{figures.median * 1e3:6.0f}{figures.p99 * 1e3:6.0f}"
        f"{figures.wasted:7.0f}{figures.recovery:5.1f}"
    )


if __name__ == "__main__":
    main()

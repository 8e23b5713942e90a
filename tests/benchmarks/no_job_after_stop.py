"""No job starts once a queue is being stopped: so many small programs, each its own schedule.

    python tests/benchmarks/no_job_after_stop.py [--schedules N] [--first SEED]

A seed decides everything: how trio orders the tasks, which case a select draws, how often
operations yield, the strategy and its capacity, workers, submitters and what jobs do; who
stops the queue, how, and when. Prints how many schedules there were, in how many of them a job
waited or was in the hand of a worker at that moment, and how many jobs started after it.
The exit status is 1 if any did.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from time import perf_counter
from typing import Any

import trio
from trio.testing import MockClock

from gochan import ChanClosedError, Refused, cleanup, open_job_queue, strategy
from gochan._core._choice import chance
from gochan.lowlevel import yield_interval
from gochan.strategies import Empty, Strategy

scheduling: Random = trio._core._run._r


class Stack(Strategy[Any]):
    """Newest first."""

    def take(self, now: float) -> Any:
        if not self.items:
            raise Empty
        return self.items.pop()


class Slow(Strategy[Any]):
    """One every half second, so that workers are woken by the clock."""

    next_at = 0.0

    def take(self, now: float) -> Any:
        if now < self.next_at:
            raise Empty
        item = super().take(now)
        self.next_at = now + 0.5
        return item

    def next_change(self, now: float) -> float | None:
        return self.next_at if self.items and now < self.next_at else None


STRATEGIES: list[Callable[[int], Strategy[Any]]] = [
    *(
        partial(lambda name, capacity: strategy(name, capacity=capacity), name)
        for name in ("block", "drop-on-full", "priority-cancel")
    ),
    lambda capacity: strategy("drop-oldest", capacity=max(1, capacity)),
    Stack,
    lambda capacity: Slow(max(1, capacity)),
]


async def play(seed: int) -> Counter[str]:
    """Play one schedule, and return what was counted."""
    draw = Random(seed)
    chance.seed(seed)
    scheduling.seed(seed)
    counts = Counter(schedules=1)
    stopped = False
    chosen = draw.choice(STRATEGIES)(draw.randrange(5))
    workers = draw.randint(1, 4)
    deed = draw.randrange(6)  # what jobs do
    who = draw.choice(["task", "task", "task", "block", "job", "on_start", "on_end"])
    moment = draw.randrange(12)  # after so many steps, or which job

    def stop(how: Callable[..., Any]) -> Any:
        nonlocal stopped
        if not stopped:
            waiting = queue.audit().waiting
            counts["waiting"] += bool(waiting)
            counts["in hand"] += waiting > sum(job.state == "waiting" for job in chosen.items)
        stopped = True
        return how(drain=draw.choice([0, 0, 1, 3]), grace=draw.choice([0, 1]))

    async def handle(number: int) -> None:
        if who == "job" and number == moment:
            stop(queue.stop_soon)
        for _ in range(deed % 3):
            await trio.lowlevel.checkpoint()
        if deed == 3:
            await trio.sleep(number % 3)
        elif deed == 4:
            try:
                await trio.sleep(9)
            finally:
                with cleanup():
                    await trio.sleep(number % 2)

    def hook(name: str, _: object) -> None:
        counts[name] += 1
        counts["started after the stop"] += name == "on_start" and stopped
        if who == name and counts[name] == moment:
            stop(queue.stop_soon)

    async def submit(first: int) -> None:
        with suppress(ChanClosedError), trio.move_on_after(draw.choice([1, 9])):
            for number in range(first, first + draw.randint(1, 6)):
                with suppress(Refused):
                    await queue.submit(number)
                for _ in range(draw.randrange(3)):
                    await trio.lowlevel.checkpoint()

    async def stop_at_the_moment() -> None:
        for _ in range(moment):
            await trio.lowlevel.checkpoint()
        if draw.randrange(4) == 0:
            await trio.sleep(draw.random())
        await stop(queue.stop)

    with yield_interval(draw.choice([0, 0, 1e-5, 1e-4, 1])):
        async with (
            open_job_queue(
                handle,
                workers=workers,
                strategy=chosen,
                on_start=partial(hook, "on_start"),
                on_end=partial(hook, "on_end"),
            ) as queue,
            trio.open_nursery() as nursery,
        ):
            for number in range(draw.randint(1, 3)):
                nursery.start_soon(submit, 4 * number)
            if who == "task":
                nursery.start_soon(stop_at_the_moment)
            elif who == "block":
                await stop_at_the_moment()
    assert counts["on_end"] == queue.audit().submitted
    counts["stopped"] += stopped
    return counts


async def play_all(first: int, schedules: int) -> Counter[str]:
    """Play several schedules, one after the other."""
    total: Counter[str] = Counter()
    for seed in range(first, first + schedules):
        total += await play(seed)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    began = perf_counter()
    total: Counter[str] = Counter()
    for first in range(arguments.first, arguments.first + arguments.schedules, 100):
        count = min(100, arguments.first + arguments.schedules - first)
        total += trio.run(play_all, first, count, clock=MockClock(autojump_threshold=0))
        print(f"\r{total['schedules']:,}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"{total['schedules']:,} schedules in {perf_counter() - began:.0f} s")
    print(f"{total['stopped']:,} with a stop that came before the end")
    print(f"{total['waiting']:,} with jobs that waited at that moment")
    print(f"{total['in hand']:,} with jobs in the hand of a worker, taken but not started")
    print(f"{total['on_start']:,} jobs started in all")
    print(f"{total['started after the stop']:,} jobs started after the stop")
    return int(total["started after the stop"] > 0)


if __name__ == "__main__":
    sys.exit(main())

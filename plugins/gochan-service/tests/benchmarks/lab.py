"""What a job server and its agents lose in storms: nothing, as this counts.

    python plugins/gochan-service/tests/benchmarks/lab.py [--seeds N] [--first SEED] [--steps N]

Each seed is a lab of its own (see `gochan_service.Lab`): the real server and three real agents,
HTTP between them, and faults at random: agents and the server are killed, restarted and stopped,
cut off, slowed down; answers are lost, requests come twice, also a minute later; clocks are wrong.
In the end all faults are over, all jobs have to end, and the ledger is compared with the store.

The exit status is 1 if a law was broken; then the seeds are named, and the first error is shown.
``Lab(seed=SEED)`` with ``storm(steps=N)`` and ``settle()`` gives the same run again.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import perf_counter
from typing import NamedTuple

import trio
from gochan_service import Lab
from gochan_service._lab._storm import FAULTS
from trio.testing import MockClock


class Weather(NamedTuple):
    """What one storm came to."""

    seed: int
    counts: dict[str, int]
    faults: dict[str, int]
    seconds: float  # of virtual time
    error: str


async def storm(seed: int, steps: int) -> Weather:
    lab = Lab(seed=seed)
    error = ""
    try:
        async with lab:
            await lab.storm(steps)
            await lab.settle()
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    verbs = Counter(re.findall(r"lab\.(\w+)\(", lab.script))
    faults = {name: verbs[name] + verbs[f"{name}_soon"] for name in FAULTS if name != "heal"}
    return Weather(seed, {**lab.counts}, faults, trio.current_time(), error)


def run(seed: int, steps: int) -> Weather:
    logging.disable()
    return trio.run(storm, seed, steps, clock=MockClock(autojump_threshold=0))


def main() -> int:
    parser = argparse.ArgumentParser(description="Storms in a lab: what is lost or doubled.")
    parser.add_argument("--seeds", type=int, default=100, help="how many storms")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=40, help="how many things happen in each")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    begun = perf_counter()
    counts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    errors: list[Weather] = []
    seconds = 0.0
    with ProcessPoolExecutor(options.processes) as pool:
        seeds = range(options.first, options.first + options.seeds)
        for weather in pool.map(partial(run, steps=options.steps), seeds, chunksize=4):
            counts.update(weather.counts)
            faults.update(weather.faults)
            seconds += weather.seconds
            errors += [weather] if weather.error else []
    broken = Counter(error.error.partition(": ")[2].partition(":")[0] for error in errors)
    doubled = sum(broken[law] for law in ("one run", "one lease", "one outcome", "late report"))
    ends = ", ".join(f"{n} {kind}" for kind, n in counts.items() if kind not in _NO_ENDS)
    print(f"{options.seeds} seeds, {seconds / 3600:.1f} hours of virtual time")
    print(f"jobs:    {counts['submitted']} acknowledged; {ends}; {counts['run again']} run again")
    print(f"faults:  {sum(faults.values())}; {', '.join(f'{n} {k}' for k, n in faults.items())}")
    print(f"losses:  {broken['nothing lost']}")
    print(f"doubles: {doubled}")
    print(f"others:  {len(errors) - doubled - broken['nothing lost']}")
    print(f"({perf_counter() - begun:.0f} s on {options.processes} processes)")
    if errors:
        print("\nseeds:", *(error.seed for error in errors))
        print(errors[0].error)
    return 1 if errors else 0


_NO_ENDS = ("submitted", "run again")

if __name__ == "__main__":
    sys.exit(main())

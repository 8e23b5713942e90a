"""Loads for scalers: days, nights and bursts, from a seed."""

from __future__ import annotations

import math
import random

DAY = 86_400.0


def days_and_nights(
    days: int, seed: int, *, peak: float = 0.02, duration: float = 240.0, burst: int = 40
) -> list[tuple[float, float]]:
    """Return when jobs come, and how long they take.

    Args:
        days: how many.
        seed: of chance.
        peak: how many jobs come in a second at noon; at night there are none.
        duration: of a job, on average.
        burst: how many come within a minute, twice a day at any time.
    """
    chance = random.Random(seed)
    jobs: list[tuple[float, float]] = []
    moment = chance.expovariate(peak)
    while moment < days * DAY:
        if chance.random() < math.sin((moment / DAY % 1 - 0.25) * 2 * math.pi):
            jobs.append((moment, chance.expovariate(1 / duration)))
        moment += chance.expovariate(peak)
    for _ in range(2 * days):
        start = chance.uniform(0, days * DAY)
        jobs += [
            (start + chance.uniform(0, 60), chance.expovariate(1 / duration)) for _ in range(burst)
        ]
    return sorted(jobs)

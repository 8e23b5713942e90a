"""Demand: how many jobs should be able to run at the same time."""

# Theory of operation
# -------------------
# With S slots, and J jobs that wait or run, the next job starts when J + 1 - S jobs have ended. A
# slot ends one job in D seconds, so that is in (J + 1 - S) * D / S seconds. Few enough slots make
# that the target T: S = (J + 1) * D / (T + D). And no fewer than are busy on average, rate * D
# (Little's law), or the line would grow until this formula sees it.

from __future__ import annotations

import math

from ._snapshot import ScalingSnapshot


def expected_wait(seen: ScalingSnapshot, slots: int, target: float) -> float:
    """Return how many seconds the next job waits for one of so many slots."""
    ahead = seen.waiting + seen.running + 1 - slots
    if ahead <= 0:
        return 0.0
    return ahead * duration_of(seen, target) / slots if slots else math.inf


def slots_wanted(seen: ScalingSnapshot, target: float) -> int:
    """Return with how many slots the next job waits no longer than ``target``; 0 without jobs."""
    jobs = seen.waiting + seen.running
    if not jobs:
        return 0
    duration = duration_of(seen, target)
    share = duration / (target + duration) if target + duration else 1.0
    return max(1, math.ceil((jobs + 1) * share - 1e-9), math.ceil(seen.rate * duration - 1e-9))


def duration_of(seen: ScalingSnapshot, target: float) -> float:
    """Return how long a job takes: as lately, or longer if those that run already have.

    As long as nothing is known, it is taken to be the target.
    """
    return max(target if seen.duration is None else seen.duration, seen.age)

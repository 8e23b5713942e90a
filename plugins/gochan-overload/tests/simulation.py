"""Overload, simulated: what `gochan sim` says, and callers who come back when they were told to."""

from __future__ import annotations

import heapq
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

from gochan.strategies import ADMIT, Empty, Refuse, Strategy

# The sender of a job wants its result within a second.
COMPARED = (
    "deadline(1.0, slack=0) | drop-on-full(200)",
    "deadline(1.0, slack=0.2) | drop-on-full(200)",
    "deadline(1.0) | drop-on-full(200)",
    "codel(1.0, lifo=False)",
    "codel(1.0)",
)


def figures(load: str, strategy: str) -> dict[str, Any]:
    """Return what `gochan sim` says about one of these strategies under a load."""
    assert strategy in COMPARED
    (one,) = (one for one in simulated() if (one["load"], one["strategy"]) == (load, strategy))
    return one


@cache
def simulated() -> list[dict[str, Any]]:
    """Run it, once."""
    options = [word for strategy in COMPARED for word in ("--strategy", strategy)]
    command = [sys.executable, "-m", "gochan", "sim", "--json", *options]
    result = subprocess.run(command, check=True, capture_output=True, timeout=120)
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


# Callers who come back

WORKERS = 4
SECONDS = 0.1  # that a job takes


@dataclass(eq=False)
class Call:
    """One job."""

    at: float
    seconds: float
    started: float = math.nan
    refused: Refuse | None = None


def simulate(
    strategy: Strategy[Call], calls: Iterable[Call], retry: Callable[[Call], Call | None]
) -> None:
    """Let workers do the calls; ``retry`` says what comes, later, of one that was refused."""
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
                assert verdict is ADMIT
        else:
            running -= 1
            waited, ran = call.started - call.at, now - call.started
            strategy.finished(call, now, waited=waited, ran=ran, ok=True)
        while running < WORKERS:
            try:
                job = strategy.take(now)
            except Empty:
                break
            running += 1
            job.started = now
            heapq.heappush(events, (now + job.seconds, next(number), job))

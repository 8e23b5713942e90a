"""What scaling costs, and how long jobs wait, beside a scaler that knows the future.

``uv run python plugins/gochan-service/tests/benchmarks/scaling.py`` simulates a week of days,
nights and bursts for some settings. COST is how long agents were there, as a multiple of what a
perfect scaler needs, whose agents start at once and are never idle; nobody waits there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from gochan_service import Scaling, simulate_scaling

sys.path.insert(0, str(Path(__file__).parent.parent))

from loads import DAY, days_and_nights

SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "target 0 s": {"target": 0.0},
    "target 5 min": {"target": 300.0},
    "min age 1 min": {"min_age": 60.0},
    "min age 30 min": {"min_age": 1800.0},
    "buffer 2": {"buffer": 2},
    "always 20": {"min": 20},
}


def main() -> None:
    """Print a line for each setting."""
    jobs = days_and_nights(7, seed=1)
    print(f"{len(jobs):,} jobs in a week; at most 20 agents, which start in 30 s")
    print(
        f"{'':16}{'COST':>6}{'MEAN':>8}{'P50':>8}{'P95':>8}{'P99':>8}{'CREATED':>9}  STOPPED BUSY"
    )
    for name, setting in SETTINGS.items():
        scaling = Scaling(**{"max": 20, **setting})
        run = simulate_scaling(scaling, jobs, interval=10, until=7 * DAY, seed=1)
        mean = sum(run.waits) / len(run.waits)
        waits = "".join(f"{wait:7.1f}s" for wait in (mean, *map(run.wait, (0.5, 0.95, 0.99))))
        cost = run.agent_seconds / run.perfect_seconds
        print(f"{name:16}{cost:6.2f}{waits}{run.created:9}{run.stopped_busy:14}", flush=True)


if __name__ == "__main__":
    main()

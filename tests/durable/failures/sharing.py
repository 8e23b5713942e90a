"""Sharing: many processes on one store, and limits that hold for all of them together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from .fleet import open_fleet
from .ledger import Verdict, facts_in
from .patience import until


async def share(
    folder: Path,
    address: str,
    times: int,
    *,
    workers: int = 3,
    producers: int = 3,
    limit: int | None = None,
    **options: Any,
) -> Verdict:
    """Producers submit so many jobs each, and workers share them; each runs once."""
    groups = 0 if limit is None else 5
    limits = {} if limit is None else {"group_limit": limit}
    async with open_fleet(folder, address, **options) as fleet:
        for _ in range(workers):
            # Nobody dies, so no lease is to end; on a busy machine, a short one might.
            await fleet.start("work", ready=True, lease=15.0, **limits)
        tasks = min(5, times)
        for _ in range(producers):
            await fleet.start("produce", count=times // tasks, tasks=tasks, pause=0, groups=groups)
        await until(lambda: not fleet.alive("produce"), seconds=120)
        verdict = await fleet.settle(times=1, again=False)
        expected = producers * tasks * (times // tasks)
        if verdict.jobs != expected:
            verdict.lost.append(f"{expected} jobs were submitted, and {verdict.jobs} are there")
        facts = facts_in(fleet.folder)
        shares = Counter(fact["pid"] for fact in facts if fact["what"] == "run")
        verdict.notes["least share"] = min(shares.values()) if len(shares) == workers else 0
        verdict.notes["most of a group"] = most = most_of_a_group(facts)
        if limit is not None and most > limit:
            verdict.doubled.append(f"{most} jobs of a group ran at the same time")
        return verdict


def most_of_a_group(facts: list[dict[str, Any]]) -> int:
    """Return how many jobs of one group have run at the same time."""
    running = Counter[str]()
    most = 0
    for fact in facts:
        if fact["what"] in ("begun", "run", "cut") and fact["group"] is not None:
            running[fact["group"]] += 1 if fact["what"] == "begun" else -1
            most = max(most, running[fact["group"]])
    return most

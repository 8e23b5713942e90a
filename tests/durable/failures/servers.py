"""Servers that are killed, and workers whose clocks are wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import trio

from .fleet import Fleet, open_fleet
from .ledger import Verdict, facts_in
from .patience import until

HOUR = 3600.0


async def restart_server(
    folder: Path,
    address: str,
    times: int,
    restart: Callable[[], object],
    *,
    seed: int = 1,
    **options: Any,
) -> Verdict:
    """Under load, kill the server with all its processes, and start it again."""
    dice = Random(seed)
    async with open_fleet(folder, address, **options) as fleet:
        await fleet.start("produce", ready=True)
        for _ in range(2):
            await fleet.start("work", ready=True, lease=15.0)
        for _ in range(times):
            await until(partial(_has_stored, fleet, _stored(fleet) + 30))
            await trio.sleep(dice.uniform(0.0, 0.3))
            await trio.to_thread.run_sync(restart)
        return await fleet.settle(times=times)


def _stored(fleet: Fleet) -> int:
    """Return how many jobs were acknowledged."""
    return sum(fact["what"] == "stored" for fact in facts_in(fleet.folder))


def _has_stored(fleet: Fleet, n: int) -> bool:
    return _stored(fleet) >= n


async def set_clocks_wrong(folder: Path, address: str, times: int, **options: Any) -> Verdict:
    """The clocks of one worker and one producer are an hour ahead, of others an hour behind.

    Delays are as long as they were meant, and no lease ends early or late.
    """
    delay = 0.3
    async with open_fleet(folder, address, **options) as fleet:
        for off in (-HOUR, HOUR):
            await fleet.start("work", ready=True, clock=off)
        for off in (-HOUR, HOUR):
            await fleet.start("produce", clock=off, count=times, tasks=1, delay=delay)
        for producer in fleet.alive("produce"):
            await producer.gone()
        verdict = await fleet.settle(times=times, again=False)
    facts = facts_in(fleet.folder)
    stored = {fact["id"]: fact["at"] for fact in facts if fact["what"] == "stored"}
    waits = [fact["at"] - stored[fact["id"]] for fact in facts if fact["what"] == "begun"]
    # The fact is a little later than the submission.
    verdict.left += [f"a job ran {wait:.2f} s late" for wait in waits if wait > delay + 3.0]
    verdict.left += [f"a job ran after {wait:.2f} s" for wait in waits if wait < delay - 0.2]
    return verdict

"""kill -9: workers and producers die at any moment."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import trio

from .fleet import open_fleet
from .ledger import Verdict


async def kill_workers_and_producers(
    folder: Path, address: str, times: int, *, seed: int = 1, **options: Any
) -> Verdict:
    """Under load, kill one of two workers and two producers, and start another one instead."""
    dice = Random(seed)
    async with open_fleet(folder, address, **options) as fleet:
        for role in ("produce", "work", "produce", "work"):
            await fleet.start(role, ready=True)
        for _ in range(times):
            await trio.sleep(dice.uniform(0.02, 0.12))
            role = dice.choice(["produce", "work"])
            dice.choice(fleet.alive(role)).kill()
            await fleet.start(role)
        return await fleet.settle(times=times)

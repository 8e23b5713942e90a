"""Workers that are stopped: for longer than their lease, by themselves, and for a deploy."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import trio

from gochan.durable import open_durable_queue

from .fleet import Fleet, open_fleet
from .ledger import QUEUE, Verdict, facts_in, said
from .patience import until

LEASE = 0.5


async def stop_workers_for_longer_than_their_lease(
    folder: Path, address: str, times: int, *, seed: int = 1, **options: Any
) -> Verdict:
    """SIGSTOP, and SIGCONT when somebody else has its jobs: what it writes then is refused."""
    dice = Random(seed)
    async with open_fleet(folder, address, **options) as fleet:
        await fleet.start("produce", ready=True, seconds=0.02)
        for _ in range(3):
            await fleet.start("work", ready=True, lease=LEASE)
        for _ in range(times):
            await trio.sleep(dice.uniform(0.0, 0.1))
            worker = dice.choice(fleet.alive("work"))
            worker.stop()
            await trio.sleep(LEASE * dice.uniform(1.2, 1.8))
            worker.go_on()
        return await fleet.settle(times=times)


async def block_workers_for_longer_than_their_lease(
    folder: Path, address: str, times: int, **options: Any
) -> Verdict:
    """A handler keeps its event loop from running, so that nobody renews its lease."""
    async with open_fleet(folder, address, **options) as fleet:
        for _ in range(2):
            await fleet.start("work", ready=True, lease=LEASE, workers=2)
        async with fleet.store() as store, open_durable_queue(store, QUEUE) as queue:
            for number in range(times):
                payload = {"n": number, "blocks": 1.4 * LEASE, "seconds": LEASE}
                job = await queue.submit(payload, max_attempts=1000)
                fleet.note("stored", id=job.id, payload=payload)
                await queue.submit_many({"n": f"{number}-{i}", "seconds": 0.02} for i in range(9))
                await until(partial(_begun_again, fleet, job.id))
        return await fleet.settle(times=times)


def _begun_again(fleet: Fleet, id: int) -> bool:
    facts = [fact for fact in facts_in(fleet.folder) if fact["what"] == "begun"]
    return sum(fact["id"] == id for fact in facts) > 1


async def deploy(
    folder: Path, address: str, times: int, *, drain: float = 0.02, **options: Any
) -> Verdict:
    """Under load, replace each worker in turn: a new one starts, and the old one gets a SIGTERM.

    No attempt is burnt, and nothing is run to its end twice.
    """
    async with open_fleet(folder, address, **options) as fleet:
        await fleet.start("produce", ready=True, seconds=0.03)
        for _ in range(2):
            await fleet.start("work", ready=True, drain=drain, lease=15.0)
        for number in range(times):
            old = fleet.alive("work")[0]
            await fleet.start("work", ready=True, drain=drain, lease=15.0)
            await trio.sleep(0.01 * (number % 7))
            old.terminate()
            await old.gone()
        verdict = await fleet.settle(times=times, again=False)
        await _check_attempts(fleet, verdict)
        return verdict


async def _check_attempts(fleet: Fleet, verdict: Verdict) -> None:
    """Compare the attempts that count with those that were not cut short by a stop."""
    left = {member.pid for member in fleet.members if member.says("left")}
    for member in fleet.members:
        if member.role == "work" and member.pid not in left:
            verdict.left.append(f"worker {member.pid} did not end in good order")
        verdict.notes["interrupted"] += sum(fact["what"] == "cut" for fact in member.facts)
    async with fleet.store() as store:
        before = None
        while page := await store.list(QUEUE, limit=500, before=before):
            before = page[-1].id
            verdict.lost += [
                f"job {record.id} has paid with attempts: {said(record)}"
                for record in page
                if (record.attempt, record.crashes, record.lost) != (1, 0, 0)
            ]

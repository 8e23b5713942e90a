"""Many jobs, from their submit to their end."""

from __future__ import annotations

import subprocess
import sys
import time

import trio
from gochan_service import open_agent

from gochan.durable import NewJob, Store

from ._fleet import Figures, Fleet, open_fleet

_BATCH = 500  # jobs in a submit
_LOOK = 0.05  # seconds after which it is looked whether all are done


def be_agent(url: str, secret: str, capacity: int) -> None:
    """Be an agent whose jobs do nothing."""

    async def handle(payload: object) -> None:
        pass

    async def main() -> None:
        async with open_agent(url, "q", handle, capacity=capacity, secret=secret):
            print("ready", flush=True)
            await trio.sleep_forever()

    trio.run(main)


def empty_jobs(n: int, agents: int, capacity: int) -> Figures:
    """Return how many empty jobs end in a second."""
    with open_fleet() as fleet:
        for _ in range(agents):
            fleet.start("agent", capacity)
        return _play(fleet, n)


def processes(n: int, agents: int, capacity: int) -> Figures:
    """Return how many jobs end in a second of which each is a process."""
    with open_fleet() as fleet:
        for _ in range(agents):
            fleet.place.agent("--capacity", str(capacity), "--", "true")
        return _play(fleet, n)


def gochan_run(n: int, agents: int, capacity: int) -> Figures:
    """Return how many commands `gochan run` ends in a second, with as many workers."""
    lines = "".join(f"{number}\n" for number in range(n))
    workers = str(agents * capacity)
    words = [sys.executable, "-m", "gochan", "run", "--workers", workers, "--", "true"]
    begin = time.perf_counter()
    subprocess.run(words, input=lines, text=True, capture_output=True, check=True)
    return {"jobs/s": n / (time.perf_counter() - begin)}


def _play(fleet: Fleet, n: int) -> Figures:
    """Submit jobs, and wait until all are done."""

    async def main() -> Figures:
        async with fleet.open_store() as store:
            await _do(store, n // 10)  # which is not measured
            begin = time.perf_counter()
            await _do(store, n)
            return {"jobs/s": n / (time.perf_counter() - begin)}

    return trio.run(main)


async def _do(store: Store, n: int) -> None:
    before = (await store.statistics("q")).done
    async with trio.open_nursery() as nursery:
        for first in range(0, n, _BATCH):
            numbers = range(first, min(n, first + _BATCH))
            jobs = [NewJob(queue="q", payload=b"%d" % number) for number in numbers]
            nursery.start_soon(store.enqueue, jobs)
    while (await store.statistics("q")).done < before + n:  # noqa: ASYNC110  # in other processes
        await trio.sleep(_LOOK)

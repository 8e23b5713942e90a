"""Beside very many waiting jobs: what a claim costs, and how much memory a worker takes.

``place`` is the address of a store. What is in it stays there, so one place serves all rounds.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import trio

from gochan.durable import (
    Ending,
    NewJob,
    QueueSettings,
    Store,
    Worker,
    open_durable_queue,
    open_store,
)

from ._measured import PAYLOAD

Figures = dict[str, float]

_BATCH = 10
_BATCHES = 50
_ROUNDS = 8
_JOB = NewJob(queue="q", payload=f'"{PAYLOAD}"'.encode())
_WORKER = Worker("benchmark")


def fill(place: str, n: int, groups: int = 0) -> None:
    """Store ``n`` jobs; before them, 50 jobs of each of so many groups, of which one runs."""

    async def main() -> None:
        async with open_store(place) as store:
            if groups:
                await store.configure("q", QueueSettings(group_limit=1))
            for number in range(groups):
                job = NewJob(queue="q", payload=_JOB.payload, group=f"g{number}")
                await store.enqueue([job] * 50)
            for _ in range(0, groups, 100):
                await store.claim("q", 100, _WORKER, 1e6)
            for begin in range(0, n, 2000):
                await store.enqueue([_JOB] * min(2000, n - begin))

    trio.run(main)


def claim_and_finish(place: str, n: int) -> Figures:
    """Claim and finish batches of 10, and store as many anew; only claims and ends are measured.

    Processor time is that of this process, and of the server's processes that serve it.
    """

    async def main() -> Figures:
        wall = cpu = 0.0
        async with open_store(place) as store:
            await _batches(store)  # not measured
            for _ in range(_ROUNDS):
                began, used = time.perf_counter(), _cpu(place)
                await _batches(store)
                wall += time.perf_counter() - began
                cpu += _cpu(place) - used
                await store.enqueue([_JOB] * _BATCHES * _BATCH)
            await store.enqueue([_JOB] * _BATCHES * _BATCH)
        batches = _ROUNDS * _BATCHES
        return {"wall": wall / batches * 1e6, "cpu": cpu / batches * 1e6}

    return trio.run(main)


async def _batches(store: Store) -> None:
    for _ in range(_BATCHES):
        records = await store.claim("q", _BATCH, _WORKER, 60.0)
        assert len(records) == _BATCH
        await store.finish([Ending(one.id, one.version, "done", b"null") for one in records])


def _cpu(place: str) -> float:
    """Return the processor time of this process, and of what serves it."""
    return time.process_time() + (0.0 if place.startswith("sqlite:") else _cpu_of_server())


def _cpu_of_server() -> float:
    listing = subprocess.run(
        ["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True
    )
    total = 0.0
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        if command.startswith("postgres: postgres "):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def memory(place: str, n: int) -> Figures:
    """Run 500 jobs; return the most memory that was resident, in MB."""

    async def main() -> None:
        done = 0
        enough = trio.Event()

        async def handle(payload: str) -> None:
            nonlocal done
            done += 1
            if done == 500:
                enough.set()

        async with open_store(place) as store, open_durable_queue(store, "q", handle):
            await enough.wait()

    trio.run(main)
    status = Path("/proc/self/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    trio.run(_top_up, place, n)
    return {"MB": int(peak) / 1024}


async def _top_up(place: str, n: int) -> None:
    """See to it that ``n`` jobs wait again."""
    async with open_store(place) as store:
        waiting = (await store.statistics("q")).waiting
        await store.enqueue([_JOB] * (n - waiting))

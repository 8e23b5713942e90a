"""A thousand agents: what they cost the server when they are idle, and how soon all are served."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import trio
from gochan_service import open_agent

from gochan.durable import open_durable_queue

from ._fleet import Figures, open_fleet

_PROCESSES = 4
_TICKS = os.sysconf("SC_CLK_TCK")


def allow_files() -> None:
    """Open as many files as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def be_crowd(url: str, secret: str, first: int, n: int) -> None:
    """Be many agents, each of which holds a job as long as it can."""
    allow_files()

    async def hold(payload: object) -> None:
        await trio.sleep_forever()

    async def be_one(number: int) -> None:
        async with open_agent(url, "q", hold, secret=secret, machine=f"machine {number}"):
            await trio.sleep_forever()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            print("ready", flush=True)
            for number in range(first, first + n):
                nursery.start_soon(be_one, number)

    trio.run(main)


def crowd(n: int, seconds: float) -> Figures:
    """Have agents come at once, be idle, and get a job each."""
    with open_fleet() as fleet:

        async def main() -> Figures:
            async with fleet.open_store() as store, open_durable_queue(store, "q") as queue:
                begun = time.perf_counter()
                each = -(-n // _PROCESSES)
                for first in range(0, n, each):
                    fleet.start("crowd", first, min(each, n - first))
                while len(await store.workers()) < n:  # noqa: ASYNC110  # elsewhere
                    await trio.sleep(0.05)
                came = time.perf_counter() - begun
                await trio.sleep(min(seconds, 10))  # until all of them wait
                before, begun = _processor(fleet.server), time.perf_counter()
                await trio.sleep(seconds)
                share = (_processor(fleet.server) - before) / (time.perf_counter() - begun)
                memory = _memory(fleet.server)
                begun = time.perf_counter()
                await queue.submit_many(range(n))
                while (await store.statistics("q")).running < n:  # noqa: ASYNC110  # elsewhere
                    await trio.sleep(0.05)
                served = time.perf_counter() - begun
                return {
                    "s to come": came,
                    "% of a core": share * 100,
                    "MB": memory,
                    "s to be served": served,
                }

        return trio.run(main)


def _processor(pid: int) -> float:
    """Return how many seconds of processor time a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory(pid: int) -> float:
    """Return how many megabytes of memory a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000

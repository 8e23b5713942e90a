"""Storms: a thousand calls that are cancelled leave no thread, no connection, nobody who waits."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import trio

from gochan.durable import DurableJob, DurableQueue, open_durable_queue, open_store

from .ledger import QUEUE, Verdict


async def cancel_calls(
    folder: Path, address: str, times: int, *, seed: int = 1, **options: Any
) -> Verdict:
    """Make calls of all sorts, and cancel each of them at any moment of its life."""
    verdict = Verdict(times=times)

    async def handle(number: int) -> int:
        await trio.sleep(0.001)
        return number

    async with (
        open_store(address, **options) as store,
        open_durable_queue(store, QUEUE, handle) as queue,
    ):
        storm = Storm(
            queue, Random(seed), await queue.submit(-1), await queue.submit(-2, delay=1e4)
        )
        await storm.ended.wait()
        await storm.rage(range(100))  # whatever is made once is there afterwards
        before = left_now()
        for first in range(100, 100 + times, 100):
            await storm.rage(range(first, first + 100))
        await storm.held.cancel()
        with trio.move_on_after(20) as scope:
            await queue.join()
            for job in (storm.ended, storm.held):
                await job.wait()
                await queue.job(job.id).wait()
        if scope.cancelled_caught:
            verdict.left.append("somebody waits for what has ended")
        verdict.left += [
            f"{what}: {now}, and there were {before[what]}"
            for what, now in left_now().items()
            if now > before[what]
        ]
        if queue._submissions._pending or queue._followers:
            verdict.left.append("somebody has left without taking a submission or results along")
        await _compare(queue, storm.stored, verdict, 100 + times)
    return verdict


async def _compare(
    queue: DurableQueue[int, int], stored: dict[int, int], verdict: Verdict, calls: int
) -> None:
    """Compare what was acknowledged with what is there."""
    verdict.jobs = (await queue.audit()).stored
    records = await queue.store.look([*stored.values()])
    verdict.lost += [
        f"submission {number} was acknowledged, and is not done"
        for number, record in zip(stored, records, strict=True)
        if record is None or record.kind != "done" or record.payload != b"%d" % number
    ]
    if verdict.jobs - 2 > calls:
        verdict.doubled.append(f"there are {verdict.jobs} jobs")


class Storm:
    """Calls of all sorts that are cancelled.

    Attributes:
        ended: a job that has ended.
        held: one that does not.
        stored: the jobs that were acknowledged, by what was submitted.
    """

    def __init__(
        self,
        queue: DurableQueue[int, int],
        dice: Random,
        ended: DurableJob[int],
        held: DurableJob[int],
    ) -> None:
        self.ended = ended
        self.held = held
        self.stored: dict[int, int] = {}
        self._queue = queue
        self._dice = dice
        self._deeds: list[Callable[[int], Awaitable[object]]] = [
            self._submit,
            self._submit,
            self._follow,
            lambda _: queue.job(ended.id).wait(),
            lambda _: held.wait(),
            lambda _: ended.record(),
            lambda _: queue.statistics(),
            lambda _: queue.jobs(limit=3),
            lambda _: queue.explain(held.id),
            lambda _: queue.join(),
            lambda _: queue.submit_many([]),
            lambda _: queue.retry_failed(),
            lambda _: queue.job(1 << 40).cancel("nobody"),
        ]

    async def rage(self, numbers: range) -> None:
        """Make so many calls at once."""
        async with trio.open_nursery() as nursery:
            for number in numbers:
                nursery.start_soon(self._call, number, self._dice.choice(self._deeds))

    async def _call(self, number: int, deed: Callable[[int], Awaitable[object]]) -> None:
        longest = self._dice.choice([0, 0.0002, 0.001, 0.005, 0.02, 0.1])
        with trio.move_on_after(longest * self._dice.random()):
            await deed(number)

    async def _submit(self, number: int) -> None:
        self.stored[number] = (await self._queue.submit(number)).id

    async def _follow(self, number: int) -> None:
        async for _ in self._queue.results():
            pass


def left_now() -> dict[str, int]:
    """Count what calls might leave behind."""
    gc.collect()
    return {
        "threads": threading.active_count(),
        "open files": len(os.listdir("/proc/self/fd")),
        "tasks": trio.lowlevel.current_statistics().tasks_living,
    }

"""What a piece of work took: seconds on the clock, and seconds of processor time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

PAYLOAD = "y" * 190
TASKS = 100


@dataclass
class Measured:
    """Filled in when the block is left. Processor time is that of all threads."""

    seconds: float = 0.0
    cpu: float = 0.0

    def per(self, n: int) -> dict[str, float]:
        """Return microseconds for each of ``n`` things."""
        return {"wall": self.seconds / n * 1e6, "cpu": self.cpu / n * 1e6}


@contextmanager
def measuring() -> Iterator[Measured]:
    """Measure what happens inside the block."""
    measured = Measured()
    wall, cpu = time.perf_counter(), time.process_time()
    yield measured
    measured.seconds = time.perf_counter() - wall
    measured.cpu = time.process_time() - cpu


async def by_tasks(tasks: int, n: int, call: Callable[[], Awaitable[object]]) -> None:
    """Make ``n`` calls by so many tasks, each one after the other."""
    numbers = iter(range(n))

    async def some() -> None:
        for _ in numbers:
            await call()

    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(some)

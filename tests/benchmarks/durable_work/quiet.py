"""A worker that has nothing to do: what it costs, and how soon it wakes up.

``place`` is the address of a store that is empty.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import time
from typing import Any

import trio

import gochan.durable
from gochan.durable import open_durable_queue, open_store

Figures = dict[str, float]

# Run in a process of its own: submits as many jobs as it is told, each with the time.
_SUBMITTER = """
import sys, time, trio
from gochan.durable import open_durable_queue, open_store

async def main(place, n):
    options = {"shared": True} if place.startswith("sqlite:") else {}
    async with open_store(place, **options) as store, open_durable_queue(store, "q") as queue:
        await trio.sleep(1)
        for number in range(n):
            await trio.sleep(0.03 + number * 0.37 % 0.1)
            await (await queue.submit(time.time())).wait()

trio.run(main, sys.argv[1], int(sys.argv[2]))
"""


def idle(place: str, seconds: float) -> Figures:
    """Wait; return the share of a core, and how many statements a second were made."""
    counter = _Counter()
    counter.count_sqlite() if place.startswith("sqlite:") else counter.count_postgres()

    async def handle(payload: object) -> None:
        pass

    async def main() -> Figures:
        async with open_store(place) as store, open_durable_queue(store, "q", handle):
            await trio.sleep(2)
            counter.statements = 0
            wall, cpu = time.perf_counter(), time.process_time()
            await trio.sleep(seconds)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            return {"% of a core": cpu / wall * 100, "statements/s": counter.statements / wall}

    return trio.run(main)


class _Counter:
    """Counts the statements of this process, but for the ends of transactions."""

    def __init__(self) -> None:
        self.statements = 0

    def count_sqlite(self) -> None:
        """Count what each connection traces from now on."""
        connect = sqlite3.connect

        def count(statement: str) -> None:
            self.statements += not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK"))

        def connect_and_count(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*arguments, **options)
            connection.set_trace_callback(count)
            return connection

        sqlite3.connect = connect_and_count  # type: ignore[assignment]

    def count_postgres(self) -> None:
        """Count what cursors execute from now on."""
        import psycopg

        execute = psycopg.Cursor.execute

        def execute_and_count(cursor: Any, *arguments: Any, **options: Any) -> Any:
            self.statements += 1
            return execute(cursor, *arguments, **options)

        psycopg.Cursor.execute = execute_and_count  # type: ignore[method-assign]


def wake_up(place: str, bells: str, n: int) -> Figures:
    """Have jobs submitted by another process; return after how many milliseconds they start."""
    late: list[float] = []
    enough = trio.Event()
    if bells == "silence":  # nothing is heard of other processes
        if place.startswith("sqlite:"):
            from gochan.durable._sqlite._neighbours import Neighbours

            Neighbours.move_in = lambda self: None  # type: ignore[method-assign]
        else:
            gochan.durable.Bells.ring = lambda self, hints: None  # type: ignore[method-assign]

    async def handle(sent: float) -> None:
        late.append((time.time() - sent) * 1e3)
        if len(late) == n:
            enough.set()

    async def main() -> None:
        options = {"shared": True} if place.startswith("sqlite:") else {}
        async with open_store(place, **options) as store, open_durable_queue(store, "q", handle):
            await trio.sleep(1)
            async with trio.open_nursery() as nursery:
                command = [sys.executable, "-c", _SUBMITTER, place, str(n)]
                nursery.start_soon(trio.run_process, command)
                await enough.wait()

    trio.run(main)
    return {"ms": statistics.median(late)}

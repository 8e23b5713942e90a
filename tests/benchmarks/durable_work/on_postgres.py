"""On PostgreSQL: gochan and peers, each with one process that submits, and two that work.

A job does nothing. It counts once its end is in the database. ``place`` is the address of a new
database, on a server which writes what it acknowledges.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from typing import Any

from ._measured import PAYLOAD, TASKS, by_tasks

DONE = {
    "gochan": "SELECT count(*) FROM gochan.ended",
    "procrastinate": "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'",
    "pgqueuer": "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'",
}
_LONGEST = 60.0  # seconds


# gochan


def gochan(role: str, address: str, n: int) -> None:
    """Be a process of ours."""
    import trio

    from gochan.durable import open_durable_queue, open_store

    async def handle(payload: str) -> None:
        pass

    async def submit() -> None:
        async with open_store(address) as store, open_durable_queue(store, "noop") as queue:
            if role == "batches":
                for _ in range(n // 100):
                    await queue.submit_many([PAYLOAD] * 100)
            elif role == "submit":
                await by_tasks(TASKS, n, lambda: queue.submit(PAYLOAD))

    async def work() -> None:
        async with (
            open_store(address) as store,
            open_durable_queue(store, "noop", handle, workers=TASKS),
        ):
            await trio.sleep_forever()

    trio.run(work if role == "work" else submit)


# Peers


async def procrastinate(role: str, address: str, n: int) -> None:
    """Be a process of procrastinate's."""
    import procrastinate

    logging.disable(logging.CRITICAL)
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=address, min_size=2, max_size=10)
    )

    @app.task(name="noop")
    async def noop(payload: str) -> None:
        pass

    async with app.open_async():
        if role == "prepare":
            await app.schema_manager.apply_schema_async()
        elif role == "work":
            await app.run_worker_async(
                concurrency=TASKS,
                delete_jobs="never",
                install_signal_handlers=False,
                fetch_job_polling_interval=1,
            )
        elif role == "batches":
            for _ in range(n // 100):
                await noop.batch_defer_async(*[{"payload": PAYLOAD}] * 100)
        else:
            numbers = iter(range(n))

            async def one_by_one() -> None:
                for _ in numbers:
                    await noop.defer_async(payload=PAYLOAD)

            await asyncio.gather(*[one_by_one() for _ in range(TASKS)])


async def pgqueuer(role: str, address: str, n: int) -> None:
    """Be a process of pgqueuer's."""
    from datetime import timedelta

    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
    from pgqueuer.queries import Queries

    if role == "prepare":
        await Queries(AsyncpgDriver(await asyncpg.connect(address))).install()
        return
    async with asyncpg.create_pool(address, min_size=2, max_size=10) as pool:
        queries, payload = Queries(AsyncpgPoolDriver(pool)), PAYLOAD.encode()
        if role == "work":
            worker = PgQueuer(AsyncpgPoolDriver(pool))

            @worker.entrypoint("noop")
            async def noop(job: Any) -> None:
                pass

            await worker.run(batch_size=TASKS, dequeue_timeout=timedelta(seconds=1))
        elif role == "batches":
            for _ in range(n // 100):
                await queries.enqueue(["noop"] * 100, [payload] * 100, [0] * 100)
        else:
            numbers = iter(range(n))

            async def one_by_one() -> None:
                for _ in numbers:
                    await queries.enqueue("noop", payload)

            await asyncio.gather(*[one_by_one() for _ in range(TASKS)])


def play(who: str, role: str, address: str, n: int) -> None:
    """Be one of the processes."""
    if who == "gochan":
        gochan(role, address, n)
    else:
        asyncio.run({"procrastinate": procrastinate, "pgqueuer": pgqueuer}[who](role, address, n))


# Measuring


def cycle(place: str, who: str, role: str, n: int) -> dict[str, float]:
    """Return how long it took, in microseconds for each job."""
    import psycopg

    def process(part: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, sys.argv[0], "--be", who, part, place, str(n)]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    process("prepare").wait()
    workers = [process("work") for _ in range(2)]
    time.sleep(5)  # until they wait for jobs
    begin, done = time.perf_counter(), 0
    producer = process(role)
    with psycopg.connect(place, autocommit=True) as connection:
        while done < n and time.perf_counter() < begin + _LONGEST:
            time.sleep(0.05)
            row = connection.execute(DONE[who].encode()).fetchone()
            done = 0 if row is None else row[0]
    passed = time.perf_counter() - begin
    for one in [*workers, producer]:
        one.kill()
        one.wait()
    return {"wall": passed / max(done, 1) * 1e6}

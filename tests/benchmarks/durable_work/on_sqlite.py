"""On SQLite: gochan, a program with one commit for each job, and peers with their own workers.

A job does nothing. It counts once its end is on disk. All files are new, in the folder ``path``.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from functools import partial

import trio

from gochan.durable import open_durable_queue, open_store

from ._measured import PAYLOAD, TASKS, by_tasks, measuring

Figures = dict[str, float]


# gochan


def submit(path: str, tasks: int, n: int) -> Figures:
    """Submit jobs one by one, in so many tasks."""

    async def main() -> Figures:
        async with (
            open_store(f"sqlite:{path}/jobs.db") as store,
            open_durable_queue(store, "q") as queue,
        ):
            await by_tasks(tasks, n // 10, lambda: queue.submit(PAYLOAD))  # not measured
            with measuring() as measured:
                await by_tasks(tasks, n, lambda: queue.submit(PAYLOAD))
        return measured.per(n)

    return trio.run(main)


def cycle(path: str, workers: int, n: int) -> Figures:
    """Submit, run, and hear the outcome, in 100 tasks."""

    async def handle(payload: str) -> None:
        pass

    async def main() -> Figures:
        async with (
            open_store(f"sqlite:{path}/jobs.db") as store,
            open_durable_queue(store, "q", handle, workers=workers) as queue,
        ):

            async def one() -> None:
                job = await queue.submit(PAYLOAD)
                await job.wait()

            await by_tasks(TASKS, n // 10, one)  # not measured
            with measuring() as measured:
                await by_tasks(TASKS, n, one)
        return measured.per(n)

    return trio.run(main)


# One commit for each job


def commit_each(path: str, tasks: int, n: int) -> Figures:
    """Write the same row and the same counts as gochan does, one commit for each job, in a thread.

    So what is compared is that the commits are shared, not what is written.
    """
    from gochan.durable import NewJob
    from gochan.durable._sqlite._connection import Connection
    from gochan.durable._sqlite._schema import migrate
    from gochan.durable._sqlite._sqlite_book import SqliteBook

    raw = sqlite3.connect(f"{path}/jobs.db", isolation_level=None, check_same_thread=False)
    connection = Connection(raw)
    connection.value("PRAGMA journal_mode = WAL")
    connection.run("PRAGMA synchronous = FULL")
    migrate(connection, path)
    book = SqliteBook(connection)
    job = NewJob(queue="q", payload=PAYLOAD.encode())

    def one() -> None:
        connection.begin()
        book.enqueue(time.time(), [job], False)
        connection.commit()
        book.hints.clear()

    return _in_a_thread(one, tasks, n)


def bare_insert(path: str, tasks: int, n: int) -> Figures:
    """Write a row with a payload and a state, one commit for each job, in a thread."""
    raw = sqlite3.connect(f"{path}/bare.db", isolation_level=None, check_same_thread=False)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("CREATE TABLE job(id INTEGER PRIMARY KEY, payload TEXT, state INTEGER DEFAULT 0)")

    def one() -> None:
        raw.execute("INSERT INTO job(payload) VALUES (?)", (PAYLOAD,))

    return _in_a_thread(one, tasks, n)


def _in_a_thread(one: object, tasks: int, n: int) -> Figures:
    async def main() -> Figures:
        limiter = trio.CapacityLimiter(1)
        call = partial(trio.to_thread.run_sync, one, limiter=limiter)
        await by_tasks(tasks, n // 10, call)  # not measured
        with measuring() as measured:
            await by_tasks(tasks, n, call)
        return measured.per(n)

    return trio.run(main)


# Peers


def huey(path: str, workers: int, n: int) -> Figures:
    """Run huey's consumer with so many threads; four threads submit."""
    import logging

    from huey import SqliteHuey

    logging.disable(logging.CRITICAL)
    queue = SqliteHuey(
        "q", filename=f"{path}/huey.db", fsync=True, journal_mode="wal", results=True,
        store_none=True,
    )  # fmt: skip

    @queue.task()
    def noop(payload: str) -> None:
        pass

    consumer = queue.create_consumer(
        workers=workers, worker_type="thread", initial_delay=0.001, max_delay=0.01,
        periodic=False, scheduler_interval=1, check_worker_health=False,
    )  # fmt: skip
    consumer.start()

    def produce() -> None:
        for _ in range(n // 4):
            noop(PAYLOAD)

    producers = [threading.Thread(target=produce) for _ in range(4)]
    with measuring() as measured:
        for producer in producers:
            producer.start()
        while queue.storage.result_store_size() < n // 4 * 4:
            time.sleep(0.005)
    consumer.stop(graceful=False)
    return measured.per(n // 4 * 4)


def litequeue(path: str, synchronous: str, n: int) -> Figures:
    """One thread submits, one works; ``NORMAL`` is how it is shipped."""
    from litequeue import LiteQueue

    def connect() -> LiteQueue:
        queue = LiteQueue(f"{path}/lite.db")
        queue.conn.execute(f"PRAGMA synchronous = {synchronous}")
        queue.conn.execute("PRAGMA busy_timeout = 60000")  # or it gives up on a busy machine
        return queue

    def produce() -> None:
        queue = connect()
        for _ in range(n):
            queue.put(PAYLOAD)

    worker, done = connect(), 0
    producer = threading.Thread(target=produce)
    with measuring() as measured:
        producer.start()
        while done < n:
            message = worker.pop()
            if message is None:
                time.sleep(0.0005)
                continue
            worker.done(message.message_id)
            done += 1
    return measured.per(n)


def persist_queue(path: str, n: int) -> Figures:
    """One thread submits, one works; it says nothing about ``synchronous``, so that is FULL."""
    import persistqueue

    queue = persistqueue.SQLiteAckQueue(f"{path}/persist", multithreading=True, auto_commit=True)

    def produce() -> None:
        for _ in range(n):
            queue.put(PAYLOAD)

    producer = threading.Thread(target=produce)
    with measuring() as measured:
        producer.start()
        for _ in range(n):
            queue.ack(queue.get())
    return measured.per(n)

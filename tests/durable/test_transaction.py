"""The user's own transaction: jobs stored and ended together with other data, or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import (
    DurableJob,
    JobGone,
    LeaseLost,
    QueueFull,
    Retry,
    StoreError,
    current_job,
    open_durable_queue,
    open_store,
)


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE IF NOT EXISTS orders(number)")
    return connection


async def test_a_job_is_stored_with_the_users_data(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """If and when that is committed."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}") as store, open_durable_queue(store, "q") as queue:
        connection = connect(path)
        for ending in ("ROLLBACK", "COMMIT"):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO orders VALUES (1)")
            job = store.submit_in(connection, queue, {"order": 1}, priority=3)  # type: ignore[attr-defined]
            connection.execute(ending)
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)
        assert (await queue.audit()).stored == 1
        record = await job.record()
        assert (record.priority, queue.decode(record)) == (3, {"order": 1})
        connection.close()


async def test_rows_of_the_users_connection_may_be_anything(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Ours are tuples all the same."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}") as store, open_durable_queue(store, "q") as queue:
        connection = connect(path)
        connection.row_factory = lambda cursor, row: {"number": row[0]}
        connection.execute("BEGIN IMMEDIATE")
        store.submit_in(connection, queue, 1, key="k")  # type: ignore[attr-defined]
        assert not store.submit_in(connection, queue, 1, key="k").created  # type: ignore[attr-defined]
        connection.execute("COMMIT")
        connection.close()
        assert (await queue.audit()).stored == 1


async def test_a_transaction_may_be_in_any_thread(tmp_path: Path) -> None:
    """As most are; an idle worker of the same process hears of the job."""
    path = tmp_path / "jobs.db"

    def transact(ending: str) -> DurableJob[str]:
        connection = connect(path)
        connection.execute("BEGIN IMMEDIATE")
        job: DurableJob[str] = store.submit_in(connection, queue, ending)  # type: ignore[attr-defined]
        connection.execute(ending)
        connection.close()
        return job

    async def handle(payload: str) -> str:
        return f"ran after {payload}"

    with trio.fail_after(30):
        async with (
            open_store(f"sqlite:{path}") as store,
            open_durable_queue(store, "q", handle) as queue,
        ):
            await trio.testing.wait_all_tasks_blocked()
            undone = await trio.to_thread.run_sync(transact, "ROLLBACK")
            with pytest.raises(JobGone):
                await undone.wait()
            job = await trio.to_thread.run_sync(transact, "COMMIT")
            assert (await job.wait()).value == "ran after COMMIT"


@pytest.mark.parametrize("commits", [True, False])
async def test_a_job_ends_with_the_users_data(
    tmp_path: Path, autojump_clock: MockClock, commits: bool
) -> None:
    """Rolled back, the run has failed, and the job runs again."""
    path = tmp_path / "jobs.db"
    runs = 0

    async def order(number: int) -> str:
        nonlocal runs
        runs += 1
        connection = connect(path)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO orders VALUES (?)", (number,))
        store.finish_in(connection, current_job(), "result")  # type: ignore[attr-defined]
        connection.execute("COMMIT" if commits or runs == 3 else "ROLLBACK")
        connection.close()
        return "ignored"

    async with (
        open_store(f"sqlite:{path}") as store,
        open_durable_queue(store, "q", order, retry=Retry(jitter=0)) as queue,
    ):
        results = queue.results()
        job = await queue.submit(7)
        outcome = await job.wait()
        assert outcome.value == "result"
        assert (await queue.audit()).done == 1
        record = await job.record()
        counters = queue.counters()
    assert [job.id async for job in results] == [job.id]
    assert (counters.done, counters.retried) == (1, runs - 1)
    assert counters.stale_writes == 0
    connection = connect(path)
    assert connection.execute("SELECT number FROM orders").fetchall() == [(7,)]
    connection.close()
    assert runs == (1 if commits else 3)
    assert record.attempt == runs
    if not commits:
        assert record.attempts[0].error == "it was ended in a transaction that was not committed"


async def test_a_run_that_is_over_cannot_end_its_job(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The user rolls back."""
    path = tmp_path / "jobs.db"
    errors: list[Exception] = []

    async def late(_: object) -> None:
        job = current_job()
        (record,) = await store.look([job.id])
        assert record is not None
        with trio.CancelScope(shield=True):
            await trio.sleep(100)  # the lease ends meanwhile
        connection = connect(path)
        connection.execute("BEGIN IMMEDIATE")
        try:
            store.finish_in(connection, job, None)  # type: ignore[attr-defined]
        except LeaseLost as error:
            errors.append(error)
        connection.execute("ROLLBACK")
        connection.close()

    async with (
        open_store(f"sqlite:{path}") as store,
        open_durable_queue(store, "q", late, lease=5.0) as queue,
    ):
        job = await queue.submit(1)
        await trio.sleep(1)
        # As if the network had been cut: nobody extends the lease.
        (record,) = await store.look([job.id])
        assert record is not None
        await store.extend([record.ticket], -10.0)
        await store.tend()
        await job.cancel()
        await trio.sleep(200)
    assert [str(error) for error in errors] == [
        "job 1 is not this run's any more; roll the transaction back"
    ]


async def test_what_is_no_open_transaction_of_the_file(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Each error says what is wrong."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}") as store, open_durable_queue(store, "q") as queue:
        async with open_store("memory:") as other, open_durable_queue(other, "q") as foreign:
            with pytest.raises(StoreError, match="is a queue of another store than this one"):
                store.submit_in(None, foreign, 1)  # type: ignore[attr-defined]
        with pytest.raises(TypeError, match=r"must be a sqlite3\.Connection, as the store was"):
            store.submit_in(None, queue, 1)  # type: ignore[attr-defined]
        connection = connect(path)
        with pytest.raises(StoreError, match="execute BEGIN IMMEDIATE first"):
            store.submit_in(connection, queue, 1)  # type: ignore[attr-defined]
        connection.close()
        other = connect(tmp_path / "other.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            StoreError, match=r"this connection is to .*other\.db, not to .*jobs\.db"
        ):
            store.submit_in(other, queue, 1)  # type: ignore[attr-defined]
        other.close()


async def test_a_full_queue_refuses_in_a_transaction_as_well(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Nobody can wait there."""
    path = tmp_path / "jobs.db"
    async with (
        open_store(f"sqlite:{path}") as store,
        open_durable_queue(store, "q", capacity=1) as queue,
    ):
        await queue.submit(1)
        connection = connect(path)
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueFull):
            store.submit_in(connection, queue, 2)  # type: ignore[attr-defined]
        connection.execute("ROLLBACK")
        connection.close()

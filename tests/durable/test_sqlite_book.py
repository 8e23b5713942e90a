"""The book on SQLite: what an audit finds, and which statements are not to look at all rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from trio.testing import MockClock

from gochan.durable import NewJob, QueueSettings, Worker, open_store
from gochan.durable._sqlite._connection import Connection
from gochan.durable._sqlite._sqlite_book import SqliteBook


async def test_an_audit_finds_what_is_wrong(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Counts that are not those of the rows."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1")])
        await store.audit("q")
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("UPDATE gochan_tally SET n = n + 1 WHERE what = 'waiting'")
        connection.close()
        with pytest.raises(AssertionError, match="queue 'q': the store keeps QueueCounts"):
            await store.audit("q")


async def test_only_a_queue_that_drops_jobs_pays_for_an_index(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Which finds the next one to drop, however many jobs there are."""
    path = tmp_path / "jobs.db"
    drops = QueueSettings(capacity=1, when_full="drop-oldest")
    async with open_store(f"sqlite:{path}") as store:
        await store.configure("q", QueueSettings(capacity=1))
        assert "gochan_job_droppable" not in indexes(path)
        await store.configure("q", drops, update=True)
        await store.configure("another", drops)
        assert "gochan_job_droppable" in indexes(path)
        connection = sqlite3.connect(path)
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM gochan_job "
            "WHERE queue = 1 AND state < 2 AND log IS NULL "
            "AND priority <= 5 ORDER BY priority, id LIMIT 1"
        ).fetchall()
        connection.close()
        assert "gochan_job_droppable" in plan[0][3]
        assert len(plan) == 1


async def test_only_a_queue_that_limits_groups_pays_for_an_index(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Of the jobs that are in no group; and behind a full group they are found by it."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}") as store:
        await store.configure("q", QueueSettings(capacity=1))
        assert "gochan_job_free" not in indexes(path)
        await store.configure("limited", QueueSettings(group_limit=1))
        assert "gochan_job_free" in indexes(path)
        await store.enqueue([NewJob(queue="limited", payload=b"1", group="g") for _ in range(20)])
        await store.enqueue([NewJob(queue="limited", payload=b"1")])
        records = await store.claim("limited", 2, Worker("w"), 30.0)
        assert [record.id for record in records] == [1, 21]


async def test_those_that_run_are_found_without_a_look_at_all_that_wait(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """However many these are."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1") for _ in range(10)])
        await store.claim("q", 3, Worker("w"), 30.0)
        few = steps_to_list_running(path)
        await store.enqueue([NewJob(queue="q", payload=b"1") for _ in range(1000)])
        assert [record.id for record in await store.list("q", states=["running"])] == [3, 2, 1]
        assert steps_to_list_running(path) <= 2 * few + 100


def steps_to_list_running(path: Path) -> int:
    """Return how many instructions of SQLite's machine it takes."""
    connection = sqlite3.connect(path, isolation_level=None)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    SqliteBook(Connection(connection)).list(0.0, "q", ["running"], [], 100, None, None)
    connection.close()
    return steps


def indexes(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
    connection.close()
    return [name for (name,) in rows]

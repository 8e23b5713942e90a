"""Migrations: a file of an earlier version gets the newest tables, or keeps those that it has."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import trio

from gochan.durable import NewJob, StoreError, StoreUnavailable, open_durable_queue, open_store
from gochan.durable._sqlite import _schema

ADDITION = """
ALTER TABLE gochan_job ADD COLUMN colour TEXT;
UPDATE gochan_job SET colour = 'blue';
CREATE INDEX gochan_job_colour ON gochan_job(colour);
"""


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT version FROM gochan_schema").fetchone()[0])
    finally:
        connection.close()


async def make_file(path: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file as a gochan of that version has made it, with three jobs."""
    with monkeypatch.context() as patch:
        patch.setattr(_schema, "MIGRATIONS", _schema.MIGRATIONS[:version])
        patch.setattr(_schema, "NEWEST", version)
        async with open_store(f"sqlite:{path}") as store:
            # As little as possible, as today's code may know what earlier tables do not have.
            await store.configure("q")
    connection = sqlite3.connect(path)
    connection.executemany(
        "INSERT INTO gochan_job(queue, state, priority, route, submitted, max_attempts, grants, "
        "codec, payload) VALUES (1, 1, 0, '', 1.0, 5, 5, 'json', ?)",
        [(b"1",), (b"2",), (b"3",)],
    )
    connection.execute("INSERT INTO gochan_tally VALUES (1, 'stored', 3), (1, 'waiting', 3)")
    connection.commit()
    connection.close()


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> int:
    """There is one more version than there is."""
    migrations = (*_schema.MIGRATIONS, ADDITION)
    monkeypatch.setattr(_schema, "MIGRATIONS", migrations)
    monkeypatch.setattr(_schema, "NEWEST", len(migrations))
    return len(migrations)


@pytest.mark.parametrize("version", range(1, len(_schema.MIGRATIONS) + 1))
async def test_a_file_of_an_earlier_version_is_used(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, next_version: int
) -> None:
    """Its jobs run, with all that they had; it has the newest tables afterwards."""
    path = tmp_path / "jobs.db"
    await make_file(path, version, monkeypatch)
    assert version_of(path) == version

    async def double(number: int) -> int:
        return 2 * number

    async with open_store(f"sqlite:{path}") as store, open_durable_queue(store, "q", double) as q:
        assert [(await q.job(id).wait()).value for id in (1, 2, 3)] == [2, 4, 6]
        assert (await q.audit()).done == 3
    assert version_of(path) == next_version


async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it fails at its last statement; the gochan of before can go on with it."""
    path = tmp_path / "jobs.db"
    newest = len(_schema.MIGRATIONS)
    await make_file(path, newest, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(_schema, "MIGRATIONS", (*_schema.MIGRATIONS, f"{ADDITION}\nNONSENSE;\n"))
        patch.setattr(_schema, "NEWEST", newest + 1)
        with pytest.raises((StoreError, StoreUnavailable), match="syntax error"):
            async with open_store(f"sqlite:{path}"):
                pass
    assert version_of(path) == newest
    connection = sqlite3.connect(path)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(gochan_job)")]
    connection.close()
    assert "colour" not in columns
    async with open_store(f"sqlite:{path}") as store:
        assert (await store.audit("q")).waiting == 3
        await store.enqueue([NewJob(queue="q", payload=b"4")])


async def test_many_that_open_a_file_at_the_same_time_migrate_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, next_version: int
) -> None:
    """The others wait, and find it done."""
    path = tmp_path / "jobs.db"
    await make_file(path, next_version - 1, monkeypatch)

    async def use() -> None:
        async with open_store(f"sqlite:{path}", library="apsw") as store:
            await store.enqueue([NewJob(queue="q", payload=b"4")])

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(use)
    assert version_of(path) == next_version
    async with open_store(f"sqlite:{path}", library="apsw") as store:
        assert (await store.audit("q")).waiting == 9

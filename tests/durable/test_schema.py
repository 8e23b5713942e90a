"""Files: which are ours, and what is said of others."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from gochan.durable import NewJob, StoreError, StoreUnavailable, open_store
from gochan.durable._sqlite import _schema


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """As one that is not there."""
    (tmp_path / "jobs.db").touch()
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1")])


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is not touched."""
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and not a database " * 100)
    with pytest.raises(StoreError, match=r"notes.txt is no SQLite database"):
        async with open_store(f"sqlite:{path}"):
            pass
    assert path.read_text().startswith("these are my notes")


async def test_a_database_of_a_program_becomes_a_store_as_well(tmp_path: Path) -> None:
    """Its tables stay as they are, also those with names like ours, and so does its version."""
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE job(number); INSERT INTO job VALUES (7); PRAGMA user_version = 3;"
        "PRAGMA application_id = 4; CREATE INDEX job_ready ON job(number);"
    )
    connection.close()
    with pytest.raises(StoreError, match=r"no store of gochan; .* as well by `gochan migrate`"):
        async with open_store(f"sqlite:{path}", access="read"):
            pass
    for _ in range(2):
        async with open_store(f"sqlite:{path}") as store:
            await store.enqueue([NewJob(queue="q", payload=b"1")])
    async with open_store(f"sqlite:{path}") as store:
        assert (await store.audit("q")).waiting == 2
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    assert connection.execute("SELECT number FROM job").fetchall() == [(7,)]
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    assert connection.execute("PRAGMA application_id").fetchone() == (4,)
    connection.close()
    ours = [name for name in names if not name.startswith("sqlite_")]
    assert {"job", "job_ready"} == {name for name in ours if not name.startswith("gochan_")}


async def test_a_newer_schema(tmp_path: Path) -> None:
    """The error says what to use."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}"):
        pass
    connection = sqlite3.connect(path)
    connection.execute("UPDATE gochan_schema SET version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"has schema 99, .* use a newer gochan"):
        async with open_store(f"sqlite:{path}"):
            pass


async def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    """Nobody makes folders by the way."""
    with pytest.raises(StoreUnavailable, match=r"there is no folder .*missing"):
        async with open_store(f"sqlite:{tmp_path}/missing/jobs.db"):
            pass
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        async with open_store(f"sqlite:{tmp_path}"):
            pass


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"synchronous": "off"}, ValueError),
        ({"access": "x"}, ValueError),
        ({"library": "sqlite"}, ValueError),
        ({"shared": 1}, TypeError),
        ({"x": 1}, TypeError),
    ],
)
async def test_options_that_are_wrong(
    options: dict[str, object], error: type[Exception], tmp_path: Path
) -> None:
    """Nothing is opened."""
    with pytest.raises(error):
        async with open_store(f"sqlite:{tmp_path}/jobs.db", **options):
            pass
    assert os.listdir(tmp_path) == []


async def test_a_file_that_must_be_there(tmp_path: Path) -> None:
    """Nothing is made, not even by the way."""
    for access in ("read", "write"):
        with pytest.raises(StoreUnavailable, match=r"jobs.db cannot be opened: there is no such"):
            async with open_store(f"sqlite:{tmp_path}/jobs.db", access=access):
                pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("virtual", [True, False])
async def test_a_file_that_is_only_read(
    tmp_path: Path, virtual: bool, request: pytest.FixtureRequest
) -> None:
    """While another one writes it, whatever the version of SQLite. Its name is no URI."""
    if virtual:
        request.getfixturevalue("autojump_clock")
    address = f"sqlite:{tmp_path}/jobs%20?mode=rwc#.db"
    async with open_store(address) as writing, open_store(address, access="read") as reading:
        await writing.enqueue([NewJob(queue="q", payload=b"1")])
        assert (await reading.statistics("q")).waiting == 1
        for change in (reading.pause("q", paused=True), reading.configure("other")):
            with pytest.raises(StoreError, match="is open for reading only"):
                await change
        assert await reading.queues() == ["q"]
    async with open_store(address, access="write") as writing:
        assert await writing.pause("q", paused=True)


async def test_an_older_schema_that_is_only_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not touched; the error says how it gets the newest."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}"):
        pass
    monkeypatch.setattr(_schema, "NEWEST", _schema.NEWEST + 1)
    with pytest.raises(
        StoreError, match=r"has schema \d+, and this gochan needs schema \d+; bring"
    ):
        async with open_store(f"sqlite:{path}", access="read"):
            pass

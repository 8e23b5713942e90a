"""The store on SQLite by apsw: the same rules, and the same errors."""

from __future__ import annotations

import itertools
import sqlite3
import sys
from pathlib import Path

import apsw
import pytest
import trio

from gochan.durable import (
    NewJob,
    StoreError,
    StoreUnavailable,
    current_job,
    open_durable_queue,
    open_store,
)
from gochan.durable._sqlite._by_apsw import connect
from gochan.durable._sqlite._connection import Connection
from gochan.testing import StoreTests
from gochan.testing._check_store import StoreFactory


class TestByApsw(StoreTests):
    """Each rule, and random histories."""

    histories = 3

    @pytest.fixture
    def store(self, tmp_path: Path) -> StoreFactory:
        """Return a factory."""
        paths = map(str, itertools.count())
        return lambda: open_store(
            f"sqlite:{tmp_path / next(paths)}", synchronous="normal", library="apsw"
        )


async def test_a_queue_runs_on_threads(tmp_path: Path) -> None:
    """Two stores on one file need no permission: this SQLite is new enough."""

    async def double(number: int) -> int:
        return 2 * number

    address = f"sqlite:{tmp_path}/jobs.db"
    async with (
        open_store(address, library="apsw") as store,
        open_store(address, library="apsw") as other,
        open_durable_queue(store, "numbers", double),
        open_durable_queue(other, "numbers") as queue,
    ):
        jobs = await queue.submit_many(range(100))
        with trio.fail_after(10):
            assert [(await job.wait()).value for job in jobs] == [*range(0, 200, 2)]
        assert (await queue.audit()).done == 100


async def test_a_transaction_of_the_users(tmp_path: Path) -> None:
    """It is on a connection of apsw's; one of the other library may damage the file."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}", library="apsw") as store:
        own = apsw.Connection(str(path))

        async def handle(number: int) -> None:
            own.execute("BEGIN IMMEDIATE")
            own.execute("INSERT INTO orders VALUES (?)", (number,))
            store.finish_in(own, current_job(), number)  # type: ignore[attr-defined]
            own.execute("COMMIT")

        async with open_durable_queue(store, "orders", handle) as queue:
            own.execute("CREATE TABLE orders(number)")
            own.execute("BEGIN IMMEDIATE")
            job = store.submit_in(own, queue, 7)  # type: ignore[attr-defined]
            own.execute("COMMIT")
            with trio.fail_after(10):
                assert (await job.wait()).value == 7
            assert own.execute("SELECT number FROM orders").fetchall() == [(7,)]
            other = sqlite3.connect(":memory:")
            with pytest.raises(TypeError, match=r"must be an apsw\.Connection, as the store"):
                store.submit_in(other, queue, 7)  # type: ignore[attr-defined]
            other.close()
        own.close()


async def test_two_libraries_in_one_process_are_refused(tmp_path: Path) -> None:
    """One would take the locks of the other."""
    address = f"sqlite:{tmp_path}/jobs.db"
    async with open_store(address, library="apsw"):
        with pytest.raises(StoreError, match=r'open it with library="apsw" here, too'):
            async with open_store(address):
                pass
    async with open_store(address, shared=True):
        with pytest.raises(StoreError, match=r'open it with library="sqlite3" here, too'):
            async with open_store(address, library="apsw"):
                pass
    async with open_store(address, library="apsw"):
        pass


async def test_who_needs_a_file_alone_keeps_out_those_who_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old SQLite may damage what a new one writes at the same time."""
    monkeypatch.setattr("gochan.durable._sqlite._sole_use._SAFE", (99,))
    address = f"sqlite:{tmp_path}/jobs.db"
    async with open_store(address, library="apsw"):
        monkeypatch.undo()
        with pytest.raises(StoreError, match=r"for itself alone, since its SQLite"):
            async with open_store(address, library="apsw"):
                pass


async def test_without_apsw_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is opened."""
    monkeypatch.delitem(sys.modules, "gochan.durable._sqlite._by_apsw")
    monkeypatch.setitem(sys.modules, "apsw", None)
    with pytest.raises(ImportError, match=r"install gochan with its extra sqlite"):
        async with open_store(f"sqlite:{tmp_path}/jobs.db", library="apsw"):
            pass


def by_sqlite3(path: str, mode: str) -> Connection:
    return Connection(sqlite3.connect(path, isolation_level=None))


@pytest.mark.parametrize("name", ["nonsense", "busy", "taken", "no database", "full", "large"])
def test_errors_are_the_same_by_either_library(name: str, tmp_path: Path) -> None:
    """Of the same class, and with the same code."""
    told = [
        what_is_raised(name, opened, tmp_path / str(number))
        for number, opened in enumerate((by_sqlite3, connect))
    ]
    assert told[0] == told[1]


def what_is_raised(name: str, opened: object, folder: Path) -> tuple[type[Exception], int]:
    folder.mkdir()
    path = str(folder / "file")
    one, other = opened(path, "rwc"), opened(path, "rwc")  # type: ignore[operator]
    try:
        one.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)")
        one.run("INSERT INTO t VALUES (1, NULL)")
        with pytest.raises(sqlite3.Error) as raised:
            match name:
                case "nonsense":
                    one.rows("SELECT nonsense")
                case "busy":
                    other.run("PRAGMA busy_timeout = 0")
                    one.begin()
                    other.begin()
                case "taken":
                    one.run_many("INSERT INTO t VALUES (?, NULL)", [(1,)])
                case "full":
                    one.row("PRAGMA max_page_count = 2")
                    one.run("INSERT INTO t VALUES (2, zeroblob(100000))")
                case "large":
                    one.run("INSERT INTO t VALUES (2, zeroblob(2000000000))")
                case "no database":
                    (folder / "notes").write_text("no database " * 1000)
                    third = opened(str(folder / "notes"), "rwc")  # type: ignore[operator]
                    try:
                        third.rows("SELECT * FROM sqlite_master")
                    finally:
                        third.close()
        return raised.type, raised.value.sqlite_errorcode
    finally:
        one.roll_back()
        other.close()
        one.close()


async def test_a_full_disk_is_a_store_that_is_unavailable(tmp_path: Path) -> None:
    """As by the standard library."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db", library="apsw") as store:
        writing = store._desk._writer._transactions._connection  # type: ignore[attr-defined]
        limit = writing.value("PRAGMA page_count")
        await trio.to_thread.run_sync(writing.rows, f"PRAGMA max_page_count = {limit}")
        with pytest.raises(StoreUnavailable, match="database or disk is full"):
            await store.enqueue([NewJob(queue="q", payload=b"x" * 100_000)])
        assert (await store.audit("q")).stored == 0

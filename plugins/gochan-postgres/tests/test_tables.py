"""Tables that other plugins have beside the jobs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio

from gochan.durable import StoreError, StoreUnavailable

from .conftest import Open, Server

FIRST = "CREATE TABLE {s}.pet_animal(name text PRIMARY KEY, age int NOT NULL)"
SECOND = "ALTER TABLE {s}.pet_animal ADD COLUMN kind text NOT NULL DEFAULT 'cat'"
ADD = "INSERT INTO {s}.pet_animal(name, age) VALUES (%s, %s)"
ALL = "SELECT name, age FROM {s}.pet_animal ORDER BY name"


async def away(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call something in a thread, as its users do."""
    return await trio.to_thread.run_sync(partial(function, *arguments))


async def test_tables_are_made_once_and_kept(open_store: Open) -> None:
    """They are in the schema of the store, whose jobs do not mind."""
    async with open_store() as store:
        async with store.open_tables("pet", [FIRST]) as tables:
            with tables.transaction() as work:
                assert work.run(ADD, "Tom", 3) == 1
                assert work.rows("SELECT 1 FROM {s}.pet_animal WHERE age > %s", 2) == [(1,)]
                assert work.rows("DELETE FROM {s}.pet_animal WHERE age > %s", 99) == []
        async with store.open_tables("pet", [FIRST]) as tables:
            assert tables.rows(ALL) == [("Tom", 3)]
    async with open_store() as store:
        assert await store.queues() == []


async def test_tables_grow_with_their_plugin(open_store: Open) -> None:
    """Each script leads to the next version; an older plugin does not touch newer tables."""
    async with open_store() as store:
        async with store.open_tables("pet", [FIRST]) as tables:
            with tables.transaction() as work:
                work.run(ADD, "Tom", 3)
        async with store.open_tables("pet", [FIRST, SECOND]) as tables:
            assert tables.rows("SELECT kind FROM {s}.pet_animal") == [("cat",)]
        with pytest.raises(StoreError, match="have version 2, and this knows versions up to 1"):
            async with store.open_tables("pet", [FIRST]):
                raise AssertionError
        async with store.open_tables("other", ["CREATE TABLE {s}.other_thing(id int)"]) as others:
            assert others.rows("SELECT id FROM {s}.other_thing") == []


async def test_many_make_them_at_the_same_time(open_store: Open) -> None:
    """One does; the others find them."""
    async with open_store() as store:

        async def make() -> None:
            async with store.open_tables("pet", [FIRST]) as tables:
                assert tables.rows(ALL) == []

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(make)


async def test_an_error_undoes_the_transaction(open_store: Open) -> None:
    """Whoever raises it; the tables can be used afterwards."""
    async with open_store() as store, store.open_tables("pet", [FIRST]) as tables:
        with pytest.raises(LookupError), tables.transaction() as work:
            work.run(ADD, "Tom", 3)
            raise LookupError
        with pytest.raises(StoreError, match="no_such_table"), tables.transaction() as work:
            work.run(ADD, "Tom", 3)
            work.run("DELETE FROM no_such_table")
        with pytest.raises(StoreError, match="refused"):
            tables.rows("SELECT nonsense")
        assert tables.rows(ALL) == []


async def test_who_wants_to_be_alone_waits_for_others(open_store: Open) -> None:
    """In other processes, too: each has a connection of its own."""
    async with open_store() as store:
        opening = partial(store.open_tables, "pet", [FIRST])
        async with opening() as one, opening() as other:
            entered = threading.Event()

            def enter() -> None:
                with other.transaction(alone=True) as work:
                    entered.set()
                    assert work.rows(ALL) == [("Tom", 3)]

            async with trio.open_nursery() as nursery:
                with one.transaction(alone=True) as work:
                    nursery.start_soon(away, enter)
                    work.run(ADD, "Tom", 3)
                    await trio.sleep(0.1)
                    assert not entered.is_set()


@pytest.mark.slow
async def test_tables_survive_a_restart_and_a_silence_of_the_server() -> None:
    """A call during it fails, in time; the next one makes a new connection."""
    from gochan_postgres import open_postgres_store

    server = Server("--fsync=off")
    try:
        server.start()
        opening = open_postgres_store(server.address, timeout=1.0)
        async with opening as store, store.open_tables("pet", [FIRST]) as tables:
            server.send(signal.SIGSTOP)
            with pytest.raises(StoreUnavailable):
                await away(tables.rows, ALL)
            server.send(signal.SIGCONT)
            server.kill()
            with pytest.raises(StoreUnavailable):
                await away(tables.rows, ALL)
            server.start()
            with trio.fail_after(30):
                while True:
                    try:
                        assert await away(tables.rows, ALL) == []
                    except StoreUnavailable:
                        await trio.sleep(0.1)
                    else:
                        break
    finally:
        server.remove()

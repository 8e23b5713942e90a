"""The tables: made once, whoever comes first, and never those of somebody else."""

from __future__ import annotations

import psycopg
import pytest
import trio
from gochan_postgres import _schema
from gochan_postgres._schema import MIGRATIONS, NEWEST

from gochan.durable import Migration, NewJob, StoreError

from .conftest import Open, Server


async def test_many_that_open_a_store_at_the_same_time_make_its_tables_once(
    open_store: Open,
) -> None:
    """As when a fleet is deployed for the first time."""

    async def submit(number: int) -> None:
        async with open_store() as store:
            await store.enqueue([NewJob(queue="mail", payload=b"%d" % number)])

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(submit, number)
    async with open_store() as store:
        assert (await store.audit("mail")).stored == 6


async def test_a_newer_schema_is_refused(server: Server, open_store: Open) -> None:
    """It may mean something else by the same columns."""
    async with open_store(schema="newer"):
        pass
    with psycopg.connect(server.address) as connection:
        connection.execute("UPDATE newer.version SET version = 99")
    with pytest.raises(StoreError, match=r"schema version 99.*use a newer one"):
        async with open_store(schema="newer"):
            raise AssertionError


async def test_a_schema_with_other_tables_is_left_alone(server: Server, open_store: Open) -> None:
    """Such as one in which somebody keeps his own jobs."""
    with psycopg.connect(server.address) as connection:
        connection.execute("CREATE SCHEMA theirs")
        connection.execute("CREATE TABLE theirs.job(id int)")
    with pytest.raises(StoreError, match=r'"theirs" .* no store of gochan; choose another'):
        async with open_store(schema="theirs"):
            raise AssertionError


async def test_an_empty_schema_that_was_made_beforehand_is_used(
    server: Server, open_store: Open
) -> None:
    """By somebody who may make schemas, for somebody who may not."""
    with psycopg.connect(server.address) as connection:
        connection.execute("CREATE ROLE worker LOGIN")
        connection.execute("CREATE SCHEMA prepared AUTHORIZATION worker")
    address = server.address.replace("postgres@", "worker@")
    async with open_store(address=address, schema="prepared") as store:
        assert await store.queues() == []
    with pytest.raises(StoreError, match="permission denied"):
        async with open_store(address=address, schema="unprepared"):
            raise AssertionError


async def test_a_store_that_must_be_there(
    server: Server, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made; what is older is brought up to date unless it is only read."""
    for access in ("write", "read"):
        with pytest.raises(StoreError, match=r"has no tables yet; .* `gochan migrate`"):
            async with open_store(schema="there", access=access):
                raise AssertionError
    with psycopg.connect(server.address) as connection:
        assert connection.execute("SELECT to_regnamespace('there')").fetchone() == (None,)
    async with open_store(schema="there") as store:
        assert store.migration == Migration(0, NEWEST)
    monkeypatch.setattr(_schema, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE {s}.more(x int)"))
    monkeypatch.setattr(_schema, "NEWEST", NEWEST + 1)
    with pytest.raises(StoreError, match=rf"version {NEWEST}, and this needs {NEWEST + 1}; bring"):
        async with open_store(schema="there", access="read"):
            raise AssertionError
    async with open_store(schema="there", access="write") as store:
        assert store.migration == Migration(NEWEST, NEWEST + 1)
    async with open_store(schema="there", access="read") as store:
        assert store.migration == Migration(NEWEST + 1, NEWEST + 1)
    with pytest.raises(ValueError, match="access must be"):
        open_store(access="x")

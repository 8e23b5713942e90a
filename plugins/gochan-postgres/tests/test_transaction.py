"""A user's own transaction: jobs that are stored, or ended, together with other data."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import trio
from psycopg.rows import dict_row

from gochan.durable import (
    LeaseLost,
    StoreError,
    Worker,
    current_job,
    open_durable_queue,
)

from .conftest import Open, Server


async def test_a_job_is_there_if_the_transaction_is_committed(
    server: Server, open_store: Open
) -> None:
    """And not if it is rolled back; the bell comes with the commit."""
    ran = []

    async def handle(payload: int) -> None:
        ran.append(payload)

    async with open_store() as store, open_durable_queue(store, "mail", handle) as queue:
        with psycopg.connect(server.address, row_factory=dict_row) as connection:
            store.submit_in(connection, queue, 1)
            connection.rollback()
            job = store.submit_in(connection, queue, 2, key="k")
            assert await queue.jobs() == []
            connection.commit()
        assert (await job.wait()).value is None
        assert ran == [2]
        assert (await queue.audit()).stored == 1


async def test_a_job_is_done_if_the_transaction_is_committed(
    server: Server, open_store: Open
) -> None:
    """Its leases go on meanwhile, and so do those of others."""
    open_, finish = trio.Event(), trio.Event()

    async def handle(payload: str) -> str:
        if payload == "other":
            await finish.wait()
            return "other"
        with psycopg.connect(server.address) as connection:
            store.finish_in(connection, current_job(), "in it")
            open_.set()
            await trio.sleep(0.8)  # leases are extended
            connection.commit()
        return "ignored"

    async with (
        open_store() as store,
        open_durable_queue(store, "mail", handle, lease=0.9) as queue,
    ):
        other = await queue.submit("other")
        job = await queue.submit("mine")
        await open_.wait()
        assert (await job.wait()).value == "in it"
        finish.set()
        assert (await other.wait()).value == "other"
        records = [await one.record() for one in (job, other)]
        assert [len(record.attempts) for record in records] == [1, 1]
        assert (await queue.audit()).done == 2


async def test_a_run_that_is_over_cannot_be_ended_in_a_transaction(
    server: Server, open_store: Open
) -> None:
    """The user hears of it, and rolls back."""
    raised = []

    async def handle(payload: int) -> None:
        ticket = current_job().record.ticket
        await store.release([release(ticket)])
        with psycopg.connect(server.address) as connection:
            try:
                store.finish_in(connection, current_job(), None)
            except LeaseLost as error:
                raised.append(error)
                raise

    def release(ticket: Any) -> Any:
        from gochan.durable import Release

        return Release(ticket.id, ticket.version, "unstarted", delay=60.0)

    async with open_store() as store, open_durable_queue(store, "mail", handle) as queue:
        await queue.submit(1)
        while not raised:  # noqa: ASYNC110
            await trio.sleep(0.01)
    assert "roll the transaction back" in str(raised[0])


async def test_only_a_connection_with_a_transaction_will_do(
    server: Server, open_store: Open
) -> None:
    """Each statement would last by itself otherwise."""
    async with open_store() as store, open_durable_queue(store, "mail") as queue:
        async with open_store() as other, open_durable_queue(other, "mail") as foreign:
            with pytest.raises(StoreError, match="is a queue of another store than this one"):
                store.submit_in("connection", foreign, 1)
        with pytest.raises(TypeError, match=r"must be a psycopg.Connection, not str"):
            store.submit_in("connection", queue, 1)
        with psycopg.connect(server.address, autocommit=True) as connection:
            with pytest.raises(StoreError, match="no transaction is open"):
                store.submit_in(connection, queue, 1)
            with connection.transaction():
                store.submit_in(connection, queue, 1)
        assert len(await queue.jobs()) == 1


async def test_two_jobs_of_one_key_in_a_transaction_are_one(
    server: Server, open_store: Open
) -> None:
    """Whether it is new or not, the job that has the key is what is returned."""
    async with open_store() as store, open_durable_queue(store, "mail") as queue:
        with psycopg.connect(server.address) as connection:
            one = store.submit_in(connection, queue, 1, key="k")
            two = store.submit_in(connection, queue, 2, key="k")
            assert (one.id, one.created, two.created) == (two.id, True, False)
        assert [record.id for record in await store.claim("mail", 9, Worker("w"), 30.0)] == [one.id]

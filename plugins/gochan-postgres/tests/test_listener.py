"""The listener: who waits hears what other processes do."""

from __future__ import annotations

import psycopg
import pytest
import trio

from gochan import ReceiveChan
from gochan.durable import Ending, Hint, NewJob, Worker

from .conftest import Open, Server

ANYBODY = Worker("anybody")


async def heard(bell: ReceiveChan[Hint], what: str) -> Hint:
    """Return the next hint of this sort."""
    with trio.fail_after(10):
        async for hint in bell:
            if hint.what == what:
                return hint
    raise AssertionError


async def listening(server: Server, n: int = 2) -> None:
    """Wait until so many listen."""
    with psycopg.connect(server.address, autocommit=True) as connection, trio.fail_after(10):
        while True:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            ).fetchone()
            if row is not None and row[0] >= n:
                return
            await trio.sleep(0.01)


async def quiet(bell: ReceiveChan[Hint]) -> None:
    """Wait until all is heard that was rung when the listener connected."""
    with trio.move_on_after(0.2):
        async for _ in bell:
            pass


async def test_one_store_hears_what_another_one_does(open_store: Open, server: Server) -> None:
    """What can start, what has ended, what is to be cancelled, and that a queue is resumed."""
    async with open_store() as one, open_store() as other, other.listen("mail") as bell:
        await listening(server)
        await quiet(bell)
        await one.enqueue([NewJob(queue="mail", payload=b""), NewJob(queue="mail", payload=b"")])
        await heard(bell, "waiting")
        first, second = await one.claim("mail", 2, ANYBODY, 30.0)
        await one.finish([Ending(first.id, first.version, "done", b"")])
        assert (await heard(bell, "ended")).ids == (first.id,)
        await one.cancel([second.id], "enough")
        assert (await heard(bell, "cancel")).ids == (second.id,)
        await one.pause("mail", True)
        await one.pause("mail", False)
        await heard(bell, "resumed")


async def test_a_listener_that_lost_its_connection_has_all_looked_at(
    open_store: Open, server: Server
) -> None:
    """Bells may have been lost with it."""
    async with open_store() as store, store.listen("mail") as bell:
        await listening(server, 1)
        await quiet(bell)
        with psycopg.connect(server.address, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
            )
        await heard(bell, "changed")


async def test_a_bell_that_cannot_be_read_may_mean_anything(
    open_store: Open, server: Server
) -> None:
    """As one that would have been too long, which is empty."""
    async with open_store(schema="bells") as store, store.listen("mail") as bell:
        await listening(server, 1)
        await quiet(bell)
        for payload in ("", "[]", "nonsense"):
            with psycopg.connect(server.address, autocommit=True) as connection:
                connection.execute("SELECT pg_notify('bells', %s)", (payload,))
            await heard(bell, "changed")


@pytest.mark.parametrize("n", [10, 3000])
async def test_an_end_is_heard_of_however_many_there_are(
    open_store: Open, server: Server, n: int
) -> None:
    """Named, or as any."""
    async with open_store() as one, open_store() as other:
        await one.enqueue([NewJob(queue="mail", payload=b"")] * n)
        records = await one.claim("mail", n, ANYBODY, 30.0)
        async with other.listen("mail") as bell:
            await listening(server)
            await one.finish([Ending(one.id, one.version, "done", b"") for one in records])
            if n < 100:
                assert len((await heard(bell, "ended")).ids) == n
            else:
                await heard(bell, "changed")

"""The desk: calls come to an end, whatever the server and the network do."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import pytest
import trio
from gochan_postgres import open_postgres_store

from gochan.durable import (
    Ending,
    Enqueued,
    NewJob,
    Refusal,
    Store,
    StoreClosed,
    StoreUnavailable,
    Worker,
)

from .conftest import Open, Server
from .proxy import Proxy

ANYBODY = Worker("anybody")
T = TypeVar("T")


def job(payload: bytes = b"", **options: object) -> NewJob:
    return NewJob(queue="mail", payload=payload, **options)  # type: ignore[arg-type]


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Ask until the store can be reached."""
    while True:
        try:
            return await call()
        except StoreUnavailable:
            await trio.sleep(0.05)


def through(proxy: Proxy, server: Server) -> str:
    """Return the address of a store that is reached through a proxy."""
    return server.address.replace(f":{server.port}", f":{proxy.port}")


async def test_an_answer_that_is_lost_leaves_the_job_stored_once(
    server: Server, open_store: Open
) -> None:
    """The caller hears that nobody knows; if it asks again, by the same receipt, it has the job."""
    proxy = Proxy(server.port)
    async with trio.open_nursery() as nursery:
        await nursery.start(proxy.run)
        async with open_store(address=through(proxy, server)) as store:
            await store.enqueue([job()])
            proxy.cuts = b"the one"
            with pytest.raises(StoreUnavailable, match="cannot be used now"):
                await store.enqueue([job(b"the one", receipt="r")])
            assert (await store.enqueue([job(b"the one", receipt="r")])) == [Enqueued(2)]
            assert (await store.audit("mail")).stored == 2
        nursery.cancel_scope.cancel()


async def test_an_end_whose_answer_is_lost_is_written_once(
    server: Server, open_store: Open
) -> None:
    """The second attempt finds that the run is over."""
    proxy = Proxy(server.port)
    async with trio.open_nursery() as nursery:
        await nursery.start(proxy.run)
        async with open_store(address=through(proxy, server)) as store:
            await store.enqueue([job()])
            (record,) = await store.claim("mail", 1, ANYBODY, 30.0)
            ending = Ending(record.id, record.version, "done", b"the result")
            proxy.cuts = b"the result"
            with pytest.raises(StoreUnavailable):
                await store.finish([ending])
            assert await store.finish([ending]) == [False]
            (record,) = await store.look([record.id])
            assert record.result == b"the result"
        nursery.cancel_scope.cancel()


async def test_a_transaction_that_is_cut_is_made_anew_or_not_at_all(
    server: Server, open_store: Open
) -> None:
    """The server undoes what was not committed."""
    proxy = Proxy(server.port)
    async with trio.open_nursery() as nursery:
        await nursery.start(proxy.run)
        async with open_store(address=through(proxy, server)) as store:
            await store.enqueue([job()])
            proxy.cuts = b"the one"
            with pytest.raises(StoreUnavailable, match="cannot be used now"):
                await store.enqueue([job(b"the one", key="k")])
            assert await insist(lambda: store.enqueue([job(key="k")])) == [Enqueued(3)]
            assert (await store.audit("mail")).stored == 2
        nursery.cancel_scope.cancel()


async def test_a_connection_that_is_cut_at_its_beginning_is_none(
    server: Server, open_store: Open
) -> None:
    """Whoever wanted it hears of it."""
    proxy = Proxy(server.port)
    async with trio.open_nursery() as nursery:
        await nursery.start(proxy.run)
        async with open_store(address=through(proxy, server)) as store:
            proxy.cuts = b"pg_is_in_recovery"
            with pytest.raises(StoreUnavailable, match="cannot be used now"):
                await store.enqueue([job()])
            await insist(lambda: store.enqueue([job()]))
        nursery.cancel_scope.cancel()


async def test_a_network_that_swallows_all_is_noticed(server: Server, open_store: Open) -> None:
    """After the timeout, in each lane; and when it is back, so is the store."""
    proxy = Proxy(server.port)
    async with trio.open_nursery() as nursery:
        await nursery.start(proxy.run)
        async with open_store(address=through(proxy, server), timeout=0.4) as store:
            await store.enqueue([job()])
            proxy.swallows = True
            with trio.fail_after(60):
                for _ in range(2):  # also where it cannot even connect
                    with pytest.raises(StoreUnavailable):
                        await store.enqueue([job()])
                    with pytest.raises(StoreUnavailable):
                        await store.claim("mail", 1, ANYBODY, 30.0)
                    with pytest.raises(StoreUnavailable):
                        await store.statistics("mail")
                proxy.swallows = False
                await insist(lambda: store.enqueue([job()]))
                assert (await insist(lambda: store.audit("mail"))).balanced
        nursery.cancel_scope.cancel()


async def test_a_server_that_stands_still_is_noticed(open_store: Open) -> None:
    """It takes what it is sent, and says nothing."""
    server = Server("--fsync=off")
    server.start()
    try:
        async with open_store(address=server.address, timeout=0.4) as store:
            await store.enqueue([job()])
            server.send(signal.SIGSTOP)
            try:
                with trio.fail_after(30), pytest.raises(StoreUnavailable):
                    await store.claim("mail", 1, ANYBODY, 30.0)
            finally:
                server.send(signal.SIGCONT)
    finally:
        server.remove()


async def test_a_server_that_was_restarted_meanwhile_costs_no_call(open_store: Open) -> None:
    """A connection that was closed is seen before it is used."""
    server = Server("--fsync=off")
    server.start()
    try:
        async with open_store(address=server.address) as store:
            await store.enqueue([job()])
            server.stop()
            with pytest.raises(StoreUnavailable):
                await store.enqueue([job()])
            server.start()
            await trio.sleep(0.2)  # the first attempt was in vain, and the next is not at once
            await store.enqueue([job()])
            assert (await store.audit("mail")).stored == 2
    finally:
        server.remove()


async def test_calls_that_are_cancelled_leave_nothing_behind(open_store: Open) -> None:
    """No thread, no connection, nobody who waits; and each was made whole, or not at all."""
    async with open_store() as store:
        await store.enqueue([job(b"")])
        await store.claim("mail", 1, ANYBODY, 30.0)
        await store.statistics("mail")
        threads, stored = threading.active_count(), 0

        async def submit(number: int) -> None:
            nonlocal stored
            with trio.move_on_after(0.0005 * (number % 40)):
                await store.enqueue([job(b"%d" % number)])
                stored += 1

        async with trio.open_nursery() as nursery:
            for number in range(1000):
                nursery.start_soon(submit, number)
        assert threading.active_count() <= threads + 3
        counts = await store.audit("mail")
        assert stored + 1 <= counts.stored <= stored + 1 + 3  # those that were on their way


async def test_a_closed_store_says_so(open_store: Open) -> None:
    """In threads, and in virtual time."""
    async with open_store() as store:
        assert abs(store.now() - time.time()) < 60
        assert isinstance((await store.enqueue([job(), job(after=(9,))], whole=True))[0], Refusal)
        await store.aclose()
    with pytest.raises(StoreClosed, match="the store is closed"):
        await store.queues()


async def test_a_closed_store_says_so_in_virtual_time(
    open_store: Open, autojump_clock: object
) -> None:
    """There is no thread that could."""
    async with open_store() as store:
        await store.aclose()
    with pytest.raises(StoreClosed, match="the store is closed"):
        await store.queues()


async def test_what_the_block_raises_comes_out_as_it_is(open_store: Open) -> None:
    """In no group."""
    with pytest.raises(KeyError, match="mine"):
        async with open_store():
            raise KeyError("mine")


async def test_a_key_in_an_open_transaction_holds_up_its_own_job_only(
    server: Server, open_store: Open
) -> None:
    """It is refused after a while, as nobody can know what will become of the other one."""
    async with open_store() as store:
        await store.enqueue([job()])
        schema = store._connector.dialect.schema
        with psycopg.connect(server.address) as connection:
            connection.execute(
                f"INSERT INTO {schema}.job(id, queue, state, key, priority, route, submitted, "
                "max_attempts, grants, codec, payload) SELECT 999, id, 1, 'k', 0, '', 0, 1, 1, "
                f"'json', '' FROM {schema}.queue".encode()
            )
            jobs = [job(), job(key="k"), job(key="other")]
            with trio.fail_after(20):
                one, refused, other = await store.enqueue(jobs)
                whole = await store.enqueue([job(key="k"), job(key="l")], whole=True)
            assert isinstance(one, Enqueued)
            assert isinstance(other, Enqueued)
            assert isinstance(refused, Refusal)
            assert "another transaction, which has not ended" in refused.reason
            assert all(isinstance(answer, Refusal) for answer in whole)
            connection.rollback()
        assert isinstance((await store.enqueue([job(key="k")]))[0], Enqueued)
        assert (await store.audit("mail")).stored == 4


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"key": "a\0b"}, "its key has a character NUL"),
        ({"group": "\ud800"}, "its group is no Unicode text"),
        ({"key": "k" * 3000}, "its key has 3000 bytes"),
        ({"priority": 2**63}, "its priority is"),
        ({"max_attempts": 2**31}, "it may have 2147483648 attempts"),
        ({"after": (2**64,)}, "not in the store"),
    ],
)
async def test_what_postgresql_cannot_store_is_refused_alone(
    store: Store, options: dict[str, object], what: str
) -> None:
    """The other jobs of the batch are stored."""
    good, bad = await store.enqueue([job(), job(**options)])
    assert isinstance(good, Enqueued)
    assert isinstance(bad, Refusal)
    assert what in bad.reason
    answers = await store.enqueue([job(), job(**options)], whole=True)
    assert all(isinstance(answer, Refusal) for answer in answers)
    assert (await store.audit("mail")).stored == 1


async def test_a_login_that_is_refused_is_told_without_the_password(server: Server) -> None:
    """By an error that says who was refused."""
    address = server.address.replace("postgres@", "nobody:secret@")
    with pytest.raises(StoreUnavailable, match='role "nobody" does not exist') as caught:
        async with open_postgres_store(address):
            raise AssertionError
    assert "secret" not in str(caught.value)

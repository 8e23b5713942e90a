"""Contention: what happens when others are at the same jobs, keys and queues.

Some of it takes bad luck; there the code is made to look away at the right moment.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from gochan_postgres import PostgresStore
from gochan_postgres._careful import Again, Batch
from gochan_postgres._connection import Connection
from gochan_postgres._queues import bell_text
from gochan_postgres._reviving import _HOLDER
from gochan_postgres._tending import Tending
from gochan_postgres._works import Works

from gochan.durable import (
    Ending,
    Enqueued,
    Hint,
    NewJob,
    QueueSettings,
    Refusal,
    Release,
    StoreUnavailable,
    Worker,
    open_durable_queue,
)

from .conftest import Open, Server

ANYBODY = Worker("anybody")


def job(**options: Any) -> NewJob:
    return NewJob(queue="mail", payload=b"", **options)


def schema_of(store: PostgresStore) -> str:
    return store._connector.dialect.schema


async def test_a_run_that_a_transaction_ends_holds_up_no_others(
    server: Server, open_store: Open
) -> None:
    """It is left to that transaction; after a second it counts as over."""
    async with open_store() as store:
        await store.enqueue([job(), job()])
        one, two = await store.claim("mail", 2, ANYBODY, 30.0)
        releases = [Release(it.id, it.version, "failed", error="no") for it in (one, two)]
        with psycopg.connect(server.address) as connection:
            lock = f"SELECT FROM {schema_of(store)}.job WHERE id = {one.id} FOR UPDATE"
            connection.execute(lock.encode())
            assert await store.extend([one.ticket, two.ticket], 30.0) == ["held", "held"]
            assert await store.release(releases) == [False, True]
            with pytest.raises(StoreUnavailable, match="lock timeout"):
                await store.cancel([one.id], "enough")


async def test_what_is_due_and_locked_is_looked_at_again_soon(
    server: Server, open_store: Open
) -> None:
    """But not all the time."""
    async with open_store() as store:
        await store.enqueue([job(delay=0.001)])
        with psycopg.connect(server.address) as connection:
            connection.execute(f"SELECT FROM {schema_of(store)}.job FOR UPDATE".encode())
            while (await store.tend()).next != 0.5:
                pass
        assert (await store.tend()).changed == 1


def fails_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception) -> None:
    """Let a method fail the first time."""
    errors, method = [error], getattr(owner, name)

    def failing(*arguments: Any, **options: Any) -> Any:
        answer = method(*arguments, **options)
        if errors:
            raise errors.pop()
        return answer

    monkeypatch.setattr(owner, name, failing)


async def test_a_transaction_that_the_server_ends_for_another_is_made_anew(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the first attempt is left."""
    fails_once(monkeypatch, Batch, "store", psycopg.errors.DeadlockDetected())
    (stored,) = await store.enqueue([job(key="k")])
    assert isinstance(stored, Enqueued)
    fails_once(monkeypatch, Works, "write", psycopg.errors.DeadlockDetected())
    assert await store.cancel([stored.id], "enough") == ["ended"]
    assert (await store.audit("mail")).cancelled == 1


async def test_a_transaction_that_is_always_ended_is_told(
    server: Server, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There has to be an end to it; in a user's transaction, the first time."""

    def fail(*arguments: Any) -> None:
        raise psycopg.errors.DeadlockDetected

    def again(*arguments: Any) -> None:
        raise Again

    monkeypatch.setattr(Works, "write", fail)
    with pytest.raises(StoreUnavailable):
        await store.cancel([1], "enough")
    monkeypatch.setattr(Batch, "store", again)
    with pytest.raises(StoreUnavailable, match="the same keys all the time"):
        await store.enqueue([job(key="k")])
    monkeypatch.setattr(Batch, "store", fail)
    async with open_durable_queue(store, "mail") as queue:
        with (
            psycopg.connect(server.address) as connection,
            pytest.raises(psycopg.errors.DeadlockDetected),
        ):
            store.submit_in(connection, queue, 1, key="k")


def looks_away_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first look miss the keys and receipts that are there."""
    looks, look = [1], Batch._look

    def looking(self: Batch, *arguments: Any) -> None:
        look(self, *arguments)
        if looks:
            looks.pop()
            self._keys.clear()
            self._receipts.clear()

    monkeypatch.setattr(Batch, "_look", looking)


async def test_a_key_that_is_taken_after_the_look_is_not_taken_twice(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unique index has the last word."""
    (first,) = await store.enqueue([job(key="k")])
    assert isinstance(first, Enqueued)
    looks_away_once(monkeypatch)
    answers = await store.enqueue([job(key="k"), job(key="l")])
    assert answers[0] == Enqueued(first.id, created=False)
    assert (await store.audit("mail")).stored == 2


async def test_a_key_whose_job_ends_after_the_look_is_looked_at_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be free by now, or kept by ``once_for``."""
    await store.enqueue([job(key="k"), job(key="kept", once_for=60.0)])
    looks_away_once(monkeypatch)
    holders, looked = Batch._holders, []

    def missing(self: Batch, keyed: Any) -> Any:
        looked.append(keyed)
        return {} if len(looked) == 2 else holders(self, keyed)

    monkeypatch.setattr(Batch, "_holders", missing)
    (answer,) = await store.enqueue([job(key="k")])
    assert isinstance(answer, Enqueued)
    assert not answer.created
    records = await store.claim("mail", 2, ANYBODY, 30.0)
    await store.finish([Ending(one.id, one.version, "done", b"") for one in records])
    looks_away_once(monkeypatch)
    (answer,) = await store.enqueue([job(key="kept")])
    assert answer == Enqueued(2, created=False)
    assert (await store.audit("mail")).stored == 2


async def test_a_receipt_that_comes_after_the_look_is_looked_at_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the first attempt, whose answer was lost, ends only now."""
    (first,) = await store.enqueue([job(receipt="r")])
    looks_away_once(monkeypatch)
    assert await store.enqueue([job(key="k", receipt="r")]) == [first]
    assert (await store.audit("mail")).stored == 1


async def test_a_key_that_is_taken_while_a_job_is_retried_is_left_to_its_holder(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retried job stays as it was."""
    (first,) = await store.enqueue([job(key="k")])
    assert isinstance(first, Enqueued)
    await store.cancel([first.id], "enough")
    (second,) = await store.enqueue([job(key="k")])
    assert isinstance(second, Enqueued)
    asked, value = [], Connection.value

    def missing(self: Connection, sql: str, parameters: Any = None) -> Any:
        if sql == _HOLDER and not asked:
            asked.append(sql)
            return None
        return value(self, sql, parameters)

    monkeypatch.setattr(Connection, "value", missing)
    assert await store.retry([first.id]) == [Enqueued(second.id, created=False)]


async def test_a_limit_that_another_process_changes_holds_at_once(open_store: Open) -> None:
    """Where there was none, and where there was another one."""
    async with open_store() as one, open_store() as other:
        await one.enqueue([job(group="g")] * 6)
        assert len(await one.claim("mail", 1, ANYBODY, 30.0)) == 1
        await other.configure("mail", QueueSettings(group_limit=2))
        assert len(await one.claim("mail", 9, ANYBODY, 30.0)) == 1
        await other.configure("mail", QueueSettings(group_limit=3), update=True)
        assert len(await one.claim("mail", 9, ANYBODY, 30.0)) == 1
        await other.pause("mail", True)
        assert await one.claim("mail", 9, ANYBODY, 30.0) == []
        await other.pause("mail", False)
        await other.configure("mail", QueueSettings(), update=True)
        assert len(await one.claim("mail", 9, ANYBODY, 30.0)) == 3


async def test_jobs_that_end_together_with_what_they_need_end_once(store: PostgresStore) -> None:
    """Cancelled by one call, or expired at the same time."""
    (first,) = await store.enqueue([job()])
    assert isinstance(first, Enqueued)
    (second,) = await store.enqueue([job(after=(first.id,))])
    assert isinstance(second, Enqueued)
    assert await store.cancel([first.id, second.id], "enough") == ["ended", "unknown"]
    await store.enqueue([job(after=(first.id,))])
    past = store.now() - 1.0
    (first,) = await store.enqueue([job(expires=past)])
    assert isinstance(first, Enqueued)
    broken = job(expires=past, after=(first.id,))
    await store.enqueue([broken, job(expires=past, after=(first.id,), after_all="ended")])
    await store.tend()
    counts = await store.audit("mail")
    assert (counts.cancelled, counts.dropped) == (4, 2)


async def test_a_job_that_is_over_at_once_is_stored_beside_others(store: PostgresStore) -> None:
    """It never had a chance, and takes no room."""
    await store.configure("mail", QueueSettings(capacity=1))
    (first,) = await store.enqueue([job()])
    assert isinstance(first, Enqueued)
    await store.cancel([first.id], "enough")
    await store.enqueue([job(after=(first.id,)), job(after=(first.id,), after_all="ended")])
    counts = await store.audit("mail")
    assert (counts.cancelled, counts.waiting) == (2, 1)


async def test_a_transaction_of_a_user_takes_what_room_there_is(
    server: Server, store: PostgresStore
) -> None:
    """And its jobs can be for a machine."""
    async with open_durable_queue(store, "mail", capacity=1, when_full="refuse") as queue:
        with psycopg.connect(server.address) as connection:
            store.submit_in(connection, queue, 1, machine="m")
            connection.commit()
            with pytest.raises(Exception, match="is full"):
                store.submit_in(connection, queue, 2)
    assert len(await store.claim("mail", 9, Worker("w", machine="m"), 30.0)) == 1


async def test_the_tally_is_folded(server: Server, store: PostgresStore) -> None:
    """Many rows become few, and the counts stay."""
    await store.enqueue([job()])
    tally = f"{schema_of(store)}.tally"
    with psycopg.connect(server.address) as connection:
        more = f"INSERT INTO {tally} SELECT queue, what, 0 FROM {tally}, generate_series(1, 600)"
        connection.execute(more.encode())
        connection.commit()
        with psycopg.connect(server.address) as other:
            other.execute("SELECT pg_advisory_xact_lock(7214, 1)")  # somebody else is at it
            await store.tend()
        assert rows_of(connection, tally) > 600
        await store.tend()
        assert rows_of(connection, tally) == 2
    assert (await store.audit("mail")).stored == 1


def rows_of(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


async def test_tending_comes_to_an_end(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if there is always something to do; it says that there is more."""
    monkeypatch.setattr(Tending, "_work", lambda self, n: (1, None))
    tended = await store.tend()
    assert (tended.changed, tended.next) == (4, 0.0)


def test_a_bell_is_never_too_long() -> None:
    """It names no jobs then, and in the end no queues."""
    assert bell_text({"mail": [Hint("ended", (1, 2)), Hint("ended", (2, 3))]}) == (
        '{"mail":{"ended":[1,2,3]}}'
    )
    assert bell_text({"mail": [Hint("ended", tuple(range(9000)))]}) == '{"mail":{"ended":[]}}'
    assert bell_text({f"queue {n:0100}": [Hint("room")] for n in range(90)}) == ""


async def test_a_refusal_in_a_whole_batch_leaves_no_trace(store: PostgresStore) -> None:
    """As if nothing had been asked."""
    answers = await store.enqueue([job(key="k"), job(after=(99,))], whole=True)
    assert all(isinstance(answer, Refusal) for answer in answers)
    assert (await store.audit("mail")).stored == 0

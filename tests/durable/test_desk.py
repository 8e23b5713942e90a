"""The threads of the store on SQLite: group commit, reading beside writing, and what fails."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan.durable import (
    JobRecord,
    NewJob,
    StoreClosed,
    StoreError,
    StoreUnavailable,
    Worker,
    open_durable_queue,
    open_store,
)


def job(payload: bytes = b"1", **options: Any) -> NewJob:
    return NewJob(queue="q", payload=payload, **options)


async def double(number: int) -> int:
    return 2 * number


async def test_many_tasks_share_a_transaction(tmp_path: Path) -> None:
    """While one is written, the others gather."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([job()])
        before = wal_frames(tmp_path)

        async def submit() -> None:
            await store.enqueue([job()])

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(submit)
        assert (await store.audit("q")).stored == 201
        assert wal_frames(tmp_path) - before < 200


def wal_frames(folder: Path) -> int:
    """Return how many pages have been written, each of which takes 4,120 bytes."""
    return (folder / "jobs.db-wal").stat().st_size // 4120


async def test_a_queue_runs_on_threads(tmp_path: Path) -> None:
    """As it does in virtual time."""
    async with (
        open_store(f"sqlite:{tmp_path}/jobs.db") as store,
        open_durable_queue(store, "numbers", double) as queue,
    ):
        jobs = await queue.submit_many(range(100))
        assert [(await job.wait()).value for job in jobs] == [2 * n for n in range(100)]
        assert (await queue.audit()).done == 100


async def test_jobs_outlive_their_store(tmp_path: Path) -> None:
    """They are there when it is opened again; ids are not used twice."""
    address = f"sqlite:{tmp_path}/jobs.db"
    async with open_store(address) as store:
        (first,) = await store.enqueue([job()])
        await store.cancel([first.id], "")  # type: ignore[union-attr]
        await store.purge("q", ["cancelled"], 10)
        await store.enqueue([job(b"kept")])
    async with open_store(address) as store:
        (record,) = await store.list("q")
        assert (record.id, record.payload) == (2, b"kept")
        assert await store.queues() == ["q"]
    assert not (tmp_path / "jobs.db-wal").exists() or wal_frames(tmp_path) == 0


async def test_a_bad_operation_fails_alone(tmp_path: Path) -> None:
    """Its neighbours in the batch are made."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        errors: list[Exception] = []

        async def submit(payload: Any) -> None:
            try:
                await store.enqueue([job(payload)])
            except Exception as error:
                errors.append(error)

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(submit, object() if number == 7 else b"x")
        assert len(errors) == 1
        assert (await store.audit("q")).stored == 19


async def test_a_whole_batch_is_undone_beside_others(tmp_path: Path) -> None:
    """None of it is stored, and all else is."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:

        async def submit(number: int) -> None:
            await store.enqueue([job(), job(after=(77,))] if number == 3 else [job()], whole=True)

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(submit, number)
        assert (await store.audit("q")).stored == 9


async def test_a_cancelled_call_is_made_whole(tmp_path: Path) -> None:
    """Or not at all, if it was cancelled before."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.enqueue([job()])
        assert scope.cancelled_caught
        assert (await store.audit("q")).stored == 0
        finished = False

        async def submit() -> None:
            nonlocal finished
            await store.enqueue([job()])
            finished = True

        async with trio.open_nursery() as nursery:
            nursery.start_soon(submit)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert finished
        assert (await store.audit("q")).stored == 1


async def test_cancelled_calls_leave_nothing_behind(tmp_path: Path) -> None:
    """A thousand of them: no thread, no task."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([job()])
        threads = threading.active_count()
        tasks = trio.lowlevel.current_statistics().tasks_living
        for _ in range(10):
            with trio.move_on_after(0.001):
                async with trio.open_nursery() as nursery:
                    for _ in range(100):
                        nursery.start_soon(store.look, [1])
        assert threading.active_count() <= threads
        assert trio.lowlevel.current_statistics().tasks_living == tasks


@pytest.mark.parametrize("virtual", [True, False])
async def test_a_closed_store_says_so(virtual: bool, tmp_path: Path) -> None:
    """To each call; closing again does nothing."""

    async def use() -> None:
        async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
            pass
        with pytest.raises(StoreClosed, match="inside `async with open_store"):
            await store.look([1])
        await store.aclose()

    if virtual:
        trio_run(use)
    else:
        await use()


def trio_run(function: Callable[[], Any]) -> None:
    """Run a function in virtual time, in another thread, as one runs here already."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            trio.run(function, clock=MockClock(autojump_threshold=0))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


async def test_another_writer_is_waited_for(tmp_path: Path) -> None:
    """Until it has committed."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([job()])
        other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.enqueue, [job()])
            await trio.sleep(0.05)
            other.execute("COMMIT")
        other.close()
        assert (await store.audit("q")).stored == 2


async def test_a_writer_that_does_not_end_makes_the_store_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time, the caller is told."""
    monkeypatch.setattr("gochan.durable._sqlite._desk._PATIENCE", 0.02)
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"cannot be used now: database is locked"):
            await store.enqueue([job()])
        other.execute("ROLLBACK")
        other.close()
        await store.enqueue([job()])


async def test_a_full_disk_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """The call fails, the store lives on, and goes on when there is room again."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([job()])
        writing = store._desk._writer._transactions._connection  # type: ignore[attr-defined]
        limit = writing.value("PRAGMA page_count")
        await trio.to_thread.run_sync(writing.run, f"PRAGMA max_page_count = {limit}")
        with pytest.raises(StoreUnavailable, match="database or disk is full"):
            await store.enqueue([job(b"x" * 100_000)])
        assert (await store.audit("q")).stored == 1
        await trio.to_thread.run_sync(writing.run, "PRAGMA max_page_count = 100000")
        await store.enqueue([job(b"x" * 100_000)])
        assert (await store.audit("q")).stored == 2


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """With the name of the file."""
    path = tmp_path / "jobs.db"
    async with open_store(f"sqlite:{path}") as store:
        await store.enqueue([job(b"x" * 3000) for _ in range(100)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 10)
        file.write(b"\xff" * (size - 4096 * 10))
    with pytest.raises(StoreError, match=r"jobs.db is damaged"):
        async with open_store(f"sqlite:{path}") as store:
            for number in range(1, 101):
                await store.look([number])
                await store.audit("q")


async def test_reading_goes_on_beside_a_writer(tmp_path: Path) -> None:
    """Lists and counts come by another connection."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([job()])
        other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with trio.fail_after(5):
            assert len(await store.list("q")) == 1
            assert (await store.statistics("q")).waiting == 1
        other.execute("ROLLBACK")
        other.close()


async def test_calls_that_have_gathered_are_made_before_it_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the first of them would have waited for others."""
    monkeypatch.setattr("gochan.durable._sqlite._desk._TURNS", 1000)
    answers: list[Any] = []

    async def ask(store: Any) -> None:
        answers.extend(await store.enqueue([job()]))

    address = f"sqlite:{tmp_path}/jobs.db"
    async with trio.open_nursery() as nursery, open_store(address) as store:
        for _ in range(3):  # until the store has looked for neighbours, and sleeps
            await ask(store)
        for _ in range(3):  # the first of which may not wait, but then the second one does
            nursery.start_soon(ask, store)
        while len(store._desk._gathered) < 2:  # type: ignore[attr-defined]
            await trio.lowlevel.checkpoint()
    assert sorted(answer.id for answer in answers) == [1, 2, 3, 4, 5, 6]


async def test_tasks_that_ask_one_after_the_other_share_transactions_too(tmp_path: Path) -> None:
    """What was told to one lets another one ask, a few turns later."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([job()])
        before = wal_frames(tmp_path)

        async def submit(turns: int) -> None:
            for _ in range(turns):
                await trio.lowlevel.checkpoint()
            await store.enqueue([job()])

        async with trio.open_nursery() as nursery:
            for turns in range(4):
                nursery.start_soon(submit, turns)
        one = wal_frames(tmp_path) - before
        await store.enqueue([job()])
        assert one < 2 * (wal_frames(tmp_path) - before - one)


async def test_a_claim_finds_what_is_stored_in_the_same_transaction(tmp_path: Path) -> None:
    """Although it was asked for before."""
    worker = Worker("host:1")
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        claimed: list[JobRecord] = []

        async def claim() -> None:
            claimed.extend(await store.claim("q", 10, worker, 30.0))

        async with another_writer(tmp_path) as nursery:
            nursery.start_soon(store.enqueue, [job(b"0", delay=60)])
            await wait_all_tasks_blocked(0.01)  # until that waits for the other one
            nursery.start_soon(claim)
            await wait_all_tasks_blocked(0.01)
            nursery.start_soon(store.enqueue, [job(b"1")])
            await wait_all_tasks_blocked(0.01)
        assert [record.payload for record in claimed] == [b"1"]


@asynccontextmanager
async def another_writer(folder: Path) -> AsyncIterator[trio.Nursery]:
    """Hold the file of a store; let it go at the end, and wait for the tasks."""
    other = sqlite3.connect(folder / "jobs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
            other.execute("ROLLBACK")
    finally:
        other.close()


async def test_what_is_asked_while_it_writes_is_one_transaction(tmp_path: Path) -> None:
    """However long that took, and however many ask."""
    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([job()])
        before = wal_frames(tmp_path)
        async with another_writer(tmp_path) as nursery:
            for _ in range(10):
                nursery.start_soon(store.enqueue, [job()])
                await wait_all_tasks_blocked(0.01)
        ten = wal_frames(tmp_path) - before
        await store.enqueue([job()])
        assert ten < 3 * (wal_frames(tmp_path) - before - ten)


async def test_a_bell_rings_early_for_jobs_that_are_about_to_be_stored(tmp_path: Path) -> None:
    """So a worker claims them in the transaction that stores them."""
    async with (
        open_store(f"sqlite:{tmp_path}/jobs.db") as store,
        store.listen("q") as bell,
        another_writer(tmp_path) as nursery,
    ):
        nursery.start_soon(store.enqueue, [job()])
        assert (await bell.receive()).what == "waiting"
        assert (await store.statistics("q")).stored == 0

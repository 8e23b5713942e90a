"""What time demands: of a store, and of the files of its jobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import trio
from gochan_service._door._tending import HEARD, tend
from trio.testing import MockClock

from gochan.durable import NewJob, StoreError, StoreUnavailable, Worker, open_store

from .doors import QUEUE, open_near


async def test_trouble_does_not_end_it(
    tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, unless it is one of the moment."""
    async with open_near(tmp_path) as near:
        tend = near.store.tend
        errors: list[Exception] = [StoreUnavailable("away"), StoreError("odd")]

        async def fail(n: int = 500) -> Any:
            if errors:
                raise errors.pop(0)
            return await tend(n)

        near.store.tend = fail  # type: ignore[method-assign]
        await near.submit("1", delay=15.0)
        await trio.sleep(25)
        assert (await near.store.statistics(QUEUE)).waiting == 1
    assert "could not be tended: odd" in caplog.text
    assert "away" not in caplog.text


@pytest.mark.parametrize("leased", [0, 1])
@pytest.mark.parametrize("away", [False, True])
async def test_agents_are_heard_before_jobs_are_lost(
    leased: int, away: bool, autojump_clock: MockClock
) -> None:
    """If a job is leased when the server starts, or when its store is back; else nothing waits."""

    async def fail() -> Any:
        raise StoreUnavailable("away")

    async with open_store("memory:") as store:
        await store.enqueue([NewJob(queue=QUEUE, payload=b"1", delay=float(n)) for n in range(2)])
        async with trio.open_nursery() as nursery:
            if away:
                nursery.start_soon(tend, store)
                await trio.sleep(0.5)
                store.tend, store.queues = fail, fail  # type: ignore[method-assign]
            await store.claim(QUEUE, leased, Worker("a"), 0.5)
            await trio.sleep(100.0)
            if away:
                del store.tend, store.queues
            else:
                nursery.start_soon(tend, store)
            await trio.sleep(HEARD - 0.1 if leased else 1.2)
            assert (await store.statistics(QUEUE)).waiting == 2 - 2 * leased
            await trio.sleep(HEARD + 1.0)
            assert (await store.statistics(QUEUE)).waiting == 2
            await store.claim(QUEUE, 1, Worker("a"), 100.0)
            await store.enqueue([NewJob(queue=QUEUE, payload=b"1", delay=1.0)])
            await trio.sleep(2.2)
            assert (await store.statistics(QUEUE)).waiting == 2
            nursery.cancel_scope.cancel()


async def test_agents_are_heard_first_after_a_server_was_stopped(
    autojump_clock: MockClock,
) -> None:
    """As by SIGSTOP, or in a machine that sleeps: they could not say that they are there."""
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        nursery.start_soon(tend, store)
        await trio.sleep(1.5)
        await store.enqueue([NewJob(queue=QUEUE, payload=b"1")] * 2)
        mine, _ = await store.claim(QUEUE, 2, Worker("a"), 30.0)
        await trio.sleep(3)
        autojump_clock.jump(600)
        await trio.sleep(HEARD - 0.1)
        assert await store.extend([mine.ticket], 30.0) == ["held"]
        await trio.sleep(1.2)
        counts = await store.statistics(QUEUE)
        assert (counts.running, counts.waiting) == (1, 1)
        nursery.cancel_scope.cancel()


async def test_files_of_jobs_that_are_gone_are_deleted(
    tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """After a while; the others stay, and what is not ours. Trouble is told."""
    folder = tmp_path / "files"
    async with open_near(tmp_path) as near:
        for id in (1, 2, 5000):
            near.files.append(id, 3, "log", 0, b"x")
        for odd in ("7", "lost+found", "0/odd", "0/2/odd", "0/1/odd"):
            (folder / odd).mkdir()
        (folder / "8").touch()
        await near.submit("1")
        await trio.sleep(3700)
        assert near.files.versions(1) == [3]
        assert near.files.names(1, 3) == ["log"]
        assert near.files.versions(2) == near.files.versions(5000) == []
        assert near.files.read(2, 3, "log", 0, 10) == b""
        assert sorted(os.listdir(folder)) == ["0", "7", "8", "lost+found"]
        assert sorted(os.listdir(folder / "0")) == ["1", "odd"]

        async def fail(*arguments: Any) -> Any:
            raise StoreUnavailable("away")

        near.store.look = fail  # type: ignore[method-assign]
        await trio.sleep(12_000)
    assert "could not be deleted: away" in caplog.text

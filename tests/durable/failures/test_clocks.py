"""Clocks: that of the host is set back, or forward; processes must agree all the same."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from gochan.durable import NewJob, Store, StoreClock, Worker, open_durable_queue, open_store

from .clocks import HOUR, Host, set_host_back, settable_host
from .patience import until

ANYBODY = Worker("anybody")
JOB = NewJob(queue="q", payload=b"1")


@pytest.fixture
def host() -> Iterator[Host]:
    """A host whose clock can be set."""
    with settable_host() as host:
        yield host


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:{folder}/jobs.db", shared=True) as store:
        yield store


async def test_a_clock_never_goes_back(host: Host) -> None:
    """It runs on, and follows the host's again when that has caught up."""
    clock = StoreClock(wall=host)
    before = clock.now()
    host.set = -HOUR
    assert before <= clock.now() < before + 10
    assert clock.ahead == pytest.approx(HOUR, abs=10)
    host.set = 0.0
    assert clock.ahead == pytest.approx(0, abs=1)
    host.set = HOUR
    assert clock.now() == pytest.approx(before + HOUR, abs=10)
    clock.reach(before)
    assert clock.now() == pytest.approx(before + HOUR, abs=10)
    clock.reach(before + 2 * HOUR)
    assert clock.now() == pytest.approx(before + 2 * HOUR, abs=10)


async def test_a_clock_lets_the_hosts_catch_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes nine seconds while that goes ten, so it is not wrong for ever."""
    steady = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: steady)
    host.set = HOUR
    clock = StoreClock(wall=host)
    host.set = 0.0
    before, ahead = clock.now(), clock.ahead
    assert ahead == pytest.approx(HOUR, abs=1)
    steady += 1000.0
    host.set = 1000.0
    assert clock.now() == pytest.approx(before + 900, abs=0.1)
    assert clock.ahead == pytest.approx(HOUR - 100, abs=1)
    steady += 10 * HOUR
    host.set += 10 * HOUR
    assert clock.ahead == pytest.approx(0, abs=1)


async def test_a_clock_that_was_quite_wrong_is_forgotten(host: Host, tmp_path: Path) -> None:
    """Years ahead, it would let all be due at once, in this process and in others."""
    host.set = 24 * HOUR * 3650
    async with opened(tmp_path) as store:
        await store.enqueue([JOB])
        host.set = 0.0
        assert store.now() == pytest.approx(time.time(), abs=10)
        async with opened(tmp_path) as other:
            assert other.now() == pytest.approx(time.time(), abs=10)


async def test_a_clock_in_virtual_time_follows_nobody(autojump_clock: object, host: Host) -> None:
    """Neither the host's nor that of others."""
    clock = StoreClock(wall=host)
    before = clock.now()
    host.set = -HOUR
    clock.reach(before + HOUR)
    await trio.sleep(5)
    assert clock.now() == before + 5
    assert clock.ahead == 0


async def test_what_is_due_and_whose_lease_ends_is_not_held_up(host: Host, tmp_path: Path) -> None:
    """The host's clock is set back by an hour while jobs wait and run."""
    async with opened(tmp_path) as store:
        await store.enqueue(
            [NewJob(queue="q", payload=b"1"), NewJob(queue="q", payload=b"2", delay=0.1)]
        )
        (lost,) = await store.claim("q", 1, ANYBODY, 0.1)
        host.set = -HOUR
        with trio.fail_after(5):
            records: list[Any] = []
            while len(records) < 2:
                await trio.sleep(0.02)
                await store.tend()
                records += await store.claim("q", 9, ANYBODY, 30.0)
        assert {record.id for record in records} == {1, 2}
        assert await store.extend([lost.ticket], 30.0) == ["lost"]


async def test_who_opens_the_file_later_agrees_with_who_had_it_open(
    host: Host, tmp_path: Path
) -> None:
    """Otherwise the one would take all leases of the other for ended, again and again."""
    async with opened(tmp_path) as old:
        await old.enqueue([JOB])
        host.set = -HOUR
        await until(lambda: old.now() - noted(tmp_path) < 10)
        async with opened(tmp_path) as new:
            assert new.now() == pytest.approx(old.now(), abs=10)
            (record,) = await new.claim("q", 1, ANYBODY, 30.0)
            assert (await old.tend()).changed == 0
            assert await new.extend([record.ticket], 30.0) == ["held"]


async def test_who_has_not_seen_it_learns_it(host: Host, tmp_path: Path) -> None:
    """Only one has looked at the clock while it was an hour ahead."""
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        host.set = HOUR
        one.now()
        host.set = 0.0
        await until(lambda: abs(one.now() - other.now()) < 10)
        assert one.now() > time.time() + HOUR / 2


async def test_a_clock_that_was_set_back_while_nobody_looked(host: Host, tmp_path: Path) -> None:
    """What was running, and what was submitted last, tell that."""
    async with opened(tmp_path) as store:
        await store.enqueue([JOB] * 2)
        now = store.now()
    host.set = -HOUR
    async with opened(tmp_path) as store:
        assert store.now() >= now - 1
        assert store.now() < now + 10
        host.set = HOUR
        await store.claim("q", 2, ANYBODY, 0.1)
    host.set = -HOUR
    async with opened(tmp_path) as store:
        await trio.sleep(0.2)
        assert (await store.tend()).changed == 2


async def test_a_clock_that_is_set_right_again_is_followed(host: Host, tmp_path: Path) -> None:
    """It was wrong, a year ahead; what it had noted does not hold for ever."""
    async with opened(tmp_path) as store:
        host.set = -HOUR
        await trio.sleep(0.1)
    async with opened(tmp_path) as store:
        assert store.now() > time.time() - 10
    host.set = HOUR
    async with opened(tmp_path) as store:
        assert store.now() == pytest.approx(time.time() + HOUR, abs=10)


async def test_workers_of_both_sides_of_a_step_share_the_work(host: Host, tmp_path: Path) -> None:
    """Each job runs once."""
    runs: list[int] = []

    async def handle(number: int) -> None:
        runs.append(number)
        await trio.sleep(0.05)

    async with (
        opened(tmp_path) as old,
        open_durable_queue(old, "q", handle, lease=1.0) as queue,
    ):
        await queue.submit_many(range(20))
        host.set = -HOUR
        await until(lambda: old.now() - noted(tmp_path) < 10)
        async with opened(tmp_path) as new, open_durable_queue(new, "q", handle, lease=1.0):
            await queue.submit_many(range(20, 60))
            with trio.fail_after(10):
                await queue.join()
        assert (await queue.audit()).done == 60
    assert sorted(runs) == [*range(60)]


def noted(folder: Path) -> float:
    """Return the time that is noted in the file."""
    connection = sqlite3.connect(folder / "jobs.db")
    row = connection.execute("SELECT n FROM gochan_tally WHERE queue = 0").fetchone()
    connection.close()
    return row[0] / 1000 if row else 0.0


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
async def test_workers_that_begin_at_an_earlier_hour(tmp_path: Path, times: int) -> None:
    """In processes of their own; each job runs once, and when it should."""
    verdict = await set_host_back(tmp_path, f"sqlite:{tmp_path}/jobs.db", times, library="apsw")
    assert verdict.jobs
    assert verdict.problems == []

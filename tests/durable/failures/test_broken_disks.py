"""Disks that are full, that fail, and that forget what was not synced when the power fails."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import NewJob, StoreUnavailable, open_store
from gochan.durable._sqlite._connection import Connection

from .power import fill_disk, lose_power
from .small_disk import fill_small_disk


@pytest.mark.parametrize("times", [8, pytest.param(150, marks=pytest.mark.slow)])
async def test_a_power_cut_costs_nothing_that_was_acknowledged(
    tmp_path: Path, autojump_clock: MockClock, times: int
) -> None:
    """What was acknowledged is there, the file is whole, and all that is left runs."""
    verdict = await lose_power(tmp_path, times)
    assert verdict.jobs
    assert verdict.problems == []


async def test_a_power_cut_costs_something_where_the_user_wants_speed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """So the test above can fail. The file stays whole all the same."""
    verdict = await lose_power(tmp_path, 12, synchronous="normal")
    assert verdict.lost
    assert verdict.doubled == []
    assert verdict.left == []


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.slow)])
async def test_a_full_disk_costs_time_only(
    tmp_path: Path, autojump_clock: MockClock, times: int
) -> None:
    """At any write of a queue's life; when there is room again, all goes on."""
    verdict = await fill_disk(tmp_path, times)
    assert verdict.notes["writes refused"] >= times
    assert verdict.problems == []


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
async def test_a_small_disk_that_others_fill(tmp_path: Path, times: int) -> None:
    """For real, and for longer than a lease now and then; in several processes."""
    verdict = await fill_small_disk(tmp_path, "", times, library="apsw")
    if not verdict.jobs:
        pytest.skip("only root can mount a small disk")
    assert verdict.problems == []


@pytest.mark.parametrize("failing", ["PRAGMA data_version", "ROLLBACK", "COMMIT"])
async def test_a_disk_that_fails_now_and_then_ends_no_thread(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers are told, and the next call may work."""
    monkeypatch.setattr("gochan.durable._sqlite._sqlite_store._LOOK", 0.01)
    left = 5
    real = Connection._execute_plainly

    def execute(self: Connection, sql: str, parameters: Any = ()) -> Any:
        nonlocal left
        if left and (sql == failing or (failing == "ROLLBACK" and sql == "COMMIT")):
            left -= 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return real(self, sql, parameters)

    async with open_store(f"sqlite:{tmp_path}/jobs.db") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1")])
        writing = store._desk._writer._transactions._connection  # type: ignore[attr-defined]
        writing._execute = execute.__get__(writing)
        stored = 1
        with trio.fail_after(10):
            while left or stored < 3:
                try:
                    await store.enqueue([NewJob(queue="q", payload=b"1")])
                except StoreUnavailable as error:
                    assert "disk I/O error" in str(error) or "within a transaction" in str(error)  # noqa: PT017
                else:
                    stored += 1
        assert (await store.audit("q")).stored == stored

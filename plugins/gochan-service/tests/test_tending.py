"""What time demands: of a store, and of the files of its jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import StoreError, StoreUnavailable

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


async def test_files_of_jobs_that_are_gone_are_deleted(
    tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """After a while; the others stay. Trouble is told."""
    async with open_near(tmp_path) as near:
        for id in (1, 2, 5000):
            near.files.append(id, 3, "log", 0, b"x")
        (tmp_path / "files" / "7").mkdir()
        await near.submit("1")
        await trio.sleep(3700)
        assert near.files.versions(1) == [3]
        assert near.files.names(1, 3) == ["log"]
        assert near.files.versions(2) == near.files.versions(5000) == []
        assert near.files.read(2, 3, "log", 0, 10) == b""

        async def fail(*arguments: Any) -> Any:
            raise StoreUnavailable("away")

        near.store.look = fail  # type: ignore[method-assign]
        await trio.sleep(12_000)
    assert "could not be deleted: away" in caplog.text

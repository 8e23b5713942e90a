"""Stores for the tests of durable queues, each in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from gochan.durable import Store, open_store


@pytest.fixture(params=["memory", "sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is."""
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path}/jobs.db"


@pytest.fixture
async def store(address: str, autojump_clock: MockClock) -> AsyncIterator[Store]:
    """An open store, which knows no job."""
    async with open_store(address) as store:
        yield store

"""The store on SQLite, held to the rules for all stores."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from gochan.durable import open_store
from gochan.testing import StoreTests
from gochan.testing._check_store import StoreFactory


class TestSqlite(StoreTests):
    """Each rule, and random histories."""

    histories = 10

    @pytest.fixture
    def store(self, tmp_path: Path) -> StoreFactory:
        """Return a factory."""
        paths = map(str, itertools.count())
        return lambda: open_store(f"sqlite:{tmp_path / next(paths)}", synchronous="normal")

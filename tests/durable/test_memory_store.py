"""The store in memory, held to the rules for all stores."""

from __future__ import annotations

import pytest

from gochan.durable import open_store
from gochan.testing import StoreTests
from gochan.testing._check_store import StoreFactory


class TestMemory(StoreTests):
    """Each rule, and random histories."""

    histories = 10

    @pytest.fixture
    def store(self) -> StoreFactory:
        """Return a factory."""
        return lambda: open_store("memory:")

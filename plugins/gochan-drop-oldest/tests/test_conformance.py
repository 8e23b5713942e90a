"""Drop oldest keeps the rules for all strategies, and its promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gochan_drop_oldest
import pytest
from gochan_drop_oldest import DropOldest

from gochan.testing import StrategyTests

(SPEC,) = gochan_drop_oldest.gochan_strategies()


class TestDropOldest(StrategyTests):
    """The tests that come with gochan."""

    promises = SPEC.promises

    @pytest.fixture(params=[1, 3])
    def strategy(self, request: pytest.FixtureRequest) -> Callable[[], DropOldest[Any]]:
        """Make one with room for so many."""
        return lambda: DropOldest(request.param)

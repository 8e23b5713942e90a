"""Each policy keeps the rules for all strategies, and its promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gochan_overflow
import pytest
from gochan_overflow import Coalesce, Latest

from gochan.strategies import Promise
from gochan.testing import StrategyTests

PROMISES = {spec.name: spec.promises for spec in gochan_overflow.gochan_strategies()}


class TestLatest(StrategyTests):
    """The newest makes room."""

    histories = 15
    promises = PROMISES["latest"]

    @pytest.fixture(params=[1, 3])
    def strategy(self, request: pytest.FixtureRequest) -> Callable[[], Latest[Any]]:
        return lambda: Latest(request.param)


class TestCoalesce(StrategyTests):
    """One for each key."""

    histories = 15
    promises = PROMISES["coalesce"]

    @pytest.fixture(params=[1, 2, 10])
    def strategy(self, request: pytest.FixtureRequest) -> Callable[[], Coalesce[Any]]:
        return lambda: Coalesce(capacity=request.param)


class TestCoalesceInTime(StrategyTests):
    """With all its options, it still loses nothing, and names the moment of the next change."""

    histories = 15
    promises = frozenset({Promise.BOUNDED, Promise.NO_STARVATION})

    @pytest.fixture(
        params=[
            {"debounce": 0.5, "max_wait": 2.0},
            {"debounce": 1.0, "max_wait": 1.0, "exclusive": True},
            {"exclusive": True},
        ],
        ids=str,
    )
    def strategy(self, request: pytest.FixtureRequest) -> Callable[[], Coalesce[Any]]:
        return lambda: Coalesce(capacity=3, **request.param)

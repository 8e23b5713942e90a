"""Each order keeps the rules for all strategies, and its promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gochan_order
import pytest
from gochan_order import Fair, Lifo, Priority

from gochan.strategies import Block, PriorityCancel, Promise, Strategy
from gochan.testing import StrategyTests

PROMISES = {spec.name: spec.promises for spec in gochan_order.gochan_strategies()}


class TestLifo(StrategyTests):
    """Newest first."""

    histories = 15
    promises = PROMISES["lifo"]

    @pytest.fixture(params=[1, 3])
    def strategy(self, request: pytest.FixtureRequest) -> Callable[[], Lifo[Any]]:
        return lambda: Lifo(request.param)


class TestPriority(StrategyTests):
    """The most important first."""

    histories = 15
    promises = PROMISES["priority"]

    @pytest.fixture(params=[1, 3, 30])
    def strategy(self, request: pytest.FixtureRequest) -> Callable[[], Priority[Any]]:
        return lambda: Priority(request.param)


class TestAgeing(StrategyTests):
    """Who waits becomes more important, so all go at last; if there is room for all."""

    promises = frozenset({Promise.BOUNDED, Promise.NEVER_WAITS, Promise.NO_STARVATION})
    histories = 10  # long ones, as it takes much to fill it

    @pytest.fixture
    def strategy(self) -> Callable[[], Priority[Any]]:
        return lambda: Priority(1000, ageing=0.01)


class TestFair(StrategyTests):
    """Keys take turns."""

    histories = 15
    promises = PROMISES["fair"]

    @pytest.fixture(params=[1, 3, 20])
    def strategy(self, request: pytest.FixtureRequest) -> Callable[[], Fair[Any]]:
        return lambda: Fair(capacity=request.param)


class TestFairWithOthersBehind(StrategyTests):
    """Whatever they do."""

    histories = 15
    promises = frozenset({Promise.BOUNDED, Promise.NEVER_WAITS})

    @pytest.fixture(params=["lifo", "block", "priority", "priority-cancel", "fair"])
    def strategy(self, request: pytest.FixtureRequest) -> Callable[[], Strategy[Any]]:
        behind: Callable[[], Strategy[Any]] = {
            "lifo": lambda: Lifo(2),
            "block": lambda: Block(2),
            "priority": lambda: Priority(2),
            "priority-cancel": lambda: PriorityCancel(2),
            "fair": lambda: Fair("payload", capacity=3) | Lifo(2),
        }[request.param]
        return lambda: Fair(capacity=5) | behind()

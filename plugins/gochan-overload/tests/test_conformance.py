"""The four policies keep the rules for all strategies, and their promises."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

import gochan_overload
import pytest

import gochan
from gochan.strategies import Promise, Strategy
from gochan.testing import StrategyTests, check_strategy

SPECS = {spec.name: spec for spec in gochan_overload.gochan_strategies()}


class Conformance(StrategyTests):
    """The tests that come with gochan, for a chain in words."""

    histories = 10

    @pytest.fixture
    def strategy(self, chain: str) -> Callable[[], Strategy[Any]]:
        return lambda: gochan.strategy(chain)


@pytest.mark.parametrize("chain", ["codel(2.0, capacity=3)", "codel(9.0, capacity=1, lifo=False)"])
class TestCoDel(Conformance):
    promises = SPECS["codel"].promises


@pytest.mark.parametrize(
    "chain",
    [
        "deadline(2.0, capacity=3)",
        "deadline(9.0, slack=0.5) | drop-oldest(2)",
        "deadline(9.0) | priority-cancel(2)",
    ],
)
class TestDeadline(Conformance):
    promises = SPECS["deadline"].promises


@pytest.mark.parametrize(
    "chain",
    [
        "rate(1.0, capacity=3)",
        "rate(0.3, 2.5) | drop-on-full(2)",
        "rate(5, 2, wait=True)",
        "rate(1.5, 3, key=key, wait=True)",
    ],
)
class TestRate(Conformance):
    promises = SPECS["rate"].promises


@pytest.mark.parametrize(
    "chain",
    [
        "adaptive(start=1, capacity=3)",
        "adaptive(start=2, by=gradient) | priority-cancel(4)",
    ],
)
class TestAdaptive(Conformance):
    promises = SPECS["adaptive"].promises


@pytest.mark.parametrize(
    "chain",
    [
        "rate(2, 3) | deadline(3.0) | adaptive(start=1) | codel(3.0, capacity=3)",
        "adaptive(start=2) | rate(2, wait=True) | deadline(3.0, slack=0) | block(2)",
        "fair | deadline(3.0) | adaptive(start=2) | codel(3.0, capacity=3)",
        "rate(3, 3) | fair | rate(1.5) | lifo(2)",
        "deadline(3.0) | coalesce(key)",
    ],
)
class TestChains(Conformance):
    promises = frozenset({Promise.BOUNDED})


@pytest.mark.parametrize(
    ("chain", "promises"),
    [
        ("codel(2.0, lifo=False)", {Promise.FIFO}),
        ("rate(1.0) | drop-on-full(3)", {Promise.NEVER_WAITS}),
        ("deadline(2.0, slack=0.5) | drop-on-full(3)", {Promise.NEVER_WAITS}),
        ("adaptive(start=2) | drop-on-full(3)", {Promise.NEVER_WAITS}),
    ],
)
def test_what_some_of_them_promise_as_well(chain: str, promises: set[Promise]) -> None:
    """With these options, or before that order."""
    check_strategy(lambda: gochan.strategy(chain), promises)


def test_every_item_can_have_a_deadline_of_its_own() -> None:
    """Found by its name."""

    def item(dice: Random) -> Any:
        return SimpleNamespace(key=None, priority=0, patience=dice.choice([0.5, 3, 9.5]))

    check_strategy(
        lambda: gochan.strategy("deadline(patience)"), SPECS["deadline"].promises, items=item
    )

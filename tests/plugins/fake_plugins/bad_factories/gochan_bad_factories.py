"""A plugin that loads well, and whose strategies cannot be used, each for a reason."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block, Filter, Strategy

SHARED = Block[object](1)


def make_fail(capacity: int) -> Strategy[object]:
    """Fail in a way that has nothing to do with options."""
    raise LookupError("the moon is\n  in the wrong place")


def make_leave(capacity: int) -> Strategy[object]:
    """End the program."""
    sys.exit("this needs a newer Python")


def make_none(capacity: int) -> None:
    """Make no strategy at all."""


def make_shared(capacity: int) -> Strategy[object]:
    """Make the same one each time."""
    return SHARED


class Choosy(Block[object]):  # type: ignore[misc]
    """A strategy that accepts no capacity."""

    def __init__(self, capacity: int) -> None:
        raise ValueError(f"capacity must be a prime number, not {capacity!r}")


class Forgetful(Strategy[object]):
    """A strategy that was never set up."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity


class Unfinished(Strategy[object]):
    """A strategy with a method that is yet to be written."""

    @abstractmethod
    def size(self) -> int: ...


class Clinging(Filter[object]):
    """A filter that cannot be put before anything."""

    def __or__(self, other: object) -> Filter[object]:
        raise LookupError("nothing fits")


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("choosy", Choosy, "accepts no capacity")
    yield StrategySpec("clinging", Clinging, "makes no chain")
    yield StrategySpec("fail", make_fail, "fails")
    yield StrategySpec("forgetful", Forgetful, "was never set up")
    yield StrategySpec("hidden", dict, "does not tell its options")  # type: ignore[arg-type]
    yield StrategySpec("leave", make_leave, "ends the program")
    yield StrategySpec("none", make_none, "makes nothing")  # type: ignore[arg-type]
    yield StrategySpec("shared", make_shared, "is always the same")
    yield StrategySpec("unfinished", Unfinished, "lacks a method")

"""A trial: one history of a strategy, compared with two other instances."""

# Theory of operation
# -------------------
# Two instances go through the same steps, each with a witness of its own, and must give the
# same answers. A third one is never called, and must stay empty. This reveals strategies that
# depend on chance, a clock, the addresses of objects, or state that instances share.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeAlias, final

from ..strategies import Promise, Strategy
from ._items import any_item
from ._rules import Broken, Rule
from ._witness import Witness

Deed: TypeAlias = Literal[
    "offer",
    "offer_again",
    "insist",
    "take",
    "finish",
    "remove",
    "remove_another",
    "pass_time",
    "pass_to_change",
    "close",
    "run_out",
    "drain",
    "starve",
]


@final
@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested: how to make a strategy, its promises, and the items it is offered."""

    factory: Callable[[], Strategy[Any]]
    promises: frozenset[Promise] = frozenset()
    items: Callable[[Random], Any] = any_item

    def __post_init__(self) -> None:
        for promise in self.promises:
            if not isinstance(promise, Promise):
                raise TypeError(
                    f"promises must be members of Promise, such as FIFO, not {promise!r}"
                )
        for name, value in (("factory", self.factory), ("items", self.items)):
            if not callable(value) or isinstance(value, Strategy):
                raise TypeError(
                    f"{name} must be a function that makes one, such as a lambda, not {value!r}"
                )

    def make(self) -> Strategy[Any]:
        """Return a fresh strategy, as a channel would use it."""
        strategy = self.factory()
        if not isinstance(strategy, Strategy):
            raise TypeError(f"factory must return a strategy, not {strategy!r}")
        if not hasattr(strategy, "_dropped"):
            name = type(strategy).__name__
            raise TypeError(f"{name}.__init__ must call super().__init__(...)")
        return strategy


@final
class Trial:
    """Takes one subject through a history, step by step, from the time ``start`` on."""

    def __init__(self, subject: Subject, start: float = 0.0) -> None:
        witnesses = [
            Witness(subject.make(), subject.promises, subject.items, start) for _ in range(3)
        ]
        self.witness, self.twin, self._idle = witnesses
        self._broken = False
        strategies = [witness.strategy for witness in witnesses]
        if len({*map(id, strategies)}) < 3 or any(one._in_use for one in strategies):
            self.witness.books.fail(
                Rule.OWN_STATE, "The factory returned the same instance again, not a fresh one"
            )
        if waiting := sum(witness.length() for witness in witnesses):
            self.witness.books.fail(
                Rule.OWN_STATE, f"Fresh instances already have {waiting} waiting"
            )
        for strategy in strategies:
            strategy._in_use = True

    def step(self, deed: Deed, number: int = 0) -> None:
        """Take one step.

        Raises:
            Broken: the strategy broke a rule or a promise.
        """
        if self._broken:
            return
        try:
            getattr(self.witness, deed)(number)
            self._compare_idle()
            getattr(self.twin, deed)(number)
            self._compare_twin()
        except Broken:
            self._broken = True
            raise

    def _compare_idle(self) -> None:
        waiting, dropped = self._idle.length(), len(self._idle.strategy._dropped)
        if waiting or dropped:
            self.witness.books.fail(
                Rule.OWN_STATE,
                f"Another instance, which was never called, now has {waiting} waiting, and has "
                f"dropped {dropped}",
            )

    def _compare_twin(self) -> None:
        one, other = self.witness.answers, self.twin.answers
        if one == other:
            return
        names = ("len", "capacity", "retry_after", "next_change", "the last answer")
        differences = [
            f"{name} was {mine} for one and {yours} for the other"
            for name, mine, yours in zip(names, one, other, strict=False)
            if mine != yours
        ]
        self.witness.books.fail(
            Rule.SAME_ANSWERS,
            f"Two fresh instances had the same calls, and {differences[-1]}. A strategy must not "
            "depend on chance, clocks, addresses of objects, or state that instances share",
        )

"""`StrategyMachine`: a state machine for hypothesis, to which authors can add rules."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.strategies import integers, lists, sampled_from

from ..strategies import Promise, Strategy
from ._items import any_item
from ._trial import Deed, Subject, Trial

_numbers = integers(0, 999)


class StrategyMachine(RuleBasedStateMachine):
    """A state machine around a strategy; subclass, override `factory`, and add rules.

    ::

        class DropOldestMachine(StrategyMachine):
            promises = frozenset({Promise.FIFO, Promise.BOUNDED})

            def factory(self):
                return DropOldest(3)

            @invariant()
            def the_newest_waits(self):
                ...

        TestDropOldest = DropOldestMachine.TestCase

    It makes the same calls as `check_strategy`, but hypothesis chooses them. It needs
    hypothesis.

    Attributes:
        promises: what the strategy claims about itself.
    """

    promises: Iterable[Promise] = frozenset()
    _trial: Trial | None = None
    _ending: Deed = "run_out"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.TestCase.settings = settings(
            cls.TestCase.settings,
            report_multiple_bugs=False,  # the first error explains the others
            phases=[phase for phase in Phase if phase is not Phase.explain],  # the message does
        )

    def factory(self) -> Strategy[Any]:
        """Override this: return a fresh strategy."""
        raise NotImplementedError(f"{type(self).__name__} needs a method factory")

    def items(self, dice: Random) -> Any:
        """Make an item to offer. Override this if the strategy looks at other attributes."""
        return any_item(dice)

    @property
    def strategies(self) -> tuple[Strategy[Any], Strategy[Any]]:
        """The strategy, and a twin that has been through the same.

        If a rule of yours changes one, it must change the other in the same way.
        """
        trial = self._started
        return trial.witness.strategy, trial.twin.strategy

    @property
    def waiting(self) -> list[Any]:
        """The items that wait in the first strategy, in the order in which they came."""
        return [entry.item for entry in self._started.witness.books.waiting]

    @property
    def now(self) -> float:
        """The time, in seconds."""
        return self._started.witness.now

    @property
    def _started(self) -> Trial:
        assert self._trial is not None, "the machine has yet to be run"
        return self._trial

    @initialize(
        start=sampled_from((0.0, 1e6, -5.0)),
        ending=sampled_from(("run_out", "drain", "starve")),
        number=_numbers,
        first=lists(_numbers, max_size=4),
    )
    def begin(self, start: float, ending: Deed, number: int, first: list[int]) -> None:
        """Make fresh strategies, choose the time and the ending, and offer a few items."""
        promises = frozenset(self.promises)
        self._trial = Trial(Subject(self.factory, promises, self.items), start)
        if ending != "starve" or Promise.NO_STARVATION in promises:
            self._ending = ending
        self._number = number
        for item in first:
            self._trial.step("offer", item)

    @property
    def _open(self) -> bool:
        return not self._started.witness.closed

    @property
    def _offered(self) -> bool:
        return bool(self._started.witness.books.entries())

    @precondition(lambda self: self._open)
    @rule(number=_numbers)
    def offer(self, number: int) -> None:
        """Offer a new item."""
        self._started.step("offer", number)

    @precondition(lambda self: self._open and self._offered)
    @rule(number=_numbers)
    def offer_again(self, number: int) -> None:
        """Offer an object again, as channels may; queues never do."""
        self._started.step("offer_again", number)

    @precondition(lambda self: self._started.witness.line)
    @rule(number=_numbers)
    def insist(self, number: int) -> None:
        """Offer an item that was told to wait."""
        self._started.step("insist", number)

    @rule()
    def take(self) -> None:
        """Take an item."""
        self._started.step("take")

    @precondition(lambda self: self._started.witness.running)
    @rule(number=_numbers)
    def finish(self, number: int) -> None:
        """Report that a taken item is finished, with or without success."""
        self._started.step("finish", number)

    @precondition(lambda self: self.waiting)
    @rule(number=_numbers)
    def remove(self, number: int) -> None:
        """Remove an item that waits."""
        self._started.step("remove", number)

    @precondition(lambda self: self._offered)
    @rule(number=_numbers)
    def remove_another(self, number: int) -> None:
        """Try to remove an item that does not wait."""
        self._started.step("remove_another", number)

    @precondition(lambda self: self._offered)
    @rule(number=_numbers)
    def pass_time(self, number: int) -> None:
        """Let time pass."""
        self._started.step("pass_time", number)

    @precondition(lambda self: self._offered)
    @rule(number=_numbers)
    def pass_to_change(self, number: int) -> None:
        """Let time pass until the next change, or half of that time."""
        self._started.step("pass_to_change", number)

    @precondition(lambda self: self._open and self._offered)
    @rule()
    def close(self) -> None:
        """Close the channel; nothing is offered after that."""
        self._started.step("close")

    def teardown(self) -> None:
        """Bring the history to its end, unless a rule was broken."""
        if self._trial is not None:
            self._trial.step(self._ending, self._number)

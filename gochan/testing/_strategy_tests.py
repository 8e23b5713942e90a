"""`StrategyTests`: tests for pytest, one for each rule, so that a failure names the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest

from ..strategies import Promise, Strategy
from ._history import find
from ._items import any_item
from ._rules import Rule
from ._trial import Subject


class StrategyTests:
    """Tests of a strategy. Subclass this, and override the fixture ``strategy``.

    ::

        class TestDropOldest(StrategyTests):
            promises = frozenset({Promise.FIFO, Promise.BOUNDED})

            @pytest.fixture
            def strategy(self):
                return lambda: DropOldest(3)

    The fixture returns a factory: a function that makes a fresh strategy. It needs pytest.

    Attributes:
        promises: what the strategy claims about itself.
        histories: how many random histories each test tries.
        seed: chooses the histories.
    """

    promises: Iterable[Promise] = frozenset()
    histories: int = 40
    seed: int = 0

    @pytest.fixture
    def strategy(self) -> Callable[[], Strategy[Any]]:
        """Override this: return a function that makes a fresh strategy."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture named strategy that returns a factory"
        )

    def items(self, dice: Random) -> Any:
        """Make an item to offer. Override this if the strategy looks at other attributes."""
        return any_item(dice)

    def _hold(self, factory: Callable[[], Strategy[Any]], *rules: Rule | Promise) -> None:
        __tracebackhide__ = True
        subject = Subject(factory, frozenset(self.promises), self.items)
        # Each test tries other histories, so together they find more.
        names = ",".join(rule.name for rule in rules)
        if broken := find(subject, self.histories, f"{self.seed}/{names}", frozenset(rules)):
            raise broken from broken.__cause__

    def test_nothing_is_lost(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """What was admitted comes out, is dropped or is handed back."""
        self._hold(strategy, Rule.NOTHING_LOST)

    def test_nothing_is_invented(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Nothing comes out that was not put in."""
        self._hold(strategy, Rule.NOTHING_INVENTED)

    def test_nothing_comes_out_twice(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Neither from ``take``, nor after it was dropped or handed back."""
        self._hold(strategy, Rule.NOTHING_REPEATED)

    def test_its_length_is_the_number_of_waiting_items(
        self, strategy: Callable[[], Strategy[Any]]
    ) -> None:
        """After every step; and the strategy is true if and only if items wait."""
        self._hold(strategy, Rule.LENGTH)

    def test_offer_answers_with_a_verdict(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """ADMIT, WAIT, or Refuse with a reason and with sensible seconds."""
        self._hold(strategy, Rule.VERDICT)

    def test_what_is_not_admitted_is_not_stored(
        self, strategy: Callable[[], Strategy[Any]]
    ) -> None:
        """After WAIT and Refuse the sender still has the item."""
        self._hold(strategy, Rule.TURNED_AWAY)

    def test_taking_from_nothing_raises_empty(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Not another error, and no value in its place."""
        self._hold(strategy, Rule.EMPTY)

    def test_drops_were_waiting_and_have_a_reason(
        self, strategy: Callable[[], Strategy[Any]]
    ) -> None:
        """Each drop had been admitted, and is dropped only once."""
        self._hold(strategy, Rule.DROPS)

    def test_close_hands_back_what_waits(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """All, some or none of it; and ``hands_back`` says whether there may be any."""
        self._hold(strategy, Rule.CLOSE)

    def test_remove_takes_out_the_very_item(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Or says False, and changes nothing."""
        self._hold(strategy, Rule.REMOVE)

    def test_what_it_can_spare_can_be_removed(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Filters make room that way. ``None`` is a valid answer."""
        self._hold(strategy, Rule.SPARE)

    def test_take_all_gives_out_everything(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Even what ``take`` would not give yet."""
        self._hold(strategy, Rule.TAKE_ALL)

    def test_nothing_is_held_for_ever(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Time and the end of work bring everything out, and let every sender in."""
        self._hold(strategy, Rule.NOTHING_HELD)

    def test_next_change_tells_the_future(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """It is later than now, and until then time alone changes no answer."""
        self._hold(strategy, Rule.TIME)

    def test_its_numbers_make_sense(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """The capacity is an int or inf, ``retry_after`` a finite number, both >= 0."""
        self._hold(strategy, Rule.NUMBERS)

    def test_any_object_can_be_an_item(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Items are not compared, hashed, or tested for truth."""
        self._hold(strategy, Rule.ANY_ITEM)

    def test_it_raises_no_errors(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """Whichever methods are called, in whatever order."""
        self._hold(strategy, Rule.NO_ERRORS)

    def test_instances_share_nothing(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """An instance that is never called stays empty."""
        self._hold(strategy, Rule.OWN_STATE)

    def test_the_same_questions_have_the_same_answers(
        self, strategy: Callable[[], Strategy[Any]]
    ) -> None:
        """Without chance or a clock, it can be tested, simulated and replayed."""
        self._hold(strategy, Rule.SAME_ANSWERS)

    def test_it_keeps_its_promises(self, strategy: Callable[[], Strategy[Any]]) -> None:
        """All of them, as `gochan.strategies.Promise` defines them."""
        for promise in self.promises:
            self._hold(strategy, promise)

"""What a strategy is, asked directly: no channel, no trio, and time is a number."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from gochan import StrategySpec
from gochan.strategies import ADMIT, WAIT, Block, Empty, Promise, Refuse, Strategy, Verdict


def filled(number: int, capacity: float = math.inf) -> Strategy[int]:
    """Return a strategy as it stands, in which the first so many numbers wait."""
    strategy = Strategy[int](capacity)
    for item in range(number):
        assert strategy.offer(item, 0.0) is ADMIT
    return strategy


# The three questions, as answered unless a subclass knows better


def test_items_go_oldest_first() -> None:
    """A strategy as it stands is first in, first out, also while items come and go."""
    strategy = filled(3)
    assert [strategy.take(0.0), strategy.take(1.0)] == [0, 1]
    assert strategy.offer(3, 2.0) is ADMIT
    assert [strategy.take(2.0), strategy.take(2.0)] == [2, 3]


@pytest.mark.parametrize("capacity", [0, 1, 3])
def test_a_sender_waits_while_it_is_full(capacity: int) -> None:
    """At its capacity it says WAIT and stores nothing; each item that goes makes room for one."""
    strategy = filled(capacity, capacity)
    assert strategy.offer(99, 0.0) is WAIT
    assert list(strategy.items) == list(range(capacity))
    if capacity:
        strategy.take(0.0)
        assert strategy.offer(99, 0.0) is ADMIT
        assert strategy.offer(100, 0.0) is WAIT


def test_an_infinite_capacity_is_never_full() -> None:
    """``math.inf`` stands for any number."""
    assert len(filled(10_000)) == 10_000


def test_nothing_is_taken_from_nothing() -> None:
    """Taking raises Empty, again and again, and leaves it usable."""
    strategy = filled(1)
    strategy.take(0.0)
    for _ in range(2):
        with pytest.raises(Empty):
            strategy.take(0.0)
    assert strategy.offer(1, 0.0) is ADMIT
    assert strategy.take(0.0) == 1


class Awkward:
    """An item that can be neither compared nor hashed, and is neither true nor false."""

    def refuse(self, *_: object) -> bool:
        raise AssertionError

    __eq__ = __bool__ = __len__ = refuse
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("item", [None, 0, "", [], math.nan, ..., Awkward()])
def test_any_object_is_an_item(item: object) -> None:
    """No value has a meaning of its own, and items are never compared."""
    strategy = Strategy[object](1)
    assert strategy.offer(item, 0.0) is ADMIT
    assert len(strategy) == 1
    assert strategy.take(0.0) is item


def test_time_alone_changes_nothing() -> None:
    """A strategy that does not override it is not asked again just because time passes."""
    assert filled(0).next_change(0.0) is None
    assert filled(2, capacity=2).next_change(1e9) is None


def test_a_close_keeps_what_waits() -> None:
    """Unless a subclass says otherwise, everything is still delivered after a close."""
    strategy = filled(2)
    assert strategy.close() == []
    assert [strategy.take(0.0), strategy.take(0.0)] == [0, 1]


def test_dropping_only_records() -> None:
    """The strategy has taken the item out itself; the channel collects it later."""
    strategy = filled(2)
    strategy.drop(strategy.items.popleft(), "too old")
    assert len(strategy) == 1
    assert strategy.take(0.0) == 1
    assert strategy.dropped == [(0, "too old")]


def test_taking_all_gives_up_in_the_end() -> None:
    """A strategy that names later and later moments, and gives nothing, must not hang a drain."""

    class Later(Strategy[int]):
        asked = 0

        def take(self, now: float) -> int:
            self.asked += 1
            raise Empty

        def next_change(self, now: float) -> float:
            return now + 1

    later = Later(3)
    later.offer(1, 0.0)
    assert list(later.take_all(0.0)) == []
    assert later.asked == 1000


def test_the_oldest_can_be_spared_best() -> None:
    """If it can be removed; nothing has happened to it yet."""

    class Newest(Strategy[int]):
        def take(self, now: float) -> int:
            return self.items.pop()

    class NewestOrRemoved(Newest):
        def remove(self, item: int) -> bool:
            return False

    for kind, spared in ((Strategy, 3), (Newest, None), (NewestOrRemoved, 3)):
        strategy: Strategy[int] = kind(9)
        assert strategy.spare() is None
        for item in (3, 4):
            strategy.offer(item, 0.0)
        assert strategy.spare() == spared
        assert len(strategy) == 2


def test_length_is_the_number_of_waiting_items() -> None:
    """It follows ``items``, however that changes."""
    strategy = filled(3)
    assert len(strategy) == 3
    strategy.items.clear()
    assert len(strategy) == 0


def test_strategies_share_nothing() -> None:
    """Two of a kind are two."""
    one, other = filled(2, capacity=5), Strategy[int](1)
    one.finished(0, 3.0, waited=0.0, ran=3.0, ok=True)
    assert (len(other), other.capacity, other.retry_after(3.0)) == (0, 1, 1.0)


def test_a_strategy_shows_its_kind_and_how_full_it_is() -> None:
    """Its repr says so, and never shows the items."""
    strategy = Block[str](3)
    strategy.offer("secret", 0.0)
    assert repr(strategy) == "<Block 1/3>"
    assert repr(filled(0)) == "<Strategy 0/inf>"


@pytest.mark.parametrize("capacity", [0, 1, 10**30, math.inf])
def test_capacity_is_kept_as_it_was_given(capacity: float) -> None:
    """An int that is not negative, or ``math.inf``."""
    assert Strategy[int](capacity).capacity == capacity


@pytest.mark.parametrize(
    ("capacity", "error"),
    [
        (-1, ValueError),
        (1.0, TypeError),
        (0.0, TypeError),
        (math.nan, TypeError),
        (-math.inf, TypeError),
        (True, TypeError),
        (False, TypeError),
        ("3", TypeError),
        (None, TypeError),
    ],
)
def test_a_wrong_capacity_is_named(capacity: Any, error: type[Exception]) -> None:
    """The same numbers are wrong as for a channel, and the error says which parameter it was."""
    with pytest.raises(error, match=f"capacity .* not {capacity!r}"):
        Strategy(capacity)


# Verdicts


def test_verdicts_read_as_they_are_written() -> None:
    """In a debugger or an error they look as in the code of a strategy."""
    verdicts: list[Verdict] = [ADMIT, WAIT, Refuse("full", 0.5)]
    assert repr(verdicts) == "[ADMIT, WAIT, Refuse(reason='full', retry_after=0.5)]"


def test_a_refusal_is_a_value() -> None:
    """Refusals of equal content are equal, cannot change, and need not know when to try again."""
    assert Refuse("full") == Refuse("full", None) != Refuse("full", 0.0)
    assert Refuse("full") != Refuse("busy")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Refuse("full").reason = "busy"  # type: ignore[misc]


# When to try again


def work(strategy: Strategy[Any], moments: list[tuple[float, float]], *, ok: bool = True) -> None:
    """Tell a strategy of items that were finished: each at a moment, after so many seconds."""
    for now, ran in moments:
        strategy.finished(None, now, waited=0.0, ran=ran, ok=ok)


@pytest.mark.parametrize("waiting", [0, 1, 5])
def test_retry_after_is_a_second_per_item_until_more_is_known(waiting: int) -> None:
    """The newcomer counts too: (waiting + 1) items."""
    assert filled(waiting).retry_after(7.0) == waiting + 1


@pytest.mark.parametrize("ok", [True, False])
@pytest.mark.parametrize("waiting", [0, 1, 5])
def test_retry_after_follows_one_worker(waiting: int, ok: bool) -> None:
    """(waiting + 1) / finished per second; a failed item makes room as well as a done one."""
    strategy = filled(waiting)
    work(strategy, [(1000.0 + 2 * number, 2.0) for number in range(5)], ok=ok)
    assert strategy.retry_after(1008.0) == (waiting + 1) * 2.0


def test_retry_after_counts_what_all_workers_finish() -> None:
    """Four workers that take two seconds each finish two items per second."""
    strategy = filled(9)
    work(strategy, [(number / 2, 2.0) for number in range(200)])
    assert strategy.retry_after(100.0) == pytest.approx(10 / 2, rel=0.01)


@pytest.mark.parametrize("later", [0.0, 1e-4])
def test_workers_in_step_do_not_make_it_nothing(later: float) -> None:
    """A hundred who all end at each full second, one right after the other, do 100 per second."""
    strategy = filled(20)
    for second in range(1, 6):
        work(strategy, [(second + number * later, 1.0) for number in range(100)])
    assert strategy.retry_after(5.1) == pytest.approx(0.21, rel=0.1)


def test_time_without_work_does_not_count() -> None:
    """An item a minute, done in a tenth of a second, does not mean that room takes a minute."""
    strategy = filled(4)
    work(strategy, [(60.0 * number, 0.1) for number in range(20)])
    assert strategy.retry_after(1200.0) == pytest.approx(5 * 0.1)


def test_items_that_never_started_say_nothing_about_speed() -> None:
    """They were cancelled, or given up by a filter, after they had been given out."""
    strategy = filled(4)
    work(strategy, [(float(number), 0.0) for number in range(9)], ok=False)
    assert strategy.retry_after(9.0) == 5
    work(strategy, [(20.0, 2.0), (22.0, 2.0)])
    work(strategy, [(22.0, 0.0)] * 9, ok=False)
    assert strategy.retry_after(22.0) == 5 * 2.0


def test_retry_after_follows_a_change_of_speed() -> None:
    """What happened long ago is forgotten: after forty items the new speed is all there is."""
    strategy = filled(0)
    work(strategy, [(float(number), 1.0) for number in range(50)])
    assert strategy.retry_after(50.0) == pytest.approx(1.0)
    work(strategy, [(50.0 + number / 10, 0.1) for number in range(40)])
    assert strategy.retry_after(54.0) == pytest.approx(0.1, rel=0.2)


def test_a_single_slow_item_does_not_spoil_the_estimate() -> None:
    """One among many counts little."""
    strategy = filled(0)
    work(strategy, [(float(number), 1.0) for number in range(50)])
    work(strategy, [(59.0, 10.0)])
    assert 1.0 < strategy.retry_after(59.0) < 3.0


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_retry_after_is_honest_while_all_workers_are_busy(workers: int) -> None:
    """On the average over irregular work, it is what finishing one more item really takes."""
    dice = Random(12)
    strategy = filled(0)
    moments = []
    for _ in range(workers):
        now = 0.0
        while now < 4000 / workers:
            ran = dice.expovariate(1.0)
            now += ran
            moments.append((now, ran))
    estimates = []
    for now, ran in sorted(moments):
        work(strategy, [(now, ran)])
        estimates.append(strategy.retry_after(now))
    assert sum(estimates) / len(estimates) == pytest.approx(1 / workers, rel=0.1)


@pytest.mark.parametrize("moments", [[(0.0, 0.0)], [(5.0, 0.0)] * 3, [(5.0, 1.0), (5.0, 1.0)]])
def test_retry_after_is_never_negative_or_nonsense(moments: list[tuple[float, float]]) -> None:
    """Not even for work that takes no time, or for items that end at the same moment."""
    strategy = filled(2)
    work(strategy, moments)
    assert 0 <= strategy.retry_after(5.0) <= 3.0


# What a plugin offers


def test_a_spec_is_a_value_with_sensible_defaults() -> None:
    """A name, a factory and a line of text make one; it can be a key, and cannot change."""
    spec = StrategySpec("fair-2", Block, "each key in turn")
    assert (spec.promises, spec.api) == (frozenset(), 1)
    assert spec == StrategySpec("fair-2", Block, "each key in turn")
    assert {spec: 1}[spec] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["a", "block", "drop-on-full", "x1", "a-", "a--b", "a0-9"])
def test_names_are_made_of_small_letters_digits_and_hyphens(name: str) -> None:
    """They begin with a letter."""
    assert StrategySpec(name, Block, "").name == name


@pytest.mark.parametrize(
    "name",
    ["", "Block", "drop_on_full", "1st", "-a", "a b", " a", "a\n", "é", "a.b", None, 3, b"block"],
)
def test_other_names_are_refused(name: Any) -> None:
    """The error shows the name, and says what names are made of."""
    with pytest.raises(ValueError, match="a-z, 0-9 and '-', not ") as caught:
        StrategySpec(name, Block, "")
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("factory", [None, 3, "gochan.strategies:Block", Block(1)])
def test_a_factory_must_be_callable(factory: Any) -> None:
    """An instance in place of the class is a mistake that is easily made; the error shows it."""
    with pytest.raises(TypeError, match=r"'fair'.* cannot be called") as caught:
        StrategySpec("fair", factory, "")
    assert repr(factory) in str(caught.value)


@pytest.mark.parametrize(("summary", "error"), [(3, TypeError), ("two\nlines", ValueError)])
def test_a_summary_is_one_line(summary: Any, error: type[Exception]) -> None:
    """For it stands in a table."""
    with pytest.raises(error, match="summary of strategy 'fair' must be"):
        StrategySpec("fair", Block, summary)


@pytest.mark.parametrize("factory", [Block, lambda *, capacity: Block(capacity)])
def test_a_factory_is_anything_that_makes_a_strategy(factory: Callable[..., Any]) -> None:
    """A class, or a function."""
    assert StrategySpec("fair", factory, "").factory(capacity=2).capacity == 2


def test_promises_say_what_they_promise() -> None:
    """Each is a word for code and a sentence for people."""
    assert Promise.FIFO in Promise
    for promise in Promise:
        assert promise.name.isupper()
        assert len(promise.value.split()) > 3

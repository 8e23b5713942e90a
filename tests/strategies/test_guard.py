"""The guard: each wrong answer is an error that names the method, its file and its line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gochan.strategies import ADMIT, WAIT, Block, Empty, Filter, Refuse, Strategy
from gochan.strategies._guard import (
    blame,
    checked_capacity,
    checked_change,
    checked_item,
    checked_length,
    checked_list,
    checked_removal,
    checked_rest,
    checked_seconds,
    checked_verdict,
    wrong_verdict,
)


class Mine(Strategy[Any]):
    """Says what it is told to say."""

    answer: Any = None

    def offer(self, item: Any, now: float) -> Any:
        return self.answer

    def next_change(self, now: float) -> Any:
        return self.answer

    def __len__(self) -> Any:
        return self.answer


def line_of(function: Callable[..., Any]) -> int:
    return function.__code__.co_firstlineno


HERE = Path(__file__).name


# Right answers


@pytest.mark.parametrize(
    "verdict", [ADMIT, WAIT, Refuse("full"), Refuse("rate", 0), Refuse("rate", 2.5)], ids=repr
)
def test_a_verdict_comes_back(verdict: Any) -> None:
    """As it is."""
    assert checked_verdict(Mine(1), verdict) is verdict


@pytest.mark.parametrize("item", [None, 0, "", [], ADMIT, math.nan, ValueError()])
def test_anything_can_be_an_item(item: object) -> None:
    """Whatever it looks like."""
    assert checked_item(Mine(1), item) is item


@pytest.mark.parametrize("change", [None, 5.1, 6, math.inf, 5.0, 4.9, -3, 0])
def test_a_moment_comes_back(change: float | None) -> None:
    """Also one that has passed: the one who asks has a way with those."""
    assert checked_change(Mine(1), 5.0, change) == change


def test_other_right_answers_come_back() -> None:
    """As they are."""
    strategy = Mine(1)
    items = [1, 2]
    assert checked_list(strategy, items) is items
    assert checked_removal(strategy, True) is True
    assert checked_removal(strategy, False) is False
    assert checked_capacity(strategy) == 1
    assert checked_capacity(Mine(math.inf)) == math.inf
    assert checked_seconds(strategy, 0) == 0
    assert checked_seconds(strategy, 1.5) == 1.5
    assert [*checked_rest(strategy, (1, 2))] == items
    strategy.answer = 3
    assert checked_length(strategy) == 3


# Wrong ones


@pytest.mark.parametrize(
    ("answer", "error", "shown"),
    [
        (None, TypeError, "None; it must be ADMIT, WAIT or Refuse(...)"),
        (True, TypeError, "True; it must be ADMIT, WAIT or Refuse(...)"),
        (1, TypeError, "1; it must be ADMIT, WAIT or Refuse(...)"),
        ("full", TypeError, "'full'; it must be ADMIT, WAIT or Refuse(...)"),
        (Refuse, TypeError, "<class 'gochan.strategies.Refuse'>; it must be ADMIT, WAIT or"),
        (Refuse(""), ValueError, "it must be a Refuse whose reason is a str, and not empty"),
        (Refuse(" "), ValueError, "it must be a Refuse whose reason is a str, and not empty"),
        (Refuse(3), ValueError, "it must be a Refuse whose reason is a str"),  # type: ignore[arg-type]
        (
            Refuse("full", math.nan),
            ValueError,
            "Refuse(reason='full', retry_after=nan); it must be a Refuse whose retry_after is "
            "None, or a number of seconds, finite and >= 0",
        ),
        (Refuse("full", -1), ValueError, "a Refuse whose retry_after is None, or"),
        (Refuse("full", math.inf), ValueError, "a Refuse whose retry_after is None, or"),
        (Refuse("full", True), ValueError, "a Refuse whose retry_after is None, or"),
        (Refuse("full", 10**400), ValueError, "a Refuse whose retry_after is None, or"),
        (Refuse("full", "1"), ValueError, "a Refuse whose retry_after is"),  # type: ignore[arg-type]
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value)[:55],
)
def test_another_verdict_is_blamed(answer: Any, error: type[Exception], shown: str) -> None:
    """The error has the method, its place, the answer, and what it must be."""
    with pytest.raises(error) as caught:
        checked_verdict(Mine(1), answer)
    text = str(caught.value)
    assert text.startswith(f"Mine.offer ({HERE}, line {line_of(Mine.offer)}) answered ")
    assert shown in text


@pytest.mark.parametrize(
    ("answer", "error", "shown"),
    [
        (math.nan, ValueError, "nan"),
        (-math.inf, ValueError, "-inf"),
        (True, TypeError, "True"),
        ("5.5", TypeError, "'5.5'"),
        ([5.5], TypeError, "[5.5]"),
        (5j, TypeError, "5j"),
    ],
)
def test_what_is_no_moment_is_blamed(answer: Any, error: type[Exception], shown: str) -> None:
    """NaN most of all, with which every comparison is false."""
    with pytest.raises(error) as caught:
        checked_change(Mine(1), 5.0, answer)
    assert str(caught.value) == (
        f"Mine.next_change ({HERE}, line {line_of(Mine.next_change)}) answered {shown}; "
        f"it must be a time in seconds, later than now, or None"
    )


def test_an_int_that_no_float_can_hold_is_no_moment() -> None:
    """An alarm could not be set to it; and it may be too long to be written."""
    with pytest.raises(ValueError, match="answered 1000"):
        checked_change(Mine(1), 5.0, 10**400)
    with pytest.raises(ValueError, match="answered an int of too many digits; it must be a time"):
        checked_change(Mine(1), 5.0, 10**5000)


@pytest.mark.parametrize("answer", [Empty, Empty()], ids=["class", "instance"])
def test_empty_is_raised_not_returned(answer: Any) -> None:
    """A receiver must not get it as an item."""
    with pytest.raises(TypeError, match=r"Mine\.take answered .*; if there is none, raise Empty"):
        checked_item(Mine(1), answer)


@pytest.mark.parametrize(
    ("check", "answer", "error", "words"),
    [
        (checked_list, None, TypeError, r"Mine\.close answered None; it must be a list of items"),
        (checked_list, (), TypeError, r"Mine\.close answered \(\); it must be a list of items"),
        (checked_removal, None, TypeError, r"Mine\.remove answered None; it must be True if"),
        (checked_removal, 1, TypeError, r"Mine\.remove answered 1; it must be True if"),
        (checked_seconds, -1, ValueError, r"Mine\.retry_after answered -1; .* finite and >= 0"),
        (checked_seconds, math.nan, ValueError, r"Mine\.retry_after answered nan"),
        (checked_seconds, None, TypeError, r"Mine\.retry_after answered None"),
        (checked_rest, None, TypeError, r"Mine\.take_all answered None; .* an iterable of items"),
    ],
)
def test_other_wrong_answers_are_blamed(
    check: Callable[[Any, Any], Any], answer: Any, error: type[Exception], words: str
) -> None:
    """Where the method is that of `Strategy`, there is no place to name."""
    with pytest.raises(error, match=words):
        check(Mine(1), answer)


@pytest.mark.parametrize(
    ("answer", "error"), [(None, TypeError), (-1, ValueError), ("3", TypeError), (2.5, ValueError)]
)
def test_a_wrong_length_is_blamed(answer: Any, error: type[Exception]) -> None:
    """Python's own words about that name no class."""
    strategy = Mine(1)
    strategy.answer = answer
    with pytest.raises(error, match=rf"Mine\.__len__ \({HERE}, line \d+\) answered {answer!r}; "):
        checked_length(strategy)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(None, TypeError), (-1, ValueError), (math.nan, ValueError), ("3", TypeError)],
)
def test_a_wrong_capacity_is_blamed(answer: Any, error: type[Exception]) -> None:
    """It may be a number that is kept, or one that is worked out, also behind a filter."""

    class Worked(Strategy[Any]):
        @property
        def capacity(self) -> Any:  # type: ignore[override]
            return answer

        @capacity.setter
        def capacity(self, value: object) -> None: ...

    class Passes(Filter[Any]):
        pass

    kept = Mine(1)
    kept.capacity = answer
    with pytest.raises(
        error, match=rf"^Mine\.capacity answered {answer!r}; it must be an int >= 0"
    ):
        checked_capacity(kept)
    with pytest.raises(error, match=rf"^Worked\.capacity \({HERE}, line \d+\) answered {answer!r}"):
        checked_capacity(Worked(1))
    with pytest.raises(error, match=rf"^Worked\.capacity \({HERE}, line \d+\) answered {answer!r}"):
        Passes() | Worked(1)
    chain = Passes()
    chain.inner = Worked(1)
    with pytest.raises(error, match=rf"^Worked\.capacity \({HERE}, line \d+\) answered {answer!r}"):
        checked_capacity(chain)


def test_an_error_of_its_own_passes() -> None:
    """Such as a TypeError inside of ``__len__``."""

    class Fails(Strategy[Any]):
        def __len__(self) -> int:
            raise TypeError("of its own")

    with pytest.raises(TypeError, match=r"^of its own$"):
        checked_length(Fails(1))


def test_a_long_answer_is_shortened() -> None:
    """Nobody needs all of it, and ``repr`` may fail."""

    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(TypeError) as caught:
        checked_verdict(Mine(1), "x" * 10_000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300
    with pytest.raises(TypeError, match="Shy instance"):
        checked_verdict(Mine(1), Shy())  # type: ignore[arg-type]


# Whom to blame


def test_the_blame_goes_to_the_place_of_the_method() -> None:
    """Which may be that of a base class."""

    class Child(Mine):
        pass

    assert blame(Child(1), "offer") == f"Child.offer ({HERE}, line {line_of(Mine.offer)})"


def test_a_method_that_python_cannot_place_is_named() -> None:
    """For instance one that is no function."""
    strategy = Mine(1)
    strategy.offer = partial(lambda item, now: ADMIT)  # type: ignore[method-assign]
    assert blame(strategy, "offer") == "Mine.offer"


def test_all_parts_of_a_chain_are_blamed_that_may_have_said_it() -> None:
    """A filter may have passed on what was said behind it."""

    class Passes(Filter[Any]):
        pass

    class Asks(Filter[Any]):
        def offer(self, item: Any, now: float) -> Any:
            return super().offer(item, now)

    mine = rf"Mine\.offer \({HERE}, line \d+\)"
    asks = rf"Asks\.offer \({HERE}, line \d+\)"
    assert re.fullmatch(mine, blame(Passes() | Mine(1), "offer"))
    assert re.fullmatch(f"{asks} or {mine}", blame(Asks() | Passes() | Mine(1), "offer"))
    assert re.fullmatch(asks, blame(Passes() | Asks() | Block(1), "offer"))


def test_a_package_is_named_too() -> None:
    """Many files have the same name."""
    from gochan_drop_oldest import DropOldest

    words = blame(DropOldest[Any](1), "offer")
    assert words.startswith("DropOldest.offer (gochan_drop_oldest/__init__.py, line ")


# Async


def test_a_method_that_is_async_is_an_error_of_the_class() -> None:
    """Long before anything is asked."""
    with pytest.raises(TypeError, match=r"^Waits\.take is async, but a strategy never waits: "):

        class Waits(Strategy[Any]):
            async def take(self, now: float) -> Any: ...  # type: ignore[override]

    with pytest.raises(TypeError, match=r"^Yields\.take_all is async, "):

        class Yields(Filter[Any]):
            async def take_all(self, now: float) -> Any:  # type: ignore[override]
                yield 1


def test_other_methods_may_be_async() -> None:
    """The author knows what for."""

    class Helps(Strategy[Any]):
        async def report(self) -> None: ...

    assert Helps(1).capacity == 1


def test_the_error_for_a_coroutine_says_that_it_is_one() -> None:
    """Without a second complaint that nobody waited for it."""

    async def offer() -> None: ...

    with pytest.raises(TypeError, match=r"answered a coroutine, since it is async; it must be"):
        checked_verdict(Mine(1), offer())  # type: ignore[arg-type]


def test_right_verdicts_are_not_wrong() -> None:
    """The functions that say what is wrong say nothing."""
    assert wrong_verdict(ADMIT) == wrong_verdict(WAIT) == wrong_verdict(Refuse("full")) == ""

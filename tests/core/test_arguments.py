"""Numbers that users give are checked in the call, and the message says what would be right."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gochan._core._arguments import (
    check_bool,
    check_capacity,
    check_count,
    check_number,
    check_seconds,
)

from ..examples import examples

# Python does not even write it out, so it needs a name among the cases.
HUGE = 10**5000


def named(value: object) -> str | None:
    return "huge" if isinstance(value, int) and abs(value) == HUGE else None


@pytest.mark.parametrize("value", [0, -3, 2.5, -0.0, 2**1000, math.inf, -math.inf])
def test_a_number_comes_back_as_a_float(value: float) -> None:
    """Whatever its size, if nothing else is asked for."""
    number = check_number("limit", value)
    assert number == value
    assert type(number) is float


class Percent(float):
    """A number of one's own."""


def test_kinds_of_numbers_are_numbers() -> None:
    """Subclasses become plain floats."""
    assert type(check_number("limit", Percent(5))) is float


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (1, {"least": 1}),
        (1.5, {"more_than": 1}),
        (1, {"most": 1}),
        (0, {"less_than": 1}),
        (1, {"least": 1, "most": 1, "finite": True}),
        (-math.inf, {"most": 1}),
        (math.inf, {"least": 1}),
    ],
)
def test_a_number_may_be_as_the_bounds_say(value: float, bounds: dict[str, Any]) -> None:
    """The first and the last that are allowed."""
    assert check_number("limit", value, **bounds) == value


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (math.nan, {}, "limit must be a number, not nan"),
        (0.5, {"least": 1}, "limit must be >= 1, not 0.5"),
        (1, {"more_than": 1.0}, "limit must be > 1, not 1"),
        (2, {"most": 1}, "limit must be <= 1, not 2"),
        (1.0, {"less_than": 1}, "limit must be < 1, not 1.0"),
        (3, {"least": 0.25, "less_than": 2}, "limit must be >= 0.25 and < 2, not 3"),
        (math.inf, {"finite": True}, "limit must be finite, not inf"),
        (-math.inf, {"finite": True}, "limit must be finite, not -inf"),
        (math.inf, {"more_than": 0, "finite": True}, "limit must be > 0 and finite, not inf"),
        (-math.inf, {"most": 5, "finite": True}, "limit must be <= 5 and finite, not -inf"),
        (7, {"least": 0, "most": 5, "finite": True}, "limit must be >= 0 and <= 5, not 7"),
        (
            -1,
            {"more_than": 0, "finite": True, "otherwise": "None"},
            "limit must be > 0 and finite, or None, not -1",
        ),
        (HUGE, {}, "limit must be within the range of a float, not an int of 16610 bits"),
        (
            -HUGE,
            {"least": 0},
            "limit must be >= 0 and within the range of a float, not an int of 16610 bits",
        ),
        (
            HUGE,
            {"more_than": 0, "finite": True},
            "limit must be > 0 and finite, not an int of 16610 bits",
        ),
    ],
    ids=named,
)
def test_a_number_out_of_bounds_is_an_error(
    value: float, bounds: dict[str, Any], message: str
) -> None:
    """The message has all bounds, and what was given."""
    with pytest.raises(ValueError) as caught:
        check_number("limit", value, **bounds)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [None, True, False, "1", b"2", 1j, [1]])
def test_something_else_is_no_number(value: object) -> None:
    """Strings are not read, and truth is not counted."""
    with pytest.raises(TypeError) as caught:
        check_number("limit", value, least=0)
    assert str(caught.value) == f"limit must be a number, not {value!r}"
    with pytest.raises(TypeError, match="must be a number, or a name, not"):
        check_number("limit", value, otherwise="a name")


@given(
    st.one_of(st.integers(), st.floats()),
    st.integers(-5, 5),
    st.integers(-5, 5),
    st.booleans(),
)
@examples(200)
def test_bounds_hold_for_any_number(value: float, low: int, high: int, finite: bool) -> None:
    """Beside the plain comparison."""
    right = low <= value < high and not (finite and math.isinf(value))
    try:
        check_number("limit", value, least=low, less_than=high, finite=finite)
    except ValueError:
        assert not right
    else:
        assert right


def test_seconds_are_not_negative() -> None:
    """Unless another bound is given; for ever is a time, too."""
    assert check_seconds("drain", 0) == 0
    assert check_seconds("drain", math.inf) == math.inf
    assert check_seconds("drain", 1, more_than=0) == 1
    assert check_seconds("drain", -1, least=-2) == -1


@pytest.mark.parametrize(
    ("value", "options", "error", "message"),
    [
        (-0.5, {}, ValueError, "drain must be >= 0, not -0.5"),
        (math.nan, {}, ValueError, "drain must be >= 0, not nan"),
        (0, {"more_than": 0}, ValueError, "drain must be > 0, not 0"),
        (1, {"least": 2, "finite": True}, ValueError, "drain must be >= 2 and finite, not 1"),
        (math.inf, {"finite": True}, ValueError, "drain must be >= 0 and finite, not inf"),
        (3, {"less_than": 3}, ValueError, "drain must be >= 0 and < 3, not 3"),
        (4, {"most": 3}, ValueError, "drain must be >= 0 and <= 3, not 4"),
        (0, {"more_than": 0, "otherwise": "None"}, ValueError, "drain must be > 0, or None, not 0"),
        (True, {}, TypeError, "drain must be a number of seconds, not True"),
        ("1", {"otherwise": "None"}, TypeError, "drain must be a number of seconds, or None, no"),
    ],
)
def test_other_seconds_are_an_error(
    value: object, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The message speaks of seconds."""
    with pytest.raises(error) as caught:
        check_seconds("drain", value, **options)
    assert str(caught.value).startswith(message)


def test_a_count_is_a_whole_number() -> None:
    """Or any number, where the caller can do with that."""
    assert check_count("workers", 0) == 0
    assert check_count("workers", 10**30, least=1) == 10**30
    assert check_count("workers", math.inf, infinite=True) == math.inf
    assert check_capacity(0) == 0
    assert check_capacity(math.inf, least=1) == math.inf


@pytest.mark.parametrize(
    ("value", "options", "error", "message"),
    [
        (-1, {}, ValueError, "workers must be >= 0, not -1"),
        (0, {"least": 1}, ValueError, "workers must be >= 1, not 0"),
        (2.0, {}, TypeError, "workers must be an int, not 2.0"),
        (math.inf, {}, TypeError, "workers must be an int, not inf"),
        (-math.inf, {"infinite": True}, TypeError, "workers must be an int or math.inf, not -inf"),
        (math.nan, {"infinite": True}, TypeError, "workers must be an int or math.inf, not nan"),
        (True, {}, TypeError, "workers must be an int, not True"),
        (None, {"infinite": True}, TypeError, "workers must be an int or math.inf, not None"),
        (
            HUGE,
            {"infinite": True},
            ValueError,
            "workers must be >= 0 and within the range of a float, not an int of 16610 bits",
        ),
    ],
    ids=named,
)
def test_anything_else_is_no_count(
    value: object, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Nor is a float that happens to be whole."""
    with pytest.raises(error) as caught:
        check_count("workers", value, **options)
    assert str(caught.value) == message


def test_a_capacity_goes_by_its_name() -> None:
    """So nobody has to say it."""
    with pytest.raises(ValueError, match=r"^capacity must be >= 1, not 0$"):
        check_capacity(0, least=1)
    with pytest.raises(TypeError, match=r"^capacity must be an int or math\.inf, not '1'$"):
        check_capacity("1")


def test_only_true_and_false_say_whether() -> None:
    """What merely counts as true may be a mistake."""
    assert check_bool("wait", True) is True
    assert check_bool("wait", False) is False
    values: list[object] = [1, 0, None, "yes", []]
    for value in values:
        with pytest.raises(TypeError, match=r"^wait must be True or False, not "):
            check_bool("wait", value)

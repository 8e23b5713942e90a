"""A chain in words."""

from __future__ import annotations

import math
from typing import Any

import pytest

import gochan
from gochan.strategies import Block


@pytest.mark.parametrize(
    ("text", "capacity"),
    [
        ("block(3)", 3),
        ("block(capacity=3)", 3),
        (" block ( 3 ) ", 3),
        ("block(inf)", math.inf),
        ("drop-on-full(3)", 3),
    ],
)
def test_options_stand_in_parentheses(text: str, capacity: float) -> None:
    """By position or by name, with room around them."""
    assert gochan.strategy(text).capacity == capacity


def test_options_can_be_given_beside_the_text() -> None:
    """To the last one of the chain."""
    strategy = gochan.strategy("block", capacity=4)
    assert type(strategy) is Block
    assert strategy.capacity == 4


@pytest.mark.parametrize(
    "text",
    [
        "block(",
        "block(3))",
        "(3)",
        "|",
        "block(3) |",
        "| block(3)",
        "block(3) block(4)",
        "block((3,))",
    ],
)
def test_what_is_no_chain_is_refused(text: str) -> None:
    """With the text, and how one looks."""
    with pytest.raises(ValueError, match=r"is not a chain of strategies; .*rate\(100\)"):
        gochan.strategy(text)


@pytest.mark.parametrize(
    "text", ["block(**x)", "block(3 4)", "block([3])", "block(x.y)", "block(1+2)"]
)
def test_options_that_are_no_plain_values_are_refused(text: str) -> None:
    """Nothing is evaluated."""
    with pytest.raises(ValueError, match=r"the options of block.* cannot be read"):
        gochan.strategy(text)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("block(3)", {"capacity": 4}, "'block': capacity is given twice|multiple values"),
        ("block(capacity=3)", {"capacity": 4}, "'block': capacity is given twice"),
        ("block(3, size=3)", {}, "'block': .*'size'; its options: capacity"),
        ("block(word)", {}, "capacity must be an int"),
        ("block(3) | block(4)", {}, "Block decides the order"),
    ],
)
def test_what_does_not_fit_is_a_type_error(
    text: str, options: dict[str, Any], message: str
) -> None:
    """That names the strategy."""
    with pytest.raises(TypeError, match=message):
        gochan.strategy(text, **options)


def test_unknown_names_in_a_chain_are_told_as_such() -> None:
    """With the nearest."""
    with pytest.raises(gochan.UnknownStrategyError, match=r"'blok'.*'block'"):
        gochan.strategy("blok(3)")

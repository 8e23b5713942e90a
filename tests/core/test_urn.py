"""The urn: what is drawn, and how often, beside a plain list."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gochan._core._choice import chance
from gochan._core._selector._urn import OUT, Ball, Urn

from ..examples import examples

BALLS = 6


@given(
    st.lists(st.integers(-1, 2), min_size=BALLS, max_size=BALLS),
    st.lists(st.tuples(st.sampled_from(["put", "take out", "draw"]), st.integers(0, BALLS - 1))),
)
@examples(200)
def test_what_is_drawn_is_one_of_the_highest_priority(
    priorities: list[int], steps: list[tuple[str, int]]
) -> None:
    """Of those that were put in, and not drawn or taken out since; each is in there once."""
    balls = [Ball(priority) for priority in priorities]
    urn: Urn[Ball] = Urn()
    inside: list[Ball] = []
    for verb, index in steps:
        ball = balls[index]
        match verb:
            case "put":
                urn.put(ball)
                if ball not in inside:
                    inside.append(ball)
            case "take out":
                urn.take_out(ball)
                if ball in inside:
                    inside.remove(ball)
            case _:
                drawn = urn.draw()
                if drawn is None:
                    assert inside == []
                else:
                    assert drawn.priority == max(ball.priority for ball in inside)
                    inside.remove(drawn)
        urn.check()
        assert len(urn) == len(inside)
        assert [ball for ball in balls if ball.spot != OUT] == [b for b in balls if b in inside]


@pytest.mark.parametrize("meanwhile", [0, 1, 2])
def test_among_equals_each_is_equally_likely(meanwhile: int) -> None:
    """Whatever was taken out of their midst before."""
    chance.seed(meanwhile)
    drawn: Counter[int] = Counter()
    for _ in range(4000):
        balls = [Ball(0) for _ in range(4 + meanwhile)]
        urn: Urn[Ball] = Urn()
        for ball in balls:
            urn.put(ball)
        for ball in balls[:meanwhile]:
            urn.take_out(ball)
        first = urn.draw()
        assert first is not None
        drawn[balls.index(first) - meanwhile] += 1
    assert sorted(drawn) == [0, 1, 2, 3]
    assert all(850 < times < 1150 for times in drawn.values())

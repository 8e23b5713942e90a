"""Deadlines: which comes first, beside a plain dictionary."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gochan._core._selector._deadlines import Deadlines

from ..examples import examples

moments = st.sampled_from([-math.inf, 0.0, 1.0, 2.0, 3.0, math.inf])


@given(
    st.lists(
        st.tuples(st.just("set"), st.integers(0, 3), moments)
        | st.tuples(st.just("discard"), st.integers(0, 3), st.none())
        | st.tuples(st.just("take due"), st.none(), moments.filter(lambda at: at < math.inf)),
        max_size=60,
    )
)
@examples(300)
def test_what_is_due_is_what_was_set_last(
    steps: list[tuple[str, int | None, float | None]],
) -> None:
    """A moment that was moved or discarded is forgotten; one in the infinite is none."""
    deadlines: Deadlines[int | None] = Deadlines()
    expected: dict[int | None, float] = {}
    for verb, key, moment in steps:
        match verb:
            case "set":
                assert moment is not None
                deadlines.set(key, moment)
                expected[key] = moment
            case "discard":
                deadlines.discard(key)
                expected.pop(key, None)
            case _:
                assert moment is not None
                due = deadlines.take_due(moment)
                assert sorted(map(str, due)) == sorted(
                    str(key) for key, at in expected.items() if at <= moment
                )
                for one in due:
                    del expected[one]
        expected = {key: at for key, at in expected.items() if at < math.inf}
        deadlines.check()
        assert deadlines.earliest() == min(expected.values(), default=math.inf)
        assert len(deadlines) == len(expected)
        assert all((key in deadlines) == (key in expected) for key in range(4))


def test_moments_that_are_moved_often_take_no_room() -> None:
    """However often, and in whichever direction."""
    deadlines: Deadlines[str] = Deadlines()
    for moment in range(10_000):
        deadlines.set("later and later", moment)
        deadlines.set("sooner and sooner", -moment)
        deadlines.check()
        assert len(deadlines._heap) < 20


def test_what_is_due_comes_in_order() -> None:
    """The earliest first."""
    deadlines: Deadlines[str] = Deadlines()
    for key, moment in {"c": 3, "a": 1, "d": 4, "b": 2}.items():
        deadlines.set(key, moment)
    assert deadlines.take_due(3) == ["a", "b", "c"]
    assert deadlines.take_due(3) == []
    assert deadlines.earliest() == 4


def test_the_earliest_is_found_after_the_heap_was_made_again() -> None:
    """Although the order of the moments was another one than that of the keys."""
    deadlines = Deadlines[str]()
    for moment in range(100):  # often enough for the heap to be made again
        deadlines.set("late", 1000 + moment)
        deadlines.set("early", moment)
        assert deadlines.earliest() == moment
        assert deadlines.take_due(moment - 1) == []
        deadlines.check()

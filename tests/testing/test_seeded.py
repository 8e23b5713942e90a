"""Runs that can be repeated exactly."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from _gochan_chance import chance
from gochan import Chan, select
from gochan.durable import Retry
from gochan.testing import seeded


async def course() -> list[object]:
    """Do what is full of chances, and return how it went."""
    seen: list[object] = []
    one, other = Chan[int](10), Chan[int](10)

    async def speak(number: int) -> None:
        for _ in range(5):
            await (one if number % 2 else other).send(number)
            seen.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(speak, number)
        choices = [await select(one.on_receive(), other.on_receive()) for _ in range(20)]
    return [*seen, *choices, Retry().delay(1)]


def run(seed: int) -> Any:
    with seeded(seed):
        return trio.run(course, clock=MockClock(autojump_threshold=0))


def test_a_run_is_the_same_with_the_same_seed() -> None:
    """Tasks, selects and jitter; and another one with another seed."""
    runs = [[repr(one) for one in run(seed)] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_afterwards_chance_goes_on_as_before() -> None:
    """Also after an error."""
    before = chance.getstate(), trio._core._run._r.getstate()
    with pytest.raises(ValueError, match="oh"), seeded(3):
        assert trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING
        chance.random()
        raise ValueError("oh")
    assert (chance.getstate(), trio._core._run._r.getstate()) == before


def test_forked_processes_do_not_draw_the_same() -> None:
    """Or all workers of a machine would come back at once after an outage."""
    with seeded(5):
        context = multiprocessing.get_context("fork")
        ends = [context.Pipe() for _ in range(2)]
        children = [context.Process(target=_draw, args=(end,)) for _, end in ends]
        for child in children:
            child.start()
        drawn = [end.recv() for end, _ in ends]
        for child in children:
            child.join()
    assert drawn[0] != drawn[1]


def _draw(end: Any) -> None:
    end.send(chance.random())

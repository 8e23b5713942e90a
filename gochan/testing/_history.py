"""Random histories: making, trying and shortening them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final, TypeAlias, final

from ..strategies import Promise
from ._items import PLAIN
from ._rules import Broken, Rule
from ._trial import Deed, Subject, Trial

Step: TypeAlias = tuple[Deed, int]

# The relative frequency of each step. A history has only some kinds of steps, because some
# steps hide the effects of others.
_WEIGHTS: Final[dict[Deed, int]] = {
    "offer": 8,
    "take": 5,
    "pass_time": 2,
    "pass_to_change": 2,
    "finish": 4,
    "insist": 2,
    "offer_again": 1,
    "remove": 1,
    "remove_another": 1,
}
_ALWAYS: Final[set[Deed]] = {"offer", "take"}


@final
@dataclass(frozen=True, slots=True)
class History:
    """A start time, the steps, and an ending."""

    start: float
    steps: tuple[Step, ...]
    ending: Step


def histories(subject: Subject, count: int, seed: int | str) -> Iterator[History]:
    """Yield histories, the same ones for the same seed. The first are short."""
    capacity = subject.make().capacity
    for number in range(count):
        dice = Random(f"{seed}/{number}")
        yield _history(dice, 2 + 60 * number // count, capacity, subject.promises)


def _history(
    dice: Random, length: int, capacity: int | float, promises: frozenset[Promise]
) -> History:
    deeds: list[Deed] = [deed for deed in _WEIGHTS if deed in _ALWAYS or dice.random() < 0.6]
    drawn: list[Deed] = dice.choices(deeds, [_WEIGHTS[deed] for deed in deeds], k=length)
    if dice.random() < 0.3:
        drawn.insert(dice.randrange(length // 2, length + 1), "close")
    if 4 < capacity <= 1000 and dice.random() < 0.1:  # otherwise it would hardly ever be full
        fill: list[Deed] = ["offer"] * (int(capacity) + 1)
        drawn = fill + drawn
    ending: Deed = dice.choice(("run_out", "run_out", "drain"))
    if Promise.NO_STARVATION in promises and dice.random() < 0.1:
        ending = "starve"
    return History(
        dice.choice((0.0, 1e6, -5.0, 0.125)),
        tuple((deed, dice.randrange(1000)) for deed in drawn),
        (ending, dice.randrange(1000)),
    )


def try_out(subject: Subject, history: History) -> Broken | None:
    """Run a history; return the first error, if there is one."""
    try:
        trial = Trial(subject, history.start)
        for deed, number in (*history.steps, history.ending):
            trial.step(deed, number)
    except Broken as broken:
        return broken
    return None


def find(
    subject: Subject, count: int, seed: int | str, only: frozenset[Rule | Promise] | None = None
) -> Broken | None:
    """Try histories until a rule is broken; return the error of the shortest such history.

    Args:
        subject: what is tested.
        count: how many histories to try.
        seed: chooses the histories.
        only: ignore errors about other rules and promises; ``None`` ignores none.
    """
    for history in histories(subject, count, seed):
        broken = try_out(subject, history)
        if broken is not None and (only is None or broken.rule in only):
            return _shortest(subject, history, broken)
    return None


def _shortest(subject: Subject, history: History, broken: Broken) -> Broken:
    """Remove steps as long as the same rule breaks: many at once, then few, then one."""
    history, broken = _better(subject, history, replace(history, start=0.0), broken)
    history, broken = _better(subject, history, replace(history, ending=("run_out", 0)), broken)
    size = len(history.steps) // 2
    while size:
        begin = 0
        while begin < len(history.steps):
            fewer = history.steps[:begin] + history.steps[begin + size :]
            shorter, broken = _better(subject, history, replace(history, steps=fewer), broken)
            if shorter is history:
                begin += size
            history = shorter
        size //= 2
    return _plainest(subject, history, broken)


def _plainest(subject: Subject, history: History, broken: Broken) -> Broken:
    """Offer plain items where the traits of an item do not matter."""
    for place, (deed, _) in enumerate(history.steps):
        if deed == "offer":
            steps = [*history.steps]
            steps[place] = ("offer", PLAIN)
            simpler = replace(history, steps=tuple(steps))
            history, broken = _better(subject, history, simpler, broken)
    return broken


def _better(
    subject: Subject, history: History, simpler: History, broken: Broken
) -> tuple[History, Broken]:
    """Return the simpler history if it breaks the same rule, otherwise the old one."""
    other = try_out(subject, simpler)
    if other is not None and other.rule is broken.rule:
        return simpler, other
    return history, broken

"""The first door for stores: a plain function, which needs nothing but gochan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Final, TypeAlias

import trio
from trio.testing import MockClock

from ..durable import Store
from ._store_checks import CHECKS
from ._store_deeds import DEEDS, StoreDeeds
from ._store_rules import StoreRule
from ._store_trial import StoreTrial

StoreFactory: TypeAlias = Callable[[], AbstractAsyncContextManager[Store, bool | None]]

_STEPS: Final = 40


def check_store(factory: StoreFactory, *, histories: int = 20, seed: int = 0) -> None:
    """Hold a store to the rules for all stores.

    ::

        def test_my_store(tmp_path):
            paths = map(str, itertools.count())
            check_store(lambda: open_store(f"sqlite:{tmp_path / next(paths)}"))

    First, each rule is checked in histories made for it; then a few random histories are played.
    After each step, the answer, every record and all counts are compared with a small exact
    model. Each history has a fresh store, in a run of trio of its own, whose time is virtual; so
    this cannot be called where trio runs already. Neither pytest nor hypothesis is needed.

    Args:
        factory: opens a store that is empty: an asynchronous context manager. The clock of the
            store has to follow the clock of trio, as `gochan.durable.StoreClock` does.
        histories: how many random ones.
        seed: which ones; with the same seed they are the same.

    Raises:
        AssertionError: the store broke a rule. The message says which, how, and after what.
        TypeError: an argument is of the wrong type.
        ValueError: ``histories`` is less than 0.
    """
    __tracebackhide__ = True
    if not callable(factory) or isinstance(factory, Store):
        raise TypeError(f"factory must be a function that opens a store, not {factory!r}")
    if type(histories) is not int:
        raise TypeError(f"histories must be an int, not {histories!r}")
    if histories < 0:
        raise ValueError(f"histories must be >= 0, not {histories!r}")
    hold(factory, [*StoreRule])
    for number in range(histories):
        play_at_random(factory, f"{seed}/{number}")


def hold(factory: StoreFactory, rules: Collection[StoreRule]) -> None:
    """Play the histories of some rules."""
    for rule in rules:
        for check in CHECKS[rule]:
            play(factory, check)


def play(factory: StoreFactory, history: Callable[[StoreTrial], Awaitable[object]]) -> None:
    """Play a history on a fresh store, in a run of trio of its own."""
    clock = MockClock()

    async def main() -> None:
        async with factory() as store:
            await history(StoreTrial(store, clock))

    trio.run(main, clock=clock)


def play_at_random(factory: StoreFactory, seed: str) -> None:
    """Play a random history; the same one for the same seed."""
    dice = Random(seed)
    # A history has only some sorts of steps, so that those whose effects hide each other are
    # seen without each other.
    chosen = [deed for deed in DEEDS if DEEDS[deed] > 2 or dice.random() < 0.6]
    steps = dice.choices(chosen, [DEEDS[deed] for deed in chosen], k=_STEPS)

    async def history(trial: StoreTrial) -> None:
        deeds = StoreDeeds(trial)
        await deeds.begin(dice.randrange(1 << 16))
        for deed in steps:
            await deeds.do(deed, dice.randrange(1 << 16))

    play(factory, history)

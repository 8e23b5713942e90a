"""The built-in strategies, offered as a plugin would offer them."""

from __future__ import annotations

from collections.abc import Iterable

from ..strategies import Block, DropOnFull, PriorityCancel, Promise, StrategySpec

_PROMISES = frozenset({Promise.FIFO, Promise.BOUNDED, Promise.NO_STARVATION, Promise.LOSSLESS})


# It has no marker: the name of a built-in strategy needs no plugin, and so no pluggy either.
def gochan_strategies() -> Iterable[StrategySpec]:
    """Offer the strategies that need no plugin."""
    yield StrategySpec("block", Block, "when full, the sender waits", _PROMISES)
    yield StrategySpec(
        "drop-on-full",
        DropOnFull,
        "when full, the newcomer is refused",
        _PROMISES | {Promise.NEVER_WAITS},
    )
    yield StrategySpec(
        "priority-cancel", PriorityCancel, "a close hands back what waits", _PROMISES
    )

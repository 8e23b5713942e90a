"""The built-in strategies, offered through the same hook as everybody else's."""

from __future__ import annotations

from collections.abc import Iterable

from .._plugins._hooks import hookimpl
from ._block import Block
from ._drop_on_full import DropOnFull
from ._priority_cancel import PriorityCancel
from ._spec import Promise, StrategySpec

_PROMISES = frozenset({Promise.FIFO, Promise.BOUNDED, Promise.NO_STARVATION, Promise.LOSSLESS})


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    """Offer what gochan brings along."""
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

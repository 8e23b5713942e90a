"""Strategies: what happens to items that cannot be received at once.

Pass one to `gochan.Chan`, or its name to `gochan.open_job_queue`. To write your own,
subclass `Strategy`; to offer it by name, see `StrategySpec`.
"""

# The files, from the bottom up: each uses only those above it.
#
#   _keys             how a strategy finds what it wants to know about an item
#   _index            what it keeps about an item, by the item's identity
#   _items            a line of items from which any one can be removed quickly
#   _estimate         how many seconds pass between two finished items
#   _strategy         what every strategy can be asked
#   _spec             what a plugin says about a strategy that it offers
#   _fifo             what a strategy does by default, in fewer steps
#   _block            when full, the sender waits
#   _drop_on_full     when full, the newcomer is turned away
#   _priority_cancel  a close beats the items that wait
#   _guard            every answer is checked, and a wrong one blamed on its method
#   _filter           a strategy in front of another one
#   _questions        what a strategy answers in a way of its own
#   _asked            a strategy as a channel asks it
#   _settling         a strategy and those who wait at its channel meet
#   _keeper           a strategy at work behind a channel

from __future__ import annotations

from .._core import (
    check_bool,
    check_capacity,
    check_count,
    check_number,
    check_seconds,
)
from ._block import Block
from ._drop_on_full import DropOnFull
from ._filter import Filter
from ._guard import (
    is_reason,
    wrong_change,
    wrong_list,
    wrong_removal,
    wrong_seconds,
    wrong_verdict,
)
from ._index import Index
from ._items import remove_item
from ._keeper import KeptState as _KeptState  # noqa: F401  # registers itself with channels
from ._keys import Key, by
from ._priority_cancel import PriorityCancel
from ._questions import needs_time, overrides
from ._spec import Promise, StrategySpec
from ._strategy import ADMIT, WAIT, Empty, Refuse, Strategy, Verdict

__all__ = [
    "ADMIT",
    "WAIT",
    "Block",
    "DropOnFull",
    "Empty",
    "Filter",
    "Index",
    "Key",
    "PriorityCancel",
    "Promise",
    "Refuse",
    "Strategy",
    "StrategySpec",
    "Verdict",
    "by",
    "check_bool",
    "check_capacity",
    "check_count",
    "check_number",
    "check_seconds",
    "is_reason",
    "needs_time",
    "overrides",
    "remove_item",
    "wrong_change",
    "wrong_list",
    "wrong_removal",
    "wrong_seconds",
    "wrong_verdict",
]

for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith("gochan."):
        globals()[_name].__module__ = "gochan.strategies"
del _name

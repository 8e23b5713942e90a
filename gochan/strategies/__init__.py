"""Strategies: what happens to items that cannot be received at once.

Pass one to `gochan.Chan`, or its name to `gochan.open_job_queue`. To write your own,
subclass `Strategy`; to offer it by name, see `StrategySpec`.
"""

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
from ._questions import overrides
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

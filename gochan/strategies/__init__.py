"""Strategies: what becomes of items that cannot be received at once.

Pass one to `gochan.Chan`, or its name to `gochan.open_job_queue`. To write your own,
subclass `Strategy`; to offer it by name, see `StrategySpec`.
"""

from __future__ import annotations

from .._core._arguments import (
    check_bool,
    check_capacity,
    check_count,
    check_number,
    check_seconds,
)
from ._block import Block
from ._drop_on_full import DropOnFull
from ._filter import Filter, Key, by
from ._keeper import KeptState as _KeptState  # noqa: F401  # registers itself with channels
from ._priority_cancel import PriorityCancel
from ._questions import overrides
from ._strategy import ADMIT, WAIT, Empty, Promise, Refuse, Strategy, StrategySpec, Verdict

__all__ = [
    "ADMIT",
    "WAIT",
    "Block",
    "DropOnFull",
    "Empty",
    "Filter",
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
    "overrides",
]

for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith("gochan."):
        globals()[_name].__module__ = "gochan.strategies"
del _name

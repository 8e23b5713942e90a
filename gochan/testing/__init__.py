"""Tests for strategies: whether one keeps the rules for all of them, and its own promises.

`check_strategy` is a plain function. `StrategyTests` is a class of tests for pytest, and
`StrategyMachine` a state machine for hypothesis; each needs that library when it is first
used. All three ask the same questions and check the answers in the same way.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from ._check_strategy import check_strategy

if TYPE_CHECKING:
    from ._strategy_machine import StrategyMachine
    from ._strategy_tests import StrategyTests

__all__ = ["StrategyMachine", "StrategyTests", "check_strategy"]

# What needs a library that gochan itself does not need, with its module.
_LATER = {
    "StrategyMachine": ("_strategy_machine", "hypothesis"),
    "StrategyTests": ("_strategy_tests", "pytest"),
}

check_strategy.__module__ = __name__


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, library = _LATER[name]
    try:
        thing = getattr(_import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise ImportError(
            f"gochan.testing.{name} needs {library}: install trio-gochan[testing]; "
            "check_strategy works without",
            name=error.name,
        ) from error
    thing.__module__ = __name__
    globals()[name] = thing
    return thing


del TYPE_CHECKING

"""Tests of strategies, of stores, and of programs with durable queues.

`open_test_queue` opens a durable queue for a test, `submitted`, `run_until_idle` and `outcome_of`
say what became of its jobs; the fixture ``durable_queue`` of pytest is the first of them.
`seeded` makes a run repeatable.

All others test that a strategy, or a store of durable jobs, keeps the rules for all of its kind.

`check_strategy` and `check_store` are plain functions. `StrategyTests` and `StoreTests` are classes
of tests for pytest, `StrategyMachine` and `StoreMachine` state machines for hypothesis; each
imports that library when it is first used. The three for strategies make the same calls and check
the answers in the same way; so do the three for stores.
"""

# The files, from the bottom up: each uses only those above it.
#
#   _rules             what every strategy keeps to
#   _promises          what each promise means
#   _items             what strategies are offered
#   _moment            a moment that nobody may look at
#   _books             where each item is
#   _questions         asking a strategy, and answers of the right kind
#   _not_now           answers that only time may change
#   _steps             one question at a time, each answer checked
#   _witness           the steps, and the endings of a history
#   _trial             the same history for several instances
#   _history           random histories, made shorter when one fails
#   _check_strategy    the first door: a function
#   _strategy_tests    the second: tests for pytest
#   _strategy_machine  the third: a state machine for hypothesis
#
#   _store_rules       what every store keeps to
#   _model_jobs        jobs and queues of the model of a store
#   _model_facts       everything that can be asked of it
#   _store_model       a small exact store, made of plain lists
#   _store_blame       which rule is broken when a store and the model do not agree
#   _store_shown       how messages show what was asked and said
#   _store_likeness    whether the store says what the model says
#   _store_inquiry     a store is asked, and it is noted what was asked
#   _store_comparison  everything that a store says, beside the model
#   _store_trial       the same steps for a store and the model
#   _store_checks      histories made for each rule
#   _store_deeds       what random histories are made of
#   _check_store       the first door: a function
#   _store_tests       the second: tests for pytest
#   _store_machine     the third: a state machine for hypothesis
#
#   _test_queue        a durable queue for one test
#   _submitted         which jobs it was given
#   _prospects         what may still happen in it
#   _standstill        why nothing more happens in it, in sentences
#   _until_idle        waiting until nothing is left to do
#
#   _seeded            what is left to chance follows a seed

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from ._check_store import check_store
from ._check_strategy import check_strategy
from ._seeded import seeded
from ._submitted import submitted
from ._test_queue import OpenTestQueue, open_test_queue
from ._until_idle import outcome_of, run_until_idle

if TYPE_CHECKING:
    from ._store_machine import StoreMachine
    from ._store_tests import StoreTests
    from ._strategy_machine import StrategyMachine
    from ._strategy_tests import StrategyTests

__all__ = [
    "OpenTestQueue",
    "StoreMachine",
    "StoreTests",
    "StrategyMachine",
    "StrategyTests",
    "check_store",
    "check_strategy",
    "open_test_queue",
    "outcome_of",
    "run_until_idle",
    "seeded",
    "submitted",
]

# The names that need a library which gochan itself does not need, each with its module.
_LATER = {
    "StoreMachine": ("_store_machine", "hypothesis"),
    "StoreTests": ("_store_tests", "pytest"),
    "StrategyMachine": ("_strategy_machine", "hypothesis"),
    "StrategyTests": ("_strategy_tests", "pytest"),
}

for _thing in (
    check_store, check_strategy, open_test_queue, outcome_of, run_until_idle, seeded, submitted
):  # fmt: skip
    _thing.__module__ = __name__
del _thing


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, library = _LATER[name]
    try:
        thing = getattr(_import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise  # pragma: no cover  # something else is missing, which is no fault of the user's
        raise ImportError(
            f"gochan.testing.{name} needs {library}: pip install {library}; "
            f"check_{'store' if 'Store' in name else 'strategy'} works without it",
            name=error.name,
        ) from error
    thing.__module__ = __name__
    globals()[name] = thing
    return thing


del TYPE_CHECKING

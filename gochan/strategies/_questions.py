"""Questions: which of them a strategy, or a chain, answers in a way of its own."""

from __future__ import annotations

from typing import Any, TypeVar

from ._filter import Filter
from ._strategy import Strategy

T = TypeVar("T")


def overrides(strategy: Strategy[Any], question: str) -> bool:
    """Whether a strategy, or a part of its chain, has an answer of its own to a question.

    Args:
        strategy: the strategy, or the first part of a chain.
        question: the name of a method of `Strategy`, such as ``"next_change"``.
    """
    answer = getattr(type(strategy), question)
    if isinstance(strategy, Filter) and answer is getattr(Filter, question):
        return overrides(strategy.inner, question)
    return answer is not getattr(Strategy, question)


def plain_order(strategy: Strategy[T]) -> Strategy[T] | None:
    """Return the part of a chain in whose ``items`` everything waits, if there is one."""
    if isinstance(strategy, Filter) and type(strategy).parts is Filter.parts:
        return None if type(strategy).__len__ is not Filter.__len__ else plain_order(strategy.inner)
    return strategy if type(strategy).__len__ is Strategy.__len__ else None

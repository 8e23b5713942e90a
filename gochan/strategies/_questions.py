"""Questions: which of them a strategy, or a chain, answers in a way of its own."""

from __future__ import annotations

from typing import Any, TypeVar

from ._fifo import Fifo
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
    return answer not in (getattr(Strategy, question), getattr(Fifo, question))


def needs_time(strategy: Strategy[Any]) -> bool:
    """Whether a channel has to look at the clock before it asks for an answer.

    Not if every part of the chain says ``ignores_time``, or has the answers of `Strategy`.
    A strategy that overrides `Strategy.next_change` needs the time, whatever it says.

    Args:
        strategy: the strategy, or the first part of a chain.
    """
    if overrides(strategy, "next_change"):
        return True
    if not overrides(strategy, "offer") and not overrides(strategy, "take"):
        return False
    while isinstance(strategy, Filter) and strategy.ignores_time:
        strategy = strategy.inner
    return not strategy.ignores_time

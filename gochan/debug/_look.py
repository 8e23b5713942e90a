"""Looking at the things that observers are told about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

from .._core import NEVER, Case, Chan, ChanState, Selector, Ticker
from .._queue import JobQueue
from .._queue._lifecycle import Lifecycle


@final
@dataclass(frozen=True, slots=True)
class Look:
    """What a thing is like at one moment."""

    kind: Literal["channel", "selector", "job queue", "wait group", "ticker"]
    """What it is."""
    name: str | None
    """The name that the program has given it; of a job queue, that of its handler."""
    capacity: int | float = 0
    """How many values it can hold."""
    held: int = 0
    """How many values it holds."""


def look(thing: object) -> Look:
    """Look at what an `Observer` is told about: a channel, selector, wait group, job queue."""
    match thing:
        case Chan():
            return look(thing._state)
        case ChanState():
            return Look("channel", thing.name, thing.max_size, thing.held())
        case Selector():
            return Look("selector", thing._name)
        case JobQueue():
            return look(thing._lives)
        case Lifecycle():
            return Look("job queue", thing.handler_name)
        case Ticker():
            return Look("ticker", None)
    return Look("wait group", None)


def describe(case: Case[Any], name: Callable[[object], str]) -> str:
    """Say what a case of a select does, in a few words, such as ``"send to jobs"``.

    Args:
        case: the case; for anything else, the answer is ``"never"``.
        name: called with what stands for the channel or the wait group of the case, and
            returns what to call it.
    """
    known = isinstance(case, Case) and case is not NEVER
    return case._words(name) if known else "never"

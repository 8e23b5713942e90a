"""Describing the things that observers are told about."""

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
    """What is known of a thing at one moment."""

    kind: Literal["channel", "selector", "job queue", "wait group", "ticker"]
    """What it is."""
    name: str | None
    """The name that the program has given it; a job queue without one has that of its handler."""
    capacity: int | float = 0
    """How many values it can hold."""
    held: int = 0
    """How many values it holds."""


def look(thing: object) -> Look:
    """Describe a thing that an `Observer` is told about, such as a channel or a job queue."""
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
            return Look("job queue", thing.name)
        case Ticker():
            return Look("ticker", None)
    return Look("wait group", None)


def describe(case: Case[Any], name: Callable[[object], str]) -> str:
    """Describe a case of a select in a few words, such as ``"send to jobs"``.

    Args:
        case: the case; for anything else, the answer is ``"never"``.
        name: returns a name for the channel or wait group of the case, with which it is called.
    """
    known = isinstance(case, Case) and case is not NEVER
    return case._words(name) if known else "never"

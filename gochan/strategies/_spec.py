"""Spec: what a plugin says about a strategy that it offers by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ._strategy import Strategy


class Promise(Enum):
    """What a strategy claims about itself; the conformance kit holds it to that."""

    FIFO = "items go in the order in which they came"
    LIFO = "of the items that wait, the one that came last goes first"
    PRIORITY = "an item of a higher priority goes first"
    BOUNDED = "never more items wait than the capacity"
    FAIR = "keys take turns: none goes twice while another one waits for its first time"
    NO_STARVATION = "no admitted item waits for ever, whatever comes after it"
    LOSSLESS = "no item is dropped once it has been admitted"
    NEVER_WAITS = "a sender never waits: it is admitted or refused at once"


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """What a plugin offers: a name, and how to make a fresh strategy.

    Attributes:
        name: what users write; lower case letters, digits and hyphens.
        factory: takes keyword options, returns a new strategy.
        summary: one line for ``gochan plugins``.
        promises: what the strategy claims about itself.
        api: the version of `Strategy` that it was written for.

    Raises:
        TypeError: something is of the wrong type.
        ValueError: the name is not of that form, or the summary is not one line.
    """

    name: str
    factory: Callable[..., Strategy[Any]]
    summary: str
    promises: frozenset[Promise] = frozenset()
    api: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch("[a-z][a-z0-9-]*", self.name):
            raise ValueError(f"a strategy's name is made of a-z, 0-9 and '-', not {self.name!r}")
        if not callable(self.factory):
            raise TypeError(
                f"the factory of strategy {self.name!r} is {self.factory!r}, which cannot be called"
            )
        if not isinstance(self.summary, str):
            raise TypeError(
                f"the summary of strategy {self.name!r} must be a string, not {self.summary!r}"
            )
        if len(self.summary.splitlines()) > 1:
            raise ValueError(
                f"the summary of strategy {self.name!r} must be one line, not {self.summary!r}"
            )
        promises = frozenset(self.promises)
        for promise in promises:
            if not isinstance(promise, Promise):
                raise TypeError(
                    f"strategy {self.name!r} can only promise a Promise, not {promise!r}"
                )
        object.__setattr__(self, "promises", promises)

"""The state of a run at one moment, as displays show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, final

PAUSED: Final = "paused"
"""Why no job starts, if somebody has said so."""


class Running(NamedTuple):
    """A command that runs."""

    number: int
    name: str
    age: float


@final
@dataclass(frozen=True, slots=True)
class RunState:
    """A run at one moment. A job is one command for one or several lines of the input.

    Attributes:
        submitted: how many jobs there have been so far.
        ended: how many of them have ended, in whatever way.
        failed: how many of those failed or timed out.
        running: the commands that run, the oldest first.
        total: how many jobs there will be; None while that is not known.
        workers: how many commands may run at the same time.
        phase: of a stop; "run" if there is none.
        seconds_left: that this phase may still last; None if there is no stop.
        held: why no job starts, such as "paused"; nothing if jobs start.
        typed: whether somebody types the lines at the terminal.
        attached: whether another process runs the commands.
    """

    submitted: int
    ended: int
    failed: int
    running: Sequence[Running]
    total: int | None
    workers: int
    phase: str = "run"
    seconds_left: float | None = None
    held: str = ""
    typed: bool = False
    attached: bool = False

    @property
    def waiting(self) -> int:
        """How many jobs have not started, as far as they are known."""
        known = self.submitted if self.total is None else self.total
        return max(0, known - self.ended - len(self.running))

    @property
    def counted(self) -> str:
        """How many jobs have ended, of how many."""
        if self.total is None:
            return f"{self.ended}/{self.submitted}+"
        return f"{self.ended}/{self.total}"


class Control(Protocol):
    """What keys can do to a run."""

    @property
    def keys(self) -> str:
        """Those that it obeys."""

    @property
    def workers(self) -> int: ...
    @property
    def paused(self) -> bool: ...
    def resize(self, workers: int) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def cancel(self, number: int) -> None: ...
    def stop(self) -> None: ...


def estimate_in_words(seconds: float) -> str:
    """Return an estimate of the time left, no more exact than it is."""
    whole = math.ceil(seconds)
    if whole < 120:
        return f"{whole} s left"
    minutes = math.ceil(seconds / 60)
    if minutes < 120:
        return f"{minutes} min left"
    hours = math.ceil(minutes / 60)
    if hours < 48:
        return f"{hours} h left"
    return f"{math.ceil(hours / 24)} d left"


def rate_in_words(per_second: float) -> str:
    """Return a rate per second, minute or hour, with two or three digits that mean something."""
    rate, unit = next(
        (per_second * count, unit)
        for unit, count in (("s", 1), ("min", 60), ("h", 3600))
        if per_second * count >= 1 or unit == "h"
    )
    return f"{rate:.0f}/{unit}" if rate >= 100 else f"{rate:.2g}/{unit}"

"""Estimate: how many seconds pass between two finished items, lately."""

# Theory of operation
# -------------------
# Two sums are kept: of finished items, and of the seconds in which work went on. Their ratio
# is the estimate. Both forget at the same rate, so that the estimate follows changes of speed.
# What is forgotten depends on the time that passed, not on the number of items, since many
# may end at the same moment.
#
# A gap between two ends counts as time of work, but only as far as the second item ran:
# beyond that there may have been nothing to do. In eight times the time that an item runs,
# a sum falls to about a third; 1 / (1 + x) is close enough to exp(-x) there, and cheaper.

from __future__ import annotations

import math
from typing import Final, final

# How far back the estimate looks, in times of what an item runs.
_MEMORY: Final = 8


@final
class Estimate:
    """Learns from the ends of items how long it takes until the next one."""

    __slots__ = ("_finished", "_last", "_worked")

    def __init__(self) -> None:
        self._finished = 0.0
        self._worked = 0.0
        self._last = -math.inf

    def add(self, now: float, ran: float) -> None:
        """Learn that an item ended ``now``, after it ran for so many seconds."""
        gap = now - self._last
        if gap > ran:
            gap = ran
        kept = _MEMORY * ran / (_MEMORY * ran + gap) if gap else 1.0
        self._finished = self._finished * kept + 1
        self._worked = self._worked * kept + gap
        self._last = now

    @property
    def seconds(self) -> float:
        """Seconds from one end to the next; 1 as long as nothing has ended."""
        return self._worked / self._finished if self._finished else 1.0

"""The time limit of commands: a number of seconds, or a percentage of their median."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import Final, final

# From how many run times on there is a median that means something.
_FEW: Final = 3

# A limit of less would hit commands that are only slow to start.
_LEAST: Final = 1.0

# How many run times are kept: the median is that of the last ones.
_KEPT: Final = 1001


@final
class TimeLimit:
    """How long a command may run.

    Args:
        seconds: for all; ``None`` for any time.
        percent: of the median of those that were done, once there are three; at least a second.

    Attributes:
        seconds: how long that is at the moment.
    """

    def __init__(self, seconds: float | None = None, *, percent: float | None = None) -> None:
        self.seconds = seconds
        self.adapts = percent is not None
        self._share = 0.0 if percent is None else percent / 100
        self._times: deque[float] = deque()
        self._sorted: list[float] = []

    def note(self, seconds: float) -> None:
        """Hear how long a command took that is done."""
        if not self.adapts:
            return
        self._times.append(seconds)
        insort(self._sorted, seconds)
        if len(self._times) > _KEPT:
            del self._sorted[bisect_left(self._sorted, self._times.popleft())]
        if len(self._times) >= _FEW:
            median = self._sorted[(len(self._sorted) - 1) // 2]
            self.seconds = max(_LEAST, self._share * median)

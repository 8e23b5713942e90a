"""Rates: how many jobs come in a second, from how many have ever come."""

from __future__ import annotations

from collections import deque
from typing import Final, final

_SPAN: Final = 600.0  # seconds that are looked back


@final
class ArrivalRate:
    """How many jobs have come in a second lately."""

    def __init__(self) -> None:
        self._totals: deque[tuple[float, int]] = deque()

    def note(self, total: int, now: float) -> float:
        """Note how many jobs have ever come; return the rate."""
        if self._totals and total < self._totals[-1][1]:  # another store
            self._totals.clear()
        self._totals.append((now, total))
        while len(self._totals) > 2 and self._totals[1][0] <= now - _SPAN:
            self._totals.popleft()
        since, before = self._totals[0]
        return (total - before) / max(now - since, _SPAN)

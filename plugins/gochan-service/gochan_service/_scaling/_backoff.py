"""Back-off: after failures, ask less and less often."""

from __future__ import annotations

import math
from typing import Final, final

_FIRST: Final = 5.0
_MOST: Final = 300.0


@final
class Backoff:
    """Says how much may be asked for."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = -math.inf

    def fail(self, now: float) -> float:
        """Note that something was asked for in vain; return how long nothing is asked for."""
        pause = min(_MOST, math.ldexp(_FIRST, self._failures))
        self._failures = min(self._failures + 1, 30)
        self._until = now + pause
        return pause

    def succeed(self) -> None:
        """Note that it works again."""
        self._failures = 0
        self._until = -math.inf

    def allow(self, n: int, now: float) -> int:
        """Return how many of ``n`` may be asked for: one at a time until one has come."""
        if now < self._until:
            return 0
        return min(n, 1) if self._failures else n

"""The time by the clock of a server, as far as it is known here."""

from __future__ import annotations

import math
from typing import final

import trio


@final
class FarClock:
    """Tells the server's time: what it said last, and the time since.

    What it said is some time ago when it arrives; of all that it said, the one which was fastest on
    its way is the nearest, so the clock never goes back.
    """

    def __init__(self) -> None:
        self._ahead = -math.inf  # of trio's clock

    def hear(self, now: float) -> None:
        """Note what the server has said just now."""
        self._ahead = max(self._ahead, now - trio.current_time())

    def now(self) -> float:
        """Return the time, in seconds since the epoch."""
        return trio.current_time() + self._ahead

"""The server's clock, as far as this process knows it."""

from __future__ import annotations

import time
from typing import final


@final
class ServerClock:
    """Tells the server's time; where nothing else does, by what the last connection saw."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def learn(self, told: float, asked: float) -> None:
        """Learn what the server said, and when it was asked, by the monotonic clock."""
        self._ahead = told - (asked + time.monotonic()) / 2

    def now(self) -> float:
        """Return the time, in seconds since the epoch."""
        return time.monotonic() + self._ahead

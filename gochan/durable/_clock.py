"""The clock of a store that has none of its own: the host's, but it never goes back."""

# Theory of operation
# -------------------
# Jobs are due, expire and are rescued by this clock. If the host's clock is set back by an
# hour, a clock that follows it would let nothing be due for an hour; if it is set forward, leases
# end early, which is safe. So this one never goes back: it runs on by the monotonic clock, a
# little slower, until the host's has caught up. Only if it is ahead by more than a day, the host's
# clock must have been quite wrong before, and what it said then is forgotten.
#
# Processes that share a store must agree on the time, or one would take the leases of another for
# ended. One that begins after the host's clock was set back is told by the store to `reach` the
# time of the others.
#
# In a run of trio that has another clock, for tests say, that clock is followed instead: its
# zero is the moment at which the store was opened, in whole seconds: so the fractions that are
# rounded are the same in each run, and a run can be repeated exactly.

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock
from typing import Final, final

import trio

_SLOWER: Final = 0.1  # by which it is slower than the host's as long as it is ahead
_MOST: Final = 86_400.0  # seconds that it may be ahead


@final
class StoreClock:
    """Tells seconds since the epoch, never fewer than before, unless it was a day ahead."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        clock = trio.lowlevel.current_clock()
        self.virtual: bool = type(clock).__name__ != "SystemClock"
        self._wall = wall
        self._trio = clock.current_time
        self._base = math.floor(wall()) - clock.current_time()
        self._lock = Lock()
        self._steady = time.monotonic()
        self._last = wall()

    def now(self) -> float:
        """Return the time. May be called from any thread."""
        if self.virtual:
            return self._base + self._trio()
        with self._lock:
            # In this order: if the process is stopped in between, no time must be added twice.
            wall = self._wall()
            self._go_on(wall)
            return self._last

    def _go_on(self, wall: float) -> None:
        """Go on to the present moment."""
        steady = time.monotonic()
        ours = self._last + (1 - _SLOWER) * (steady - self._steady)
        self._steady = steady
        self._last = wall if ours > wall + _MOST else max(wall, ours)

    @property
    def ahead(self) -> float:
        """By how many seconds the host's clock is behind, as it was set back."""
        return 0.0 if self.virtual else self.now() - self._wall()

    def reach(self, moment: float) -> None:
        """Go on from a moment that has been in another process, unless it is over here, too."""
        if not self.virtual:
            with self._lock:
                self._go_on(self._wall())
                self._last = max(self._last, moment)

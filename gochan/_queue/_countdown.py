"""The time that a stop has: two deadlines, which can only come nearer."""

# Theory of operation
# -------------------
# Running jobs may go on for a time, the drain, and once they are cancelled they have a
# further time, the grace, to clean up. The two deadlines that follow are fixed when the stop
# begins and can only be brought forward: by asking for it again, by hastening, and by a phase
# that ends before its time. Cleaning up may last until the second one, so the scopes that
# jobs have opened for that follow it.

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import final

import trio

from ._cleanups import Cleanups


@final
class Countdown:
    """The two deadlines of one stop, and the wait for them; at first there are none."""

    def __init__(self, cleanups: Cleanups) -> None:
        self.drain_end = math.inf
        self.hard_end = math.inf
        self.grace = math.inf
        self.draining = True  # or about to
        self._cleanups = cleanups
        self._scope = trio.CancelScope()  # of the phase that waits

    def hasten(self, drain: float, grace: float) -> None:
        """Bring the deadlines forward, if these are earlier."""
        now = trio.current_time()
        self.drain_end = min(self.drain_end, now + drain)
        self.grace = min(self.grace, grace)
        if self.draining:
            self._scope.deadline = min(self._scope.deadline, self.drain_end)
        self.end_by(now + drain + grace)

    def end_by(self, moment: float) -> None:
        """Bring the hard deadline forward, and with it the end of all cleaning up."""
        self.hard_end = min(self.hard_end, moment)
        self._cleanups.end_by(self.hard_end)
        self._scope.deadline = min(self._scope.deadline, self.hard_end)

    async def wait(self, rest: Callable[[], Awaitable[object]], deadline: float) -> None:
        """Let a phase last until there is ``rest``, or its time is over."""
        self._scope.deadline = min(self._scope.deadline, deadline)
        try:
            with self._scope:
                await rest()
        finally:
            self._scope = trio.CancelScope()
            self.draining = False

    def skip(self) -> None:
        """End the phase that waits."""
        self._scope.cancel()

    def seconds_left(self) -> float:
        """Return how long the phase that waits may still last."""
        end = self.drain_end if self.draining else self.hard_end
        return max(0.0, end - trio.current_time())

"""Conditions for the start of a command: a rate, the load of the machine, and its memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, final

from ._gate import Hold

# After how many seconds load and memory are looked at again.
_LOOK: Final = 1.0

# How many seconds a start may be late, and the next one be on time nevertheless, so that a rate is
# kept although timers are not exact.
_LATE: Final = 0.05

# How many seconds make no difference.
_EXACT: Final = 1e-6


@final
class Rate:
    """Starts are at least so many seconds apart."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = float("-inf")

    def hold(self, now: float) -> Hold | None:
        """Hold commands back until it is time for the next one."""
        left = self._next - now
        return Hold("waiting for --rate", left) if left > _EXACT else None

    def note_start(self, now: float) -> None:
        """See to the time of the next one."""
        on_time = now - self._next < _LATE
        self._next = (self._next if on_time else now) + self._interval


@final
class Load:
    """The load average of the last minute is not over a limit."""

    def __init__(self, most: float, load: Callable[[], float] = lambda: os.getloadavg()[0]) -> None:
        self._most = most
        self._load = load

    def hold(self, now: float) -> Hold | None:
        """Hold commands back while it is over the limit."""
        load = self._load()
        if load <= self._most:
            return None
        return Hold(f"waiting for --load: {load:.2f} is over {self._most:g}", _LOOK)

    def note_start(self, now: float) -> None:
        """Hear of a start, which makes no difference at once."""


@final
class Memory:
    """So many bytes of memory are available."""

    def __init__(self, least: int, available: Callable[[], int]) -> None:
        self._least = least
        self._available = available

    def hold(self, now: float) -> Hold | None:
        """Hold commands back while there is less."""
        available = self._available()
        if available >= self._least:
            return None
        sizes = f"{available >> 20} of {self._least >> 20} MiB are available"
        return Hold(f"waiting for --memory-free: {sizes}", _LOOK)

    def note_start(self, now: float) -> None:
        """Hear of a start, which makes no difference at once."""


def available_memory(path: str = "/proc/meminfo") -> int:
    """Return how many bytes programs can have without that others are swapped out.

    Raises:
        OSError: the system does not say.
    """
    with open(path, "rb") as file:
        for line in file:
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) << 10
    raise OSError(f"{path} does not say how much memory is available")

"""Chooser: what waits in several lines at once, for the cases of a select or of a selector."""

from __future__ import annotations

from abc import abstractmethod

from ._alarm import TimedWaiter
from ._lines import Clock, Line


class Chooser(TimedWaiter):
    """Waits in the lines of several cases, each known by its index."""

    __slots__ = ()

    keeps_places: bool = False  # also while its task is elsewhere, and so away

    @abstractmethod
    def join(self, line: Line, index: int) -> None:
        """Wait in ``line`` on behalf of the case with that index."""

    @abstractmethod
    def follow(self, clock: Clock, index: int) -> None:
        """Let ``clock`` wake this on behalf of the case with that index."""

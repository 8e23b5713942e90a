"""The last hour of a queue, as two lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from .._door import HOUR, Moment


@final
class Chart:
    """How many jobs waited and ran; the right edge is the last moment, the left one an hour before.

    Both lines have one scale, and its top is the greatest number of either.
    """

    width: Final = 120
    height: Final = 24

    def __init__(self, moments: Sequence[Moment]) -> None:
        self._moments = moments
        self._most = max((max(one.waiting, one.running) for one in moments), default=0)

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return len(self._moments) > 1

    @property
    def waiting(self) -> str:
        """The points of one line."""
        return self._line([one.waiting for one in self._moments])

    @property
    def running(self) -> str:
        """The points of the other one."""
        return self._line([one.running for one in self._moments])

    @property
    def words(self) -> str:
        """What it shows, for those who do not see it."""
        waiting, running = (
            f"{numbers[-1]}, at most {max(numbers)}"
            for numbers in zip(*((one.waiting, one.running) for one in self._moments), strict=True)
        )
        return f"waiting: {waiting}; running: {running}; in the last hour"

    def _line(self, numbers: Sequence[int]) -> str:
        last = self._moments[-1].time
        places = (
            (self.width * (1 - (last - one.time) / HOUR), self._height_of(number))
            for one, number in zip(self._moments, numbers, strict=True)
        )
        return " ".join(f"{x:.0f},{y:.1f}" for x, y in places)

    def _height_of(self, number: int) -> float:
        """Return where it is from the top, where no line is cut at the edge."""
        return self.height - 1 - (self.height - 2) * number / max(1, self._most)

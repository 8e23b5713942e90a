"""An urn: draws at random from the highest priority, at the same cost for any number."""

# Theory of operation
# -------------------
# There is a list of balls for each priority, and the priorities are kept sorted. Each
# ball knows its spot in its list, so it can be taken out from the middle: the last one
# moves into its place. The order does not matter, since all are equally likely.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. A ball is in an urn exactly if it has a spot, and it is at that spot.
# 2. No list is empty, and there is one for each of the sorted priorities.

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final, Generic, TypeVar, final

from _gochan_chance import chance

OUT: Final = -1


class Ball:
    """Something that can be drawn from an urn, in which it is at most once."""

    __slots__ = ("priority", "spot")

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.spot = OUT


B = TypeVar("B", bound=Ball)


@final
class Urn(Generic[B]):
    """Holds balls until they are drawn or taken out."""

    __slots__ = ("_balls", "_priorities")

    def __init__(self) -> None:
        self._balls: dict[int, list[B]] = {}
        self._priorities: list[int] = []

    def put(self, ball: B) -> None:
        """Put ``ball`` in, unless it is in already."""
        if ball.spot == OUT:
            balls = self._balls.get(ball.priority)
            if balls is None:
                balls = self._balls[ball.priority] = []
                insort(self._priorities, ball.priority)
            ball.spot = len(balls)
            balls.append(ball)

    def draw(self) -> B | None:
        """Take one out: of the highest priority, otherwise at random. ``None`` if it is empty."""
        if not self._priorities:
            return None
        balls = self._balls[self._priorities[-1]]
        ball = balls[int(chance.random() * len(balls))] if len(balls) > 1 else balls[0]
        self.take_out(ball)
        return ball

    def take_out(self, ball: B) -> None:
        """Take ``ball`` out, if it is in."""
        if ball.spot != OUT:
            balls = self._balls[ball.priority]
            last = balls.pop()
            if last is not ball:
                balls[ball.spot] = last
                last.spot = ball.spot
            ball.spot = OUT
            if not balls:
                del self._balls[ball.priority]
                del self._priorities[bisect_left(self._priorities, ball.priority)]

    def __len__(self) -> int:
        return sum(map(len, self._balls.values()))

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        assert self._priorities == sorted(self._balls)
        for priority, balls in self._balls.items():
            assert balls
            for spot, ball in enumerate(balls):
                assert (ball.priority, ball.spot) == (priority, spot)

"""Clocks: at which moments a selector has to look at which of its members."""

# Theory of operation
# -------------------
# A place at a ticker, or at a channel whose strategy has to be asked again, follows a clock,
# which says when to look there. Several members may follow the same clock. The moments are in
# a heap, so that an alarm needs only the earliest of them.
#
# Behind the selector other waiters may stand that have set no alarm, because the first in
# line has one. Their clock then counts as shared. When the selector goes away, it tells the
# shared clocks that it has left, so that the next waiter sets its alarm.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. A clock has a deadline only if a member follows it.
# 2. Each clock that is followed has at least one follower.

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar, final

from .._lines import Clock
from ._deadlines import Deadlines

M = TypeVar("M", bound=Hashable)


@final
class Clocks(Generic[M]):
    """The clocks that the members of a selector follow."""

    __slots__ = ("_deadlines", "_followers", "_shared")

    def __init__(self) -> None:
        self._deadlines: Deadlines[Clock] = Deadlines()
        self._followers: dict[Clock, dict[M, None]] = {}  # in the order in which they came
        self._shared: dict[Clock, None] = {}

    def __bool__(self) -> bool:
        return bool(self._followers)

    def __contains__(self, clock: Clock) -> bool:
        return clock in self._followers

    def follow(self, clock: Clock, member: M) -> None:
        """Let ``member`` follow ``clock``."""
        self._followers.setdefault(clock, {})[member] = None

    def unfollow(self, clock: Clock, member: M) -> None:
        """Let ``member`` follow ``clock`` no longer."""
        followers = self._followers[clock]
        del followers[member]
        if not followers:
            del self._followers[clock]
            self._deadlines.discard(clock)
            self._shared.pop(clock, None)

    def share(self, clock: Clock) -> None:
        """Note that others rely on the selector to look at ``clock``."""
        self._shared[clock] = None

    def leave(self) -> None:
        """Tell the shared clocks that the selector has left."""
        while self._shared:
            self._shared.popitem()[0]._left()

    # Moments

    def set(self, clock: Clock, moment: float) -> None:
        """Let ``clock`` be due at ``moment``, and no longer when it was."""
        self._deadlines.set(clock, moment)

    def earliest(self) -> float:
        """Return when the first clock is due, ``inf`` if none is."""
        return self._deadlines.earliest()

    def take_due(self, moment: float) -> list[M]:
        """Return the members whose clocks are due by then; these clocks lose their deadlines."""
        due = self._deadlines.take_due(moment)
        return [member for clock in due for member in self._followers[clock]]

    def is_any_set(self) -> bool:
        """Whether any clock has a deadline."""
        return len(self._deadlines) > 0

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        self._deadlines.check()
        assert all(self._followers.values())
        assert len(self._deadlines) == sum(clock in self._deadlines for clock in self._followers)

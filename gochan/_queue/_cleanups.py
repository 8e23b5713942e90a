"""The scopes in which cancelled jobs clean up."""

from __future__ import annotations

from typing import final
from weakref import WeakSet

import trio


@final
class Cleanups:
    """Opens these scopes, and ends them all by one moment once a stop is under way."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._end: float | None = None  # the same for all, once a stop is under way
        self._scopes: WeakSet[trio.CancelScope] = WeakSet()

    def open(self) -> trio.CancelScope:
        """Return a new scope."""
        end = trio.current_time() + self._grace if self._end is None else self._end
        scope = trio.CancelScope(shield=True, deadline=end)
        self._scopes.add(scope)
        return scope

    def end_by(self, moment: float) -> None:
        """Let all of them, also those to come, end at ``moment``, or earlier."""
        self._end = moment
        for scope in self._scopes:
            scope.deadline = min(scope.deadline, moment)

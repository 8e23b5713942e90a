"""The gate: through which each command must go before it starts."""

# Theory of operation
# -------------------
# The workers of the queue take jobs; the gate says when their commands may start. It counts those
# that run, and asks its conditions, in order. The first one that holds a command back says why,
# and when to look again. All have to agree at the same moment; then the command has gone through,
# before any other task runs. Where nothing holds it back there is no wait, not even a checkpoint.
#
# Those that wait stand in line, and only the first one looks. Whoever has been through before,
# and is to be tried again, goes to the front.
#
# Once the run ends the gate is shut, and all that wait are turned away at once.

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

import trio


@final
@dataclass(frozen=True, slots=True)
class Hold:
    """Why no command may start now."""

    reason: str
    """For people; empty if all workers are busy."""
    seconds: float = math.inf
    """After which it is worth to look again; infinite if the gate is told."""


class Condition(Protocol):
    """What has to be true when a command starts."""

    def hold(self, now: float) -> Hold | None:
        """Return why none may start now, by trio's clock; ``None`` if one may."""

    def note_start(self, now: float) -> None:
        """Hear that a command starts."""


class GateShut(Exception):
    """The run ends, so no further command starts."""


@final
class Gate:
    """Lets commands start, at most so many at a time, and while all conditions agree.

    Attributes:
        limit: how many may run.
        running: how many have gone through, and have not left.
        reason: why the first one in line waits; empty if none does, or all workers are busy.
    """

    def __init__(self, limit: int, conditions: Sequence[Condition] = ()) -> None:
        self.limit = limit
        self.running = 0
        self.reason = ""
        self._conditions = conditions
        self._line: deque[_Waiter] = deque()
        self._paused = False
        self._shut = False

    @property
    def paused(self) -> bool:
        """Whether nothing may start until somebody says so."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        self.ring()

    async def enter(self, *, front: bool = False) -> None:
        """Wait until a command may start, and count it as running.

        Args:
            front: whether it goes before those that wait already.

        Raises:
            GateShut: it may not start at all.
        """
        if not self._line and not self._shut and self._hold() is None:
            self._let_through()
            return
        waiter = _Waiter()
        self._line.insert(0 if front else len(self._line), waiter)
        try:
            while (hold := self._hold_in_line(waiter)) is not None:
                waiter.bell = trio.Event()
                with trio.move_on_after(hold.seconds):
                    await waiter.bell.wait()
            self._let_through()
        finally:
            self._line.remove(waiter)
            self.reason = ""
            self.ring()

    def leave(self) -> None:
        """Hear that a command has ended."""
        self.running -= 1
        self.ring()

    def shut(self) -> None:
        """Turn away all that wait, and all that come."""
        self._shut = True
        for waiter in self._line:
            waiter.bell.set()

    def ring(self) -> None:
        """Have the first one in line look again."""
        if self._line:
            self._line[0].bell.set()

    def _hold_in_line(self, waiter: _Waiter) -> Hold | None:
        if self._shut:
            raise GateShut
        if self._line[0] is not waiter:
            return _BUSY
        hold = self._hold()
        self.reason = "" if hold is None else hold.reason
        return hold

    def _hold(self) -> Hold | None:
        if self._paused:
            return _PAUSED
        if self.running >= self.limit:
            return _BUSY
        if self._conditions:
            now = trio.current_time()
            for condition in self._conditions:
                hold = condition.hold(now)
                if hold is not None:
                    return hold
        return None

    def _let_through(self) -> None:
        self.running += 1
        for condition in self._conditions:
            condition.note_start(trio.current_time())


@final
class _Waiter:
    """One in line."""

    def __init__(self) -> None:
        self.bell = trio.Event()


_BUSY = Hold("")
_PAUSED = Hold("paused")

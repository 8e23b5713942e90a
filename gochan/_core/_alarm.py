"""Waiters that time wakes: they have clocks, and an alarm."""

# Theory of operation
# -------------------
# Time wakes a task by a cancel scope around its sleep, its alarm. A task whose alarm has rung
# keeps its place until it has looked at its clocks, and if nothing has come of that, sleeps on.
# Meanwhile another task may serve it; it is then finished without being woken again.

from __future__ import annotations

import signal
from abc import abstractmethod
from collections.abc import Generator
from typing import Any, final

import trio
from trio.lowlevel import Abort, RaiseCancelT, current_task

from ._lines import NOTHING, Clock, Line, Role, Waiter, Wish
from ._observer import SLOT
from ._pacing import Pace
from ._threads import this_thread
from ._waiters import NO_CASES, InOneLine


class TimedWaiter(Waiter):
    """A waiter that time may wake: its clocks say when."""

    __slots__ = ("_alarm", "_clocks")

    _alarm: trio.CancelScope | None
    _clocks: dict[int, Clock]  # by the index of the case that follows it

    def set_alarm(self, clock: Clock | None = None) -> None:
        if self._alarm is not None:
            self._alarm.deadline = min(clock._due_for(self) for clock in self._clocks.values())

    def _give_up(self, _: RaiseCancelT) -> Abort:
        # If the alarm has rung, keep the place until the task has looked at its clocks.
        self.task = None
        if self._alarm is None or trio.current_time() < self._alarm.deadline:
            self.withdraw()
        return Abort.SUCCEEDED

    def _sleep_by_the_clock(self) -> Generator[Any, Any, None]:
        """Sleep until finished, looking at the clocks whenever the alarm rings."""
        while self.result is NOTHING:
            self._alarm = trio.CancelScope()
            try:
                self.set_alarm()
                with self._alarm:
                    self.task = current_task()
                    (yield self._sleep_message).unwrap()
                if self.result is NOTHING:
                    self._look_at_clocks()
            except (trio.Cancelled, KeyboardInterrupt) as interruption:
                if self.result is NOTHING:
                    self.withdraw()
                    raise
                # Another task served it between the alarm and now, and that stands. The
                # cancellation strikes again at the next checkpoint by itself.
                if isinstance(interruption, KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)
            except BaseException:
                if self.result is NOTHING:
                    self.withdraw()
                else:
                    self._put_back()
                raise

    def _put_back(self) -> None:
        """Give back the value that it was served with, if it was to receive one.

        It was served before something went wrong that is to be raised.
        """
        wish = self._served()
        if wish is not None and wish.role == "receive" and self.error is None:
            end: Any = wish.end
            end._state.put_back(self.result)
            self.result = NOTHING

    @abstractmethod
    def _served(self) -> Wish | None:
        """Return what it was served; ``None`` if it was woken for something else."""

    @abstractmethod
    def _look_at_clocks(self) -> None:
        """Do what time allows by now."""


@final
class TimedOffer(InOneLine, TimedWaiter):
    """The wait of a plain operation at a channel whose strategy has to be asked again."""

    __slots__ = ("end", "line", "pace", "role", "value")

    def __init__(
        self,
        clock: Clock,
        line: Line,
        role: Role,
        value: object,
        end: object,
        pace: Pace,
    ) -> None:
        super().__init__()
        self.task = None
        self.thread = this_thread()
        self._alarm = None
        self._clocks = {0: clock}
        self.line = line
        self.pace = pace
        self.role = role
        self.value = value
        self.end = end
        line[self] = NO_CASES
        if SLOT.observer is not None:
            SLOT.waits(self)

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            yield from self._sleep_by_the_clock()
        finally:
            self._sleep_message = None  # which knows this offer, as it knows the message
        self.pace.restart()
        if self.error is not None:
            raise self.error
        return self.result

    _give_up = TimedWaiter._give_up

    def _served(self) -> Wish:
        return self

    def _look_at_clocks(self) -> None:
        self._clocks[0]._strike(self)

    def withdraw(self) -> None:
        if self.line.pop(self, None) is not None:
            self._clocks[0]._left()

"""The decisions of a channel: what is done at once, and who waits."""

# Theory of operation
# -------------------
# Each operation is decided at once, without a switch of tasks: it is done, or it fails, or the
# task has to wait. ``give`` and ``take`` decide. The async methods that users call (_sending.py,
# _receiving.py) are shells: they look for a cancellation, ask, and wait or yield.
#
# An arriving task serves the waiting ones, oldest first. A sender that finds receivers waiting
# hands its value to the first of them. A receiver that takes from a full buffer moves the value
# of the first waiting sender into it. So a newcomer never overtakes anybody, and order is kept
# across the buffer and the waiting senders.
#
# The fast paths. A send appends without further questions while fewer than ``mark`` values are
# buffered. The mark is the largest number there has ever been, so passing it means a new peak.
# It is 0 whenever something else has to be looked at: receivers that wait, a close, a strategy,
# a buffer that does not exist yet. A receive takes from ``quick``, which is the buffer, or
# always empty while senders wait or may have waited.
#
# While somebody observes (see _observer.py), the mark stays 0 and ``quick`` empty.
#
# A strategy may take the place of the buffer (see `gochan.strategies`): then the state is of
# another class, the mark stays 0 and ``quick`` empty.
#
# What a channel consists of is in _parts.py, how it ends in _ending.py.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. Receivers wait only if there is nothing to take, and senders only if there is no room.
# 2. Receivers and senders wait at the same time only if each is a select that does both.
# 3. Nobody waits at a closed channel.
# 4. While the mark is not 0, the channel is open, no receiver waits, and the mark is at most
#    the capacity.
# 5. While ``quick`` is not empty it is the buffer, and no sender waits.
# 6. The buffer holds at most ``capacity`` values.

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeVar

from trio.lowlevel import Task

from ._chooser import Chooser
from ._ending import Ending
from ._lines import NOTHING, CallingLine, Line, Nothing, Role, first, is_deserted
from ._observer import SLOT
from ._parts import NO_BUFFER
from ._waiters import wait_in

T = TypeVar("T")

_LINES: Final = {"receive": "receivers", "send": "senders", "watch": "watchers"}

# How many receivers are woken, and how many values buffered, between two looks at the clock at
# most; both take no longer than a task may keep the thread.
WAKES_AT_ONCE: Final = 100
AT_ONCE: Final = 1000


class ChanState(Ending[T]):
    """A channel without the methods that users call."""

    __slots__ = ()

    # Parts, declared once more: what is set here has to have its type here, some checkers say.
    buffer: deque[T]
    quick: deque[T]
    mark: int
    peak: int
    receivers: Line
    senders: Line
    watchers: Line

    # Deciding

    def give(self, value: T) -> bool:
        """Send ``value`` now; return whether that was possible."""
        if self.closed:
            raise self.closed_error(value)
        if self.receivers:
            next(iter(self.receivers)).serve(self.receivers, value)
            return True
        buffer = self.buffer
        if len(buffer) >= self.capacity:
            return False
        if not self.thread._is_owned():
            self.come_here()
        if buffer is NO_BUFFER:
            buffer = self.make_buffer()
        buffer.append(value)
        used = len(buffer)
        if used > self.peak:
            self.peak = used
        if SLOT.observer is None:
            self.mark = self.peak
        return True

    def make_buffer(self) -> deque[T]:
        """Make the buffer, and return it."""
        self.buffer = deque()
        if SLOT.observer is None:
            self.quick = self.buffer
        return self.buffer

    def take(self) -> T | Nothing:
        """Receive now; return `NOTHING` if that is not possible."""
        if self.senders:
            sent: T = next(iter(self.senders)).serve(self.senders)
            if not self.capacity:
                return sent
            self.buffer.append(sent)
        if self.buffer:
            if not self.senders and SLOT.observer is None:
                self.quick = self.buffer
            return self.buffer.popleft()
        if self.closed:
            raise self.end()
        return NOTHING

    def give_many(self, values: list[T]) -> None:
        """Send as many of ``values`` now as possible; those that were sent are taken out."""
        if self.closed:
            raise self.closed_error(values[0])
        while self.receivers and values:
            first(self.receivers).serve_from(self.receivers, values)
        room = int(min(self.capacity - len(self.buffer), len(values)))
        if room:
            self.check_caller()
            if self.buffer is NO_BUFFER:
                self.make_buffer()
            self.buffer += values[:room]
            self.peak = max(self.peak, len(self.buffer))
            if SLOT.observer is None:
                self.mark = self.peak
            del values[:room]

    def room(self, *, ahead: bool) -> int:
        """Return how many values `give_many` should be given: what it can send in short time.

        More, if that costs nothing, so that they wait in line with the first one, ``ahead``.
        """
        if self.closed:
            return 1
        waiting = len(self.receivers)
        if waiting > 1:
            return min(waiting, WAKES_AT_ONCE)
        if ahead:
            return AT_ONCE
        room = self.capacity - len(self.buffer)
        if waiting:
            room += first(self.receivers).room()
        return int(min(room, AT_ONCE))

    def give_all(self, values: Sequence[T]) -> bool:
        """Send all ``values`` now, if that takes one step; otherwise send none."""
        if self.closed or not 1 < len(values) <= self.room(ahead=False):
            return False
        self.give_many([*values])
        return True

    def take_many(self, values: list[T], size: int) -> None:
        """Move values that are here now into ``values``, until it has that size."""
        buffer, senders = self.buffer, self.senders
        self.check_thread(senders)
        missing = size - len(values)
        if len(buffer) <= missing:
            values += buffer
            buffer.clear()
        else:
            values += [buffer.popleft() for _ in range(missing)]
        while senders and len(values) < size:
            values += first(senders).serve_many(senders, size - len(values))
        while senders and len(buffer) < self.capacity:
            buffer += first(senders).serve_many(senders, int(self.capacity) - len(buffer))
        if self.closed and not values:
            raise self.end()

    def put_back(self, value: T) -> None:
        """Take in a value that was handed over and could not be delivered; it goes next."""
        if self.buffer is NO_BUFFER:
            self.buffer = deque()
        self.buffer.appendleft(value)

    def may_give(self) -> bool:
        """Whether `give` is worth trying; only a strategy can then still say no."""
        return bool(self.closed or len(self.buffer) < self.capacity or self.receivers)

    def may_take(self) -> bool:
        """Whether `take` is worth trying; only a strategy can then still say no."""
        return bool(self.buffer or self.closed or self.senders)

    # Waiting

    def wait(self, task: Task, role: Role, value: Any, end: object) -> Awaitable[Any]:
        """Put ``task``, the running one, into line, and return what it has to await."""
        return wait_in(task, self.line_up(role), role, value, end, self.pace)

    def join(self, chooser: Chooser, index: int, role: Role) -> None:
        """Put a select or a selector into line, on behalf of its case with that index."""
        chooser.join(self._calling(role) if chooser.keeps_places else self.line_up(role), index)

    def _calling(self, role: Role) -> Line:
        """Return the line of those who want to ``role``, as one that calls from now on."""
        if role == "receive":
            self.mark = 0
        elif role == "send":
            self.quick = NO_BUFFER
        name = _LINES[role]
        line: Line = getattr(self, name)
        if type(line) is CallingLine:
            return line
        calling = CallingLine(line)
        for waiter in line:
            waiter.move(line, calling)
        setattr(self, name, calling)
        return calling

    def line_up(self, role: Role) -> Line:
        """Return the line of those who want to ``role``, where somebody is about to wait."""
        # A line of another class is NO_LINE, or one that selectors have left; or it is in use.
        if role == "receive":
            self.mark = 0
            line = self.receivers
            if type(line) is not Line and is_deserted(line):
                line = self.receivers = Line()
        elif role == "send":
            self.quick = NO_BUFFER
            line = self.senders
            if type(line) is not Line and is_deserted(line):
                line = self.senders = Line()
        else:
            line = self.watchers
            if type(line) is not Line and is_deserted(line):
                line = self.watchers = Line()
        return line

    # Looking

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        used = self.held()
        self.check_lines()
        assert not (self.receivers and used)
        assert not (self.senders and used < self.capacity)
        assert not (self.closed and self.receivers)
        for waiter in self.receivers:
            assert not self.senders or waiter in self.senders
        if self.mark:
            assert not self.closed
            assert not self.receivers
            assert self.mark <= self.capacity
        if self.quick:
            assert self.quick is self.buffer
            assert not self.senders
        assert used <= self.capacity
        assert used <= self.peak

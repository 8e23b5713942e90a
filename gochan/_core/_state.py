"""What a channel is: a buffer, three lines of waiters, and the decisions about them."""

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
from collections.abc import Awaitable, Callable, Sequence
from threading import get_ident
from typing import Any, Final, Generic, TypeVar

from trio.lowlevel import Task

from ._chooser import Chooser
from ._errors import ChanBrokenError, ChanClosedError, EndOfChannel
from ._lines import (
    NOTHING,
    CallingLine,
    Line,
    NoLine,
    Nothing,
    Role,
    Wish,
    check_line,
    first,
    is_deserted,
)
from ._observer import SLOT, Operation
from ._pacing import OUTSIDE, UNPACED, Pace, enter
from ._statistics import ChanStatistics
from ._trio_private import find_here, runs_a_task
from ._waiters import wait_in

T = TypeVar("T")

# Stands for a buffer or a line that has never been needed: most channels never need
# all of them, and a channel that is only there must cost next to nothing.
NO_BUFFER: Final[deque[Any]] = deque(maxlen=0)
NO_LINE: Final[Line] = NoLine()

_LINES: Final = {"receive": "receivers", "send": "senders", "watch": "watchers"}

# How many receivers are woken, and how many values buffered, between two looks at the clock at
# most; both take no longer than a task may keep the thread.
WAKES_AT_ONCE: Final = 100
AT_ONCE: Final = 1000


class ChanState(Generic[T]):
    """A channel without the methods that users call."""

    __slots__ = (
        "__weakref__",
        "address",
        "broken",
        "buffer",
        "capacity",
        "closed",
        "dropped",
        "ended",
        "hidden",
        "home",
        "mark",
        "name",
        "on_drop",
        "pace",
        "peak",
        "quick",
        "receivers",
        "senders",
        "thread",
        "watchers",
    )

    capacity: int | float
    name: str | None
    on_drop: Callable[[T, str], object] | None
    address: int  # of the object that users know
    buffer: deque[T]
    quick: deque[T]
    mark: int
    peak: int
    dropped: int
    closed: bool  # at either end
    ended: bool  # at the sending end: no more values come
    broken: bool  # at the receiving end: nobody will receive any more
    hidden: bool  # from observers, as gochan uses it inside
    receivers: Line
    senders: Line
    watchers: Line
    # Of the run that operated here last. Until then, of the thread that made this.
    pace: Pace
    thread: int
    home: dict[str, Any]

    def __init__(
        self,
        capacity: int | float,
        name: str | None = None,
        on_drop: Callable[[T, str], object] | None = None,
    ) -> None:
        self.capacity = capacity
        self.name = name
        self.on_drop = on_drop
        self.address = id(self)
        self.buffer = self.quick = NO_BUFFER
        self.mark = self.peak = self.dropped = 0
        self.closed = self.ended = self.broken = self.hidden = False
        self.receivers = self.senders = self.watchers = NO_LINE
        self.pace = UNPACED
        self.thread = get_ident()
        self.home = find_here()
        if SLOT.on_made is not None:
            SLOT.on_made(self)

    # Beginning an operation

    async def enter(self) -> Task:
        """Look for a cancellation the long way; return the running task."""
        self.pace, task = await enter()
        return task

    def come_from(self, thread: int) -> None:
        """Make sure that the calling thread may operate here, where ``thread`` is another one.

        Raises:
            RuntimeError: the channel belongs to a run that goes on in its thread, and the caller
                is not inside any run.
        """
        if "runner" in self.home and not runs_a_task():
            raise RuntimeError(OUTSIDE)
        self.thread = thread
        self.home = find_here()

    def check_caller(self) -> None:
        """Raise `RuntimeError` if the calling thread may not operate here."""
        thread = get_ident()
        if self.thread != thread:
            self.check_thread(self.receivers, self.senders, self.watchers)
            self.come_from(thread)

    def check_thread(self, *lines: Line) -> None:
        """Raise `RuntimeError` unless the caller may wake those who wait in these lines."""
        for line in lines:
            if line:
                first(line).check_thread()

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
        thread = get_ident()
        if self.thread != thread:
            self.come_from(thread)
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
            first(self.receivers).serve(self.receivers, values[0])
            del values[0]
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
        if self.receivers:
            return min(len(self.receivers), WAKES_AT_ONCE)
        return AT_ONCE if ahead else int(min(self.capacity - len(self.buffer), AT_ONCE))

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

    # Ending

    def close(self) -> None:
        """Say that no more values will come."""
        if not self.ended:
            if SLOT.observer is not None and not (self.closed or self.hidden):
                with Operation("close", self):
                    self._end_sending()
            else:
                self._end_sending()

    def _end_sending(self) -> None:
        self.check_caller()
        self.ended = True
        if not self.closed:
            self._shut()

    def abandon(self) -> None:
        """Close the receiving end: what is buffered will never be received."""
        if self.broken:
            return
        if SLOT.observer is not None and not (self.closed or self.hidden):
            with Operation("close", self):
                self._end_receiving()
        else:
            self._end_receiving()

    def _end_receiving(self) -> None:
        self.check_caller()
        self.broken = True
        try:
            if not self.closed:
                self._shut()
        finally:
            values = self.clear()
            self.finish(self.receivers)
            self.report([(value, "abandoned") for value in values])

    def drain(self) -> list[T]:
        """Close, and take back every value that nobody has received, oldest first."""
        self.check_thread(self.receivers)
        if not self.ended:
            self._end_sending()
        values = self.clear()
        self.finish(self.receivers)
        return values

    def _shut(self) -> None:
        self.closed = True
        self.mark = 0
        ended = () if self.held() else (self.receivers,)
        self.finish(*ended, self.senders, self.watchers)

    def clear(self) -> list[T]:
        """Take out everything that is buffered, oldest first."""
        values = list(self.buffer)
        self.buffer.clear()
        return values

    def finish(self, *lines: Line) -> None:
        """Wake all waiters in these lines, in order: the channel has ended for them."""
        for line in lines:
            while line:
                waiter = first(line)
                wish = waiter.choose(*lines)
                waiter.finish(error=self.reason_for(wish))

    def turn_out(self, end: object, reason: Callable[[Wish], BaseException | None]) -> None:
        """Wake those who wait by way of ``end``, which was closed; each gets its ``reason``."""
        for line in (self.receivers, self.senders, self.watchers):
            for waiter in [*line]:
                waiter.turn_out(line, end, reason)

    def reason_for(self, wish: Wish) -> BaseException | None:
        """Return the error with which a waiter ends that wants this; ``None`` if it is none."""
        if wish.role == "send":
            return self.closed_error(wish.value)
        if wish.role == "receive":
            return self.end()
        return None

    def closed_error(self, value: T) -> ChanClosedError | ChanBrokenError:
        """Return the error of a send. As with trio's ends, one's own end comes first."""
        if self.broken and not self.ended:
            return ChanBrokenError(f"nobody receives from {self.title} any more", value)
        return ChanClosedError(f"{self.title} is closed, so nothing can be sent", value)

    def end(self) -> ChanClosedError | EndOfChannel:
        """Return the error of a receive."""
        if self.broken:
            return ChanClosedError(f"the receiving end of {self.title} is closed")
        return EndOfChannel(f"{self.title} is closed, and everything has been received")

    def report(self, drops: Sequence[tuple[T, str]]) -> None:
        """Count values that will not be delivered, and tell of each of them.

        If ``on_drop`` raises, the others are told nevertheless, and the first error is raised.
        """
        self.dropped += len(drops)
        observer = SLOT.observer
        if observer is not None and not self.hidden:
            for value, reason in drops:
                observer.drops(self, value, reason)
        if self.on_drop is None:
            return
        trouble: BaseException | None = None
        for value, reason in drops:
            try:
                self.on_drop(value, reason)
            except BaseException as error:
                trouble = trouble or error
        if trouble is not None:
            try:
                raise trouble
            finally:
                del trouble  # it would be in a cycle with its traceback

    # Looking

    def held(self) -> int:
        """Return how many values are buffered, not counting those of waiting senders."""
        return len(self.buffer)

    @property
    def max_size(self) -> int | float:
        """How many values may wait here."""
        return self.capacity

    @property
    def title(self) -> str:
        """What the channel is called in messages."""
        return f"channel {self.address:#x}" if self.name is None else f"channel {self.name!r}"

    def statistics(self) -> ChanStatistics:
        """Return what the channel holds and who waits there, at this moment."""
        return ChanStatistics(
            current_buffer_used=self.held(),
            max_buffer_size=self.max_size,
            peak_buffer_used=self.peak,
            tasks_waiting_send=len(self.senders),
            tasks_waiting_receive=len(self.receivers),
            closed=self.closed,
            dropped=self.dropped,
        )

    def __repr__(self) -> str:
        name = f"at {self.address:#x}" if self.name is None else repr(self.name)
        state = "closed" if self.closed else "open"
        return (
            f"<gochan.Chan {name}: {state}, {self.held()}/{self.max_size} buffered, "
            f"{len(self.senders)} sending, {len(self.receivers)} receiving>"
        )

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

    def check_lines(self) -> None:
        """Assert what is true of every channel, with a strategy or without."""
        for line in (self.receivers, self.senders, self.watchers):
            check_line(line)
        assert not (self.closed and (self.senders or self.watchers))
        assert self.closed == (self.ended or self.broken)
        assert not NO_BUFFER
        assert not NO_LINE

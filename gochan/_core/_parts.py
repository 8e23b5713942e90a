"""What a channel consists of: a buffer, three lines of waiters, and how it looks from outside."""

# Theory of operation
# -------------------
# All that is known of a channel is in these slots; _ending.py and _state.py change them. Most
# channels never need all of their parts, so a part that was never needed is one that all share.
#
# Invariants (``check_lines`` asserts them)
# -----------------------------------------
# 1. A channel is closed if it has ended or is broken, and then nobody waits to send, or for
#    the close.
# 2. What all share stays empty.

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from trio.lowlevel import Task

from ._lines import Line, NoLine, check_line, first
from ._observer import SLOT
from ._pacing import OUTSIDE, UNPACED, Pace, enter
from ._statistics import ChanStatistics
from ._threads import Thread, this_thread
from ._trio_private import find_here, runs_a_task

T = TypeVar("T")

# Stands for a buffer or a line that has never been needed: most channels never need
# all of them, and a channel that is only there must cost next to nothing.
NO_BUFFER: Final[deque[Any]] = deque(maxlen=0)
NO_LINE: Final[Line] = NoLine()


class Parts(Generic[T]):
    """A channel that can do nothing yet."""

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
    thread: Thread
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
        self.thread = this_thread()
        self.home = find_here()
        if SLOT.on_made is not None:
            SLOT.on_made(self)

    # Beginning an operation

    async def enter(self) -> Task:
        """Look for a cancellation the long way; return the running task."""
        self.pace, task = await enter()
        return task

    def come_here(self) -> None:
        """Make sure that the calling thread, another one than before, may operate here.

        Raises:
            RuntimeError: the channel belongs to a run that goes on in its thread, and the caller
                is not inside any run.
        """
        if "runner" in self.home and not runs_a_task():
            raise RuntimeError(OUTSIDE)
        self.thread = this_thread()
        self.home = find_here()

    def check_caller(self) -> None:
        """Raise `RuntimeError` if the calling thread may not operate here."""
        if not self.thread._is_owned():
            self.check_thread(self.receivers, self.senders, self.watchers)
            self.come_here()

    def check_thread(self, *lines: Line) -> None:
        """Raise `RuntimeError` unless the caller may wake those who wait in these lines."""
        for line in lines:
            if line:
                first(line).check_thread()

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

    def check_lines(self) -> None:
        """Assert what is true of every channel, with a strategy or without."""
        for line in (self.receivers, self.senders, self.watchers):
            check_line(line)
        assert not (self.closed and (self.senders or self.watchers))
        assert self.closed == (self.ended or self.broken)
        assert not NO_BUFFER
        assert not NO_LINE

"""Time as a case of a select: after, at, every."""

# Theory of operation
# -------------------
# A timer is not a task but a number: the moment when it is due. A select that waits
# with timers sets one alarm, for the earliest of them, so nothing is left behind when
# another case happens first.
#
# Several tasks may share a ticker; its ticks go to the waiting tasks in order. Only the
# first in line has the next tick as its deadline. When it leaves the line, with the tick or
# without, the next one becomes first and gets the deadline.

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NoReturn, final

from trio.lowlevel import enable_ki_protection

from ._arguments import check_number
from ._cases import Case, check_priority
from ._channel import Chan
from ._chooser import Chooser
from ._lines import NOTHING, CallingLine, Line, Nothing, Waiter, first
from ._observer import SLOT, Operation, told
from ._pacing import now
from ._select import select


def after(seconds: float, *, priority: int = 0) -> Case[float]:
    """A case for `select`: ``seconds`` have passed since the select began.

    Its value is the moment when it was due, on trio's clock. Zero or a negative time is due
    at once, and wins over a `default`.

    Raises:
        TypeError: ``seconds`` is not a number.
        ValueError: ``seconds`` is NaN.
    """
    return After(check_number("seconds", seconds), priority)


def at(deadline: float, *, priority: int = 0) -> Case[float]:
    """A case for `select`: ``deadline`` has passed, on the clock of `trio.current_time`.

    Its value is ``deadline``.

    Raises:
        TypeError: ``deadline`` is not a number.
        ValueError: ``deadline`` is NaN.
    """
    return At(check_number("deadline", deadline), priority)


def every(seconds: float) -> Ticker:
    """Start a ticker that fires every ``seconds`` seconds from now on; see `Ticker`.

    Raises:
        TypeError: ``seconds`` is not a number.
        ValueError: ``seconds`` is not positive.
        RuntimeError: called outside `trio.run`.
    """
    return Ticker(check_number("seconds", seconds, more_than=0))


@final
class After(Case[float]):
    """Wait for so many seconds."""

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float, priority: int) -> None:
        self.priority = check_priority(priority)
        self._seconds = seconds

    def _ready(self) -> bool:
        return self._seconds <= 0

    def _commit(self) -> float:
        return now()

    def _join(self, chooser: Chooser, index: int) -> None:
        chooser.follow(At(now() + self._seconds, self.priority), index)

    def _from_now(self) -> Sequence[Case[float]]:
        return (At(now() + self._seconds, self.priority),)

    def __str__(self) -> str:
        return f"after {self._seconds:g} s"


@final
class At(Case[float]):
    """Wait for a moment. It is its own clock, the same for all that follow it."""

    __slots__ = ("_deadline",)

    def __init__(self, deadline: float, priority: int) -> None:
        self.priority = check_priority(priority)
        self._deadline = deadline

    def _ready(self) -> bool:
        return self._deadline <= now()

    def _commit(self) -> float:
        return self._deadline

    def _join(self, chooser: Chooser, index: int) -> None:
        chooser.follow(self, index)

    # Being a clock

    def _due_for(self, waiter: Waiter) -> float:
        return self._deadline

    def _strike(self, waiter: Waiter) -> float | Nothing:
        return self._deadline if self._ready() else NOTHING

    def _left(self) -> None:
        pass

    def __str__(self) -> str:
        return f"at {self._deadline:.6g}"


@final
class Ticker:
    """Fires repeatedly at a fixed interval; made by `every`.

    ::

        ticker = every(10)
        async for moment in ticker:
            report()

    Each tick goes to one task, the one that has waited longest. Its value is the moment
    when it was due. The interval does not drift, however late the ticks are taken. A tick
    that no task takes stays pending; those that fall due meanwhile are skipped.
    """

    __slots__ = ("_count", "_line", "_period", "_start", "_stopped")

    def __init__(self, period: float) -> None:
        self._start = now()
        if self._start + period == self._start:
            raise ValueError(f"seconds must be long enough for the clock, not {period!r}")
        self._period = period
        self._count = 1  # of the tick that comes next, or is pending
        self._line: Line = CallingLine()
        self._stopped = Chan[None]()
        self._stopped._state.hidden = True

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Ticker does not support subclassing")

    def on_tick(self, *, priority: int = 0) -> Case[float]:
        """A case for `select`: the next tick. Its value is the moment when it was due."""
        return TickCase(self, priority)

    @enable_ki_protection
    def stop(self) -> None:
        """Stop: no more ticks, not even a pending one, and ``async for`` ends."""
        self._stopped.close()  # which another thread may not
        self._left()

    def __aiter__(self) -> Ticker:
        return self

    async def __anext__(self) -> float:
        stop, tick = self._stopped.on_close(priority=1), self.on_tick()
        call = select(stop, tick)
        if SLOT.observer is not None:
            _, moment = await told(Operation("tick", None, (), (tick,)), call)
        else:
            _, moment = await call
        if moment is None:
            raise StopAsyncIteration
        return moment

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.closed else f"next at {self._next():.6g}"
        return f"<gochan.Ticker every {self._period:g} s, {state}>"

    def _next(self) -> float:
        """Return when the next tick is due, or was, if it is pending."""
        if self._stopped.closed:
            return math.inf
        return self._start + self._count * self._period

    def _take(self) -> float:
        """Return the moment of the pending tick, and go on to the first one from now."""
        moment, time = self._next(), now()
        self._count = max(self._count, math.floor((time - self._start) / self._period))
        while self._next() <= time:
            self._count += 1
        return moment

    # Being a clock: only the first in line has the next tick as a deadline.

    def _due_for(self, waiter: Waiter) -> float:
        head = first(self._line)
        if head is waiter:
            return self._next()
        head.note_follower(self)
        return math.inf

    def _strike(self, waiter: Waiter) -> float | Nothing:
        return self._take() if self._due_for(waiter) <= now() else NOTHING

    def _left(self) -> None:
        if self._line:
            first(self._line).set_alarm(self)


@final
class TickCase(Case[float]):
    """Wait for a tick."""

    __slots__ = ("_ticker",)

    def __init__(self, ticker: Ticker, priority: int) -> None:
        self.priority = check_priority(priority)
        self._ticker = ticker

    def _ready(self) -> bool:
        return not self._ticker._line and self._ticker._next() <= now()

    def _commit(self) -> float:
        return self._ticker._take()

    def _lasts(self, value: float) -> bool:
        return True

    def _join(self, chooser: Chooser, index: int) -> None:
        chooser.join(self._ticker._line, index)
        chooser.follow(self._ticker, index)

    @property
    def _thing(self) -> object:
        return self._ticker

    def _words(self, name: Callable[[object], str]) -> str:
        return f"tick every {self._ticker._period:g} s"

    def __str__(self) -> str:
        return f"next tick of {self._ticker!r}"

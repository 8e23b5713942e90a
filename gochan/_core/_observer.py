"""The one slot for an observer, which is told what happens."""

# Theory of operation
# -------------------
# The slot is empty unless somebody debugs. Then the core asks it nowhere on a fast path, only
# where an operation is slow anyway: it enters by trio's own checkpoint, is about to wait, is
# served in line, gives up values. While the slot is full, tasks always enter that way, the mark
# of a channel stays 0 and its ``quick`` empty; so every operation passes one of these places.
#
# An operation begins with the call of a public method and ends when the method returns or
# raises. A method that finds an observer makes an Operation, and calls itself once more inside
# of that; the second call is the operation itself, so it is not reported again. What gochan does
# inside an operation works on states and not on public methods, so it is not told either.
#
# Code further inside knows only the running task, or a waiter that it serves. So the slot keeps
# which operation each task is in, and for which operation each waiter stands in line.
#
# Invariants
# ----------
# 1. An operation tells of its beginning and its end once, to the same observer.
# 2. The slot keeps only operations that have begun and not ended.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from threading import get_ident
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar, final

import trio
from trio.lowlevel import Task

R = TypeVar("R")

# The verbs whose result is a value that was received, or a list of them.
_RECEIVE_ONE: Final = {"receive", "receive_nowait"}
_RECEIVE_MANY: Final = {"receive_many", "receive_many_nowait", "drain"}


class Observer:
    """Is told what tasks do with channels, selects, wait groups and job queues.

    Subclass it and override what you need; the methods here do nothing. They are called in the
    middle of an operation, in the task that does it or in the one that serves it. So they must
    be quick and must not raise. They may look at things with `gochan.debug.look`, and must not
    use them in any other way.
    """

    def begins(self, operation: Operation) -> None:
        """A task has begun an operation."""

    def waits(self, operation: Operation) -> None:
        """An operation cannot be done at once, and its task is about to wait."""

    def sends(self, operation: Operation, channel: object, values: Sequence[object]) -> None:
        """A channel or a receiver has taken these values from an operation, for good."""

    def receives(self, operation: Operation, channel: object, values: Sequence[object]) -> None:
        """An operation has received these values and is about to return."""

    def decides(self, operation: Operation) -> None:
        """A select has done ``operation.case`` and is about to return."""

    def ends(self, operation: Operation, error: BaseException | None) -> None:
        """An operation returns, or raises ``error``."""

    def drops(self, channel: object, value: object, reason: str) -> None:
        """A channel has given up a value, which nobody will receive."""

    def submits(self, operation: Operation, job: Any) -> None:
        """An operation is about to submit a `gochan.Job`."""

    def admits(self, queue: object, job: Any) -> None:
        """A queue has taken in a job that was submitted."""

    def starts(self, queue: object, job: Any, task: Task) -> None:
        """A job of a queue is about to run, in the task of a worker."""

    def finishes(self, queue: object, job: Any, kind: str, reason: str) -> None:
        """A job of a queue has ended, with an outcome of that kind, whether it ran or not."""

    def enters_phase(self, queue: object, phase: str) -> None:
        """The stop of a queue has come to this phase."""


class Hideable(Protocol):
    """The state of a channel, which may belong to gochan alone."""

    hidden: bool


@final
class Operation:
    """One operation of a task, from the call of a public method to its end.

    Attributes:
        verb: the name of the method, such as ``send``; ``receive`` also for a turn of ``async
            for``; ``select`` for everything that selects; ``tick`` for a turn of a ticker and
            ``wait`` for the wait for a wait group, ``add`` and ``done`` for a change of its
            count.
        thing: what stands for the channel, selector, wait group or job queue where it happens,
            always the same object; `gochan.debug.look` tells what it is. For a select it is
            ``None`` until a case is done, and then where that is.
        values: what the method was given to send, to submit or to add.
        cases: the cases of a select.
        case: the one that was done; ``None`` until then.
        label: the position, name or label of that case.
    """

    __slots__ = (
        "_before",
        "_fresh",
        "_key",
        "_observer",
        "_received",
        "_waiter",
        "case",
        "cases",
        "label",
        "thing",
        "values",
        "verb",
    )

    def __init__(
        self,
        verb: str,
        thing: object = None,
        values: Sequence[object] = (),
        cases: Sequence[Any] = (),
    ) -> None:
        self.verb: str = verb
        self.thing: object = thing
        self.values: Sequence[object] = values
        self.cases: Sequence[Any] = cases
        self.case: Any = None
        self.label: object = None
        self._observer = SLOT.observer or Observer()
        self._fresh = False  # whether the next call is this operation itself
        self._received = False
        self._waiter: object = None
        self._key = _caller()
        self._before = SLOT.begun.get(self._key)

    def itself(self) -> Operation:
        """Let the next call of the method be this operation itself, and not another one."""
        self._fresh = True
        return self

    def __enter__(self) -> Operation:
        SLOT.begun[self._key] = self
        self._observer.begins(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        SLOT.waiting.pop(self._waiter, None)
        if self._before is None:
            del SLOT.begun[self._key]
        else:
            SLOT.begun[self._key] = self._before
        self._observer.ends(self, error)

    def waits(self, waiter: object) -> None:
        """Tell that the task is about to wait, and keep what stands in line for it."""
        self.stands(waiter)
        self._observer.waits(self)

    def stands(self, waiter: object) -> None:
        """Keep what stands in line for this."""
        SLOT.waiting.pop(self._waiter, None)
        SLOT.waiting[waiter] = self
        self._waiter = waiter

    def sends(self, channel: Hideable, values: Sequence[object]) -> None:
        """Tell that these values were taken."""
        if not channel.hidden:
            self._observer.sends(self, channel, values)

    def receives(self, channel: object, values: Sequence[object]) -> None:
        """Tell that these values were received."""
        self._received = True
        self._observer.receives(self, channel, values)

    def returns(self, result: Any) -> None:
        """Tell what is received with the result, unless that was told when it was."""
        if self.verb in _RECEIVE_ONE and not self._received:
            self.receives(self.thing, (result,))
        elif self.verb in _RECEIVE_MANY and not self._received:
            self.receives(self.thing, result)

    def decides(self, case: Any, label: object, value: object) -> None:
        """Tell which case was done, and what was received with it."""
        self.case, self.label = case, label
        place = case._place
        if place is not None:
            self.thing = place
        self._observer.decides(self)
        received = case._received(value)
        if received:
            self.receives(place, received)

    def submits(self, job: object) -> None:
        """Tell which job is submitted."""
        self._observer.submits(self, job)

    def __repr__(self) -> str:
        return f"<gochan.debug.Operation {self.verb}>"


@final
class Slot:
    """Holds the observer, if there is one, and what is under way."""

    __slots__ = ("begun", "observer", "on_made", "waiting")

    def __init__(self) -> None:
        self.observer: Observer | None = None
        self.on_made: Callable[[Any], None] | None = None  # called with each new channel
        self.begun: dict[object, Operation] = {}  # innermost; by task, or thread outside of tasks
        self.waiting: dict[object, Operation] = {}  # by waiter

    def begins(self) -> bool:
        """Tell whether the caller begins an operation, or is one that was begun already."""
        operation = self.begun.get(_caller())
        if operation is None or not operation._fresh:
            return True
        operation._fresh = False
        return False

    def begins_at(self, channel: Hideable) -> bool:
        """Tell the same, of an operation at a channel."""
        return not channel.hidden and self.begins()

    def waits(self, waiter: object) -> None:
        """Note that the caller is about to wait."""
        operation = self.begun.get(_caller())
        if operation is not None:
            operation.waits(waiter)

    def gave(self, channel: Hideable, values: Sequence[object]) -> None:
        """Tell that a channel has taken values from the caller."""
        operation = self.begun.get(_caller())
        if operation is not None:
            operation.sends(channel, values)

    def got(self, channel: Hideable, values: Sequence[object]) -> None:
        """Tell that the caller has received values without waiting."""
        operation = self.begun.get(_caller())
        if values and operation is not None and not channel.hidden:
            operation.receives(channel, values)

    def served(self, waiter: object, wish: Any, values: Sequence[object]) -> None:
        """Tell that values were taken from a waiter in line, if it is there to send."""
        operation = self.waiting.get(waiter)
        if operation is not None and wish.role == "send":
            operation.sends(wish.end._state, values)

    def submits(self, job: object) -> None:
        """Tell which job the caller submits."""
        operation = self.begun.get(_caller())
        if operation is not None:
            operation.submits(job)

    def decided(self, case: object, label: object, value: object) -> None:
        """Tell which case the caller has done."""
        operation = self.begun.get(_caller())
        if operation is not None:
            operation.decides(case, label, value)


def _caller() -> object:
    """Return the running task; outside of tasks, the thread."""
    try:
        return trio.lowlevel.current_task()
    except RuntimeError:
        return get_ident()


SLOT: Final = Slot()


# Calling a public method once more, as an operation


async def told(operation: Operation, call: Awaitable[R]) -> R:
    """Do what was called, and tell of it."""
    with operation.itself():
        result = await call
        operation.returns(result)
        return result


def told_now(operation: Operation, call: Callable[[], R]) -> R:
    """Do what was called without waiting, and tell of it."""
    with operation.itself():
        result = call()
        operation.returns(result)
        return result

"""What a task waits for, read from its frames."""

# Theory of operation
# -------------------
# Nothing is recorded while a program runs. A sleeping task is a chain of frames, from its
# function down to where it gave up control. The innermost frames show what it waits for: a
# waiter of gochan, with the channel or the cases that it stands in line for, or one of trio's
# own functions that sleep.
#
# Of trio's functions, this file knows only those that nothing but another task of the same run
# can wake: events, locks, memory channels, nurseries. Any other sleep may be ended from outside:
# by time, by the operating system, by a thread, or by something unknown. If a function is
# missing here, a deadlock may go unnoticed, but none is reported wrongly.

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from inspect import unwrap
from types import CodeType, FrameType
from typing import Any, Final, TypeAlias, final

import trio
from trio.lowlevel import ParkingLot, Task

from .._core import (
    NEVER,
    BulkOffer,
    Case,
    Choice,
    Decider,
    MergedChan,
    Ticker,
    TimedOffer,
    Waiter,
    brief,
    wait_in,
)
from .._queue import Job, JobQueue, belongs_to_user
from .._queue._block import open_block
from .._queue._stop import Stop
from .._queue._workers import Workers

Frames: TypeAlias = list[tuple[FrameType, int]]

# The most cases of one select that are named.
_CASES: Final = 8


class Ender(Enum):
    """Who can end a sleep."""

    NOBODY = "nobody needs to: it does not sleep"
    TASKS = "another task of this run"
    CHILDREN = "the tasks of its own nursery, when they end"
    OUTSIDE = "time, the operating system, a thread, or something unknown"


@final
@dataclass(frozen=True, slots=True)
class Sleep:
    """What a task waits for at one moment."""

    ender: Ender
    frames: Frames
    wants: str = ""
    things: tuple[object, ...] = ()  # only code that can reach one of these can end the sleep
    in_gochan: bool = False

    @property
    def place(self) -> tuple[FrameType, int] | None:
        """The innermost frame that belongs to the user, and its line."""
        return next((place for place in reversed(self.frames) if belongs_to_user(place[0])), None)


def tasks_of_run() -> list[Task]:
    """Return all tasks of the run in this thread, parents before children, older ones first.

    Raises:
        RuntimeError: there is none.
    """
    root = trio.lowlevel.current_root_task()
    tasks = [] if root is None else [root]
    for task in tasks:  # which grows meanwhile
        for nursery in task.child_nurseries:
            tasks += sorted(nursery.child_tasks, key=lambda child: getattr(child, "_counter", 0))
    return tasks


def belongs_to_trio(task: Task) -> bool:
    """Tell whether this is the task that trio keeps for calls from other threads."""
    return task.name == "<TrioToken.run_sync_soon task>"


def examine(task: Task) -> Sleep:
    """Find out what ``task`` waits for."""
    frames = [*task.iter_await_frames()]
    # A task that will run next has something to be sent; trio shows it in no other way. Of one
    # that runs only the outermost frame is seen, in which nobody sleeps.
    if getattr(task, "_next_send_fn", None) is not None:
        return Sleep(Ender.NOBODY, frames)
    sleep = _sleep_in_gochan(frames) or _sleep_in_trio(frames)
    if sleep.ender is Ender.OUTSIDE:
        return sleep
    for frame, _ in frames[_begin(frames) :]:
        if frame.f_code in _PHRASES:
            wants, things = _PHRASES[frame.f_code](_local(frame, _NAMES.get(frame.f_code, "self")))
            return Sleep(sleep.ender, frames, wants, things or sleep.things, in_gochan=True)
    return sleep


def _code(function: Any) -> CodeType:
    code: CodeType = unwrap(function).__code__
    return code


def _local(frame: FrameType, name: str) -> Any:
    """Return a local variable of a frame of gochan or trio."""
    there = frame.f_locals
    value = there.get(name)
    if isinstance(there, dict):  # pragma: no branch  # since Python 3.13 it is not a copy
        there.clear()  # otherwise the frame would keep the copy and its values alive
    return value


def _begin(frames: Frames) -> int:
    """Return the index of the first library frame, below the last frame of the user's."""
    for index in range(len(frames) - 1, -1, -1):
        frame = frames[index][0]
        if belongs_to_user(frame) or frame.f_code is _HANDLE:
            return index + 1
    return 0


# In gochan

# The frames in which tasks sleep, with the name of the waiter there.
_WAITERS: Final[dict[CodeType, str]] = {
    _code(wait_in): "offer",
    **{_code(kind.__await__): "self" for kind in (BulkOffer, TimedOffer, Choice, Decider)},
}


def _sleep_in_gochan(frames: Frames) -> Sleep | None:
    """Return what the task waits for, if it waits in gochan."""
    for index in range(len(frames) - 1, -1, -1):
        frame = frames[index][0]
        if frame.f_code in _WAITERS:
            waiter = _local(frame, _WAITERS[frame.f_code])
            wants, things = _wish(waiter, frames[:index])
            # A time limit does not matter here, since it is a cancel scope of the task.
            return Sleep(Ender.TASKS, frames, wants, things, in_gochan=True)
    return None


def _wish(waiter: Waiter, callers: Frames) -> tuple[str, tuple[object, ...]]:
    """Return what a waiter wants, and the things that it waits at."""
    match waiter:
        case Choice():
            cases = zip(_nearest(callers, "all_labels"), waiter._cases, strict=True)
            return _first_of("select", [pair for pair in cases if pair[1] is not NEVER])
        case Decider():
            members = waiter.members
            return _first_of(waiter.title, [(member.label, member.case) for member in members])
    offer: Any = waiter
    title, things = offer.end._state.title, (offer.end._thing,)
    if isinstance(offer, BulkOffer):
        number, value = len(offer.values), brief(offer.value)
        return f"send {number} values to {title}, next {value}", things
    if offer.role == "receive":
        return f"receive from {title}", things
    return f"send {brief(offer.value)} to {title}", things


def _nearest(callers: Frames, name: str) -> Any:
    """Return that variable of the innermost caller that has one; a tracer may be in between."""
    values = (_local(frame, name) for frame, _ in reversed(callers))
    return next(value for value in values if value is not None)


def _first_of(
    title: str, cases: Sequence[tuple[object, Case[Any]]]
) -> tuple[str, tuple[object, ...]]:
    """Return the same for a wait for the first of several cases, each with its label."""
    things = tuple(case._thing for _, case in cases if case._thing is not None)
    if not cases:
        return f"{title} without any case", ()
    if len(cases) == 1 and title == "select":
        return str(cases[0][1]), things
    words = [
        # A number in a select only says which case it is.
        str(case) if title == "select" and isinstance(label, int) else f"{_say(label)}: {case}"
        for label, case in cases[:_CASES]
    ]
    more = f" and {len(cases) - _CASES} more" if len(cases) > _CASES else ""
    return f"{title} over {', '.join(words)}{more}", tuple(dict.fromkeys(things))


def _say(label: object) -> str:
    return label if isinstance(label, str) else brief(label)


def _work(workers: Workers[Any, Any]) -> tuple[str, tuple[object, ...]]:
    return f"next job of {workers._lives.title}", (workers,)


def _submit(queue: JobQueue[Any, Any]) -> tuple[str, tuple[object, ...]]:
    return f"submit to {queue._lives.title}", (queue,)


def _join(queue: JobQueue[Any, Any]) -> tuple[str, tuple[object, ...]]:
    return f"end of all jobs of {queue._lives.title}", (queue,)


def _stop(queue: JobQueue[Any, Any]) -> tuple[str, tuple[object, ...]]:
    return f"stop of {queue._lives.title}", (queue,)


def _stop_under_way(stop: Stop) -> tuple[str, tuple[object, ...]]:
    return f"stop of {stop.lives.title}", (stop.lives,)


def _job(job: Job[Any, Any]) -> tuple[str, tuple[object, ...]]:
    return f"end of {job.name}", (job,)


def _merged(merged: MergedChan[Any]) -> tuple[str, tuple[object, ...]]:
    return f"receive from {merged!r}", ()


def _tick(ticker: Ticker) -> tuple[str, tuple[object, ...]]:
    return f"next tick of {ticker!r}", (ticker,)


# While a task is inside one of these functions, this is reported instead: what it wants, and
# the things it waits at, if there are any. The outermost function counts; the user called it.
_PHRASES: Final[dict[CodeType, Callable[[Any], tuple[str, tuple[object, ...]]]]] = {
    _code(Workers._work): _work,
    _code(JobQueue.submit): _submit,
    _code(JobQueue.join): _join,
    _code(open_block): _join,
    _code(JobQueue.stop): _stop,
    _code(Stop.run): _stop_under_way,
    _code(JobQueue.wait_stopped): _stop,
    _code(Job.wait): _job,
    _code(MergedChan.receive): _merged,
    _code(MergedChan.__anext__): _merged,
    _code(Ticker.__anext__): _tick,
}
# The variable that holds the object, where it is not ``self``.
_NAMES: Final = {_code(open_block): "queue"}

# Below this frame is the handler of a job, whatever its module.
_HANDLE: Final = _code(Workers._handle)

# In trio

_SLEEP: Final = _code(trio.lowlevel.wait_task_rescheduled)
_PARK: Final = _code(ParkingLot.park)


def _functions(*functions: tuple[str, Any]) -> dict[CodeType, str]:
    return {_code(function): f"trio.{name}" for name, function in functions}


# Functions that sleep by themselves, and functions that sleep in a parking lot.
_SLEEPS: Final = _functions(
    ("Event.wait", trio.Event.wait),
    ("MemorySendChannel.send", trio.MemorySendChannel.send),
    ("MemoryReceiveChannel.receive", trio.MemoryReceiveChannel.receive),
    ("sleep_forever", trio.sleep_forever),
)
_PARKS: Final = _functions(
    ("Lock.acquire", trio.Lock.acquire),
    ("Semaphore.acquire", trio.Semaphore.acquire),
    ("Condition.wait", trio.Condition.wait),
    ("CapacityLimiter.acquire", trio.CapacityLimiter.acquire_on_behalf_of),
)
_CHILDREN: Final = _functions(
    ("open_nursery", trio.Nursery._nested_child_finished),
)


def _sleep_in_trio(frames: Frames) -> Sleep:
    """Return what the task waits for, if it does not wait in gochan."""
    callers = [frame for frame, _ in frames]
    while callers and callers[-1].f_code is not _SLEEP:
        callers.pop()
    # The caller of the function that sleeps, and the caller of that.
    outer, caller = [None, None, *callers[:-1]][-2:]
    if caller is None:
        return Sleep(Ender.OUTSIDE, frames)
    code = caller.f_code
    if code in _CHILDREN:
        return Sleep(Ender.CHILDREN, frames, _CHILDREN[code])
    if code in _SLEEPS:
        thing = _local(caller, "self")
        # The two ends of a memory channel share its state.
        things = () if thing is None else (getattr(thing, "_state", thing),)
        return Sleep(Ender.TASKS, frames, _SLEEPS[code], things)
    if code is _PARK and outer is not None:
        if outer.f_code in _PARKS:
            return Sleep(Ender.TASKS, frames, _PARKS[outer.f_code], (_local(outer, "self"),))
        # Trio also parks tasks that wait for signals, which come from outside.
        if str(outer.f_globals.get("__name__")).partition(".")[0] != "trio":
            return Sleep(Ender.TASKS, frames, "trio.ParkingLot.park", (_local(caller, "self"),))
    return Sleep(Ender.OUTSIDE, frames)

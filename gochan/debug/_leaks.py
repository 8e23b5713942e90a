"""Leaks: tasks blocked on something that no live task can do."""

# Theory of operation
# -------------------
# To wake a task that waits at a channel, code needs a reference to that channel. So we search
# the memory for everything that the live parts of the program can reach: modules, running
# frames, and tasks that do not sleep or that time or the outside world will wake. A task that
# waits at a channel found in this way is live, too, so we add what that task can reach; and so
# on, until the search finds nothing new. The other waiting tasks have leaked.
#
# The search follows references from object to object, as the garbage collector does. It must
# not pass through a sleeping task. A channel refers to the tasks that wait there, and trio to
# all tasks, but no code can use these references to reach what a task holds. A task that waits
# for its nursery is live if one of the tasks in that nursery is.

from __future__ import annotations

import gc
import math
import signal
import sys
from collections.abc import Iterable, Iterator
from threading import get_ident
from types import FrameType, ModuleType
from typing import Final
from weakref import ref

from trio.lowlevel import Task

from .._core import heap_here, spare_choices, spare_offers
from ._report import Report, find_tasks, report_on
from ._waits import Ender, Sleep, examine

# Objects that gochan keeps for reuse, which may still refer to channels they were used with.
_SPARES: Final = (spare_offers, spare_choices)

# Bypasses the class of a module, which might import something when it is asked.
_names_of: Final = vars(ModuleType)["__dict__"].__get__


def leaks() -> Report:
    """Report the tasks of this run that wait in gochan and will never be woken.

    These tasks wait at channels, wait groups or job queues that no live code can reach: neither
    the running code, nor a module, nor a task that waits for time, for I/O, for a thread, or at
    something that live code can reach. A task in a select without cases has leaked, too, unless
    it is the main task of the run. Go calls this a goroutine leak. If no task at all can go on,
    that is a deadlock; see `detect_deadlocks`.

    A reported task will wait until it is cancelled. The report may miss some: a task that can
    reach a channel may still never use it. A task under a time limit is not a leak.

    The search covers the whole memory of the process, which may take some tenths of a second.
    It does not see references that only a C extension holds, or only an expression that is being
    evaluated during the call.

    Raises:
        RuntimeError: no run is going on in the calling thread.
    """
    tasks = find_tasks("leaks()")
    sleeps = {task: examine(task) for task in tasks}
    asleep = {task: sleep for task, sleep in sleeps.items() if not _goes_on(task, sleep)}
    # First, because a frame may keep an old copy of its variables until they are read.
    running = [*_held_by_frames(sys._getframe(1))]
    known = _Known(asleep)
    known.add(sys.modules.values())
    known.add(running)
    known.add(signal.getsignal(number) for number in signal.valid_signals())
    known.add(task for task in tasks if task not in asleep)
    while woken := [task for task, sleep in asleep.items() if known.can_end(task, sleep)]:
        known.wake(woken)
    return report_on(
        (task, sleep)
        for task, sleep in asleep.items()
        if sleep.in_gochan and sleep.ender is Ender.TASKS and (sleep.things or not _is_main(task))
    )


def _goes_on(task: Task, sleep: Sleep) -> bool:
    """Whether a task can go on without another task."""
    if sleep.ender is Ender.TASKS:
        deadline: float = task._cancel_status.effective_deadline()
        return deadline < math.inf
    return sleep.ender is not Ender.CHILDREN


def _is_main(task: Task) -> bool:
    return task is task._runner.main_task


def _held_by_frames(frame: FrameType | None) -> Iterator[object]:
    """Yield the variables of the running code in all threads; ``frame`` is of this thread."""
    frames = [frame, *(f for t, f in sys._current_frames().items() if t != get_ident())]
    for innermost in frames:
        here = innermost
        while here is not None:
            yield here.f_globals
            yield from [*here.f_locals.values()]
            here = here.f_back


class _Known:
    """The objects found so far, and the search for more."""

    def __init__(self, asleep: dict[Task, Sleep]) -> None:
        self._asleep = asleep  # shrinks
        # Found objects are kept alive, so that no id is used again, and are not searched again.
        # So what the search must not pass through is in here from the start.
        known = (*_SPARES, heap_here(), *asleep)
        self._found: dict[int, object] = {id(thing): thing for thing in known}

    def add(self, things: Iterable[object]) -> None:
        """Add these things, and everything that can be reached from them."""
        found, is_tracked = self._found, gc.is_tracked
        wave = [*things]
        while wave:
            # An object that the garbage collector does not track refers to no tracked object.
            news = {id(t): t for t in wave if is_tracked(t) and id(t) not in found}
            found |= news
            # The names of a module are enough. In the state of modules written in C, the search
            # did not end. (Some objects say that they are modules, and are none.)
            wave = gc.get_referents(
                *[_names_of(t) if issubclass(type(t), ModuleType) else t for t in news.values()]
            )
            # A waiting task keeps its channel alive, so a weak reference still leads there.
            wave += [t() for t in news.values() if isinstance(t, ref)]

    def wake(self, tasks: list[Task]) -> None:
        """Mark tasks as live, and add everything that can be reached from them."""
        for task in tasks:
            del self._asleep[task], self._found[id(task)]
        self.add(tasks)

    def can_end(self, task: Task, sleep: Sleep) -> bool:
        """Whether live code can end this sleep."""
        if sleep.ender is Ender.CHILDREN:
            return any(
                child not in self._asleep
                for nursery in task.child_nurseries
                for child in nursery.child_tasks
            )
        return any(id(thing) in self._found for thing in sleep.things)

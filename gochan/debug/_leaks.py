"""Leaks: tasks that wait for what nobody can do who can still do anything."""

# Theory of operation
# -------------------
# Whoever is to wake a task that waits at a channel needs a reference to the channel. So the
# memory is searched for what can be reached by the parts of the program that can go on:
# modules, running frames, and tasks that do not sleep or that time or the world outside will
# wake. A task that waits at a channel found there can go on, too, and what it reaches is found
# as well; and so on, until nothing new is found. The others have leaked.
#
# The search goes from each object to those that it refers to, as the garbage collector does.
# It must not pass through the task of somebody who sleeps: a channel knows who waits there, and
# trio knows all tasks, but nobody can reach what a task holds by way of that. A task that waits
# for its nursery can go on if one of the tasks there can.

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

# What is kept to be used again, and may still know where it has been.
_SPARES: Final = (spare_offers, spare_choices)

# Without asking the module, which may be of a class that loads things when it is asked.
_names_of: Final = vars(ModuleType)["__dict__"].__get__


def leaks() -> Report:
    """Tell which tasks of this run wait in gochan and will never be woken.

    These are the tasks that wait at channels, wait groups or job queues which nobody can reach
    who can still go on: neither the running code, nor a module, nor a task that waits for
    time, I/O, a thread, or at something that can itself be reached. A task that waits in a
    select without any case has leaked, too, unless it is the main task of the run. It is
    what Go calls a goroutine leak. Where nothing at all can go on, see `detect_deadlocks`.

    A task that is reported will wait until it is cancelled. Not all that will are reported:
    that a task could reach a channel does not mean that it will ever use it, and a task under a
    time limit goes on when that has passed.

    It searches the whole memory of the process, which may take some tenths of a second. It
    does not see what is held by nothing but a C extension, or by an expression that is being
    evaluated while it is called.

    Raises:
        RuntimeError: no run is going on in the calling thread.
    """
    tasks = find_tasks("leaks()")
    sleeps = {task: examine(task) for task in tasks}
    asleep = {task: sleep for task, sleep in sleeps.items() if not _goes_on(task, sleep)}
    # First, as a frame may keep an old copy of its variables until it is asked for them.
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
    """Whether a task needs no other one."""
    if sleep.ender is Ender.TASKS:
        deadline: float = task._cancel_status.effective_deadline()
        return deadline < math.inf
    return sleep.ender is not Ender.CHILDREN


def _is_main(task: Task) -> bool:
    return task is task._runner.main_task


def _held_by_frames(frame: FrameType | None) -> Iterator[object]:
    """Yield what the running code of all threads has in its variables; ``frame`` is this one's."""
    frames = [frame, *(f for t, f in sys._current_frames().items() if t != get_ident())]
    for innermost in frames:
        here = innermost
        while here is not None:
            yield here.f_globals
            yield from [*here.f_locals.values()]
            here = here.f_back


class _Known:
    """What has been found, and how to find more."""

    def __init__(self, asleep: dict[Task, Sleep]) -> None:
        self._asleep = asleep  # shrinks
        # Kept alive, so that no number is used again. What is in it is not searched any more,
        # so it begins with that through which there is no way.
        known = (*_SPARES, heap_here(), *asleep)
        self._found: dict[int, object] = {id(thing): thing for thing in known}

    def add(self, things: Iterable[object]) -> None:
        """Find these things, and all that they lead to."""
        found, is_tracked = self._found, gc.is_tracked
        wave = [*things]
        while wave:
            # What the garbage collector does not track refers to nothing that it does.
            news = {id(t): t for t in wave if is_tracked(t) and id(t) not in found}
            found |= news
            # Of a module its names are enough; in the state of one that is written in C, the
            # search was seen not to end.
            wave = gc.get_referents(
                *[_names_of(t) if isinstance(t, ModuleType) else t for t in news.values()]
            )
            # A waiting task keeps its channel alive, so who knows it weakly finds it still.
            wave += [t() for t in news.values() if isinstance(t, ref)]

    def wake(self, tasks: list[Task]) -> None:
        """Find these tasks, which are not asleep any more, and all that they lead to."""
        for task in tasks:
            del self._asleep[task], self._found[id(task)]
        self.add(tasks)

    def can_end(self, task: Task, sleep: Sleep) -> bool:
        """Whether somebody who can go on can end this sleep."""
        if sleep.ender is Ender.CHILDREN:
            return any(
                child not in self._asleep
                for nursery in task.child_nurseries
                for child in nursery.child_tasks
            )
        return any(id(thing) in self._found for thing in sleep.things)

"""Deadlocks: an error instead of waiting for ever."""

# Theory of operation
# -------------------
# Each run with a block of ``detect_deadlocks`` has a watch (see _watch.py), which notices when
# no task can go on. It then strikes the block that was entered last: the block is cancelled, and
# raises the error when it is left. Tasks behind a shield sleep on. If everything comes to rest
# again before the block is left, the error is raised in each sleeping task of the block, where
# it sleeps.
#
# Invariants
# ----------
# 1. A run has a watch if and only if one of its tasks is inside a block.
# 2. A block is struck at most once, and each rest after that wakes at least one task.

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import indent
from typing import Any, NoReturn, final

import trio
from trio.lowlevel import Task

from .._core import Chan, ChanState, ChanStatistics, WaitGroup
from .._queue import JobQueue
from .._queue._lifecycle import Lifecycle
from .._queue._workers import Workers
from ._births import birth_of, noting_births
from ._report import Report, ReportedChan, title_of
from ._waits import Ender, examine
from ._watch import watch_of_run


@final
class DeadlockError(Exception):
    """Nothing can happen any more, because all tasks wait for one another.

    The message names each task, what it waits for, and where in the program. It also says where
    each channel was made and each job queue opened, if that was inside the block.

    Attributes:
        report: the same as a `Report`. It also has the tasks that wait for an event, a lock or
            something else in trio, but not those that only wait for a nursery to end.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report
        things = [thing for wait in report.waits for thing in wait.things]
        births = dict.fromkeys(filter(None, map(_birth, things)))
        hints = [_hint(*channel) for channel in report.channels.items()]
        hints += [
            f"nobody is left to finish {thing!r}"
            for thing in things
            if isinstance(thing, WaitGroup)
        ]
        details = indent("\n".join([str(report), *births, *dict.fromkeys(hints)]), "  ")
        self._text = f"all tasks are asleep, and none is left to wake another\n{details}"

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:  # some tools show only this, such as pytest in its summary
        waits = sorted(self.report.waits, key=lambda wait: wait.wants.startswith("trio."))
        return f"DeadlockError({'; '.join(map(str, waits))})"


def _hint(channel: ReportedChan, statistics: ChanStatistics) -> str:
    """Say what no task is left to do."""
    sending, receiving = statistics.tasks_waiting_send, statistics.tasks_waiting_receive
    missing = {
        (True, False): "receive from",
        (False, True): "send to or close",
        (True, True): "meet those who wait at",
        (False, False): "close",
    }[sending > 0, receiving > 0]
    return f"nobody is left to {missing} {title_of(channel)}"


def _birth(thing: object) -> str:
    """Say where a channel was made or a job queue opened, if that is known."""
    match thing:
        case Chan():
            return _birth(thing._state)
        case ChanState():
            birth = birth_of(thing)
            return f"{thing.title} was made {birth}" if birth else ""
        case JobQueue() | Workers():
            return _birth(thing._lives)
        case Lifecycle():
            birth = birth_of(thing.intake.state)
            return f"{thing.title} was opened {birth}" if birth else ""
    return ""


@contextmanager
def detect_deadlocks() -> Iterator[None]:
    """Raise `DeadlockError` when all tasks of the run wait for one another.

    ::

        with gochan.debug.detect_deadlocks():
            await serve()

    This is Go's "all goroutines are asleep - deadlock!". The error is raised only if nothing can
    ever happen again and at least one task waits in gochan. That means: no task can run; no
    time limit, timer or ticker is pending; and every task waits for something that only another
    task can do: at a channel, for a wait group or job queue, for a nursery to end, for one of
    trio's events, locks and memory channels, or in ``trio.sleep_forever``.

    A task that waits for a socket, a thread, a process, a signal, or anything unknown may go on
    by itself. Any task may go on while something holds the `trio.lowlevel.TrioToken` of the run,
    as `open_signal_chan` and threads do (this is checked at least every second), or if the
    program has signal handlers of its own, or instruments that trio calls around its waits. In
    guest mode, the error is never raised.

    All tasks of the run count, not only those of the block. The block is cancelled, and raises
    the error when it is left. If another exception leaves it first, both are raised in a group.
    If everything comes to rest once more while the block cleans up behind a shield, the error
    is raised where its tasks wait. If blocks are nested, or several tasks have one, the block
    that was entered last raises.

    Use it inside a task. While a block is entered, each wait of the scheduler takes a few
    microseconds more, and a few dozen per task when all tasks sleep. Each new channel takes a
    few microseconds more, to note where it was made.

    Raises:
        DeadlockError: see above.
        RuntimeError: it was not entered by a task.
    """
    try:
        task = trio.lowlevel.current_task()
    except RuntimeError:
        raise RuntimeError(
            "detect_deadlocks() must be entered by a task: use it inside an async function that "
            "trio runs"
        ) from None
    block = _Block(task)
    watch = watch_of_run()
    watch.enter(block)
    try:
        with noting_births(), block.scope:
            yield
    except BaseException as error:
        if block.error is None or _is(error, block.error):
            raise
        if _is(error, trio.Cancelled):
            raise block.error from None
        both = [block.error, error]
        raise BaseExceptionGroup("a deadlock, and an error after it", both) from None
    finally:
        watch.leave(block)
    if block.error is not None:
        raise block.error from None  # the message has all that matters


def _is(error: BaseException, what: Any) -> bool:
    """Whether this is only ``what``, an error or a class of errors, perhaps in groups."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is(part, what) for part in error.exceptions)
    return error is what if isinstance(what, BaseException) else isinstance(error, what)


@final
class _Block:
    """A block of `detect_deadlocks` that a task has entered."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.scope = trio.CancelScope()
        self.error: DeadlockError | None = None
        self._outside = len(task.child_nurseries)

    def strike(self, report: Report) -> None:
        """Cancel the block; the second time, raise the error in each task that still sleeps."""
        error = DeadlockError(report)
        if self.error is None:
            self.error = error
            self.scope.cancel(reason="deadlock")
            return

        def raise_error(error: DeadlockError = error) -> NoReturn:
            raise error

        for task in self._tasks():
            if examine(task).ender is Ender.TASKS:
                task._attempt_abort(raise_error)

    def _tasks(self) -> Iterator[Task]:
        nurseries = self.task.child_nurseries[self._outside :]
        yield self.task
        for nursery in nurseries:
            for task in nursery.child_tasks:
                nurseries += task.child_nurseries
                yield task

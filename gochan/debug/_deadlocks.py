"""Deadlocks: an error instead of waiting for ever."""

# Theory of operation
# -------------------
# Trio tells an instrument each time before it waits for the world outside. If no task can
# run then, nothing is due at any time, and everybody sleeps for something that only another
# task could do, then nothing will ever happen again, unless somebody from outside comes in.
# There are a few doors. In guest mode the host may do anything at any time, so nothing is
# said there. And a thread needs the token of the run, so as long as
# anybody has a reference to that, nothing is said either. As it may be let go of by a thread,
# of which the run takes no notice, there is a look every now and then. In the thread of the
# run the handler of a signal finds the token, and so does another instrument that is told of
# the wait; nobody knows what those will do. (Ctrl-C does not count.)
#
# Trio has decided by then how long it will wait, so tasks that are woken here would not be
# looked at; a call by way of the token makes it look.
#
# The block entered last is cancelled, and raises when it is left. What is shielded from that
# sleeps on; if everything comes to rest again before the block is left, then the error is
# raised in each sleeping task of the block, right where it sleeps.
#
# Invariants
# ----------
# 1. A run has the instrument if and only if one of its tasks is inside a block.
# 2. A block is struck at most once, and each rest after that wakes at least one task.

from __future__ import annotations

import math
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from textwrap import indent
from typing import Any, Final, NoReturn, final

import trio
from trio.lowlevel import RunVar, Task

from .._core import Chan, ChanState, ChanStatistics, WaitGroup
from ._report import Report, report_on, title_of
from ._waits import Ender, Sleep, belongs_to_trio, examine, tasks_of_run

# How soon to look again while somebody has the token: in so many seconds, then twice as many.
_FIRST_DELAY: Final = 0.01
_LAST_DELAY: Final = 1.0

# Whose handlers of signals only end the run, or have the token.
_HARMLESS: Final = {"_signal", "trio", "gochan", "pytest_timeout"}


@final
class DeadlockError(Exception):
    """Nothing can happen any more, as all tasks wait for one another.

    The message names each task, what it waits for, and where in the program.

    Attributes:
        report: the same as a `Report`. It has the tasks that wait for an event, a lock or
            another thing of trio's, too, but not those that only wait for the end of a nursery.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report
        hints = [_hint(*channel) for channel in report.channels.items()]
        hints += [
            f"nobody is left to finish {thing!r}"
            for wait in report.waits
            for thing in wait.things
            if isinstance(thing, WaitGroup)
        ]
        details = indent("\n".join([str(report), *dict.fromkeys(hints)]), "  ")
        self._text = f"all tasks are asleep, and none is left to wake another\n{details}"

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:  # all that some tools show, such as pytest at the end
        waits = sorted(self.report.waits, key=lambda wait: wait.wants.startswith("trio."))
        return f"DeadlockError({'; '.join(map(str, waits))})"


def _hint(channel: Chan[Any] | ChanState[Any], statistics: ChanStatistics) -> str:
    """Say what nobody will do any more."""
    sending, receiving = statistics.tasks_waiting_send, statistics.tasks_waiting_receive
    missing = {
        (True, False): "receive from",
        (False, True): "send to or close",
        (True, True): "meet those who wait at",
        (False, False): "close",
    }[sending > 0, receiving > 0]
    return f"nobody is left to {missing} {title_of(channel)}"


@contextmanager
def detect_deadlocks() -> Iterator[None]:
    """Raise `DeadlockError` when all tasks of the run wait for one another.

    ::

        with gochan.debug.detect_deadlocks():
            await serve()

    That is Go's "all goroutines are asleep - deadlock!". It is raised only if it is certain
    that nothing can ever happen again, and at least one task waits in gochan: no task can run,
    no time limit, timer or ticker is pending, and all tasks wait for what only another task
    can do: at channels, for wait groups and job queues, for the end of a nursery, for events,
    locks and memory channels of trio's, or in ``trio.sleep_forever``. Whoever waits for a socket,
    a thread, a process, a signal, or for anything that is not known here, may go on by itself;
    and while anybody holds the `trio.lowlevel.TrioToken` of the run, such as `open_signal_chan`
    or a thread, something may come from there. (Whether anybody still does is looked at every
    second, at least.) So it may from a handler of your own for a signal, or an instrument of your
    own that trio calls around its waits. In guest mode, nothing is ever raised.

    All tasks of the run are looked at, not only those of the block. The block is cancelled, and
    raises the error when it is left. If it has been left by another exception meanwhile, both
    are in a group. If everything comes to rest once more while the block cleans
    up, behind a shield, the error is raised where its tasks wait. When blocks are nested, or
    several tasks have one, the one that was entered last raises.

    Use it inside a task. While a block is entered, each wait of the scheduler costs a
    few microseconds more, and those in which everybody waits a few dozen for each task.

    Raises:
        DeadlockError: see above.
        RuntimeError: it is not used in a task.
    """
    try:
        task = trio.lowlevel.current_task()
    except RuntimeError:
        raise RuntimeError(
            "detect_deadlocks() has to be entered by a task: use it inside an async function "
            "that trio runs"
        ) from None
    block = _Block(task)
    watch = _enter(block)
    try:
        with block.scope:
            yield
    except BaseException as error:
        if block.error is None or _is(error, block.error):
            raise
        if _is(error, trio.Cancelled):
            raise block.error from None
        both = [block.error, error]
        raise BaseExceptionGroup("a deadlock, and what came of it", both) from None
    finally:
        watch.leave(block)
    if block.error is not None:
        raise block.error from None  # which names all that matters


def _is(error: BaseException, what: Any) -> bool:
    """Whether this is nothing but ``what``, an error or a kind of them, perhaps in groups."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is(part, what) for part in error.exceptions)
    return error is what if isinstance(what, BaseException) else isinstance(error, what)


@final
class _Block:
    """A block of `detect_deadlocks` that a task is in."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.scope = trio.CancelScope()
        self.error: DeadlockError | None = None
        self._outside = len(task.child_nurseries)

    def strike(self, error: DeadlockError) -> None:
        """Cancel it, or whatever sleeps on in it since it was cancelled."""
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


@final
class _Watch(trio.abc.Instrument):
    """Looks whether everybody sleeps, on behalf of the blocks of one run."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self._timer: threading.Timer | None = None
        self._delay = _FIRST_DELAY

    def leave(self, block: _Block) -> None:
        """Forget a block; with the last one, stop looking."""
        self.blocks.remove(block)
        if not self.blocks:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            with suppress(KeyError):  # trio takes out an instrument that has failed
                trio.lowlevel.remove_instrument(self)

    def before_io_wait(self, timeout: float) -> None:
        """Strike the block that was entered last, if nothing can happen any more."""
        statistics = trio.lowlevel.current_statistics()
        if (
            statistics.tasks_runnable
            or statistics.run_sync_soon_queue_size
            or statistics.seconds_to_next_deadline < math.inf
            or _is_guest()
        ):
            return
        if _may_be_entered():
            self._look_again_later()
            return
        sleeps = _find_deadlock()
        if sleeps is not None and not _may_be_interrupted() and self._is_alone():
            self.blocks[-1].strike(DeadlockError(report_on(sleeps)))
            trio.lowlevel.current_trio_token().run_sync_soon(_look_at_tasks)

    def _is_alone(self) -> bool:
        """Whether no other instrument could do something each time that all sleep."""
        told = self.blocks[0].task._runner.instruments
        return {*told.get("before_io_wait", ()), *told.get("after_io_wait", ())} <= {self}

    def _look_again_later(self) -> None:
        if self._timer is None:
            # Not by way of the token, to which this would be one more reference.
            queue = trio.lowlevel.current_trio_token()._reentry_queue
            self._timer = threading.Timer(self._delay, self._wake, (queue.run_sync_soon,))
            self._timer.daemon = True
            self._timer.start()
            self._delay = min(2 * self._delay, _LAST_DELAY)

    def _wake(self, run_sync_soon: Callable[[Callable[[], object]], object]) -> None:
        with suppress(trio.RunFinishedError):
            run_sync_soon(self._forget_timer)

    def _forget_timer(self) -> None:
        self._timer = None


def _look_at_tasks() -> None:
    """Do nothing; but trio does not wait before it has done so."""


_watch_of_run: RunVar[_Watch] = RunVar("gochan deadlocks")


def _enter(block: _Block) -> _Watch:
    try:
        watch = _watch_of_run.get()
    except LookupError:
        watch = _Watch()
        _watch_of_run.set(watch)
    if not watch.blocks:
        trio.lowlevel.add_instrument(watch)
    watch.blocks.append(block)
    return watch


def _find_deadlock() -> list[tuple[Task, Sleep]] | None:
    """Return who sleeps, and for what, if only tasks could wake tasks."""
    sleeps: list[tuple[Task, Sleep]] = []
    for task in tasks_of_run():
        if not belongs_to_trio(task):
            sleep = examine(task)
            if sleep.ender not in (Ender.TASKS, Ender.CHILDREN):
                return None
            if sleep.ender is Ender.TASKS or sleep.in_gochan:
                sleeps.append((task, sleep))
    return sleeps if any(sleep.in_gochan for _, sleep in sleeps) else None


def _is_guest() -> bool:
    """Whether another event loop drives this run."""
    runner = getattr(trio.lowlevel.current_root_task(), "_runner", None)
    return bool(getattr(runner, "is_guest", True))


def _may_be_entered() -> bool:
    """Whether anybody has the token of this run."""
    token = trio.lowlevel.current_trio_token
    return _count_references(token) > _ALONE or weakref.getweakrefcount(token()) > 0


def _may_be_interrupted() -> bool:
    """Whether a signal would run code of the program in this thread, which may do anything."""
    return threading.current_thread() is threading.main_thread() and any(
        callable(handler)
        and str(getattr(handler, "__module__", None)).partition(".")[0] not in _HARMLESS
        for handler in map(signal.getsignal, signal.valid_signals())
    )


def _count_references(get: Callable[[], object]) -> int:
    """Return how many references there are to a thing, in the way Python counts them here."""
    thing = get()
    return sys.getrefcount(thing)


class _Holder:
    """Has the only reference to a thing, as a run has to its token."""

    def __init__(self) -> None:
        self.thing = object()

    def get(self) -> object:
        return self.thing


_ALONE: Final = _count_references(_Holder().get)

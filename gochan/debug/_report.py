"""A report: every task that waits in gochan, for what, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, final

from trio.lowlevel import Task

from .._core import Chan, ChanState, ChanStatistics
from .._queue import describe
from ._waits import Sleep, examine, tasks_of_run

_NO_RUN: Final = (
    "gochan.debug.{} looks at the trio run of the calling thread, and there is none; call it from "
    "a task, an instrument or a signal handler of the run, or from another thread with "
    "trio.from_thread.run_sync"
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    """A task that waits, and what for. As a string it is one line."""

    task: Task
    """The task."""
    name: str
    """The name of the task."""
    wants: str
    """What it waits for, in words, such as ``"receive from channel 'jobs'"``."""
    things: tuple[object, ...]
    """What it waits at: channels, wait groups, tickers, jobs, job queues. Empty if only time or
    a cancellation can end the wait."""
    file: str | None
    """The file of the innermost line in the user's own code; ``None`` if there is none, as for an
    idle worker of a job queue."""
    line: int | None
    """The number of that line, from 1."""
    function: str | None
    """The qualified name of the function around that line."""

    @property
    def where(self) -> str:
        """The place in a few words, such as ``"in crawl (web.py, line 12)"``, or ``""``."""
        if self.file is None or self.line is None or self.function is None:
            return ""
        return describe(self.file, self.line, self.function)

    def __str__(self) -> str:
        return ", ".join(filter(None, (f"{self.name}: {self.wants}", self.where)))


class ReportedChan(Protocol):
    """A channel in a `Report`: a `gochan.Chan`, or what the ends of one have in common.

    The second stands for a channel of `gochan.open_memory_channel`, and for a ``Chan`` of which
    the program has kept only an end.
    """

    def statistics(self) -> ChanStatistics:
        """Return what the channel holds and who waits there, at this moment."""


@final
@dataclass(frozen=True, slots=True)
class Report:
    """Who waited at one moment. As a string, a line for each task and one for each channel."""

    waits: tuple[Wait, ...]
    """The tasks that wait: parents before their children, older ones before younger ones."""
    channels: dict[ReportedChan, ChanStatistics]
    """The channels at which they wait, each as it was at that moment."""

    def __str__(self) -> str:
        if not self.waits:
            return "no task to report"
        lines = Counter(map(str, self.waits))
        return "\n".join(
            [
                *(
                    line if times == 1 else f"{line} ({times} times)"
                    for line, times in lines.items()
                ),
                *(describe_channel(*channel) for channel in self.channels.items()),
            ]
        )


def report() -> Report:
    """Report which tasks of this run wait in gochan, for what, and where in the program.

    ::

        print(gochan.debug.report())

    It finds all waits at channels, selects, selectors, merged channels, tickers and wait groups,
    and for jobs and job queues. It leaves out tasks that wait for something else, and tasks
    that can already go on and only have not had their turn.

    It reads the frames of the tasks, so it costs nothing until it is called, and then a few dozen
    microseconds per task. It changes nothing. Call it from a task, an instrument, or a signal
    handler in the thread of the run.

    Raises:
        RuntimeError: no run is going on in the calling thread.
    """
    sleeps = [(task, examine(task)) for task in find_tasks("report()")]
    return report_on((task, sleep) for task, sleep in sleeps if sleep.in_gochan)


def find_tasks(caller: str) -> list[Task]:
    """Return all tasks of the run; without a run, raise an error that says what to do."""
    try:
        return tasks_of_run()
    except RuntimeError:
        raise RuntimeError(_NO_RUN.format(caller)) from None


def report_on(sleeps: Iterable[tuple[Task, Sleep]]) -> Report:
    """Return a report on these tasks."""
    waits = tuple(_wait(task, sleep) for task, sleep in sleeps)
    channels: list[ReportedChan] = [
        thing for wait in waits for thing in wait.things if isinstance(thing, (Chan, ChanState))
    ]
    return Report(waits, {channel: channel.statistics() for channel in channels})


def _wait(task: Task, sleep: Sleep) -> Wait:
    if sleep.place is None:
        return Wait(task, task.name, sleep.wants, sleep.things, None, None, None)
    frame, line = sleep.place
    code = frame.f_code
    return Wait(
        task, task.name, sleep.wants, sleep.things, code.co_filename, line, code.co_qualname
    )


def title_of(channel: ReportedChan) -> str:
    """Return what a channel is called in messages."""
    known: Any = channel
    title: str = getattr(known, "_state", known).title
    return title


def describe_channel(channel: ReportedChan, statistics: ChanStatistics) -> str:
    """Say in one line what a channel was like."""
    return (
        f"{title_of(channel)}: {'closed' if statistics.closed else 'open'}, "
        f"{statistics.current_buffer_used}/{statistics.max_buffer_size} buffered, "
        f"{statistics.tasks_waiting_send} sending, {statistics.tasks_waiting_receive} receiving"
    )

"""Waiting in a test until the jobs of durable queues have ended, or never will."""

# Theory of operation
# -------------------
# The workers of the queues do the work; this looks on. It looks again whenever a bell rings.
#
# In virtual time, it lets all tasks come to rest before a look. So what it sees changes only if
# time passes. If no job runs, and the time of none is still to come, nothing will ever change:
# the test fails, and says of each job why it waits. In real time nobody can tell rest from work
# that a thread does; there, a second without a bell counts as rest.

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Final, TypeVar, final

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from .._core import ReceiveChan, select
from .._queue import Outcome
from ..durable import DurableJob, DurableQueue, Hint, JobRecord
from ..strategies import check_seconds
from ._prospects import Prospects, prospects_of_job, prospects_of_queues
from ._standstill import Goal, say_never, say_not_soon, say_not_yet

R = TypeVar("R")

_REST: Final = 1.0  # seconds without a bell, in real time
_LONGEST_RUN: Final = 86_400.0  # seconds without a bell while a job runs, in virtual time
_MOST_CHANGES: Final = 10_000  # in virtual time
_SLACK: Final = 0.01  # seconds after which what was due has happened


async def run_until_idle(*queues: DurableQueue[Any, Any], within: float | None = None) -> None:
    """Let the workers run all jobs of the queues, those included that have to wait; then return.

    ::

        async with durable_queue(call_bank, retry=Retry(first=3600, jitter=0)) as queue:
            await queue.submit({"order": 7})
            await run_until_idle(queue)

    Jobs that are delayed, or tried again after hours, are waited for, as are those that jobs
    submit meanwhile. In virtual time that takes no time: use the fixture ``autojump_clock`` of
    pytest-trio. The next ticks of `gochan.durable.periodic` do not count; to let days pass, sleep.

    Args:
        queues: one or several; they need not have their handlers in the same object, and jobs of
            one may be submitted, or waited for, by those of another.
        within: how many seconds it may take, by the clock of the test. By default, it gives up if
            nothing has happened for a day while a job runs, or if there is no end after 10,000
            changes; in real time, as soon as it would have to wait longer than a second for a job
            whose time has not come.

    Raises:
        AssertionError: the queues will never be idle, or not in time. The message says of each job
            why: the queue is paused, no handler is there, another job holds it up, and so on.
    """
    __tracebackhide__ = True
    if not queues:
        raise TypeError("run_until_idle needs a queue: await run_until_idle(queue)")
    onlooker = _Onlooker(Goal(queues), within)
    await onlooker.wait(lambda: prospects_of_queues(queues))


async def outcome_of(
    queue: DurableQueue[Any, R],
    job: DurableJob[R] | JobRecord | int,
    *,
    within: float | None = None,
) -> Outcome[R]:
    """Wait until a job has ended, and return its outcome; fail if it never will.

    ::

        outcome = await outcome_of(queue, job)
        assert outcome.value == "cat-small.jpg"

    Like `DurableJob.wait`, but a job that cannot end makes the test fail instead of hanging.

    Args:
        queue: of the job.
        job: what `DurableQueue.submit` returned, a record, or the number of the job.
        within: how many seconds it may take, by the clock of the test; the default is that of
            `run_until_idle`.

    Raises:
        AssertionError: the job will never end, or not in time; the message says why.
        JobGone: the store does not know it, or does not keep it any more.
    """
    __tracebackhide__ = True
    id = job if isinstance(job, int) else job.id
    onlooker = _Onlooker(Goal([queue], id), within)
    await onlooker.wait(lambda: prospects_of_job(queue, id))
    return await queue.job(id).wait()


@final
class _Onlooker:
    """Looks on until a goal is reached, or cannot be."""

    def __init__(self, goal: Goal, within: float | None) -> None:
        if within is not None:
            check_seconds("within", within)
        self._goal = goal
        self._within = within
        self._end = trio.current_time() + (math.inf if within is None else within)
        clock = trio.lowlevel.current_clock()
        self._virtual = isinstance(clock, MockClock)
        self._still = (
            isinstance(clock, MockClock)
            and clock.rate == 0
            and clock.autojump_threshold == math.inf
        )
        self._changes = 0
        self._since = trio.current_time()  # the last change

    async def wait(self, look: Callable[[], Awaitable[Prospects]]) -> None:
        """Return when a look says that all is over.

        Raises:
            AssertionError: that will never be, or not in time.
        """
        __tracebackhide__ = True
        async with AsyncExitStack() as stack:
            bells = [
                await stack.enter_async_context(queue.store.listen(queue.name))
                for queue in self._goal.queues
            ]
            while True:
                if self._virtual:
                    await wait_all_tasks_blocked()
                    _hush(bells)
                seen = await look()
                if seen.over:
                    return
                await self._wait_for_bell(bells, seen)

    async def _wait_for_bell(self, bells: Sequence[ReceiveChan[Hint]], seen: Prospects) -> None:
        """Wait as long as something may happen."""
        __tracebackhide__ = True
        left = self._end - trio.current_time()
        if left <= 0:
            raise AssertionError(await say_not_yet(self._goal, f" after {self._within:g} s"))
        with trio.move_on_after(min(left, await self._patience(seen))):
            await select(*(bell.on_receive() for bell in bells))
            self._changes += 1
            self._since = trio.current_time()

    async def _patience(self, seen: Prospects) -> float:
        """Return how many seconds to wait for a bell.

        Raises:
            AssertionError: none is to be expected.
        """
        __tracebackhide__ = True
        if self._virtual and self._within is None and self._changes >= _MOST_CHANGES:
            raise AssertionError(
                await say_not_yet(self._goal, f" after {_MOST_CHANGES} changes", give_time=True)
            )
        rest = trio.current_time() - self._since
        if seen.running:
            return await self._patience_while_running(rest)
        if seen.due is not None:
            return await self._patience_until_due(seen.due, seen.at)
        if self._virtual or rest >= _REST:
            raise AssertionError(await say_never(self._goal, seen.stuck))
        return _REST - rest

    async def _patience_while_running(self, rest: float) -> float:
        __tracebackhide__ = True
        if not self._virtual:
            return _REST
        if self._within is not None:
            return math.inf
        if rest >= _LONGEST_RUN:
            raise AssertionError(
                await say_not_yet(
                    self._goal, ", and a job has run for a day without a change", give_time=True
                )
            )
        return _LONGEST_RUN - rest

    async def _patience_until_due(self, due: JobRecord, at: float) -> float:
        __tracebackhide__ = True
        ahead = max(0.0, at - self._goal.queues[0].store.now())
        too_long = not self._virtual and self._within is None and ahead > _REST
        if self._still or too_long:
            raise AssertionError(await say_not_soon(self._goal, due, stands_still=self._still))
        return ahead + (_SLACK if self._virtual else _REST)


def _hush(bells: Sequence[ReceiveChan[Hint]]) -> None:
    """Forget what has rung: the next look shows it."""
    for bell in bells:
        with suppress(trio.WouldBlock):
            while True:
                bell.receive_nowait()

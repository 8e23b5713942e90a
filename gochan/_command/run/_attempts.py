"""The attempts for an item: when each begins, how long it may take, and what follows."""

# Theory of operation
# -------------------
# A job of the queue is an item, and stays with its worker until the item is done or given up. So
# there is one job for each item, however often its command is tried.
#
# A worker whose job waits to be tried again would be missing. So it is replaced as long as that
# lasts; the gate sees to it that still no more commands run than may.
#
# When the run ends, no attempt begins: an item that has failed stays failed, and one that was never
# tried is handed back.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Final, final

import trio

from ... import Job, current_job
from ._attempt import Attempt, CommandFailed, NeverStarted
from ._options import FailureOptions
from .items import Item
from .pace import Gate, GateShut, TimeLimit

# How many workers can be replaced while their jobs wait to be tried again.
_MOST_REPLACED: Final = 1000


@final
class Attempts:
    """Runs the command for each item, as often as that takes.

    Args:
        run: runs a command; async.
        gate: says when.
        options: about failures.
        title: returns what the command for an item is called.
        on_failure: called as soon as an attempt has failed, before another command can start.
        on_end: called when an attempt has ended, with its kind and the reason.
        on_replaced: called when there are more of those to be replaced, or fewer.

    Attributes:
        running: the attempts that run.
        retried: how many followed another one.
        replaced: how many workers to replace, since their jobs only wait to be tried again.
    """

    def __init__(
        self,
        run: Callable[[Attempt], Awaitable[None]],
        gate: Gate,
        options: FailureOptions,
        *,
        title: Callable[[Item], str],
        on_failure: Callable[[Attempt], object],
        on_end: Callable[[Attempt, str, str], object],
        on_replaced: Callable[[], object],
    ) -> None:
        self.running: dict[Attempt, None] = {}
        self.retried = 0
        self.replaced = 0
        self._run_command = run
        self._gate = gate
        self._options = options
        self._title = title
        self._on_failure = on_failure
        self._on_end = on_end
        self._on_replaced = on_replaced
        self._over = trio.Event()

    async def run(self, item: Item) -> None:
        """Run the command for an item until it is done; the work of a job.

        Raises:
            CommandFailed: the item is not done.
        """
        job: Job[Item, None] = current_job()
        failure: CommandFailed = NeverStarted("the run was stopped")
        for number in count(1):  # pragma: no branch  # it has no end
            try:
                await self._gate.enter(front=number > 1)
            except GateShut:
                raise failure from None
            try:
                await self._run_once(item, job, number)
            except CommandFailed as error:
                if self._is_last(number):
                    raise
                failure = error
            else:
                return
            finally:
                self._gate.leave()
            await self._wait_for_next()

    def stop(self) -> None:
        """Begin no further attempt."""
        self._over.set()
        self._gate.shut()

    async def _run_once(self, item: Item, job: Job[Item, None], number: int) -> None:
        limit = self._options.limit
        attempt = Attempt(
            item,
            job,
            number,
            is_last=partial(self._is_last, number),
            may_time_out=limit.adapts or limit.seconds is not None,
            on_failure=self._on_failure,
            title=self._title,
        )
        attempt.limit(limit.seconds)
        self.retried += number > 1
        self.running[attempt] = None
        try:
            await attempt.run(self._run_command)
        except CommandFailed as error:
            attempt.note_failure()
            self._on_end(attempt, error.kind, str(error))
            raise
        except trio.Cancelled:
            cause = job.cause or "cancelled"
            # Who types commands knows of no queue.
            why = "the run was stopped" if cause == "interrupted" else job.reason
            self._on_end(attempt, cause, why)
            raise
        except Exception as error:  # a bug of ours, which must not go unnoticed
            attempt.note_failure()
            self._on_end(attempt, "failed", repr(error))
            raise
        else:
            self._on_end(attempt, "done", "")
        finally:
            del self.running[attempt]
        if limit.adapts:
            self._adapt(limit, attempt.age)

    def _is_last(self, number: int) -> bool:
        """Return whether no attempt follows the one of this number, should it fail."""
        return number >= self._options.attempts or self._over.is_set()

    def _adapt(self, limit: TimeLimit, seconds: float) -> None:
        """Change the time limit of all that run, after one was done in so many seconds."""
        limit.note(seconds)
        for attempt in self.running:
            attempt.limit(limit.seconds)

    async def _wait_for_next(self) -> None:
        """Wait as long as there has to be between two attempts."""
        if self._options.delay:
            with self._replacing(), trio.move_on_after(self._options.delay):
                await self._over.wait()

    @contextmanager
    def _replacing(self) -> Iterator[None]:
        """Have a worker more inside the block."""
        if self.replaced >= _MOST_REPLACED:
            yield
            return
        self.replaced += 1
        self._on_replaced()
        try:
            yield
        finally:
            self.replaced -= 1
            self._on_replaced()

"""Submitting: how a payload becomes a job that waits, or is turned away."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import get_ident
from typing import Generic, TypeVar, final

import trio

from .._core import SLOT, ChanClosedError, Refused, check_priority
from ..strategies import check_seconds
from ._jobs import Job
from ._lifecycle import Lifecycle

P = TypeVar("P")
R = TypeVar("R")


@final
class Submitting(Generic[P, R]):
    """Makes jobs, and offers them to the strategy of a queue.

    Args:
        lives: what changes the jobs of the queue.
        describe: describes the queue, for errors.
    """

    def __init__(self, lives: Lifecycle[P, R], describe: Callable[[], str]) -> None:
        self._lives = lives
        self._describe = describe
        self._state = lives.intake.state
        self._now = lives.now
        self._thread = get_ident()

    def make(
        self, payload: P, timeout: float | None = None, priority: int = 0, key: Hashable = None
    ) -> Job[P, R]:
        """Make a job; it is not submitted yet."""
        if get_ident() != self._thread:
            self._lives.check_run()
        if timeout is not None or type(priority) is not int:
            check_options(timeout, priority)
        job: Job[P, R] = Job(self._lives, payload, timeout, priority, key, self._now())
        if SLOT.observer is not None:
            SLOT.submits(job)
        return job

    def give(self, job: Job[P, R]) -> bool:
        """Submit a job if there is room for it now, and return whether there was."""
        try:
            admitted: bool = self._state.give(job)
        except Exception as error:
            raise self.turned_away(job, error) from None
        if admitted and SLOT.observer is not None:
            SLOT.observer.admits(self._lives, job)
        return admitted

    async def wait_for_room(self, job: Job[P, R]) -> None:
        """Submit a job for which there was no room."""
        lives = self._lives
        lives.ledger.entering += 1
        try:
            task = trio.lowlevel.current_task()
            await self._state.wait(task, "send", job, lives.intake.channel)
            if SLOT.observer is not None:
                SLOT.observer.admits(lives, job)
        except Exception as error:
            raise self.turned_away(job, error) from None
        finally:
            lives.ledger.entering -= 1
            lives.note_idleness()

    def turned_away(self, job: Job[P, R], error: Exception) -> Exception:
        """Return what the submitter of a job gets that was not let in because of ``error``."""
        if isinstance(error, Refused):
            return self._lives.refuse(job, error)
        if isinstance(error, ChanClosedError):
            return ChanClosedError(f"{self._describe()} accepts no more jobs", job.payload)
        self._lives.user_code.blame_strategy(error)
        return error


def check_options(timeout: float | None, priority: int) -> None:
    """Raise unless a job can have these options."""
    if timeout is not None:
        check_seconds("timeout", timeout, more_than=0, otherwise="None")
    check_priority(priority)

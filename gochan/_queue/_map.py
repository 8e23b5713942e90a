"""Mapping: a handler applied to many payloads, with the results to iterate over."""

# Theory of operation
# -------------------
# No task runs in the background. Each ``receive`` submits as many jobs as there is room for,
# then waits for one of its jobs to end. So payloads are read no faster than results are
# taken, and when the iteration is given up there is nothing to clean up but jobs to cancel,
# which needs no waiting. That happens when the iterator is closed, when it raises, and when
# it is no longer referenced. Its jobs know it only weakly.
#
# A job for which there is no room is kept until there is. It waits in line for the room only
# if no job of this iterator is left whose end would make room.

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar, final
from weakref import ref

import trio
from trio.lowlevel import ParkingLot, disable_ki_protection, enable_ki_protection

from .._core import ChanClosedError, Refused
from ._jobs import Job
from ._submitting import Submitting

P = TypeVar("P")
R = TypeVar("R")


@final
class Map(trio.abc.ReceiveChannel[R], Generic[P, R]):
    """The results of the jobs for some payloads.

    Args:
        payloads: what is left to be submitted.
        submitting: submits the jobs.
        ordered: whether the results come in the order of the payloads.
        make: makes a job for a payload.
        window: returns how many jobs may be submitted and not yet yielded.
    """

    def __init__(
        self,
        payloads: Iterator[P],
        submitting: Submitting[P, R],
        *,
        ordered: bool,
        make: Callable[[P], Job[P, R]],
        window: Callable[[], int],
    ) -> None:
        self._payloads: Iterator[P] | None = payloads
        self._ordered = ordered
        self._make = make
        self._submitting = submitting
        self._window = window
        self._next_job: Job[P, R] | None = None  # made, but there was no room for it
        self._left: dict[Job[P, R], None] = {}  # submitted and not yet yielded, in order
        self._ended: deque[Job[P, R]] = deque()  # those that have ended, in the order of the ends
        self._bell = ParkingLot()
        self._closed: ChanClosedError | None = None  # raised when the queue was closed

    @enable_ki_protection
    async def receive(self) -> R:
        """Return the next result."""
        try:
            await trio.lowlevel.checkpoint()
            return (await self._receive_job())._value()
        except BaseException:
            self._give_up()
            raise

    async def _receive_job(self) -> Job[P, R]:
        """Wait until a job has ended whose turn it is, and return it."""
        while True:
            self._submit_more()
            job = self._pop_ended()
            if job is not None:
                return job
            if self._left:
                await self._bell.park()
            elif self._next_job is not None:
                # All the room is taken by the jobs of others.
                job, self._next_job = self._next_job, None
                with suppress(Refused):
                    await self._submitting.wait_for_room(job)
                self._follow(job)
            else:
                raise self._closed or trio.EndOfChannel

    def _pop_ended(self) -> Job[P, R] | None:
        if not self._ended:
            return None
        if self._ordered:
            job = next(iter(self._left))
            if job.outcome is None:
                return None
            self._ended.remove(job)
        else:
            job = self._ended.popleft()
        del self._left[job]
        return job

    def _submit_more(self) -> None:
        """Submit jobs as long as there is room for them."""
        while len(self._left) < self._window():
            if self._next_job is None:
                self._next_job = self._read_job()
            job = self._next_job
            if job is None:
                return
            try:
                if not self._submitting.give(job):
                    return
            except Refused:
                pass  # the outcome of the job says so
            except ChanClosedError as error:
                self._closed = error
                self._payloads = self._next_job = None
                return
            self._next_job = None
            self._follow(job)

    def _read_job(self) -> Job[P, R] | None:
        """Make a job for the next payload, if there is one."""
        if self._payloads is not None:
            for payload in _read_one(self._payloads):
                return self._make(payload)
            self._payloads = None
        return None

    def _follow(self, job: Job[P, R]) -> None:
        self._left[job] = None
        job._watch(partial(_note_end, ref(self), job))

    def _note_end(self, job: Job[P, R]) -> None:
        if job in self._left:
            self._ended.append(job)
            self._bell.unpark_all()

    def _give_up(self) -> None:
        """Cancel the jobs that are left, and submit no more."""
        jobs, self._left = self._left, {}
        self._payloads = self._next_job = self._closed = None
        self._ended.clear()
        self._bell.unpark_all()
        for job in jobs:
            job.cancel("the loop over JobQueue.map was left")

    async def aclose(self) -> None:
        """Cancel the jobs that are left; do not wait for their ends."""
        self._give_up()
        await trio.lowlevel.checkpoint()

    def __del__(self) -> None:
        # From another thread, or after the run, it is too late.
        with suppress(RuntimeError):
            self._give_up()


@disable_ki_protection
def _read_one(payloads: Iterator[P]) -> list[P]:
    """Return the next payload in a list, or an empty list at the end."""
    for payload in payloads:
        return [payload]
    return []


def _note_end(mapping: ref[Map[P, R]], job: Job[P, R]) -> None:
    there = mapping()
    if there is not None:  # pragma: no branch  # as long as somebody iterates
        there._note_end(job)

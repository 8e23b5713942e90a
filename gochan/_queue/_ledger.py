"""The ledger: every job under one heading, at every instant."""

# Theory of operation
# -------------------
# A job is entered when it is admitted, moved when it starts, and closed when it ends; one
# that is refused is entered and closed in one step. Each of these is one synchronous call,
# so no task ever sees the books between two of them. A submit that still waits for room is
# not in the books, nor is one that was cancelled; but it counts as entering, so that tasks
# which wait for idleness wait for it too.
#
# The ledger knows nothing about channels, workers or strategies.
#
# Invariants (``audit`` asserts them)
# -----------------------------------
# 1. submitted = waiting + running + all outcomes, at every instant.
# 2. Every job in the ledger is in the state under which it is entered.

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar, final

from trio.lowlevel import ParkingLot, Task

from ._outcomes import KINDS, Kind


class Entry(Protocol):
    """A job, as far as the ledger looks at it."""

    id: int

    @property
    def state(self) -> str: ...


J = TypeVar("J", bound=Entry)


@final
class Ledger(Generic[J]):
    """The books of one queue."""

    def __init__(self) -> None:
        self.submitted: int = 0
        self.waiting: dict[J, None] = {}
        self.running: dict[J, Task] = {}  # each with the task of its worker
        self.ended: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self.entering: int = 0  # how many submits are under way
        self.worked: int = 0  # how many jobs have run to an end, and how long in all
        self.worked_seconds: float = 0.0
        self.watched: int = 0  # how many tasks wait for one of the following
        self._idle = ParkingLot()  # tasks that wait until nothing waits or runs
        self._at_rest = ParkingLot()  # tasks that wait until nothing runs

    # Moving jobs

    def admit(self, job: J) -> None:
        """Enter a job as waiting, and number it."""
        self.submitted = job.id = self.submitted + 1
        self.waiting[job] = None

    def refuse(self, job: J) -> None:
        """Number a job that is about to be closed without ever waiting."""
        self.submitted = job.id = self.submitted + 1

    def start(self, job: J, task: Task) -> None:
        """Move a job from waiting to running, in the hands of ``task``."""
        del self.waiting[job]
        self.running[job] = task

    def close(self, job: J, kind: Kind, ran: float) -> bool:
        """Close a job that has ended; return whether it was running, for ``ran`` seconds."""
        self.ended[kind] += 1
        if self.running.pop(job, None) is None:
            self.waiting.pop(job, None)
            return False
        self.worked += 1
        self.worked_seconds += ran
        return True

    # Waiting

    @property
    def idle(self) -> bool:
        """Whether nothing runs, waits, or is about to be submitted."""
        return not (self.running or self.waiting or self.entering)

    def wake(self) -> None:
        """Wake the tasks that wait for what is true now."""
        if not self.running:
            self._at_rest.unpark_all()
            if self.idle:
                self._idle.unpark_all()

    async def wait_idle(self) -> None:
        """Wait until nothing runs, waits, or is about to be submitted."""
        with self._watching():
            while not self.idle:
                await self._idle.park()

    async def wait_at_rest(self) -> None:
        """Wait until nothing runs."""
        with self._watching():
            while self.running:
                await self._at_rest.park()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        self.watched += 1
        try:
            yield
        finally:
            self.watched -= 1

    # Looking

    def count_ended(self) -> int:
        """Return how many jobs have ended."""
        return self.submitted - len(self.waiting) - len(self.running)

    @property
    def mean_seconds(self) -> float | None:
        """How long a job runs on average; ``None`` until one has."""
        return self.worked_seconds / self.worked if self.worked else None

    def audit(self) -> bool:
        """Return whether the invariants at the top of this file hold."""
        return (
            self.submitted == len(self.waiting) + len(self.running) + sum(self.ended.values())
            and all(job.state == "waiting" for job in self.waiting)
            and all(job.state == "running" for job in self.running)
        )

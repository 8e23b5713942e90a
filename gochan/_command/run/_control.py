"""The control of a run: what keys and other programs can see and change while it goes on."""

from __future__ import annotations

from typing import Any, final

from ... import JobQueue
from ._attempt import Attempt
from ._attempts import Attempts
from ._signals import interrupt
from .files import OpenFiles
from .pace import Gate


@final
class Control:
    """Sees and changes a run; for the task of the run, not for other threads."""

    def __init__(
        self, queue: JobQueue[Any, Any], gate: Gate, attempts: Attempts, files: OpenFiles
    ) -> None:
        self._queue = queue
        self._gate = gate
        self._attempts = attempts
        self._files = files

    # Looking

    keys = "+-pcq?"

    @property
    def workers(self) -> int:
        """How many commands may run at the same time."""
        return self._gate.limit

    @property
    def paused(self) -> bool:
        """Whether no command starts until it is resumed."""
        return self._gate.paused

    @property
    def waiting_for(self) -> str:
        """What the next command waits for, such as memory; empty if only for a worker."""
        return self._gate.reason

    def running(self) -> tuple[Attempt, ...]:
        """Return what runs, the oldest first."""
        return tuple(self._attempts.running)

    # Changing

    def resize(self, workers: int) -> None:
        """Change how many commands may run at the same time; those that run go on.

        There are no more of them than can have the files that they need.
        """
        self._gate.limit = self._files.affordable(max(1, workers))
        self.fit()
        self._gate.ring()

    def pause(self) -> None:
        """Let no command start; those that run go on."""
        self._gate.paused = True

    def resume(self) -> None:
        """Let commands start again."""
        self._gate.paused = False

    def cancel(self, number: int) -> None:
        """End the command for the item of this number; its job is not tried again."""
        for attempt in self.running():
            if attempt.item.number == number:
                attempt.job.cancel("it was cancelled by hand")

    def stop(self) -> None:
        """Do what Ctrl-C does, or would do."""
        interrupt()

    def fit(self) -> None:
        """Have as many workers as commands may run, and those whose jobs wait to be tried again."""
        self._queue.resize(self._gate.limit + self._attempts.replaced)

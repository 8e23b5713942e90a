"""An attempt: one run of the command for an item."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import final

import trio

from ... import Job
from .items import Item


class CommandFailed(Exception):
    """A command could not start, or its status was not 0, or its output was not passed on.

    Attributes:
        kind: how its job has ended, as the summary calls it.
    """

    kind = "failed"


@final
class TimedOut(CommandFailed):
    """A command has run for too long."""

    kind = "timed_out"


@final
class NeverStarted(CommandFailed):
    """A command has not been started, because the run ends."""

    kind = "handed_back"


@final
class Attempt:
    """One run of the command for an item, while it lasts.

    Attributes:
        item: what it is for.
        job: of the item.
        number: of the attempt, from 1.
        started: when it began, by trio's clock.
    """

    __slots__ = (
        "_has_failed",
        "_is_last",
        "_lifted",
        "_limit",
        "_name",
        "_on_failure",
        "_scope",
        "_title",
        "item",
        "job",
        "number",
        "started",
    )

    def __init__(
        self,
        item: Item,
        job: Job[Item, None],
        number: int,
        *,
        is_last: Callable[[], bool],
        may_time_out: bool,
        on_failure: Callable[[Attempt], object],
        title: Callable[[Item], str],
    ) -> None:
        self.item = item
        self.job = job
        self.number = number
        self._is_last = is_last
        self.started = trio.current_time()
        self._scope = trio.CancelScope() if may_time_out else None
        self._limit = math.inf
        self._lifted = False
        self._on_failure = on_failure
        self._title = title
        self._name = ""  # until somebody asks
        self._has_failed = False

    @property
    def last(self) -> bool:
        """Whether there is no further attempt if this one fails."""
        return self._is_last()

    @property
    def name(self) -> str:
        """The command, as one would type it."""
        self._name = self._name or self._title(self.item)
        return self._name

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return trio.current_time() - self.started

    async def run(self, command: Callable[[Attempt], Awaitable[None]]) -> None:
        """Run a command, in time if there is a limit.

        Raises:
            TimedOut: it took too long.
        """
        if self._scope is None:
            await command(self)
            return
        with self._scope:
            await command(self)
        if self._scope.cancelled_caught:
            raise TimedOut(f"it ran longer than {self._limit:g} s")

    @property
    def timed_out(self) -> bool:
        """Whether its time is up."""
        return self._scope is not None and self._scope.cancel_called

    def limit(self, seconds: float | None) -> None:
        """Let it take so many seconds, counted from its start; ``None`` for any time."""
        if self._scope is not None and not self._lifted:
            self._limit = math.inf if seconds is None else seconds
            self._scope.deadline = self.started + self._limit

    def lift_timeout(self) -> None:
        """Let it take any time from now on: the command has ended."""
        if not self.timed_out:
            self.limit(None)
            self._lifted = True

    def note_failure(self) -> None:
        """Hear that it has failed, before another command can start; only the first call counts."""
        if not self._has_failed:
            self._has_failed = True
            self._on_failure(self)

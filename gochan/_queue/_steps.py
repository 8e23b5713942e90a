"""Running a coroutine in a context of its own, one step at a time."""

# Theory of operation
# -------------------
# Context variables belong to the task, and one worker runs many jobs. So each step of a
# handler is run inside the context of its job: what it sets there is gone with the job, and
# the tasks and threads that it starts copy that context.
#
# The first step is taken by the worker; most short jobs end with it. `Steps` takes the
# others. It has the attributes by which a coroutine shows what it awaits, so that
# ``trio.lowlevel.Task.iter_await_frames`` and our own reports see through it.

from __future__ import annotations

from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, TypeVar, final

R = TypeVar("R")


@final
class Steps(Generator[Any, Any, R]):
    """The rest of a coroutine whose first step has been taken; to be awaited once.

    Args:
        run: of the context in which each step is taken.
        coroutine: whose first step has ended with ``message`` for the scheduler.
    """

    __slots__ = ("_coroutine", "_messages", "_run")

    def __init__(self, run: Callable[..., Any], coroutine: Any, message: object) -> None:
        self._run = run
        self._coroutine = coroutine
        self._messages = [message]

    def __await__(self) -> Steps[R]:
        return self

    def __next__(self) -> Any:
        return self._messages.pop() if self._messages else self.send(None)

    def send(self, value: Any, /) -> Any:
        """Take the next step."""
        return self._run(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        """Take the next step, which begins with an error."""
        return self._run(self._coroutine.throw, *error)

    def close(self) -> None:
        """End the coroutine where it is."""
        self._run(self._coroutine.close)

    @property
    def cr_frame(self) -> FrameType | None:
        """The frame of the coroutine."""
        frame: FrameType | None = self._coroutine.cr_frame
        return frame

    @property
    def cr_await(self) -> Any:
        """What the coroutine awaits."""
        return self._coroutine.cr_await

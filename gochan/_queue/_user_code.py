"""The calls of the user's code: the strategy, the hooks, and who is to blame if one raises."""

# Theory of operation
# -------------------
# The strategy and the hooks belong to the user, and may raise anything. They are called
# when the books are right, and nothing that they raise gets any further than ``break_``:
# it keeps the error, which `open_job_queue` raises at its end, and has the queue ended.
# The first error is kept, unless a later one is worse than an Exception.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, final

from ..strategies import Strategy, overrides
from ._handlers import call_hook
from ._jobs import Job

Hook: TypeAlias = Callable[[Job[Any, Any]], object]

_QUESTIONS: Final = ("offer", "take", "next_change", "finished")


@final
class UserCode:
    """Calls what the user has given to one queue, and keeps what it raises.

    Attributes:
        error: what the block of the queue has to raise at its end.
        learns: whether the answers of the strategy may change because a job has ended.
        listens: whether it makes any difference that the strategy is told of that.
    """

    def __init__(
        self,
        strategy: Strategy[Any],
        on_start: Hook | None,
        on_end: Hook | None,
        on_break: Callable[[str], object],
        *,
        strategy_is_ours: bool,
    ) -> None:
        self.error: BaseException | None = None
        self.learns: bool = any(overrides(strategy, question) for question in _QUESTIONS)
        # Of others only the user can ask for the estimate that follows from it.
        self.listens: bool = self.learns or not strategy_is_ours
        self.on_start = on_start
        self.on_end = on_end
        self._strategy = strategy
        self._on_break = on_break

    def ask(self, question: Callable[..., object], *arguments: object) -> None:
        """Do something that asks the strategy; if that raises, end the queue instead."""
        try:
            question(*arguments)
        except BaseException as error:
            self.blame_strategy(error)

    def blame_strategy(self, error: BaseException) -> None:
        """End the queue because its strategy is broken."""
        name = type(self._strategy).__qualname__
        if self.error is not error:
            error.add_note(f"raised by the strategy of a job queue, {name}; no further job starts")
        self.break_(error, f"the strategy, {name}, raised {error!r}")

    def call(self, name: Literal["on_start", "on_end"], job: Job[Any, Any]) -> None:
        """Call the hook of that name, which is there; if it raises, end the queue."""
        hook = self.on_start if name == "on_start" else self.on_end
        assert hook is not None
        try:
            call_hook(name, hook, job, "a job queue")
        except BaseException as error:
            self.break_(error, f"{name} raised {error!r}")

    def break_(self, error: BaseException, reason: str) -> None:
        """End everything, the block of `open_job_queue` included, because of ``error``."""
        first = self.error is None
        if first or (isinstance(self.error, Exception) and not isinstance(error, Exception)):
            self.error = error
        if first:
            self._on_break(reason)

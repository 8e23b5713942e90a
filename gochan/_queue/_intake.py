"""The intake: where jobs wait for a worker, behind a strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast, final

from .._core import Chan, EndOfChannel, first
from ..strategies import Strategy

T = TypeVar("T")


@final
class Intake(Generic[T]):
    """A channel whose strategy decides about the jobs in it.

    Submitters and workers use its state, without the operations of a channel around it.
    """

    def __init__(
        self,
        strategy: Strategy[T],
        on_admit: Callable[[T], object],
        on_drop: Callable[[T, str], object],
    ) -> None:
        self.strategy = strategy
        self.channel: Chan[T] = Chan(strategy=strategy, on_drop=on_drop, name="jobs")
        # That of a channel with a strategy.
        self.state: Any = cast("Any", self.channel._state)
        self.state.on_admit = on_admit
        self.state.hidden = True

    @property
    def closed(self) -> bool:
        """Whether no more jobs are accepted."""
        return self.channel.closed

    def close(self) -> list[T]:
        """Accept no more jobs; return those that the strategy hands back."""
        self.channel.close()
        handed_back: list[T] = self.state.take_handed_back()
        return handed_back

    def send_worker_away(self) -> bool:
        """Wake the worker that has waited longest, without a job; return whether one waited."""
        if not self.state.receivers:
            return False
        first(self.state.receivers).finish(error=EndOfChannel("this worker is to leave"))
        return True

    @property
    def waiting_workers(self) -> int:
        """How many workers wait for a job."""
        return len(self.state.receivers)

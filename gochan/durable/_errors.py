"""The errors of durable queues."""

from __future__ import annotations

from ..strategies import check_bool, check_seconds


class StoreError(Exception):
    """A store cannot do what it was asked; the text says which store, and what to do."""


class StoreUnavailable(StoreError):
    """A store cannot be reached, or cannot write now. What was asked for may be tried again."""


class StoreClosed(StoreError):
    """A store, or a queue on it, is used after its block was left."""


class QueueFull(StoreError):
    """A queue has no room for a job, and refuses what does not fit."""


class KeyTaken(StoreError):
    """Another job that has not ended has the key.

    Attributes:
        id: of the other job.
    """

    def __init__(self, message: str, id: int) -> None:
        super().__init__(message)
        self.id = id


class JobGone(StoreError):
    """A store does not know a job, or does not keep it any more."""


class LeaseLost(StoreError):
    """A run of a job is over, as far as the store knows, so it can change nothing any more."""


class HandlerError(Exception):
    """What a handler raised, perhaps in another process: its type and its text, as stored."""


class RetryLater(Exception):
    """A handler raises this to put its job off.

    Args:
        seconds: how long the job waits before it starts again.
        count: whether this start counts as an attempt.
    """

    def __init__(self, seconds: float, *, count: bool = True) -> None:
        self.seconds: float = check_seconds("seconds", seconds, finite=True)
        self.count: bool = check_bool("count", count)
        super().__init__(f"the job puts itself off for {seconds} s")


def unwrapped(error: BaseException) -> BaseException:
    """Return the one error that is in a group, as nurseries raise it; any other as it is."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error

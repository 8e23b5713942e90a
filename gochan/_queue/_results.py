"""The results: ended jobs, for those who iterate over them."""

# Theory of operation
# -------------------
# A job belongs to those who submitted it, so a queue keeps none that has ended, unless it
# was opened to keep them all. Each iterator has a channel of its own, into which every job
# is put as it ends. An iterator that comes too late to get all of them is an error, as
# it would silently get only some.

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Generic, TypeVar, final
from weakref import WeakSet

from .._core import Chan

T = TypeVar("T")


@final
class Results(Generic[T]):
    """Passes ended jobs on to any number of iterators.

    Args:
        keep: whether to keep all of them for iterators to come.
    """

    def __init__(self, *, keep: bool) -> None:
        self._kept: list[T] | None = [] if keep else None
        self._streams: WeakSet[Chan[T]] = WeakSet()

    def follow(self, ended: int) -> AsyncIterator[T]:
        """Return a new iterator over all results, of which there have been ``ended``.

        Raises:
            RuntimeError: some of them are gone.
        """
        if ended and self._kept is None:
            jobs = "1 job has" if ended == 1 else f"{ended} jobs have"
            raise RuntimeError(
                f"{jobs} ended before results() was called, and a queue keeps no ended jobs; "
                f"call results() before the first submit, or use open_job_queue(..., results=True)"
            )
        stream = Chan[T](math.inf, name="results")
        for job in self._kept or ():
            stream._state.give(job)
        self._streams.add(stream)
        return stream.receiver

    def add(self, job: T) -> None:
        """Pass an ended job on."""
        if self._kept is not None:
            self._kept.append(job)
        for stream in self._streams:
            if not stream.closed:
                stream._state.give(job)

    def close(self) -> None:
        """Let every iterator end."""
        for stream in self._streams:
            stream._state.close()

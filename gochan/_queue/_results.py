"""The results: ended jobs, for those who iterate over them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Generic, TypeVar, final
from weakref import WeakSet

from .._core._channel import Chan

T = TypeVar("T")

# How many jobs that have ended are kept until the results are first asked for.
EARLY: Final = 1000


@final
class Results(Generic[T]):
    """Passes ended jobs on to any number of iterators."""

    def __init__(self) -> None:
        self._early: deque[T] | None = deque(maxlen=EARLY)
        self._streams: WeakSet[Chan[T]] = WeakSet()

    def follow(self) -> AsyncIterator[T]:
        """Return a new iterator."""
        stream = Chan[T](math.inf, name="results")
        if self._early is not None:
            for job in self._early:
                stream.send_nowait(job)
            self._early = None
        self._streams.add(stream)
        return stream.receiver

    def add(self, job: T) -> None:
        """Pass an ended job on."""
        if self._early is not None:
            self._early.append(job)
        if self._streams:
            for stream in self._streams:
                if not stream.closed:
                    stream.send_nowait(job)

    def close(self) -> None:
        """Let every iterator end."""
        for stream in self._streams:
            stream.close()

"""How many files may be open, and how many commands can run with that."""

from __future__ import annotations

import os
import resource
from typing import Final, final

# What a command may need at the same time: two pipes, a file for each that holds more than
# memory should, and one to be told of its end.
_EACH: Final = 5

# What is needed besides: for the input, the terminal, records, and the event loop.
_REST: Final = 32


@final
class OpenFiles:
    """The files that may be open, and those that are, before any command runs."""

    def __init__(self) -> None:
        self._rest = _REST + _open_now()

    def affordable(self, workers: int) -> int:
        """Return how many of so many workers have enough; first raise the limit if need be."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = self._rest + workers * _EACH
        if resource.RLIM_INFINITY != soft < needed:
            soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            return max(1, min(workers, (soft - self._rest) // _EACH))
        return workers


def _open_now() -> int:
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 3

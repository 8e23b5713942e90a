"""Last words to a terminal, which must not hold up the end."""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress


def write_within(seconds: float, descriptor: int, data: bytes) -> None:
    """Write at once; to a terminal that takes nothing for so many seconds, not all."""
    deadline = time.monotonic() + seconds
    rest = memoryview(data)
    with suppress(OSError):  # the terminal has gone
        while rest and _takes_more(descriptor, deadline - time.monotonic()):
            rest = rest[os.write(descriptor, rest[: select.PIPE_BUF]) :]


def _takes_more(descriptor: int, seconds: float) -> bool:
    return bool(select.select([], [descriptor], [], max(0.0, seconds))[1])

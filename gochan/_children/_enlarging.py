"""Enlarging a pipe through which much goes, so that it does not go in small pieces."""

from __future__ import annotations

import fcntl
from typing import Final

# How many bytes a pipe holds at first, and then. More would not fit into the processor's cache.
SMALL: Final = 1 << 16
LARGE: Final = 1 << 18


def enlarge_pipe(descriptor: int) -> int:
    """Let a pipe that is full hold more, if the system allows that; return how much it holds."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, LARGE)
    except (OSError, AttributeError):  # it holds more, is no pipe, or there are too many
        return SMALL

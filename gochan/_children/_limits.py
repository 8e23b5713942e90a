"""How long a command may be: what the system allows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

# One argument, with the byte at its end: 32 pages on Linux.
ARGUMENT: Final = 32 * os.sysconf("SC_PAGE_SIZE")

# What the kernel allows at most, however large a stack may be.
_MOST: Final = 6 << 20

# What is left to the kernel, and to programs that add a variable to their environment.
_SPARE: Final = 4096

# What the kernel needs for each argument and variable besides its bytes: the byte at its
# end, and a pointer.
EACH: Final = 9


def room_for_command() -> int:
    """Return how many bytes a command may have, besides the environment that we have now."""
    most = min(os.sysconf("SC_ARG_MAX"), _MOST)
    environment = sum(len(k) + len(v) + 1 + EACH for k, v in os.environb.items())
    return most - environment - _SPARE


def size_of(words: Sequence[bytes]) -> int:
    """Return how many bytes a command takes."""
    return sum(map(len, words)) + EACH * len(words)

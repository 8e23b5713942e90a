"""What the command line asks ``gochan run`` to do."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, final

from ...strategies import Strategy

# The exit status when nobody reads the output any more, as a shell reports it.
BROKEN_PIPE: Final = 128 + signal.SIGPIPE


@final
@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run; times are in seconds."""

    command: tuple[str, ...]
    workers: int
    strategy: Strategy[Any]
    timeout: float | None
    keep_going: bool
    input: BinaryIO
    left_over: str | None
    drain: float
    grace: float

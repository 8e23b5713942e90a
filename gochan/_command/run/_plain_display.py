"""The display for anything but a terminal: a line for each command that has ended."""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from typing import BinaryIO, Final, final

from ... import QueueStatistics
from ._display import STDERR, Display, Running, describe, write_all

# How many seconds a line may wait for a reader that is slow. After that, lines are lost
# until somebody reads again.
PATIENCE: Final = 1.0

# How many bytes of output are passed on at a time.
_CHUNK: Final = 1 << 16


@final
class PlainDisplay(Display):
    """Shows each event as a line.

    Attributes:
        patience: how many seconds the next line may wait for a reader.
    """

    def __init__(self, descriptor: int = STDERR) -> None:
        self._descriptor = descriptor  # where the lines go
        self.patience = PATIENCE

    def say(self, line: str) -> None:
        view = memoryview(line.encode(errors="replace") + b"\n")
        with suppress(OSError):
            while view and select.select([], [self._descriptor], [], self.patience)[1]:
                # A pipe that is ready takes this much without blocking.
                view = view[os.write(self._descriptor, view[: select.PIPE_BUF]) :]
        self.patience = 0.0 if view else PATIENCE

    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        self.say(describe(kind, seconds, command, why))

    def update(
        self, counts: QueueStatistics, lines: int, running: Iterable[Running], phase: str = ""
    ) -> None:
        pass

    def show(self, output: BinaryIO, descriptor: int) -> None:
        with suppress(OSError) if descriptor == STDERR else nullcontext():
            while chunk := output.read(_CHUNK):
                write_all(descriptor, chunk)

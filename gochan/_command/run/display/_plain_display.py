"""The display for anything but a terminal: a line for each command that has ended."""

from __future__ import annotations

import os
import select
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, final

from ..._descriptors import STDERR
from ._display import Display, describe, encoded

# How many seconds a line may wait for a reader that is slow. After that, lines are lost
# until somebody reads again.
PATIENCE: Final = 1.0


@final
class PlainDisplay(Display):
    """Shows each event as a line.

    Args:
        descriptor: where the lines go.
        quiet: whether to show nothing but what went wrong.

    Attributes:
        patience: how many seconds the next line may wait for a reader.
    """

    def __init__(self, descriptor: int = STDERR, *, quiet: bool = False) -> None:
        self._descriptor = descriptor
        self._quiet = quiet
        self.patience = PATIENCE

    def say(self, text: str) -> None:
        view = memoryview(encoded(text))
        with suppress(OSError):
            while view and select.select([], [self._descriptor], [], self.patience)[1]:
                # A pipe that is ready takes this much without blocking.
                view = view[os.write(self._descriptor, view[: select.PIPE_BUF]) :]
        self.patience = 0.0 if view else PATIENCE

    @property
    def names_done(self) -> bool:
        return not self._quiet

    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        if kind != "done" or not self._quiet:
            self.say(describe(kind, seconds, command, why))

    def summarize(self, rows: Sequence[tuple[str, str]], notes: Iterable[str] = ()) -> None:
        if not self._quiet:
            super().summarize(rows, notes)

"""A record: what logs say of a command that has ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Final, final

from ..items import Item

# How a shell reports a signal.
_SIGNALLED: Final = 128


@final
@dataclass(frozen=True, slots=True)
class Record:
    """A command that has ended.

    Attributes:
        item: what it was for.
        command: as one would type it.
        start: when it started, in seconds since 1970.
        seconds: how long it ran.
        outcome: of its job, such as ``"done"`` and ``"timed_out"``.
        code: its exit status, negative for a signal; None if we ended it before its time.
    """

    item: Item
    command: bytes
    start: float
    seconds: float
    outcome: str
    code: int | None

    @property
    def exit_status(self) -> int | None:
        """Its exit status; None if a signal ended it."""
        return self.code if self.code is not None and self.code >= 0 else None

    @property
    def signal(self) -> int:
        """The signal that ended it; 0 if none did."""
        if self.code is None:
            return signal.SIGTERM
        return max(-self.code, 0)

    @property
    def shell_status(self) -> int:
        """Its exit status as a shell reports it."""
        status = self.exit_status
        return _SIGNALLED + self.signal if status is None else status


def signal_name(number: int) -> str:
    """Return what a signal is called."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

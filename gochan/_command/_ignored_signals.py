"""Signals that the parent of this process has asked it to ignore."""

# Theory of operation
# -------------------
# A shell starts what runs in the background of a script with SIGINT ignored, and `nohup` starts
# a program with SIGHUP ignored: these signals are for others then. So a program leaves them as
# they are. Ask before anything has been done about signals.

from __future__ import annotations

import signal


def is_ignored(number: int) -> bool:
    """Return whether a signal has no effect here."""
    return signal.getsignal(number) == signal.SIG_IGN


def not_ignored(*numbers: int) -> list[int]:
    """Return those of these signals that have an effect."""
    return [number for number in numbers if not is_ignored(number)]

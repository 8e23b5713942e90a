"""Being stopped, as by Ctrl-Z."""

from __future__ import annotations

import signal


def be_stopped() -> None:
    """Stop this process, though SIGTSTP is heard here; return when it goes on."""
    ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    try:
        signal.raise_signal(signal.SIGTSTP)
    finally:
        signal.signal(signal.SIGTSTP, ours)

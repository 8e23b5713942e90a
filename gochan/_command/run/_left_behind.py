"""What commands have left behind, as people see it."""

from __future__ import annotations

import os

from .display import printable, shortened


def shown(process: int) -> str:
    """Return the number of a process, and its command line if it is known."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        words = []
    title = printable(shortened(os.fsdecode(b" ".join(words).strip())))
    return f"{process} ({title})" if title else str(process)

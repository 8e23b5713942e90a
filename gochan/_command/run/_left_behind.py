"""What commands have left behind, as people see it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from ..._children import Orphans
from .display import printable, shortened

# How many processes are named.
_NAMED: Final = 8


async def tell_or_end(
    orphans: Orphans, say: Callable[[str], object], *, grace: float | None
) -> None:
    """Tell which processes are alive; end them if they are given some seconds of grace for that."""
    alive = orphans.alive()
    if alive:
        names = ", ".join(map(_shown, alive[:_NAMED]))
        more = f" and {len(alive) - _NAMED} more" if len(alive) > _NAMED else ""
        what = "still running, because" if grace is None else "ending what"
        say(f"gochan: {what} commands have left behind: {names}{more}")
        if grace is not None:
            await orphans.end(grace)


def _shown(process: int) -> str:
    """Return the number of a process, and its command line if it is known."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        words = []
    title = printable(shortened(os.fsdecode(b" ".join(words).strip())))
    return f"{process} ({title})" if title else str(process)

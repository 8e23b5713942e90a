"""A rest at the start, after which Linux spreads commands over the processors."""

# Theory of operation
# -------------------
# Linux starts a process where there seems to be least to do, and how much a task needs is an
# estimate: of how much it ran before its last naps. A Python that was just loaded seems to need a
# processor for itself. So a new command is put behind the one that runs on the other processor,
# although ours is free a moment later. The estimate is only corrected while a task gets its
# processor as soon as it wants one, which is never so between two short commands: it can stay
# wrong for as long as a run lasts, and then one of two processors has nothing to do half the time.
#
# A rest of 30 ms corrects it. The first commands do not wait for it, only those that follow so
# soon. There is none for a single worker, nor for more than there are processors: threads start
# those commands, and a thread is not taken for what another one was.
#
# The estimate is ``util_est`` in the kernel's ``kernel/sched/fair.c``, and ``/proc/PID/sched``
# shows it: 880 of 1024 without the rest, while 250 were used.

from __future__ import annotations

import sys
from typing import Final, final

from ...._children import count_processors
from ._gate import Hold

# How many seconds it takes.
_REST: Final = 0.03


def needs_rest(workers: int) -> bool:
    """Return whether there is a rest in a run with so many workers."""
    return sys.platform == "linux" and 1 < workers <= count_processors()


@final
class Rest:
    """So many commands start at once, the next ones when there was a rest."""

    def __init__(self, first: int) -> None:
        self._first = first  # still to come
        self._end = 0.0

    def hold(self, now: float) -> Hold | None:
        """Hold commands back until the rest is over."""
        if self._first or now >= self._end:
            return None
        return Hold("", self._end - now)

    def note_start(self, now: float) -> None:
        """Count those that start before the rest."""
        if self._first:
            self._first -= 1
            self._end = now + _REST

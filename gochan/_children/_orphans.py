"""Processes that commands leave behind outside of their sessions, as daemons do."""

# Theory of operation
# -------------------
# Who leaves the session of a command cannot be found by it. But when its parent has ended, the
# kernel gives it a new one: gochan, if that has asked for it, which Linux allows, or if it is
# the first process of a container. Then it must be reaped by us, and can be named at the end.

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from typing import Final, final

import trio

# How often we look for orphans that have died, in seconds.
_REAPING: Final = 0.2

# How often while they end.
_LOOK: Final = 0.02

_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """Become the parent of all that our descendants leave behind, where that is possible."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # trio has imported it already, but not everywhere

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@final
class Orphans:
    """The children of ours that we have not started.

    Args:
        ours: returns the processes that we have started.
        still: nothing is being started inside the block that it opens.
    """

    def __init__(
        self,
        ours: Callable[[], Collection[int]],
        still: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._ours = ours
        self._still = still

    async def reap_all(self, scope: trio.CancelScope) -> None:
        """Reap those that have died, again and again, until the scope is cancelled."""
        with scope:
            while True:
                self.alive()
                await trio.sleep(_REAPING)

    def alive(self) -> list[int]:
        """Return those that are alive, and reap the others."""
        if not _children() - {*self._ours()}:
            return []
        with self._still():  # for what is being started is not ours yet
            orphans = _children() - {*self._ours()}
        return [process for process in orphans if not _reap(process)]

    async def end(self, grace: float) -> None:
        """Send TERM to those that are alive, and KILL after some seconds."""
        told: set[int] = set()
        with trio.move_on_after(grace):
            while alive := self.alive():
                for process in {*alive} - told:
                    _signal(process, signal.SIGTERM)
                    _signal(process, signal.SIGCONT)
                told.update(alive)
                await trio.sleep(_LOOK)
        with trio.move_on_after(1, shield=True):
            while alive := self.alive():
                for process in alive:
                    _signal(process, signal.SIGKILL)
                await trio.sleep(_LOOK)


def _children() -> set[int]:
    """Return our children, as far as the system tells."""
    found: set[int] = set()
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            with suppress(OSError), open(f"/proc/self/task/{thread}/children") as file:
                found.update(map(int, file.read().split()))
    return found


def _reap(process: int) -> bool:
    """Return whether a process has gone."""
    try:
        return os.waitpid(process, os.WNOHANG)[0] == process
    except ChildProcessError:
        return True


def _signal(process: int, number: int) -> None:
    with suppress(OSError):
        os.kill(process, number)

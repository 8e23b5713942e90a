"""The processes that a command starts: which of them are alive, and signals to all of them."""

# Theory of operation
# -------------------
# A command leads a session of its own, and in it a process group. What it starts is in
# that group, unless it has made a group of its own, as `timeout` and job control do, or
# has left the session, as a daemon does. The kernel signals a group in one step, so that
# no process escapes by forking. The others in the session have to be found one by one,
# which only Linux allows; a session that is to be empty must be looked at again.

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import final


@final
class Session:
    """The session that the process ``leader`` leads.

    Where ``whole`` is false, a method is about the leader's process group alone.
    """

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def signal(self, number: int, *, whole: bool) -> None:
        """Send a signal to every process, once."""
        self._signal_group(number)
        if whole:
            for process, group in self._living():
                if group != self._leader:
                    with suppress(OSError):  # it has gone meanwhile
                        os.kill(process, number)

    def lives(self, *, whole: bool) -> bool:
        """Return whether any process is alive."""
        if not whole and not self._signal_group(0):
            return False
        if not Path("/proc/self/stat").exists():  # pragma: no cover  # not on Linux
            return self._signal_group(0)
        return any(whole or group == self._leader for _, group in self._living())

    def _signal_group(self, number: int) -> bool:
        """Send a signal to the leader's group, and return whether there is such a group."""
        try:
            os.killpg(self._leader, number)
        except (ProcessLookupError, PermissionError):  # the second for a group of dead processes
            return False
        return True

    def _living(self) -> Iterator[tuple[int, int]]:
        """List the processes that are alive, each with its process group.

        A process that is dead but not yet reaped does not count, since its parent may never
        reap it. In a container, often nobody does.
        """
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has gone meanwhile
                # "pid (name) state parent group session ...", where the name may be anything.
                fields = path.read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[3]) == self._leader and fields[0] not in "ZX":
                    yield int(path.parent.name), int(fields[2])

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
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import NamedTuple, final


class Process(NamedTuple):
    """A process that is alive."""

    number: int
    parent: int
    group: int
    session: int


@final
class Session:
    """The session that the process ``leader`` leads.

    Where ``whole`` is false, a method is about the leader's process group alone.
    """

    __slots__ = ("_leader",)

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def signal(self, number: int, *, whole: bool) -> bool:
        """Send a signal to every process, once; return whether the leader's group exists."""
        exists = _signal_group(self._leader, number)
        if whole:
            for process in living([self._leader]):
                if process.group != self._leader:
                    with suppress(OSError):  # it has gone meanwhile
                        os.kill(process.number, number)
        return exists

    def lives(self, *, whole: bool) -> bool:
        """Return whether any process is alive."""
        if not whole and not _signal_group(self._leader, 0):
            return False
        if not os.path.exists("/proc/self/stat"):  # pragma: no cover  # not on Linux
            return _signal_group(self._leader, 0)
        return any(whole or process.group == self._leader for process in living([self._leader]))


def living(sessions: Collection[int] | None = None) -> Iterator[Process]:
    """Find the processes that are alive, by default in all sessions; on Linux only.

    A process that is dead but not yet reaped does not count, since its parent may never
    reap it. In a container, often nobody does.
    """
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                process = _look_at(name)
                if process is not None and (sessions is None or process.session in sessions):
                    yield process


def _look_at(name: str) -> Process | None:
    try:
        with open(f"/proc/{name}/stat", "rb", buffering=0) as file:
            text = file.read()
    except OSError:  # it has gone meanwhile
        return None
    # "pid (name) state parent group session ...", where the name may be anything.
    state, parent, group, session, *_ = text.rpartition(b")")[2].split(maxsplit=4)
    if state in b"ZX":
        return None
    return Process(int(name), int(parent), int(group), int(session))


def _signal_group(leader: int, number: int) -> bool:
    """Send a signal to the leader's group, and return whether there is such a group."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # the second for a group of dead processes
        return False
    return True

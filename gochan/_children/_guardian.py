"""A guardian: it ends the commands if gochan itself is killed."""

# Theory of operation
# -------------------
# Nobody can react to SIGKILL. So a second process, forked before there are threads, waits for
# the end of a pipe that closes with gochan. The commands that run then are in a table, in
# memory that both share: to enter one costs no call of the system.
#
# A command that was just being started has no number yet. But all commands have the number of
# their job in their environment, and that is in the table until then, made negative. So the
# guardian looks for a new leader of a session that has it, and has lost its parent.

from __future__ import annotations

import mmap
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, final

from ._session import Session, living

# How many commands are guarded at most.
_SLOTS: Final = 1 << 15

# How many seconds the commands have to clean up, and how often we look.
_GRACE: Final = 2.0
_LOOK: Final = 0.02

# How many seconds after the end of gochan a process is new.
_NEW: Final = 2.0

_JOB: Final = b"GOCHAN_JOB"


@contextmanager
def guarding() -> Iterator[Guardian]:
    """End the commands that run inside the block if this process is killed.

    The guardian is another process, forked here: so enter this before there are threads.
    """
    guardian = Guardian()
    guardian.start()
    try:
        yield guardian
    finally:
        guardian.close()


@final
class Guardian:
    """Knows the commands that run; `guarding` makes one, `open_children` takes it.

    Attributes:
        process: that guards them; None before ``start``, and if there cannot be one.
    """

    def __init__(self) -> None:
        self.process: int | None = None
        self._table = memoryview(mmap.mmap(-1, 8 * _SLOTS)).cast("q")  # nobody reads the first
        self._free: list[int] = []
        self._used = 0
        self._pipe = -1

    def start(self) -> None:
        """Start the process; there must be no other thread."""
        read_end, self._pipe = os.pipe()
        parent = os.getpid()
        self.process = os.fork()
        if not self.process:
            try:
                self._guard(read_end, parent)
            finally:
                os._exit(0)
        os.close(read_end)

    def expect(self, environment: Mapping[bytes, bytes]) -> int:
        """Note that a command is about to be started with this environment.

        Returns:
            its place in the table; 0 if there is no room.
        """
        if self._free:
            place = self._free.pop()
        elif self._used < _SLOTS - 1:
            self._used += 1
            place = self._used
        else:
            place = 0
        self._table[place] = -int(environment.get(_JOB, b"0"))
        return place

    def enter(self, place: int, leader: int) -> None:
        """Note that it was started, and leads a session; this may be another thread."""
        self._table[place] = leader

    def leave(self, place: int) -> None:
        """Note that nothing of a command is alive any more."""
        if place:
            self._table[place] = 0
            self._free.append(place)

    def close(self) -> None:
        """End the process, which was started."""
        assert self.process is not None
        os.close(self._pipe)
        os.waitpid(self.process, 0)
        self.process = None

    # In the other process

    def _guard(self, pipe: int, parent: int) -> None:
        """Wait for the end of gochan, our parent, and end what is left."""
        os.setsid()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        with suppress(OSError), open("/proc/self/comm", "w") as file:
            file.write("gochan-guardian")
        os.dup2(pipe, 0)
        os.closerange(1, os.sysconf("SC_OPEN_MAX"))  # nobody waits for us to close them
        os.read(0, 1)
        leaders = {entry for entry in self._table[1:] if entry > 0}
        if jobs := [-entry for entry in self._table[1:] if entry < 0]:
            leaders |= _find_new(jobs, leaders, parent=parent)
        if leaders:
            _end(leaders)


def _find_new(jobs: Sequence[int], known: set[int], *, parent: int) -> set[int]:
    """Return the leaders of sessions that were started for these jobs just now.

    Another gochan may have jobs of the same numbers, but is itself the parent of that. What is
    ours has had the same parent as we have, and is given the same new one in the same moment.
    """
    time.sleep(_LOOK)  # until it has its environment
    wanted = [b"\0%b=%d\0" % (_JOB, job) for job in jobs]
    found = set()
    for process in living():
        ours = process.parent in (parent, os.getppid())
        if ours and process.number == process.session and process.number not in known:
            with suppress(OSError):
                age = time.time() - os.stat(f"/proc/{process.number}").st_mtime
                with open(f"/proc/{process.number}/environ", "rb") as file:
                    environment = b"\0" + file.read()
                    if age < _NEW and any(each in environment for each in wanted):
                        found.add(process.number)
    return found


def _end(leaders: set[int]) -> None:
    """Send TERM to all that is in these sessions, and KILL after a while."""
    sessions = [Session(leader) for leader in leaders]
    for number in (signal.SIGTERM, signal.SIGCONT):
        for session in sessions:
            session.signal(number, whole=True)
    deadline = time.monotonic() + _GRACE
    while any(living(leaders)):
        if time.monotonic() > deadline:
            for session in sessions:
                session.signal(signal.SIGKILL, whole=True)
        if time.monotonic() > deadline + _GRACE:
            break
        time.sleep(_LOOK)

"""A child process that never outlives its job, nor do those that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import trio

from ._stopping import cleanup
from ._timers import every

# How long the kernel may take to bury a process that was killed, and how often to look
# whether a group has gone.
_BURIAL: Final = 1.0
_LOOK: Final = 0.05


async def run_child(arguments: Sequence[str], stdout: BinaryIO, stderr: BinaryIO) -> int:
    """Run a command with its output in two files, and return its exit status.

    The child leads a process group of its own, so that a Ctrl-C at the terminal does not
    reach it past us, and so that it can be ended with all that it has started.

    If this is cancelled, the group gets TERM, and KILL when the time for cleaning up is over.
    In every case nothing of the group is left when this returns or raises.

    Raises:
        OSError, ValueError: the command cannot be started.
    """
    process = await trio.lowlevel.open_process(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        process_group=0,
    )
    try:
        return await process.wait()
    except trio.Cancelled:
        _signal_group(process.pid, signal.SIGTERM)
        with cleanup():
            await process.wait()
            async for _ in every(_LOOK):
                if not _lives(process.pid):
                    break
        raise
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        with trio.move_on_after(_BURIAL, shield=True):
            await process.wait()


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group, and return whether there is such a group."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # the second for a group of dead processes
        return False
    return True


def _lives(group: int) -> bool:
    """Return whether a process of the group is alive.

    Those that are dead, and only wait for somebody to take notice, do not count. In a
    container nobody may ever do so.
    """
    if not _signal_group(group, 0):
        return False
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has gone meanwhile
            # "pid (name) state parent group ...", where the name may be anything.
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "ZX":
                return True
    return not Path("/proc/self/stat").exists()  # where there is no such list, believe the signal

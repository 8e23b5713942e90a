"""A child process that never outlives its job, nor do those that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, Final

import trio

from ._stopping import cleanup

# How long the kernel may take to bury a process that was killed.
_BURIAL: Final = 1.0


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
        raise
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        with trio.move_on_after(_BURIAL, shield=True):
            await process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    # It may be gone already, or (on some systems) consist of dead processes only.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)

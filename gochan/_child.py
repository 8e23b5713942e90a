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

# How long the kernel may take to bury a process that was killed, and how often to look
# whether a group has gone.
_BURIAL: Final = 1.0
_LOOK: Final = 0.02

# How much output is copied at a time, in bytes.
_CHUNK: Final = 1 << 16


async def run_child(arguments: Sequence[str], stdout: BinaryIO, stderr: BinaryIO) -> int:
    """Run a command, copy its output into two files, and return its exit status.

    The child leads a session of its own, so that a Ctrl-C at the terminal does not reach it
    past us, it asks nobody for a password, and it can be ended with all that it has started.

    If this is cancelled, the group gets TERM, and KILL when the time for cleaning up is over.
    In every case nothing of the group is left when this returns or raises.

    Raises:
        OSError, ValueError: the command cannot be started.
    """
    process = await trio.lowlevel.open_process(
        arguments,
        stdin=subprocess.DEVNULL,
        # Not the files themselves: who opens /dev/stdout once more would empty them.
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    cancelled: trio.Cancelled | None = None
    copying = trio.CancelScope(shield=True)
    with trio.CancelScope() as ending:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_copy, [(process.stdout, stdout), (process.stderr, stderr)], copying)
            try:
                await process.wait()
            except trio.Cancelled as error:
                cancelled = error
                await _end_politely(process)
            finally:
                ending.shield = True
                survivors = _signal_group(process.pid, signal.SIGKILL)
                # Whoever has left the group may still hold the pipes, for ever.
                copying.deadline = trio.current_time() + _BURIAL
                with trio.move_on_at(copying.deadline):
                    await process.wait()
                    if survivors:
                        await _wait_for_end(process.pid)
    if cancelled is not None:
        # Kept until here, since a nursery might wrap it.
        try:
            raise cancelled
        finally:
            del cancelled
    assert process.returncode is not None
    return process.returncode


async def _copy(
    pairs: Sequence[tuple[trio.abc.ReceiveStream, BinaryIO]], scope: trio.CancelScope
) -> None:
    """Copy each stream into its file, until both have ended or ``scope`` is cancelled."""

    async def copy_one(stream: trio.abc.ReceiveStream, file: BinaryIO) -> None:
        async with stream:
            while chunk := await stream.receive_some(_CHUNK):
                file.write(chunk)

    with scope:
        async with trio.open_nursery() as nursery:
            for pair in pairs:
                nursery.start_soon(copy_one, *pair)


async def _end_politely(process: trio.Process) -> None:
    """Ask the group to end, and wait as long as there is time for cleaning up."""
    _signal_group(process.pid, signal.SIGTERM)
    _signal_group(process.pid, signal.SIGCONT)  # who was stopped hears of it only now
    with cleanup():
        await process.wait()
        await _wait_for_end(process.pid)


async def _wait_for_end(group: int) -> None:
    while _lives(group):  # noqa: ASYNC110  # nobody tells us
        await trio.sleep(_LOOK)


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

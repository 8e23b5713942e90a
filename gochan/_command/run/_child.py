"""A child process that never outlives its job, nor do those that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import trio

from ..._queue import cleanup

# How long the kernel may take to bury a process that was killed, and how often to look
# whether a group has gone.
_BURIAL: Final = 1.0
_LOOK: Final = 0.02

# How much output is copied at a time, in bytes.
_CHUNK: Final = 1 << 16


class ChildError(Exception):
    """A command could not be started, or its output could not be kept."""


async def run_child(arguments: Sequence[str], stdout: BinaryIO, stderr: BinaryIO) -> int:
    """Run a command, copy its output into two files, and return its exit status.

    The child leads a session of its own, so that a Ctrl-C at the terminal does not reach it
    past us, it asks nobody for a password, and it can be ended with all that it has started.

    If this is cancelled, the session gets TERM, and KILL when the time for cleaning up is
    over. Otherwise what the child has left in its process group is killed when it has ended.
    In every case nothing of it is left when this returns or raises.

    Raises:
        ChildError: the command cannot be started, or its output cannot be kept.
    """
    try:
        process = await trio.lowlevel.open_process(
            arguments,
            stdin=subprocess.DEVNULL,
            # Not the files themselves: who opens /dev/stdout once more would empty them.
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ChildError(f"cannot be started: {error}") from None
    cancelled: trio.Cancelled | None = None
    problems: list[OSError] = []
    copying = trio.CancelScope(shield=True)
    with trio.CancelScope() as ending:
        async with trio.open_nursery() as nursery:
            pairs = [(process.stdout, stdout), (process.stderr, stderr)]
            nursery.start_soon(_copy, pairs, copying, problems)
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
                        await _wait_for_end(process.pid, whole=cancelled is not None)
    if cancelled is not None:
        # Kept until here, since a nursery might wrap it.
        try:
            raise cancelled
        finally:
            del cancelled
    if problems:
        raise ChildError(f"its output cannot be kept: {problems[0].strerror}")
    assert process.returncode is not None
    return process.returncode


async def _copy(
    pairs: Sequence[tuple[Any, BinaryIO]], scope: trio.CancelScope, problems: list[OSError]
) -> None:
    """Copy each stream into its file, until both have ended or ``scope`` is cancelled."""

    def write(file: BinaryIO, chunk: bytes) -> None:
        view = memoryview(chunk)
        try:
            while view:
                view = view[file.write(view) :]
        except OSError as error:  # go on reading, lest the command waits for that
            problems.append(error)

    async def copy_one(stream: Any, file: BinaryIO) -> None:
        async with stream:
            try:
                while chunk := await stream.receive_some(_CHUNK):
                    write(file, chunk)
            except trio.Cancelled:
                # Time is up, perhaps because we were stopped. What is there can be had.
                with suppress(BlockingIOError):
                    while chunk := os.read(stream.fileno(), _CHUNK):
                        write(file, chunk)  # pragma: no cover  # tested, but a race
                raise

    with scope:
        async with trio.open_nursery() as nursery:
            for pair in pairs:
                nursery.start_soon(copy_one, *pair)


async def _end_politely(process: trio.Process) -> None:
    """Ask the session to end, wait as long as there is time for cleaning up, and kill it."""
    for number in (signal.SIGTERM, signal.SIGCONT):  # who was stopped hears only the second
        _signal_group(process.pid, number)
        _signal_others(process.pid, number)
    with cleanup():
        await process.wait()
        await _wait_for_end(process.pid, whole=True)
    _signal_others(process.pid, signal.SIGKILL)


async def _wait_for_end(session: int, *, whole: bool) -> None:
    while _lives(session, whole=whole):  # noqa: ASYNC110  # nobody tells us
        await trio.sleep(_LOOK)


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group, and return whether there is such a group."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # the second for a group of dead processes
        return False
    return True


def _signal_others(session: int, number: int) -> None:
    """Send a signal to those of a session who have made groups of their own."""
    for process, group in _members(session):
        if group != session:
            with suppress(OSError):  # it has gone meanwhile
                os.kill(process, number)


def _lives(session: int, *, whole: bool) -> bool:
    """Return whether a process of the session, or of its first group, is alive."""
    if not Path("/proc/self/stat").exists():  # pragma: no cover  # not on Linux
        return _signal_group(session, 0)  # the group has to do
    return any(whole or group == session for _, group in _members(session))


def _members(session: int) -> Iterator[tuple[int, int]]:
    """List the processes of a session that are alive, each with its process group.

    Those that are dead, and only wait for somebody to take notice, do not count. In a
    container nobody may ever do so.
    """
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has gone meanwhile
            # "pid (name) state parent group session ...", where the name may be anything.
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                yield int(path.parent.name), int(fields[2])

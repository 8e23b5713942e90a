"""A child process that does not outlive its job, and neither does what it has started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO, Final, TypeAlias

import trio

from ... import cleanup
from ._session import Session

# How many seconds the kernel may take to reap processes that were killed, and how often
# we look whether it has.
_REAPING: Final = 1.0
_LOOK: Final = 0.02

# How many bytes of output are copied at a time.
_CHUNK: Final = 1 << 16

# A stream of output, and the file for it.
_Pair: TypeAlias = tuple[Any, BinaryIO]


class ChildError(Exception):
    """A command could not be started, or its output could not be kept."""


async def run_child(arguments: Sequence[str], stdout: BinaryIO, stderr: BinaryIO) -> int:
    """Run a command, copy its output into two files, and return its exit status.

    The status is negative for a signal. The child leads a session of its own, so that
    Ctrl-C at the terminal reaches us alone, no program can ask for a password, and all
    that the child starts can be ended with it. Its standard input is empty.

    Once the child has ended, what it has left in its process group is killed. If this is
    cancelled, the whole session gets TERM, and KILL when the time for cleaning up is over.
    Either way, nothing of it is alive when this returns or raises; only a process that has
    left the session goes on.

    Raises:
        ChildError: the command cannot be started, or its output cannot be kept.
    """
    process = await _start(arguments)
    pairs = [(process.stdout, stdout), (process.stderr, stderr)]
    copying = trio.CancelScope(shield=True)
    problems: list[OSError] = []
    cancelled: trio.Cancelled | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_copy_all, pairs, copying, problems)
        try:
            await process.wait()
        except trio.Cancelled as error:
            cancelled = error  # raised below, since the nursery might wrap it in a group
            await _end_politely(process)
        finally:
            nursery.cancel_scope.shield = True
            # A process that has left the session may hold the pipes for ever.
            copying.deadline = trio.current_time() + _REAPING
            await _reap(process, copying.deadline, whole=cancelled is not None)
    if cancelled is not None:
        try:
            raise cancelled
        finally:
            del cancelled
    if problems:
        raise ChildError(f"its output cannot be kept: {problems[0].strerror}")
    assert process.returncode is not None
    return process.returncode


async def _start(arguments: Sequence[str]) -> trio.Process:
    try:
        return await trio.lowlevel.open_process(
            arguments,
            stdin=subprocess.DEVNULL,
            # Not the files: a program that opens /dev/stdout again would empty them.
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ChildError(f"cannot be started: {error}") from None


async def _end_politely(process: trio.Process) -> None:
    """Send TERM to the session, and wait for its end as long as there is time to clean up."""
    session = Session(process.pid)
    session.signal(signal.SIGTERM, whole=True)
    session.signal(signal.SIGCONT, whole=True)  # a stopped process acts on TERM only then
    with cleanup():
        await process.wait()
        while session.lives(whole=True):  # noqa: ASYNC110  # the system does not tell us
            await trio.sleep(_LOOK)


async def _reap(process: trio.Process, deadline: float, *, whole: bool) -> None:
    """Kill the process group or the whole session, and wait until nothing of it is alive."""
    session = Session(process.pid)
    session.signal(signal.SIGKILL, whole=whole)
    with trio.move_on_at(deadline):
        await process.wait()
        while session.lives(whole=whole):
            await trio.sleep(_LOOK)
            session.signal(signal.SIGKILL, whole=whole)  # some may have been forked meanwhile


# Output


async def _copy_all(
    pairs: Sequence[_Pair], scope: trio.CancelScope, problems: list[OSError]
) -> None:
    """Copy each stream into its file, until all have ended or ``scope`` is cancelled."""
    with scope:
        async with trio.open_nursery() as nursery:
            for pair in pairs:
                nursery.start_soon(_copy, *pair, problems)


async def _copy(stream: Any, file: BinaryIO, problems: list[OSError]) -> None:
    async with stream:
        try:
            while chunk := await stream.receive_some(_CHUNK):
                _write(file, chunk, problems)
        except trio.Cancelled:
            # Time is up, perhaps because we were stopped. Keep what the pipe holds.
            with suppress(BlockingIOError):
                while chunk := os.read(stream.fileno(), _CHUNK):
                    _write(file, chunk, problems)  # pragma: no cover  # tested, but a race
            raise


def _write(file: BinaryIO, chunk: bytes, problems: list[OSError]) -> None:
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        problems.append(error)  # and go on reading, so that the command need not wait

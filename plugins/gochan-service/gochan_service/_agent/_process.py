"""A process that ends when its job does, with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import trio

from gochan import cleanup

_CHUNK: Final = 1 << 16
_LATE: Final = 10.0  # seconds that output may take to be handed over once the process has ended


async def run_process(
    words: Sequence[str],
    on_output: Callable[[bytes], Awaitable[None]],
    variables: Mapping[str, str],
) -> int:
    """Run a command, hand over its output as it comes, and return its exit status.

    If this is cancelled, the process and its group get TERM, and KILL when the time for cleaning up
    is over.

    Raises:
        OSError: it cannot be started.
    """
    process = await trio.lowlevel.open_process(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **variables},
        start_new_session=True,
    )
    assert process.stdout is not None
    copying = trio.CancelScope(shield=True)
    cancelled: trio.Cancelled | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_copy, process.stdout, on_output, copying)
        try:
            await process.wait()
        except trio.Cancelled as error:
            cancelled = error  # raised below, since the nursery might wrap it in a group
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with cleanup():
                await process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # Who has left the group may hold the pipe for ever.
            copying.deadline = trio.current_time() + _LATE
            with trio.CancelScope(shield=True):
                await process.wait()
    if cancelled is not None:
        try:
            raise cancelled
        finally:
            del cancelled
    assert process.returncode is not None
    return process.returncode


async def _copy(
    output: trio.abc.ReceiveStream,
    on_output: Callable[[bytes], Awaitable[None]],
    scope: trio.CancelScope,
) -> None:
    """Hand over what a process prints, to its end, or until ``scope`` is over."""
    with scope:
        async with output:
            while chunk := await output.receive_some(_CHUNK):
                await on_output(bytes(chunk))

"""Writing to a standard file of ours: a slow reader holds up nothing else."""

# Theory of operation
# -------------------
# A file, and a pipe with room, are written to at once; threads would cost more than most
# outputs do. If a pipe or a terminal is full, only the task that writes waits.
#
# For that the descriptor must not block, but other programs may share its state. So Linux
# is asked for another descriptor of the same pipe or terminal, with a state of its own.
# Where there is none, we write no more at a time than what is sure to fit. A pipe that was full
# holds more from then on.

from __future__ import annotations

import os
import select
import stat
from typing import Final, final

import trio

from ..._children import enlarge_pipe

# What fits into a pipe or a terminal that says that it is ready.
_PIECE: Final = select.PIPE_BUF


@final
class Writer:
    """Writes to a descriptor that somebody else has opened."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._enlarged = False
        self._limit: int | None = None  # how much may be written at a time
        if _may_block(descriptor):
            try:
                path = f"/proc/self/fd/{descriptor}"
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
                self._descriptor = os.open(path, flags)
            except OSError:  # a socket, or not on Linux, or nobody reads
                self._limit = _PIECE
        self._own = self._descriptor != descriptor

    async def write(self, data: bytes) -> None:
        """Write all of ``data``.

        Raises:
            BrokenPipeError: nobody reads it any more.
            OSError: it cannot be written for another reason, such as a full disk.
        """
        view = memoryview(data)
        while view:
            try:
                view = view[self._write(view) :]
            except BlockingIOError:
                if not self._enlarged:
                    self._enlarged = True
                    enlarge_pipe(self._descriptor)
                await trio.lowlevel.wait_writable(self._descriptor)

    def _write(self, view: memoryview) -> int:
        if self._limit is None:
            return os.write(self._descriptor, view)
        if not select.select([], [self._descriptor], [], 0)[1]:
            raise BlockingIOError
        return os.write(self._descriptor, view[: self._limit])

    def close(self) -> None:
        """Close what we have opened."""
        if self._own:
            os.close(self._descriptor)


def _may_block(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)

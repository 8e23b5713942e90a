"""The lines of the input, read as they arrive, and whatever of it was not used."""

# Theory of operation
# -------------------
# The input is read in chunks, from its descriptor, so that a line is available as soon as
# its end has arrived, and so that the rest of a file can be copied from where we stopped.
# What was read is in one of two places: complete lines wait in ``_pending`` until they are
# taken; the start of a line whose end has not arrived is in ``_begun``.
#
# Invariants
# 1. What was taken, then ``_pending``, then ``_begun``, then what the descriptor still has,
#    is the input, with nothing missing and nothing twice.
# 2. Once the input has ended, ``_begun`` is empty.

from __future__ import annotations

import os
import shutil
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final, final

import trio

# How many bytes are read at a time.
_CHUNK: Final = 1 << 16

# How many seconds a pipe may be silent before we stop waiting for its end, and how many
# seconds we wait for that end altogether.
_SILENCE: Final = 1.0
_PATIENCE: Final = 10.0


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A line of input, with its number as an editor counts."""

    number: int
    text: str


@final
class LineReader:
    """Reads lines from a file or a pipe.

    Attributes:
        number: of the line that was taken last; 0 at first.
        all_taken: set once the input has ended and its last line was taken.
        problem: why the input cannot be read, if so.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.number = 0
        self.all_taken = trio.Event()
        self.problem = ""
        self._file = file
        self._pending: deque[bytes] = deque()
        self._begun = bytearray()

    async def read(self) -> bool:
        """Wait for more of the input; return False at its end.

        If this is cancelled, nothing was read.
        """
        chunk = await self._read_chunk()
        *lines, begun = chunk.split(b"\n")
        if lines or not chunk:
            self._pending += [bytes(self._begun) + b"".join(lines[:1]), *lines[1:]]
            self._begun.clear()
        self._begun += begun
        return bool(chunk)

    async def _read_chunk(self) -> bytes:
        """Return what can be read now, ``b""`` at the end or if reading fails."""
        descriptor = self._file.fileno()
        read = partial(os.read, descriptor, _CHUNK)
        while True:
            try:
                return await trio.to_thread.run_sync(read, abandon_on_cancel=True)
            except BlockingIOError:  # a program that shares the pipe has made it so
                # Tested, but if we are slow to start there is something to read.
                await trio.lowlevel.wait_readable(descriptor)  # pragma: no cover
            except OSError as error:
                self.problem = f"cannot read the input: {error.strerror}"
                return b""

    def take(self) -> Iterator[bytes]:
        """Take the lines that were read, one by one, without their ends; skip empty ones."""
        while self._pending:
            self.number += 1
            if line := self._pending.popleft():
                yield line

    def put_back(self, line: bytes) -> None:
        """Undo the last `take`."""
        self._pending.appendleft(line)

    async def wait_for_rest(self) -> None:
        """Wait until all lines were taken, as long as another task takes them.

        A file is waited for to its end; a pipe only while lines keep arriving, and not for ever.
        """
        if self.is_file:
            await self.all_taken.wait()
            return
        with trio.move_on_after(_PATIENCE):
            number = -1
            while self.number > number and not self.all_taken.is_set():
                number = self.number
                with trio.move_on_after(_SILENCE):
                    await self.all_taken.wait()

    @property
    def is_file(self) -> bool:
        """Whether the input has an end that can be reached without waiting for anybody."""
        return stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)

    def copy_rest(self, target: BinaryIO) -> None:
        """Write all lines that were not taken; of a pipe, only what was read.

        Raises:
            OSError: the rest cannot be read, or not be written.
        """
        # There are lines if the run was broken off, or has waited for the end in vain.
        target.writelines(line + b"\n" for line in filter(None, self._pending))
        target.write(self._begun)
        if not self.all_taken.is_set() and self.is_file:
            shutil.copyfileobj(self._file, target)
        elif self._begun:
            target.write(b"\n")

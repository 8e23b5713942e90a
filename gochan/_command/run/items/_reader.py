"""The input, read from its descriptor as it arrives, and whatever of it was not used."""

# Theory of operation
# -------------------
# The input is read in chunks, from its descriptor, so that a line is available as soon as
# its end has arrived, and so that the rest of a file can be copied from where we stopped.
# Once a run ends early, no more items are made: of a file, everything from there on is the
# rest; what a pipe still brings is put aside in a scratch file.
#
# Invariants
# 1. What items were made of, then what is held, then what was put aside, then what the
#    descriptor still has, is the input, with nothing missing and nothing twice.

from __future__ import annotations

import os
import stat
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, Final

import trio

from ...._children import open_scratch
from ..files import LineCount, count_lines
from ._source import Rest, Source

# How many bytes are read at a time.
_CHUNK: Final = 1 << 16

# How many seconds a pipe may be silent before we stop waiting for its end.
_SILENCE: Final = 1.0

# How many seconds we wait at the end until all lines are counted.
_COUNTING: Final = 1.0


class Reader(Source):
    """Reads a file or a pipe.

    Args:
        file: without a buffer.
        end: the byte that ends a line.
        on_header: called with the first line, if that is a header.
    """

    _whole = False  # whether the last line may lack its end in what is left over

    def __init__(
        self, file: BinaryIO, end: bytes, on_header: Callable[[bytes], object] | None = None
    ) -> None:
        super().__init__(on_header)
        self._file = file
        self._end = end
        self._begun = bytearray()  # a line whose end has not arrived
        self._aside: BinaryIO | None = None
        self._aside_count = LineCount(end)
        self._last = b""  # what did not fit there
        self._arrived = 0  # how many bytes
        self._lines: int | None = None  # how many there are, counted ahead
        self._counted = trio.Event()
        self._waiting = trio.CancelScope()  # for the rest
        self._closed = False
        self.is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        self._start = os.lseek(file.fileno(), 0, os.SEEK_CUR) if self.is_file else 0

    # Reading

    async def read(self) -> bool:
        """Wait for more of the input; return False at its end."""
        chunk = await self._read_chunk()
        self._add(chunk)
        return bool(chunk)

    @abstractmethod
    def _add(self, chunk: bytes) -> None:
        """Keep what was read; ``b""`` at the end."""

    async def _read_chunk(self) -> bytes:
        """Return what can be read now, ``b""`` at the end, also if reading fails."""
        try:
            chunk = await self._read_some()
        except OSError as error:
            self.problem = f"cannot read the input: {error.strerror}"
            chunk = b""
        self._arrived += len(chunk)
        if not chunk:
            self.ended.set()
        return chunk

    async def _read_some(self) -> bytes:
        descriptor = self._file.fileno()
        read = partial(os.read, descriptor, _CHUNK)
        while True:
            try:
                return await trio.to_thread.run_sync(read, abandon_on_cancel=True)
            except BlockingIOError:  # a program that shares the pipe has made it so
                # Tested, but if we are slow to start there is something to read.
                await trio.lowlevel.wait_readable(descriptor)  # pragma: no cover

    # Counting

    async def count_ahead(self) -> None:
        """Count the lines of a file in a thread; of a pipe, that cannot be known."""
        if self.is_file:
            count = partial(
                count_lines, self._file.fileno(), self._start, self._end, lambda: not self._closed
            )
            self._lines = await trio.to_thread.run_sync(count, abandon_on_cancel=True)
            self._counted.set()

    async def wait_counted(self) -> None:
        """Wait a moment until it is known how many lines there are."""
        with trio.move_on_after(_COUNTING):
            if self.is_file and not self.exhausted:
                await self._counted.wait()

    # The rest

    async def put_rest_aside(self) -> None:
        """Read a pipe to its end; a file needs no reading."""
        if self.is_file:
            await trio.lowlevel.checkpoint()
            return
        self._aside_count = LineCount(self._end, within=bool(self._begun))
        while not self.problem and not self.ended.is_set():
            if chunk := await self._read_chunk():
                self._aside_count.add(chunk)
                self._put_aside(chunk)

    def _put_aside(self, chunk: bytes) -> None:
        """Keep a chunk in the scratch file; what does not fit there, in memory."""
        rest = memoryview(chunk)
        try:
            if self._aside is None:
                self._aside = open_scratch()
            while rest:
                rest = rest[self._aside.write(rest) :]
        except OSError as error:
            self._last = bytes(rest)
            self.problem = f"cannot keep the rest of the input: {error.strerror}"

    async def wait_for_rest(self, patience: float) -> None:
        """Wait for the end of a pipe while something keeps arriving, and not for ever."""
        if self.is_file or self._waiting.cancel_called:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(patience) as self._waiting:
            arrived = -1
            while self._arrived > arrived and not self.ended.is_set():
                arrived = self._arrived
                with trio.move_on_after(_SILENCE):
                    await self.ended.wait()

    def hurry(self) -> None:
        """Wait no longer for the rest."""
        self._waiting.cancel()

    @property
    def _left(self) -> int | None:
        """How many bytes no item was made of yet; ``None`` if that is not known."""
        if not self.is_file:
            return None
        size = os.fstat(self._file.fileno()).st_size
        return max(0, size - self._start - self._arrived) + len(self._begun)

    @property
    def exhausted(self) -> bool:
        """Whether items were made of all there was."""
        in_memory = self._begun or any(self._held())
        return self.ended.is_set() and self._aside is None and not in_memory

    @property
    def untouched(self) -> int | None:
        """How many lines no item was made of; of a pipe, as far as it has arrived."""
        if self._lines is not None:
            return max(0, self._lines - (self.header is not None) - self._lines_used())
        if self.is_file and not self.exhausted:
            return None
        return self._lines_in_memory() + self._aside_count.lines

    @abstractmethod
    def _lines_used(self) -> int:
        """Return how many lines are in items."""

    @abstractmethod
    def _lines_in_memory(self) -> int:
        """Return how many lines were read and are in no item, with the one that has only begun."""

    @property
    def unread(self) -> bool:
        """Whether more may arrive that nobody reads."""
        return not self.is_file and not self.ended.is_set()

    @abstractmethod
    def _held(self) -> Iterator[bytes]:
        """Return what was read and is in no item, without the line that has only begun."""

    def rest(self) -> Rest:
        """Return what no item was made of; of a pipe, as far as it has arrived."""
        header = b"" if self.header is None else self.header + self._end
        held = [*self._held(), bytes(self._begun)]
        rest = partial(Rest, held, end=self._end, header=header, whole=self._whole)
        if self.is_file:
            return rest(file=self._file, offset=self._start + self._arrived)
        if self._aside is not None:
            return rest(file=self._aside, size=self._aside.tell(), last=self._last)
        return rest(last=self._last)

    def close(self) -> None:
        """Close what was put aside."""
        self._closed = True
        if self._aside is not None:
            self._aside.close()

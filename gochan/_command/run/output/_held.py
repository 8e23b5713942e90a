"""Outputs that are held until it is their turn: in memory while they are little, else in a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, Final, TypeAlias, final

from ...._children import open_scratch

# How many bytes are held in memory, and how many are read at a time.
_IN_MEMORY: Final = 1 << 23
_CHUNK: Final = 1 << 16

# Bytes, or where they are in the file: from a place on, so many.
Held: TypeAlias = bytes | tuple[int, int]


@final
class Holder:
    """Holds outputs."""

    def __init__(self) -> None:
        self._in_memory = 0
        self._file: BinaryIO | None = None
        self._in_file = 0  # how many of them
        self._end = 0  # of the file

    def hold(self, chunks: Iterable[bytes]) -> Held:
        """Hold an output, and return what to find it by.

        Raises:
            OSError: there is no room.
        """
        begun: list[bytes] = []
        size = 0
        rest = iter(chunks)
        for chunk in rest:
            begun.append(chunk)
            size += len(chunk)
            if self._in_memory + size > _IN_MEMORY:
                return self._write(chain(begun, rest))
        self._in_memory += size
        return b"".join(begun)

    def _write(self, chunks: Iterable[bytes]) -> Held:
        if self._file is None:
            self._file = open_scratch()
        start = self._end
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                written = os.pwrite(self._file.fileno(), view, self._end)
                view = view[written:]
                self._end += written
        self._in_file += 1
        return start, self._end - start

    def read(self, held: Held) -> Iterator[bytes]:
        """Return the chunks of an output."""
        if isinstance(held, bytes):
            yield held
            return
        assert self._file is not None
        at, size = held
        while size:
            yield (chunk := os.pread(self._file.fileno(), min(size, _CHUNK), at))
            at += len(chunk)
            size -= len(chunk)

    def drop(self, held: Held) -> None:
        """Hold an output no longer."""
        if isinstance(held, bytes):
            self._in_memory -= len(held)
            return
        assert self._file is not None
        self._in_file -= 1
        if not self._in_file:
            self._file.truncate(0)
            self._end = 0

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

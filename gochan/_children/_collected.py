"""What a command has written: kept in memory while it is little, in a file when it is much."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import BinaryIO, Final, final

from ._enlarging import LARGE
from ._scratch import open_scratch
from ._writing import write_all

# How many bytes of each stream are kept in memory.
_MEMORY: Final = 1 << 18

# How many bytes are read from a file at a time.
_CHUNK: Final = LARGE


@final
class Collected:
    """What a command has written to its standard output and its standard error.

    Args:
        files: where to keep it from the start, by descriptor; they are closed with this.

    Attributes:
        problem: why something is missing, if so.
    """

    __slots__ = ("_chunks", "_files", "_sizes", "problem")

    def __init__(self, files: Mapping[int, BinaryIO] | None = None) -> None:
        self.problem: OSError | None = None
        self._sizes: dict[int, int] = {}
        self._chunks: dict[int, list[bytes]] = {}
        self._files: dict[int, BinaryIO] = {}
        if files is not None:
            self._files.update(files)

    def write(self, descriptor: int, chunk: bytes) -> None:
        """Keep what was written to a descriptor, unless there is no room."""
        size = self._sizes[descriptor] = self._sizes.get(descriptor, 0) + len(chunk)
        self._chunks.setdefault(descriptor, []).append(chunk)
        if size > _MEMORY or descriptor in self._files:
            self._spill(descriptor)

    def _spill(self, descriptor: int) -> None:
        """Move what is in memory to a file."""
        chunks = self._chunks.pop(descriptor)
        try:
            if descriptor not in self._files:
                self._files[descriptor] = open_scratch()
            for chunk in chunks:
                write_all(self._files[descriptor].fileno(), chunk)
        except OSError as error:
            self.problem = error  # and go on, so that the command need not wait

    def size(self, descriptor: int) -> int:
        """Return how many bytes were written to a descriptor."""
        return self._sizes.get(descriptor, 0)

    def pieces(self) -> list[tuple[int, Iterator[bytes]]]:
        """Return all that there is, by descriptor."""
        return [(descriptor, self.chunks(descriptor)) for descriptor in sorted(self._sizes)]

    def chunks(self, descriptor: int) -> Iterator[bytes]:
        """Read all of it from its start."""
        file = self._files.get(descriptor)
        if file is not None:
            file.seek(0)
            yield from iter(partial(file.read, _CHUNK), b"")
            file.seek(0, os.SEEK_END)
        if chunks := self._chunks.get(descriptor):
            yield b"".join(chunks)

    def close(self) -> None:
        """Forget all of it."""
        for file in self._files.values():
            file.close()

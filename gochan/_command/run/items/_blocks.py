"""The input in blocks of whole lines, one for each item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, final

from ..files import LineCount
from ._item import Item
from ._reader import Reader


@final
class BlockReader(Reader):
    """Reads blocks that end where a line ends; only the last one need not.

    Nothing is skipped: after a header, if there is one, the blocks are the input, byte for byte.

    Args:
        file: without a buffer.
        end: the byte that ends a line.
        size: how many bytes a block has at most, unless a line is longer.
        lines: how many lines a block has instead, but for the last.
        on_header: called with the first line, if that is a header.
    """

    _whole = True

    def __init__(
        self,
        file: BinaryIO,
        end: bytes,
        size: int,
        lines: int | None = None,
        on_header: Callable[[bytes], object] | None = None,
    ) -> None:
        super().__init__(file, end, on_header)
        self._size = size
        self._per_block = lines
        self._found = 0  # how many ends of lines are in what was searched
        self._items = 0
        self._used = LineCount(end)  # what is in them
        self._searched = 0  # how many bytes of what was begun are known to have no end of line

    def _add(self, chunk: bytes) -> None:
        self._begun += chunk

    def take(self) -> Iterator[Item]:
        """Take the blocks that were read, one by one."""
        if self._on_header is not None and self.header is None and not self._take_header():
            return
        while not self.problem and (length := self._length()):
            block = bytes(self._begun[:length])
            del self._begun[:length]
            self._searched = self._found = 0
            self._items += 1
            item = Item(self._items, (), self.number + 1, block)
            self.number += block.count(self._end) + (not block.endswith(self._end))
            self._used.add(block)
            yield item

    def _take_header(self) -> bool:
        """Take the first line, once it is complete; return whether it was there."""
        length = self._begun.find(self._end) + 1
        if not length and not self.ended.is_set():
            return False
        self.number += 1
        header = bytes(self._begun[:length]) if length else bytes(self._begun)
        del self._begun[: len(header)]
        self._begin(header.removesuffix(self._end))
        return True

    def _length(self) -> int:
        """Return how long the next block is; 0 if it has not arrived yet."""
        if self._per_block is not None:
            return self._length_of(self._per_block)
        if len(self._begun) >= self._size:
            # A line that is longer than a block is a block.
            length = self._begun.rfind(self._end, self._searched, self._size) + 1
            if not length:
                length = self._begun.find(self._end, max(self._searched, self._size)) + 1
            if length:
                return length
            self._searched = len(self._begun)
        return len(self._begun) if self.ended.is_set() else 0

    def _length_of(self, lines: int) -> int:
        """Return how long so many lines are, or what is left at the end; 0 as above."""
        while self._found < lines:
            length = self._begun.find(self._end, self._searched) + 1
            if not length:
                self._searched = len(self._begun)
                return len(self._begun) if self.ended.is_set() else 0
            self._searched = length
            self._found += 1
        return self._searched

    def _held(self) -> Iterator[bytes]:
        return iter(())

    @property
    def total(self) -> int | None:
        """How many items there will be, or nearly so; ``None`` while that is not known."""
        if self.exhausted:
            return self._items
        if self._per_block is not None:
            left = self.untouched
            return None if left is None else self._items - (-left // self._per_block)
        if self._left is None:
            return None
        return self._items - (-self._left // self._size)

    def _lines_used(self) -> int:
        return self._used.lines

    def _lines_in_memory(self) -> int:
        count = LineCount(self._end)
        if self._begun:
            count.add(bytes(self._begun))
        return count.lines

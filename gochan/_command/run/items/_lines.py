"""The lines of the input, some for each item."""

# Theory of operation
# -------------------
# What was read is in one of three places: complete lines wait in ``_pending`` until they are
# taken; lines of an item that lacks some are in the grouping; and the start of a line whose
# end has not arrived is in ``_begun``, which is empty once ``read`` has found the end.

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO, final

from ._grouping import Grouping
from ._item import Item
from ._reader import Reader


@final
class LineReader(Reader):
    """Reads lines; makes an item of each, or of some of them."""

    def __init__(
        self,
        file: BinaryIO,
        end: bytes,
        grouping: Grouping,
        on_header: Callable[[bytes], object] | None = None,
    ) -> None:
        super().__init__(file, end, on_header)
        self._grouping = grouping
        self._pending: deque[bytes] = deque()

    def _add(self, chunk: bytes) -> None:
        *lines, begun = chunk.split(self._end)
        if lines or not chunk:
            self._pending += [bytes(self._begun) + b"".join(lines[:1]), *lines[1:]]
            self._begun.clear()
        self._begun += begun

    def take(self) -> Iterator[Item]:
        """Take the items that were read, one by one; skip empty lines."""
        grouping = self._grouping
        while self._pending and not self.problem:
            self.number += 1
            line = self._pending.popleft()
            if not line:
                continue
            if self._on_header is not None and self.header is None:
                self._begin(line)
            elif grouping.size == 1:  # the usual case, without a call
                grouping.items += 1
                yield Item(grouping.items, (line,), self.number)
            elif item := grouping.add(line, self.number):
                yield item
        if self.ended.is_set() and not self.problem and (item := grouping.finish()):
            yield item

    def _held(self) -> Iterator[bytes]:
        for line in chain(self._grouping.begun, self._pending):
            if line:
                yield line + self._end

    @property
    def total(self) -> int | None:
        """How many items there will be; ``None`` while that is not known."""
        if self.exhausted:
            return self._grouping.items
        if self._lines is None:
            return None
        return self._grouping.items_for(self._lines - (self.header is not None))

    def _lines_used(self) -> int:
        return self._grouping.lines

    def _lines_in_memory(self) -> int:
        return sum(1 for _ in self._held()) + bool(self._begun)

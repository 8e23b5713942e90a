"""Items from the arguments of the command line, as after ``:::``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, product
from typing import Final, final

import trio

from ._grouping import Grouping
from ._item import Item
from ._source import Rest, Source

SEPARATOR: Final = b"\t"
"""What separates the values of a line that was made of several arguments."""


@final
class Arguments(Source):
    """Makes a line of each argument, or of each combination of arguments.

    Args:
        sources: lists of tuples. A combination has one tuple of each list, and its values are
            those of all of them, in order.
        end: the byte that ends a line of what is left over.
        grouping: makes items of the lines.
        on_header: called with what the columns are called, if the first tuples say that.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[tuple[bytes, ...]]],
        end: bytes,
        grouping: Grouping,
        on_header: Callable[[bytes], object] | None = None,
    ) -> None:
        super().__init__(on_header)
        self._end = end
        self._grouping = grouping
        if on_header is not None:
            self._begin(_join(source[0] for source in sources))
            sources = [source[1:] for source in sources]
        self._count = math.prod(map(len, sources))
        self._sources = sources
        self._lines = map(_join, product(*sources))

    async def read(self) -> bool:
        """Note that there is nothing to wait for."""
        await trio.lowlevel.checkpoint()
        self.ended.set()
        return False

    def take(self) -> Iterator[Item]:
        """Take all items, one by one."""
        if self.problem:
            return
        for line in self._lines:
            self.number += 1
            if item := self._grouping.add(line, self.number):
                yield item
        if item := self._grouping.finish():
            yield item

    @property
    def exhausted(self) -> bool:
        """Whether items were made of all arguments."""
        return not self.untouched

    @property
    def total(self) -> int | None:
        """How many items there will be."""
        return self._grouping.items_for(self._count)

    @property
    def untouched(self) -> int:
        """How many lines no item was made of."""
        return self._count - self._grouping.lines

    def rest(self) -> Rest:
        """Return the lines that no item was made of."""
        lines = map(_join, product(*self._sources))  # anew, as those of items were taken
        left = islice(lines, self._grouping.lines, None)
        header = b"" if self.header is None else self.header + self._end
        return Rest((line + self._end for line in left), end=self._end, header=header)


def _join(values: Iterable[tuple[bytes, ...]]) -> bytes:
    return SEPARATOR.join(chain.from_iterable(values))

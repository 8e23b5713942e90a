"""The input of a run with a journal: compared with what the journal has, then stored."""

from __future__ import annotations

from collections import deque
from typing import final

import trio

from ..items import Item, Source, problem_of
from ._journal_error import JournalError
from ._journal_rows import lines_of


@final
class JournalInput:
    """Takes items from a source, as long as it is not stopped.

    An item may have other lines than the one that was stored: the last batch of the earlier input
    was short, or blocks are cut elsewhere. So lines are compared, not items.

    Attributes:
        fresh: items that are neither compared nor stored.
    """

    def __init__(self, source: Source, end: bytes) -> None:
        self.fresh: deque[Item] = deque()
        self._source = source
        self._end = end
        self._more = True  # whether the source may have others
        self._reading = trio.CancelScope()
        self._stopped = False

    @property
    def header(self) -> bytes | None:
        """The header of the source, if there is one."""
        return self._source.header

    def stop(self) -> None:
        """Read no more."""
        self._stopped = True
        self._reading.cancel()

    async def next(self) -> Item | None:
        """Return the next item, and leave it; ``None`` if there is no more, or it was stopped.

        Raises:
            JournalError: the input cannot be read, or has a line that cannot be passed on.
        """
        while not (self.fresh or self._stopped) and self._more:
            with trio.CancelScope() as self._reading:
                self._more = await self._source.read()
                for item in self._source.take():
                    problem = problem_of(item)
                    if problem:
                        raise JournalError(problem)
                    self.fresh.append(item)
            if self._source.problem:
                raise JournalError(self._source.problem)
        return self.fresh[0] if self.fresh and not self._stopped else None

    async def match(self, item: Item) -> None:
        """Take the lines of a row from the input, and compare them.

        Raises:
            JournalError: they are others, or there are none.
        """
        lines = lines_of(item, self._end)
        at = item.at
        while lines:
            first = await self.next()
            if first is None:
                if self._stopped:
                    return
                raise JournalError(
                    f"the input ends before line {at}, and the journal goes on; give all lines "
                    "again, with new ones at their end, or none at all"
                )
            found = lines_of(first, self._end)
            for old, new in zip(lines, found, strict=False):
                if old != new:
                    raise JournalError(
                        f"line {at} of the input is {_shown(new)}, and in the journal it is "
                        f"{_shown(old)}; give the same lines again, with new ones at their end, "
                        "or name another journal"
                    )
                at += 1
            self.fresh.popleft()
            if len(found) > len(lines):
                self.fresh.appendleft(_without(first, len(lines), self._end))
            lines = lines[len(found) :]


def _without(item: Item, count: int, end: bytes) -> Item:
    """Return an item without its first lines."""
    if item.block is None:
        return item._replace(lines=item.lines[count:], at=item.at + count)
    block = item.block.split(end, count)[count]
    return item._replace(block=block, at=item.at + count)


def _shown(line: bytes) -> str:
    text = repr(line.decode(errors="backslashreplace"))
    return text if len(text) <= 60 else f"{text[:57]}..."

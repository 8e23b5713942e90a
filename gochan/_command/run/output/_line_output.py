"""Output that is passed on line by line, as it comes."""

# Theory of operation
# -------------------
# Whole lines are passed on at once, so lines of several commands do not mix. A line that has
# begun is kept until its end comes, on disk if it is long. While a reader is slow, the
# command that writes has to wait. If outputs are in order, lines are kept, too, until those
# of all earlier commands were passed on.
#
# If lines cannot be passed on, nobody reads what the command writes any more. Most commands
# end by that.

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from typing import final

from ...._children import Collected
from ..._descriptors import STDERR, STDOUT
from ..items import Item
from ._order import Order, Pieces
from ._output import Output
from ._record import Record
from ._results import Result
from ._tag import tagged


@final
class LineOutput(Output):
    """Output of which whole lines are passed on as they come."""

    def __init__(
        self,
        item: Item,
        result: Result | None,
        order: Order,
        *,
        tag: bytes,
        on_unread: Callable[[], object],
    ) -> None:
        super().__init__(item, result)
        self._order = order
        self._on_unread = on_unread
        self.target = self._take
        self._tag = tag
        self._begun: dict[int, Collected] = {}  # the line that has begun, by descriptor
        self._kept = Collected()  # lines that wait for their turn
        self._taken = False  # whether somebody passes them on, or has, or nobody will
        self._problem: OSError | None = None
        self._received = 0
        order.begin(item.number, self._take_kept)

    @property
    def received(self) -> int:
        return self._received

    def is_unread(self) -> bool:
        return isinstance(self._problem, BrokenPipeError)

    async def _take(self, descriptor: int, chunk: bytes) -> bool:
        self._received += len(chunk) if descriptor == STDOUT else 0
        try:
            if self.result is not None:
                self.result.write(descriptor, chunk)
            await self._pass_on_lines(descriptor, chunk)
        except OSError as error:
            self._problem = error
            if self.is_unread():
                self._on_unread()
        return self._problem is None

    async def _pass_on_lines(self, descriptor: int, chunk: bytes) -> None:
        end = chunk.rfind(b"\n") + 1
        if end:
            lines = chain(self._take_begun(descriptor), [chunk[:end]])
            await self._write(lines, descriptor)
        if begun := chunk[end:]:
            collected = self._begun.setdefault(descriptor, Collected())
            collected.write(descriptor, begun)
            if collected.problem is not None:
                raise collected.problem

    def _take_begun(self, descriptor: int) -> Iterator[bytes]:
        """Return the line that has begun, and forget it."""
        if descriptor in self._begun:
            with closing(self._begun.pop(descriptor)) as collected:
                yield from collected.chunks(descriptor)

    async def _write(self, chunks: Iterable[bytes], descriptor: int) -> None:
        if self._tag:
            chunks = tagged(chunks, self._tag)
        if not await self._order.write(self.item.number, chunks, descriptor):
            for chunk in chunks:
                self._kept.write(descriptor, chunk)
            if self._kept.problem is not None:
                raise self._kept.problem

    @contextmanager
    def _take_kept(self) -> Iterator[Pieces]:
        """Take the lines that were kept, the first time; whoever takes them has them to the end."""
        if self._taken:
            yield ()
            return
        self._taken = True
        with closing(self._kept):
            yield self._kept.pieces()

    async def pass_on(self, record: Record | None, done: Callable[[], object]) -> None:
        if self._problem is not None:
            raise self._problem
        for descriptor in (STDOUT, STDERR):
            if descriptor in self._begun:
                await self._write(chain(self._take_begun(descriptor), [b"\n"]), descriptor)
        with self._take_kept() as pieces:
            await self._order.pass_on(self.item.number, pieces, done)

    def close(self) -> None:
        for collected in self._begun.values():
            collected.close()
        with self._take_kept():
            pass  # another command may be passing them on now
        super().close()

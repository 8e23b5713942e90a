"""The output of a command: kept together until its end, or passed on line by line, or not ours."""

from __future__ import annotations

import select
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import final

from ...._children import Collected, OnOutput
from ..._descriptors import STDERR, STDOUT
from ..items import Item
from ._json_lines import fields_of, json_line
from ._order import Order, Pieces
from ._record import Record
from ._results import Result
from ._tag import tagged


class Output(ABC):
    """The output of a command.

    Attributes:
        item: what the command is for.
        result: the folder where it is recorded, if it is.
        target: where the command writes, as `Children.run` wants to know it.
        received: how many bytes it has written to its standard output, as far as we know.
    """

    target: Collected | OnOutput | None

    def __init__(self, item: Item, result: Result | None) -> None:
        self.item = item
        self.result = result

    @property
    def received(self) -> int:
        return 0

    def is_unread(self) -> bool:
        """Return whether the command may have failed because nobody reads what it writes."""
        return False

    @abstractmethod
    async def pass_on(self, record: Record | None, done: Callable[[], object]) -> None:
        """Pass on what was not passed on, now or later; call ``done`` once that is done.

        Raises:
            OSError: it cannot be written.
        """

    def close(self) -> None:
        """Forget it."""
        if self.result is not None:
            self.result.close()


@final
class GroupedOutput(Output):
    """Output that is kept together until the command has ended."""

    target: Collected

    def __init__(
        self, item: Item, result: Result | None, order: Order, *, tag: bytes, json: bool
    ) -> None:
        super().__init__(item, result)
        self._order = order
        self.target = Collected(None if result is None else result.files)
        self._tag = tag
        self._json = json

    @property
    def received(self) -> int:
        return self.target.size(STDOUT)

    async def pass_on(self, record: Record | None, done: Callable[[], object]) -> None:
        output: Pieces
        if self._json:
            assert record is not None
            output = [(STDOUT, self._in_json(record))]
        else:
            output = self.target.pieces()
        if self._tag:
            output = [(descriptor, tagged(chunks, self._tag)) for descriptor, chunks in output]
        await self._order.pass_on(self.item.number, output, done)

    def _in_json(self, record: Record) -> Iterator[bytes]:
        fields = fields_of(record)
        if self.result is None:
            out, err = self.target.chunks(STDOUT), self.target.chunks(STDERR)
            return json_line(fields, stdout=out, stderr=err)
        return json_line({**fields, "results": self.result.name})

    def close(self) -> None:
        self.target.close()
        super().close()


@final
class UngroupedOutput(Output):
    """Output that does not come by."""

    target = None

    def is_unread(self) -> bool:
        poll = select.poll()
        poll.register(STDOUT, 0)
        return bool(poll.poll(0))

    async def pass_on(self, record: Record | None, done: Callable[[], object]) -> None:
        done()

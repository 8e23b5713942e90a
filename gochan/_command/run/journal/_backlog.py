"""The backlog: where items come from, and where it is noted how they have ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, final

from ..items import Item, Source


class Backlog(Protocol):
    """Gives items to be submitted, and hears how each of them ends.

    Attributes:
        problem: why it cannot go on, if so.
        held: what its next items wait for; empty if only for being read.
    """

    held: str

    @property
    def problem(self) -> str: ...

    @property
    def done_before(self) -> int:
        """How many items were done by earlier runs."""

    @property
    def undone(self) -> int:
        """How many items it knows, from this run or earlier ones, that are not done."""

    async def record(self) -> None:
        """Look after what is to be read, beside those who read."""

    async def read(self) -> bool:
        """Wait for items; return False once there will be no more.

        If this is cancelled, no item is lost.
        """

    def take(self) -> Iterable[Item]:
        """Take the items that there are, one by one."""

    def note_end(self, item: Item, kind: str, why: str = "") -> None:
        """Hear that an item has ended; the first call for an item counts."""

    async def wait_noted(self, item: Item) -> None:
        """Wait until it will last how an item has ended, if it has."""

    def stop(self) -> None:
        """Give no more items."""

    def notes(self) -> Iterable[str]:
        """Return what the user should know at the end."""


@final
class SourceBacklog:
    """What there is without a journal: the source alone."""

    def __init__(self, source: Source) -> None:
        self.done_before = self.undone = 0
        self.held = ""
        self._source = source
        self.read = source.read
        self.take = source.take

    @property
    def problem(self) -> str:
        """Why the source cannot be read, if so."""
        return self._source.problem

    async def record(self) -> None:
        """Do nothing: what is read is there."""

    def note_end(self, item: Item, kind: str, why: str = "") -> None:
        """Hear that an item has ended, which nobody needs to know."""

    async def wait_noted(self, item: Item) -> None:
        """Wait for nothing."""

    def stop(self) -> None:
        """Hear that the run ends."""

    def notes(self) -> Iterable[str]:
        """Return nothing: there is nothing to say."""
        return ()

"""Where items come from, whatever it is."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, final

import trio

from ._item import Item


@final
@dataclass(frozen=True)
class Rest:
    """What no item was made of, at one moment.

    Attributes:
        held: what is in memory, with the ends of lines.
        file: where more of it is, if there is more.
        offset: where in that file it begins.
        size: up to where; ``None`` for the end.
        last: what comes after that.
        end: what ends a line.
        header: the line that says what the columns are called, with its end, if there is one.
        whole: whether it ends as it shall, be it in the middle of a line.
    """

    held: Iterable[bytes]
    file: BinaryIO | None = None
    offset: int = 0
    size: int | None = None
    last: bytes = b""
    end: bytes = b"\n"
    header: bytes = b""
    whole: bool = False

    @property
    def more(self) -> bool:
        """Whether there is something in the file."""
        if self.file is None:
            return False
        size = os.fstat(self.file.fileno()).st_size if self.size is None else self.size
        return size > self.offset


class Source(ABC):
    """Gives items, one after the other.

    Attributes:
        number: of the line that was taken last, as an editor counts; 0 at first.
        ended: set once nothing more will arrive.
        problem: why it cannot be read, if so.
        header: the line that says what the columns are called, if there is one.
    """

    def __init__(self, on_header: Callable[[bytes], object] | None = None) -> None:
        self.number = 0
        self.ended = trio.Event()
        self.problem = ""
        self.header: bytes | None = None
        self._on_header = on_header

    @abstractmethod
    async def read(self) -> bool:
        """Wait for more of the input; return False at its end.

        If this is cancelled, nothing was read.
        """

    @abstractmethod
    def take(self) -> Iterator[Item]:
        """Take the items that were read, one by one."""

    async def count_ahead(self) -> None:
        """Count what is there, if that can be known."""
        await trio.lowlevel.checkpoint()

    async def wait_counted(self) -> None:
        """Wait a moment until that is known."""
        await trio.lowlevel.checkpoint()

    async def put_rest_aside(self) -> None:
        """Read what arrives, to its end, and make no items of it."""
        await trio.lowlevel.checkpoint()

    async def wait_for_rest(self, patience: float) -> None:
        """Wait for the end of `put_rest_aside`, but no longer than that is worth."""
        await trio.lowlevel.checkpoint()

    def hurry(self) -> None:  # noqa: B027  # not everything is waited for
        """Wait no longer for the rest."""

    @property
    @abstractmethod
    def total(self) -> int | None:
        """How many items there will be; ``None`` while that is not known."""

    @property
    @abstractmethod
    def exhausted(self) -> bool:
        """Whether items were made of all there was."""

    @property
    def unread(self) -> bool:
        """Whether more may arrive that nobody reads."""
        return False

    @property
    @abstractmethod
    def untouched(self) -> int | None:
        """How many lines no item was made of; ``None`` if that is not known."""

    @abstractmethod
    def rest(self) -> Rest:
        """Return what no item was made of."""

    def close(self) -> None:  # noqa: B027  # not everything has something to close
        """Close what the source has opened."""

    def _begin(self, header: bytes) -> None:
        """Take the header, and tell those who need it."""
        assert self._on_header is not None
        self.header = header
        try:
            self._on_header(header)
        except ValueError as error:
            self.problem = str(error)

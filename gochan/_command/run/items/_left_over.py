"""The lines that were not done, and the file that they are written to."""

# Theory of operation
# -------------------
# An item that was submitted is kept in memory until it is done. The left-over file has first
# the lines of those that were not done, then those that no item was made of, which is the rest
# of the input. That is the order of the input.
#
# The file is written twice if a run takes long to end: once soon after the end has begun, with
# the lines of all commands that still run, and again when they have ended. So if we are killed
# in between, there may be a line in it that was done, but none is missing.
#
# The left-over file may be the input. So a new file is written beside it, which takes its
# place once it is complete.

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from ..files import GaveUpError, GoOn, Pen, Replacement
from ._item import Item
from ._source import Rest


@final
@dataclass
class Saved:
    """What became of saving.

    Attributes:
        problem: why the file is not complete, if so.
        notes: what else the user should know.
    """

    problem: str = ""
    notes: list[str] = field(default_factory=list)


@final
class LeftOver:
    """Keeps every item that was not done."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._undone: dict[int, Item] = {}  # submitted, by number

    @property
    def wanted(self) -> bool:
        """Whether there is a file for these lines."""
        return self._path is not None

    def __bool__(self) -> bool:
        """Whether there is any such item."""
        return bool(self._undone)

    def add(self, item: Item) -> None:
        """Keep the lines of an item until it is removed."""
        self._undone[item.number] = item

    def remove(self, item: Item) -> None:
        """Forget an item, because it is done."""
        del self._undone[item.number]

    def content(self, rest: Rest) -> Content:
        """Return what the file shall have, as it is now; another thread may write it."""
        return Content((*self._undone.values(),), rest)

    def save(
        self, content: Content, go_on: GoOn = lambda: True, *, keep_part: bool = True
    ) -> Saved:
        """Write the file, if one is wanted; keep a part of it if not all can be written."""
        if self._path is None:
            return Saved()
        path = os.path.realpath(self._path)
        try:
            if self.can_be_written_twice:
                return _replace(path, content, go_on, keep_part=keep_part)
            # A device cannot be replaced.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                content.write(Pen(descriptor, go_on))
            finally:
                os.close(descriptor)
        except OSError as error:
            return Saved(f"cannot write {self._path}: {error.strerror}")
        except GaveUpError:
            return Saved(f"{self._path} is not complete")
        return Saved()

    @property
    def can_be_written_twice(self) -> bool:
        """Whether it is a file that can be replaced, or will be one."""
        path = self._path
        return path is not None and (os.path.isfile(path) or not os.path.exists(path))


@final
@dataclass(frozen=True)
class Content:
    """What a left-over file has."""

    undone: tuple[Item, ...]
    rest: Rest

    def write(self, target: Pen) -> None:
        """Write it.

        Raises:
            OSError: there is no room, or the rest cannot be read.
            GaveUpError: we were told to.
        """
        rest = self.rest
        target.write(self._pieces())
        if rest.file is not None:
            target.copy(rest.file.fileno(), rest.offset, rest.size)
        target.write([rest.last])
        if target.last and target.last != rest.end and not rest.whole:
            target.write([rest.end])

    def _pieces(self) -> Iterator[bytes]:
        """Return what is in memory, the header first."""
        header = self.rest.header
        for piece in self._lines():
            if header:
                yield header
                header = b""
            yield piece
        if header and self.rest.more:
            yield header

    def _lines(self) -> Iterator[bytes]:
        for item in self.undone:
            for line in item.lines:
                yield line + self.rest.end
            if item.block is not None:
                yield item.block
        yield from filter(None, self.rest.held)


def _replace(path: str, content: Content, go_on: GoOn, *, keep_part: bool) -> Saved:
    """Write the file beside the one that it shall replace."""
    replacement = Replacement(path)
    try:
        content.write(Pen(replacement.descriptor, go_on))
    except (OSError, GaveUpError) as error:
        why = error.strerror if isinstance(error, OSError) else "there was no time"
        part, count = replacement.give_up(content.rest.end if keep_part else None)
        lines = f"{count:,} line" + "s" * (count != 1)
        kept = f"; {part} has the first {lines}" if part else ""
        return Saved(f"cannot write {path}: {why}{kept}")
    except BaseException:
        replacement.give_up(None)
        raise
    replacement.finish()
    return Saved(notes=replacement.notes)

"""Places in a command for what differs from item to item: ``{}``, ``{.}``, ``{2}``, ``{name/}``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

_Change: TypeAlias = Callable[[bytes], bytes]

# What may stand before the closing brace, and what it makes of a value.
_CHANGES: Final[dict[bytes, _Change]] = {
    b"": bytes,
    b".": lambda path: os.path.splitext(path)[0],
    b"/": os.path.basename,
    b"//": lambda path: os.path.dirname(path) or b".",
    b"/.": lambda path: os.path.splitext(os.path.basename(path))[0],
}
_CHANGE: Final = rb"(?P<change>//|/\.|/|\.|)"


class UnfitError(ValueError):
    """There can be no command for an item."""


class PlaceError(UnfitError):
    """A place names something that is not there."""


@final
@dataclass(frozen=True, slots=True)
class Place:
    """A place in a command.

    Attributes:
        what: stands there: a whole line, one of its columns, or the number of the item
            (``#``) or of the worker (``%``).
        text: how it was written.
        change: is made to each value.
    """

    what: int | bytes | None
    text: bytes
    change: _Change

    @property
    def of_lines(self) -> bool:
        """Whether it differs from line to line."""
        return not isinstance(self.what, bytes)

    def values(self, columns: Sequence[bytes]) -> list[bytes]:
        """Return what stands there for a line.

        Raises:
            PlaceError: the line has no such column.
        """
        change = self.change
        if self.what is None:
            return [*columns] if change is bytes else [change(column) for column in columns]
        assert isinstance(self.what, int)
        index = self.what - (self.what > 0)
        try:
            return [change(columns[index])]
        except IndexError:
            place = os.fsdecode(self.text)
            raise PlaceError(f"there is nothing for {place}: {_count(len(columns))}") from None


def _count(columns: int) -> str:
    return "there is only 1 value" if columns == 1 else f"there are only {columns} values"


def find_places(
    text: bytes, whole: bytes, *, numbers: bool, names: Sequence[bytes] | None
) -> list[bytes | Place]:
    """Return the pieces of a text, with its places; braces around anything else stay.

    Args:
        text: a word of a command.
        whole: how the place for a line is written.
        numbers: whether ``{1}`` is a place.
        names: of the columns, if they have any.

    Raises:
        PlaceError: something looks like the name of a column, but there is none of that name.
    """
    parts: list[bytes | Place] = []
    end = 0
    for found in _pattern(whole, numbers=numbers, named=names is not None).finditer(text):
        place = _make(found, names or ())
        if place is not None:
            parts += [text[end : found.start()], place]
            end = found.end()
    parts.append(text[end:])
    return [part for part in parts if part]


def _pattern(whole: bytes, *, numbers: bool, named: bool) -> re.Pattern[bytes]:
    # The dollar is for a shell: ${1} and ${name} are its own.
    kinds = [rb"(?P<whole>%b)" % re.escape(whole), rb"\{(?P<item>[#%])\}"]
    kinds.append(rb"\{(?!\})%b\}" % _CHANGE)
    if numbers:
        kinds.append(rb"(?<!\$)\{(?P<number>-?[1-9][0-9]*)%b\}" % _again(b"number"))
    if named:
        kinds.append(rb"(?<!\$)\{(?P<name>[^{}]+?)%b\}" % _again(b"name"))
    return re.compile(b"|".join(kinds))


def _again(kind: bytes) -> bytes:
    """Return the pattern for a change under a name of its own."""
    return _CHANGE.replace(b"change", kind + b"_change")


def _make(found: re.Match[bytes], names: Sequence[bytes]) -> Place | None:
    """Return the place that was found, unless it turns out to be none."""
    groups = {key: value for key, value in found.groupdict().items() if value is not None}
    text = found[0]
    if "whole" in groups:
        return Place(None, text, bytes)
    if "item" in groups:
        return Place(groups["item"], text, bytes)
    if "number" in groups:
        return Place(int(groups["number"]), text, _CHANGES[groups["number_change"]])
    if "name" not in groups:
        return Place(None, text, _CHANGES[groups["change"]])
    for name, change in (
        (groups["name"] + groups["name_change"], b""),
        (groups["name"], groups["name_change"]),
    ):
        if name in names:
            return Place(names.index(name) + 1, text, _CHANGES[change])
    if re.fullmatch(rb"[A-Za-z_][\w-]*", groups["name"]):
        known = ", ".join(map(os.fsdecode, names))
        raise PlaceError(f"there is no column for {os.fsdecode(text)}; there are: {known}")
    return None

"""The columns of a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias, final

from ...._children import PlaceError


@final
@dataclass(frozen=True, slots=True)
class Quoted:
    """Columns as spreadsheets write them: a value may be in double quotes, and is then as it is.

    Attributes:
        character: what separates them.
    """

    character: str

    @property
    def pattern(self) -> str:
        """What journals call it."""
        return f"CSV {self.character}"

    def split(self, line: bytes) -> list[bytes]:
        """Return the columns of a line.

        Raises:
            PlaceError: the quotes in it do not match.
        """
        import csv  # few runs need it

        text = line.decode(errors="surrogateescape")
        try:
            (row,) = csv.reader([text], delimiter=self.character, strict=True)
        except csv.Error:
            why = "its quotes do not match, or a value has several lines"
            raise PlaceError(f"there are no columns: {why}") from None
        return [value.encode(errors="surrogateescape") for value in row]


Separator: TypeAlias = bytes | re.Pattern[bytes] | Quoted | None
"""What separates columns; ``None`` if a line is one value."""


def split(line: bytes, separator: Separator) -> list[bytes]:
    """Return the columns of a line.

    Raises:
        PlaceError: they have quotes that do not match.
    """
    if separator is None:
        return [line]
    if isinstance(separator, bytes):
        return line.split(separator)
    if isinstance(separator, Quoted):
        return separator.split(line)
    # A group in the pattern would add what it matched.
    columns, end = [], 0
    for found in separator.finditer(line):
        if found.end() > found.start():
            columns.append(line[end : found.start()])
            end = found.end()
    return [*columns, line[end:]]


def as_separator(text: str) -> bytes | re.Pattern[bytes]:
    """Return the separator that a user names: one character, or a regular expression.

    Raises:
        ValueError: it is neither.
    """
    if not text:
        raise ValueError("it is empty")
    if len(text) == 1:
        return text.encode(errors="surrogateescape")
    try:
        pattern = re.compile(text.encode(errors="surrogateescape"))
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from None
    if pattern.fullmatch(b""):
        raise ValueError("it matches nothing at all, which is everywhere")
    return pattern

"""The columns of a line."""

from __future__ import annotations

import re
from typing import TypeAlias

Separator: TypeAlias = bytes | re.Pattern[bytes] | None
"""What separates columns; ``None`` if a line is one value."""


def split(line: bytes, separator: Separator) -> list[bytes]:
    """Return the columns of a line."""
    if separator is None:
        return [line]
    if isinstance(separator, bytes):
        return line.split(separator)
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

"""An item: what one command is for."""

from __future__ import annotations

from typing import NamedTuple, final

from ..files import LineCount


@final
class Item(NamedTuple):  # made faster than a dataclass, and there may be millions
    """What one command is for: usually one line of the input.

    Attributes:
        number: of the item, from 1.
        lines: of the input, without their ends; none if there is a block.
        at: the number of the first line, as an editor counts.
        block: whole lines with their ends, for the standard input of the command.
    """

    number: int
    lines: tuple[bytes, ...]
    at: int
    block: bytes | None = None


def count_of(item: Item, end: bytes) -> int:
    """Return how many lines an item has, those of its block included."""
    if item.block is None:
        return len(item.lines)
    count = LineCount(end)
    count.add(item.block)
    return count.lines


def problem_of(item: Item) -> str:
    """Return why an item cannot be passed on; nothing if it can."""
    if any(b"\0" in line for line in item.lines):
        return (
            f"line {item.at} of the input cannot be passed on: it contains a NUL byte; "
            f"if NUL bytes end the lines, say --null"
        )
    return ""

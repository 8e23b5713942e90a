"""The rows of a journal: one for each item."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from ....durable import JobRecord, NewJob
from ..items import Item

QUEUE: Final = "run"
"""The queue of the store in which the items are."""


def row_of(item: Item, attempts: int, header: bytes | None) -> NewJob:
    """Return the row for an item; the first one also has the header."""
    payload: dict[str, Any] = {}
    if item.block is not None:
        payload["block"] = _text(item.block)
    elif len(item.lines) == 1:
        payload["line"] = _text(item.lines[0])
    else:
        payload["lines"] = [_text(line) for line in item.lines]
    payload["number"] = item.number
    if item.at != item.number:
        payload["at"] = item.at
    if header is not None and item.number == 1:
        payload["header"] = _text(header)
    return NewJob(queue=QUEUE, payload=json.dumps(payload).encode(), max_attempts=attempts)


def item_of(record: JobRecord) -> Item:
    """Return the item of a row."""
    payload = json.loads(record.payload)
    number, block = payload["number"], payload.get("block")
    texts = payload.get("lines", [payload["line"]] if "line" in payload else [])
    return Item(
        number,
        tuple(map(_bytes, texts)),
        payload.get("at", number),
        None if block is None else _bytes(block),
    )


def header_of(record: JobRecord) -> bytes | None:
    """Return the header of the input, if this row has it."""
    header = json.loads(record.payload).get("header")
    return None if header is None else _bytes(header)


def lines_of(item: Item, end: bytes) -> Sequence[bytes]:
    """Return the lines of an item, those of its block included."""
    if item.block is None:
        return item.lines
    lines = item.block.split(end)
    return lines if lines[-1] else lines[:-1]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

"""A tag in front of each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def tagged(chunks: Iterable[bytes], tag: bytes) -> Iterator[bytes]:
    """Put the tag in front of each line, and end the last one; no chunk is empty."""
    begun = False  # whether a line has begun, but not ended
    for chunk in chunks:
        body = chunk[:-1].replace(b"\n", b"\n" + tag) + chunk[-1:]
        yield body if begun else tag + body
        begun = not chunk.endswith(b"\n")
    if begun:
        yield b"\n"

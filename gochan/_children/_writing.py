"""Writing all of some bytes, however long it takes."""

from __future__ import annotations

import os
import select


def write_all(descriptor: int, data: bytes) -> None:
    """Write ``data``, and wait as long as that takes.

    Raises:
        OSError: it cannot be written.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # another program that shares the file has made it so
            select.select([], [descriptor], [])

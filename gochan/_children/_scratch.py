"""Scratch files: files without a name, which vanish when they are closed."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from ._writing import write_all


def open_scratch() -> BinaryIO:
    """Open a scratch file without a buffer, so that a write fails at once or not at all.

    Raises:
        OSError: there is no room, or too many files are open.
    """
    import tempfile  # few runs need it

    file: Any = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # the caller closes it
    return file  # type: ignore[no-any-return]


def open_memory(data: bytes) -> int:
    """Return the descriptor of a new file without a name, to be read from its start.

    Raises:
        OSError: there is no room, or too many files are open.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("lines")
    else:
        with open_scratch() as file:
            descriptor = os.dup(file.fileno())
    try:
        write_all(descriptor, data)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

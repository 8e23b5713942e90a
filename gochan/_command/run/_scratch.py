"""Scratch files: files without a name, which vanish when they are closed."""

from __future__ import annotations

import tempfile
from typing import Any, BinaryIO


def open_scratch() -> BinaryIO:
    """Open a scratch file without a buffer, so that a write fails at once or not at all.

    Raises:
        OSError: there is no room, or too many files are open.
    """
    file: Any = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # the caller closes it
    return file  # type: ignore[no-any-return]

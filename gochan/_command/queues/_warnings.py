"""Warnings: what goes wrong in a worker is a line on standard error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from .._standard_files import complain


class _Lines(logging.Handler):
    """Prints each record as a line, without its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        # Whoever has set up logging has said where warnings go.
        if not logging.getLogger().handlers:
            complain(record.getMessage())


@contextmanager
def told_warnings() -> Iterator[None]:
    """Print the warnings and errors of durable queues, unless the program has set up logging."""
    logger, handler = logging.getLogger("gochan.durable"), _Lines(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)

"""Our standard output and standard error, as the commands see them."""

# Theory of operation
# -------------------
# What a command writes goes on byte by byte. Only a terminal that shows a view of the run
# gets it by way of the display, which knows how to keep the two apart.
#
# If standard error cannot be written, the run goes on all the same; standard output is what
# one runs commands for.

from __future__ import annotations

from collections.abc import Iterable
from typing import final

import trio

from ..._descriptors import STDERR, STDOUT
from ...terminal import Writer
from ..display import Display


@final
class Outlet:
    """Where the output of the commands leaves."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._writers = {
            descriptor: None if display.stands_on(descriptor) else Writer(descriptor)
            for descriptor in (STDOUT, STDERR)
        }

    async def write(self, chunks: Iterable[bytes], descriptor: int) -> None:
        """Write all chunks to one of our standard files.

        Raises:
            BrokenPipeError: nobody reads standard output any more.
            OSError: standard output cannot be written for another reason, such as a full disk.
        """
        try:
            writer = self._writers[descriptor]
            if writer is None:
                await self._display.show(chunks, descriptor)
            else:
                for number, chunk in enumerate(chunks):
                    if number:  # a large output, even if it is to a file, must not hold up all
                        await trio.lowlevel.checkpoint()
                    await writer.write(chunk)
        except OSError:
            if descriptor == STDOUT:
                raise

    def close(self) -> None:
        """Close what was opened for it."""
        for writer in self._writers.values():
            if writer is not None:
                writer.close()

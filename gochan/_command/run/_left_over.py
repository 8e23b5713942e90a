"""The lines that were not done, and the file that they are written to."""

# Theory of operation
# -------------------
# A line that was submitted is kept in memory until it is done; a line that was read but
# never submitted is put aside in a scratch file, since there may be millions. The left-over
# file is written once, at the end: first the lines that were submitted and not done, then
# those put aside, then what was not even taken. That is the order of the input.
#
# The left-over file may be the input. So a new file is written beside it, which
# takes its place once it is complete.

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, final

from ._lines import Line, LineReader
from ._scratch import open_scratch


@final
class LeftOver:
    """Keeps every line that was not done.

    Attributes:
        never_started: how many lines were put aside.
        saved: whether `save` was called.
    """

    def __init__(self, path: str | None) -> None:
        self.never_started = 0
        self.saved = False
        self._path = path
        self._undone: dict[int, Line] = {}  # submitted, by number
        self._aside = open_scratch()

    @property
    def wanted(self) -> bool:
        """Whether there is a file for these lines."""
        return self._path is not None

    def __bool__(self) -> bool:
        """Whether there is any such line."""
        return bool(self._undone or self.never_started)

    def add(self, line: Line) -> None:
        """Keep a line until it is removed."""
        self._undone[line.number] = line

    def remove(self, line: Line) -> None:
        """Forget a line, because it is done or will be put aside."""
        del self._undone[line.number]

    def put_aside(self, line: bytes) -> None:
        """Keep a line that is not submitted at all.

        Raises:
            OSError: there is no room. The line is not kept, and no part of it.
        """
        end = self._aside.tell()
        rest = memoryview(line + b"\n")
        try:
            while rest:
                rest = rest[self._aside.write(rest) :]
        except OSError:
            self._aside.truncate(end)
            raise
        self.never_started += 1

    def save(self, lines: LineReader) -> str:
        """Write all lines to the file, if one is wanted; return what went wrong, if anything."""
        self.saved = True
        if self._path is None:
            return ""
        try:
            with _open_to_replace(self._path) as file:
                self._write(file, lines)
        except OSError as error:
            return f"cannot write {self._path}: {error.strerror}"
        return ""

    def _write(self, file: BinaryIO, lines: LineReader) -> None:
        file.writelines(os.fsencode(line.text) + b"\n" for line in self._undone.values())
        self._aside.seek(0)
        shutil.copyfileobj(self._aside, file)
        lines.copy_rest(file)

    def close(self) -> None:
        """Close the scratch file."""
        self._aside.close()


@contextmanager
def _open_to_replace(path: str) -> Iterator[BinaryIO]:
    """Open a file whose content takes its place at the end of the block, and not before.

    If the block raises, the old content stays. A device is written to directly.
    """
    path = os.path.realpath(path)
    if not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    beside: Any
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as beside:
        try:
            yield beside
            shutil.copymode(path, beside.name)
        except BaseException:
            os.unlink(beside.name)
            raise
    os.replace(beside.name, path)

"""Files: the logs and artefacts of jobs."""

# Theory of operation
# -------------------
# Each run of a job has its log, and what it has uploaded. They grow by parts, each with the place
# where it belongs: what is sent again changes nothing, and a part that would leave a hole is
# refused, with the size that there is, so that the client can go on from there. What is too much is
# not taken; what was taken stays.
#
# Names are letters, digits, and a few signs; they are no paths.

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, final

from gochan.durable import Store

from .._shared import SharedStore
from .._wire import FILE_NAME
from ._shelves import SCRIPTS, FileOf, FolderShelf, Shelf, TableShelf

LOG: Final = "log"
LONGEST: Final = 256 * 2**20
MOST: Final = 1001  # files of a run: its log, and what it uploads
_NAME: Final = re.compile(FILE_NAME + r"\Z")


class FileRefused(ValueError):
    """The name of a file is no name."""


@final
class Files:
    """The files of all jobs.

    Args:
        place: a folder, or another shelf.
        longest: how many bytes a file may have.
        most: how many files a run may have.
    """

    def __init__(self, place: Path | Shelf, *, longest: int = LONGEST, most: int = MOST) -> None:
        self._shelf = FolderShelf(place) if isinstance(place, Path) else place
        self._longest = longest
        self._most = most

    def append(self, id: int, version: int, name: str, offset: int, data: bytes) -> int | None:
        """Write a part, and return the size of the file then. Called in a thread.

        Returns:
            The size, or ``None`` if the part is not taken: the file would be too long, or the run
            has too many.

        Raises:
            FileRefused: the name is no name.
            OSError: the disk is full, or something else is wrong with it.
            StoreUnavailable: the database cannot be reached.
        """
        check_name(name)
        if offset + len(data) > self._longest:
            return None
        file = FileOf(id, version, name)
        if not self._shelf.size(file):
            names = self.names(id, version)
            if name not in names and len(names) >= self._most:
                return None
        return self._shelf.append(file, offset, data)

    def read(self, id: int, version: int, name: str, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on; none if there is no such file.

        Raises:
            FileRefused: the name is no name.
        """
        check_name(name)
        return self._shelf.read(FileOf(id, version, name), offset, size)

    def size(self, id: int, version: int, name: str) -> int:
        """Return how many bytes a file has; 0 if there is none."""
        check_name(name)
        return self._shelf.size(FileOf(id, version, name))

    def versions(self, id: int) -> list[int]:
        """Return the runs of a job that have files, the first one first."""
        return self._shelf.versions(id)

    def names(self, id: int, version: int) -> list[str]:
        """Return the names of the files of a run."""
        return self._shelf.names(id, version)

    def jobs(self) -> Iterator[list[int]]:
        """Yield the numbers of the jobs that have files, some at a time."""
        return self._shelf.jobs()

    def remove(self, id: int) -> None:
        """Delete the files of a job. Called in a thread."""
        self._shelf.remove(id)


def check_name(name: str) -> None:
    """Look at the name of a file.

    Raises:
        FileRefused: it is no name.
    """
    if not _NAME.match(name):
        raise FileRefused(
            f"{name!r} is no name of a file: it is made of letters, digits, and ., _ and -"
        )


@asynccontextmanager
async def open_job_files(store: Store, folder: Path) -> AsyncIterator[Files]:
    """Open the files of the jobs of a store inside the block.

    Args:
        store: where the jobs are. If it offers tables, the files are there.
        folder: where they are otherwise.

    Raises:
        StoreError: the database of the store cannot be used.
    """
    if not isinstance(store, SharedStore):
        yield Files(folder)
        return
    async with store.open_tables("files", SCRIPTS) as tables:
        yield Files(TableShelf(tables))

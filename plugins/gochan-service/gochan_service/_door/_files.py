"""Files: the logs and artefacts of jobs."""

# Theory of operation
# -------------------
# Each run of a job has a folder, by its number and version; in it are the log and what the run has
# uploaded. A part is written where it belongs: what is sent again changes nothing, and a part that
# would leave a hole is refused, with the size that there is, so that the client can go on from
# there. What is too much is not taken; what was taken stays.
#
# Names are letters, digits, and a few signs; they are no paths.

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from .._wire import FILE_NAME

LOG: Final = "log"
LONGEST: Final = 256 * 2**20
MOST: Final = 1001  # files of a run: its log, and what it uploads
_NAME: Final = re.compile(FILE_NAME + r"\Z")
_SHELF: Final = 1000  # jobs in a folder


class FileRefused(ValueError):
    """The name of a file is no name."""


@final
class Files:
    """The files of all jobs, below a folder."""

    def __init__(self, folder: Path, *, longest: int = LONGEST, most: int = MOST) -> None:
        self._folder = folder
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
        """
        path = self.path(id, version, name)
        if offset + len(data) > self._longest:
            return None
        if not path.exists() and len(self.names(id, version)) >= self._most:
            return None
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if offset > size:
                return size
            rest, end = memoryview(data), offset + len(data)
            while rest:
                rest = rest[os.pwrite(descriptor, rest, end - len(rest)) :]
            return max(size, end)
        finally:
            os.close(descriptor)

    def read(self, id: int, version: int, name: str, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on; none if there is no such file."""
        try:
            descriptor = os.open(self.path(id, version, name), os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)

    def size(self, id: int, version: int, name: str) -> int:
        """Return how many bytes a file has; 0 if there is none."""
        try:
            return self.path(id, version, name).stat().st_size
        except FileNotFoundError:
            return 0

    def versions(self, id: int) -> list[int]:
        """Return the runs of a job that have files, the first one first."""
        return sorted(int(path.name) for path in _inside(self._job(id)))

    def names(self, id: int, version: int) -> list[str]:
        """Return the names of the files of a run."""
        return sorted(path.name for path in _inside(self._job(id) / str(version)))

    def jobs(self) -> Iterator[list[int]]:
        """Yield the numbers of the jobs that have files, some at a time."""
        for shelf in _inside(self._folder):
            yield [int(path.name) for path in _inside(shelf)]

    def remove(self, id: int) -> None:
        """Delete the files of a job. Called in a thread."""
        shutil.rmtree(self._job(id), ignore_errors=True)

    def path(self, id: int, version: int, name: str) -> Path:
        """Return where a file is.

        Raises:
            FileRefused: the name is no name.
        """
        if not _NAME.match(name):
            raise FileRefused(
                f"{name!r} is no name of a file: it is made of letters, digits, and ., _ and -"
            )
        return self._job(id) / str(version) / name

    def _job(self, id: int) -> Path:
        return self._folder / str(id // _SHELF) / str(id)


def _inside(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing if it is not there."""
    try:
        return [*folder.iterdir()]
    except FileNotFoundError:
        return []

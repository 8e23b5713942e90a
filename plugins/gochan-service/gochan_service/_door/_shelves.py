"""Shelves: where the files of jobs are, in a folder or in tables beside the jobs."""

# Theory of operation
# -------------------
# A part is written where it belongs: what is sent again changes nothing, and one that would leave
# a hole is not taken. In a folder, that is what a file does by itself. In tables, a file is a row
# with its size, which a writer locks; and parts, which follow one another without an overlap.
#
# The last bytes of a disk are not for files in a folder: jobs are most likely on the same disk, and
# on a full one they could not even be cancelled.

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol, final

from .._shared import SharedTables

# What files leave of a disk, or at least that part of it.
_SPARE: Final = 64 * 2**20
_SHARE: Final = 20

_SHELF: Final = 1000  # jobs in a folder, and in a page of tables

SCRIPTS: Final = (
    """
CREATE TABLE {s}.files_file(
    job bigint NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    size bigint NOT NULL,
    PRIMARY KEY(job, version, name)
);
CREATE TABLE {s}.files_part(
    job bigint NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    start bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY(job, version, name, start)
)
""",
)
"""Tables for files: scripts for `gochan_postgres.PostgresStore.open_tables`."""


class FileOf(NamedTuple):
    """Which file is meant: of which job, of which run, and its name."""

    job: int
    version: int
    name: str


class Shelf(Protocol):
    """Keeps files. The methods wait: call them in a thread."""

    def append(self, file: FileOf, offset: int, data: bytes) -> int:
        """Write a part, unless it would leave a hole; return the size then."""

    def read(self, file: FileOf, offset: int, size: int) -> bytes:
        """Return at most so many bytes; none if there is no such file."""

    def size(self, file: FileOf) -> int:
        """Return how many bytes a file has; 0 if there is none."""

    def versions(self, job: int) -> list[int]:
        """Return the runs of a job that have files, in order."""

    def names(self, job: int, version: int) -> list[str]:
        """Return the names of the files of a run, in order."""

    def jobs(self) -> Iterator[list[int]]:
        """Yield the numbers of the jobs that have files, some at a time."""

    def remove(self, job: int) -> None:
        """Delete the files of a job."""


# A folder


@final
class FolderShelf:
    """Files in a folder: one for each job, in it one for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, file: FileOf, offset: int, data: bytes) -> int:
        """Write a part, unless it would leave a hole; return the size then."""
        path = self.path(file)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if offset > size:
                return size
            _check_room(descriptor, len(data))
            rest, end = memoryview(data), offset + len(data)
            while rest:
                rest = rest[os.pwrite(descriptor, rest, end - len(rest)) :]
            return max(size, end)
        finally:
            os.close(descriptor)

    def read(self, file: FileOf, offset: int, size: int) -> bytes:
        """Return at most so many bytes; none if there is no such file."""
        try:
            descriptor = os.open(self.path(file), os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)

    def size(self, file: FileOf) -> int:
        """Return how many bytes a file has; 0 if there is none."""
        try:
            return self.path(file).stat().st_size
        except FileNotFoundError:
            return 0

    def versions(self, job: int) -> list[int]:
        """Return the runs of a job that have files, in order."""
        return sorted(_numbers(self._job(job)))

    def names(self, job: int, version: int) -> list[str]:
        """Return the names of the files of a run, in order."""
        return sorted(path.name for path in _inside(self._job(job) / str(version)))

    def jobs(self) -> Iterator[list[int]]:
        """Yield the numbers of the jobs that have files, some at a time."""
        for shelf in _numbers(self._folder):
            yield _numbers(self._folder / str(shelf))

    def remove(self, job: int) -> None:
        """Delete the files of a job."""
        shutil.rmtree(self._job(job), ignore_errors=True)
        with suppress(OSError):  # there are others in it
            self._job(job).parent.rmdir()

    def path(self, file: FileOf) -> Path:
        """Return where a file is."""
        return self._job(file.job) / str(file.version) / file.name

    def _job(self, job: int) -> Path:
        return self._folder / str(job // _SHELF) / str(job)


def _check_room(descriptor: int, size: int) -> None:
    """Look whether there is room for a part, and some more.

    Raises:
        OSError: there is not.
    """
    disk = os.fstatvfs(descriptor)
    spare = min(_SPARE, disk.f_blocks * disk.f_frsize // _SHARE)
    if disk.f_bavail * disk.f_frsize < size + spare:
        raise OSError(errno.ENOSPC, "what is left of the disk is for jobs")


def _inside(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing if it is not there."""
    try:
        return [*folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _numbers(folder: Path) -> list[int]:
    """Return the names in a folder that are numbers; others are not ours, as ``lost+found``."""
    return [int(path.name) for path in _inside(folder) if path.name.isdecimal()]


# Tables

_WHICH: Final = "job = %s AND version = %s AND name = %s"


@final
class TableShelf:
    """Files in tables beside the jobs."""

    def __init__(self, tables: SharedTables) -> None:
        self._tables = tables

    def append(self, file: FileOf, offset: int, data: bytes) -> int:
        """Write a part, unless it would leave a hole; return the size then."""
        with self._tables.transaction() as work:
            work.run(
                "INSERT INTO {s}.files_file VALUES (%s, %s, %s, 0) ON CONFLICT DO NOTHING", *file
            )
            lock = "SELECT size FROM {s}.files_file WHERE " + _WHICH + " FOR UPDATE"
            ((size,),) = work.rows(lock, *file)
            end = offset + len(data)
            if offset > size or end <= size:
                return int(size)
            new = data[size - offset :]
            work.run("INSERT INTO {s}.files_part VALUES (%s, %s, %s, %s, %s)", *file, size, new)
            work.run("UPDATE {s}.files_file SET size = %s WHERE " + _WHICH, end, *file)
            return end

    def read(self, file: FileOf, offset: int, size: int) -> bytes:
        """Return at most so many bytes; none if there is no such file."""
        rows = self._tables.rows(
            f"SELECT start, data FROM {{s}}.files_part WHERE {_WHICH} AND start < %s AND start >= "
            f"coalesce((SELECT max(start) FROM {{s}}.files_part WHERE {_WHICH} AND start <= %s), 0)"
            " ORDER BY start",
            *(*file, offset + size, *file, offset),
        )
        first = rows[0][0] if rows else 0
        return b"".join(data for _, data in rows)[offset - first :][:size]

    def size(self, file: FileOf) -> int:
        """Return how many bytes a file has; 0 if there is none."""
        rows = self._tables.rows("SELECT size FROM {s}.files_file WHERE " + _WHICH, *file)
        return int(rows[0][0]) if rows else 0

    def versions(self, job: int) -> list[int]:
        """Return the runs of a job that have files, in order."""
        statement = "SELECT DISTINCT version FROM {s}.files_file WHERE job = %s ORDER BY version"
        return [version for (version,) in self._tables.rows(statement, job)]

    def names(self, job: int, version: int) -> list[str]:
        """Return the names of the files of a run, in order."""
        statement = "SELECT name FROM {s}.files_file WHERE job = %s AND version = %s"
        return sorted(name for (name,) in self._tables.rows(statement, job, version))

    def jobs(self) -> Iterator[list[int]]:
        """Yield the numbers of the jobs that have files, some at a time."""
        statement = "SELECT DISTINCT job FROM {s}.files_file WHERE job > %s ORDER BY job LIMIT %s"
        last = -1
        while rows := self._tables.rows(statement, last, _SHELF):
            ids = [job for (job,) in rows]
            last = ids[-1]
            yield ids

    def remove(self, job: int) -> None:
        """Delete the files of a job."""
        with self._tables.transaction() as work:
            for table in ("files_part", "files_file"):
                work.run(f"DELETE FROM {{s}}.{table} WHERE job = %s", job)

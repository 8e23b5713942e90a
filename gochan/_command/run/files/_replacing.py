"""Writing a file anew, so that it has its old content or its new one, and nothing in between."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, final

from ...._children import write_all
from ._counting import count_lines

# How many bytes are copied at a time; between two pieces we may be told to give up.
_PIECE: Final = 1 << 23
_SMALL_PIECE: Final = 1 << 20

GoOn: TypeAlias = Callable[[], bool]
"""Says whether to go on writing."""


class GaveUpError(Exception):
    """We were told to give up."""


@final
class Pen:
    """Writes to a descriptor, with an eye on whether to go on.

    Attributes:
        last: the last byte that was written, if that is known.
    """

    def __init__(self, descriptor: int, go_on: GoOn) -> None:
        self.last = b""
        self._descriptor = descriptor
        self._go_on = go_on

    def write(self, pieces: Iterable[bytes]) -> None:
        """Write pieces, many of which may be small, whatever we are told.

        Raises:
            OSError: there is no room.
        """
        waiting: list[bytes] = []
        size = 0
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size >= _SMALL_PIECE:
                self._write_all(b"".join(waiting))
                waiting, size = [], 0
        self._write_all(b"".join(waiting))

    def _write_all(self, data: bytes) -> None:
        write_all(self._descriptor, data)
        self.last = data[-1:] or self.last

    def copy(self, source: int, offset: int, size: int | None) -> None:
        """Copy bytes of a file from a place on: so many of them, or all.

        Raises:
            OSError: the bytes cannot be read, or there is no room.
            GaveUpError: we were told to.
        """
        end = os.fstat(source).st_size if size is None else size
        copy = self._send
        while offset < end:
            if not self._go_on():
                raise GaveUpError
            try:
                copied = copy(source, offset, min(_PIECE, end - offset))
            except OSError as error:
                if copy == self._pass_on or error.errno not in _UNABLE:
                    raise
                copy = self._pass_on
                continue
            if not copied:
                break
            offset += copied
            self.last = os.pread(source, 1, offset - 1)

    def _send(self, source: int, offset: int, count: int) -> int:
        """Let the system copy; not all of them can."""
        return os.sendfile(self._descriptor, source, offset, count)

    def _pass_on(self, source: int, offset: int, count: int) -> int:
        data = os.pread(source, min(count, _SMALL_PIECE), offset)
        self._write_all(data)
        return len(data)


# The system cannot copy from such a file, or into one.
_UNABLE: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.ENOTSUP, errno.EOVERFLOW}


@final
class Replacement:
    """A file beside another one, which takes its place once it is complete.

    Attributes:
        path: of the file to be replaced, if there is one; a symbolic link to it stays one.
        descriptor: of the new one.
        notes: what has changed besides the content.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        self._old = _stat(path)
        folder, name = os.path.split(path)
        self.descriptor, self._name = tempfile.mkstemp(prefix=f".{name}.", dir=folder)

    def finish(self) -> None:
        """Put the new file in the place of the old one.

        Raises:
            OSError: that cannot be done. The old file is there, and the new one is not.
        """
        try:
            self._be_like_the_old_one()
            os.replace(self._name, self.path)
        except OSError:
            os.unlink(self._name)
            raise
        finally:
            os.close(self.descriptor)

    def _be_like_the_old_one(self) -> None:
        old, new = self._old, os.fstat(self.descriptor)
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            try:
                os.fchown(self.descriptor, old.st_uid, old.st_gid)
            except PermissionError:
                self.notes.append(f"{self.path} has another owner or group now, since it is new")
        os.fchmod(self.descriptor, stat.S_IMODE(old.st_mode))
        if old.st_nlink > 1:
            others = old.st_nlink - 1
            names = "1 other name" if others == 1 else f"{others} other names"
            self.notes.append(f"{self.path} is a new file; {names} of the old one keep its content")

    def give_up(self, end: bytes | None) -> tuple[str, int]:
        """Leave the old file as it is; of the new one, keep the lines that are complete.

        Args:
            end: the byte that ends a line; ``None`` to keep nothing.

        Returns:
            Where they are, and how many; an empty name if there are none.
        """
        try:
            if end is not None and (count := self._complete_lines(end)):
                name = f"{self.path}.partial"
                os.replace(self._name, name)
                return name, count
            os.unlink(self._name)
            return "", 0
        finally:
            os.close(self.descriptor)

    def _complete_lines(self, end: bytes) -> int:
        """Remove the line that is not complete; return how many are left."""
        os.ftruncate(self.descriptor, _end_of_lines(self.descriptor, end))
        return count_lines(self.descriptor, 0, end, lambda: True) or 0


def _stat(path: str) -> os.stat_result:
    """Return what a file is like; if there is none, what the system makes a new one like."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        with open(path, "xb") as file:
            os.unlink(path)
            return os.fstat(file.fileno())


def _end_of_lines(descriptor: int, end: bytes) -> int:
    """Return where the last line ends that is complete."""
    size = os.fstat(descriptor).st_size
    while size:
        start = max(0, size - _SMALL_PIECE)
        length = os.pread(descriptor, size - start, start).rfind(end) + 1
        if length:
            return start + length
        size = start
    return 0

"""Sole use: who else may have a file open."""

# Theory of operation
# -------------------
# SQLite 3.7.0 to 3.51.2 can damage a file in WAL mode if two connections write or check-point at
# the same moment (https://sqlite.org/releaselog/3_51_3.html). Within a process there is only one
# connection that writes; between processes a lock beside the file sees to it.
#
# Within a process, two copies of SQLite must not use one file: when one of them closes it, the
# system takes the locks of the other, too (https://sqlite.org/howtocorrupt.html, section 2.2.1).

from __future__ import annotations

import os
from collections import Counter
from types import TracebackType
from typing import Final, final

from .._errors import StoreError
from ._library import Library

_SAFE: Final = (3, 51, 3)  # from here on, several connections may write

_HERE: Counter[tuple[str, str]] = Counter()  # what this process has open: path, library


@final
class SoleUse:
    """Holds a lock beside a file while it is open."""

    def __init__(
        self, path: str, address: str, library: Library, *, reads: bool, shared: bool
    ) -> None:
        self._path = path
        self._address = address
        self._library = library
        self._reads = reads
        self._alone = not shared and not library.is_at_least(_SAFE)
        self._here = (os.path.realpath(path), library.name)
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        for path, name in +_HERE:
            if path == self._here[0] and name != self._library.name:
                raise StoreError(
                    f"{self._address} is open in this process by {name}, and two copies of SQLite "
                    f'in one process can damage a file; open it with library="{name}" here, too'
                )
        if not self._reads:
            self._lock()
        _HERE[self._here] += 1

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # pragma: no cover  # Windows
            return
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(f"{self._path}-lock", flags, 0o666)
        except OSError:
            return  # the file cannot be made there either, and that will be said
        try:
            kind = fcntl.LOCK_EX if self._alone else fcntl.LOCK_SH
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise StoreError(self._refusal()) from None

    def _refusal(self) -> str:
        """Say why the file cannot be opened, and what to do."""
        if self._alone:
            return (
                f"another process has {self._address} open, and SQLite {self._library.version} can "
                "damage a file that two processes write; use a newer one, in each process, with "
                'the option library="apsw" of the store (the extra sqlite), or take the risk, in '
                "each process, with the option shared=True"
            )
        return (
            f"another process has {self._address} open for itself alone, since its SQLite can "
            "damage a file that two processes write; say there how it is opened here"
        )

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _HERE[self._here] -= 1
        if self._descriptor is not None:
            os.close(self._descriptor)

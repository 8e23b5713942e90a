"""Neighbours: other processes that have the same file open, and the bells between them."""

# Theory of operation
# -------------------
# Each process binds a datagram socket in a folder beside the file, and sends what it rings to
# all the others there. A socket whose process has died refuses; it is then removed. A bell that
# is lost costs time only, so nothing here waits, and nothing that fails is an error.

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Final, final
from uuid import uuid4

import trio

from .._bells import Bells, merged
from .._records import Hint
from ._desk import Hints

_MOST_BYTES: Final = 60_000


@final
class Neighbours:
    """The processes that have a file open."""

    def __init__(self, path: str) -> None:
        self._folder = Path(f"{path}-bells")
        self._own: Path | None = None
        self._socket: socket.socket | None = None
        self._others: list[str] = []
        self._seen = -1

    def move_in(self) -> None:
        """Bind the socket; where that cannot be done, there are no bells."""
        if not hasattr(socket, "AF_UNIX"):  # pragma: no cover  # Windows
            return
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        own = self._folder / uuid4().hex[:12]
        try:
            self._folder.mkdir(exist_ok=True)
            bound.setblocking(False)
            bound.bind(str(own))
        except OSError:  # a path that is too long, a file system without sockets
            bound.close()
            return
        self._own, self._socket = own, bound

    def move_out(self) -> None:
        """Remove the socket, and the folder if nobody else is there."""
        if self._socket is not None and self._own is not None:
            self._socket.close()
            self._own.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._folder.rmdir()

    def ring(self, hints: Hints) -> None:
        """Send hints to all the others. Called by the thread that writes."""
        if self._socket is None:
            return
        others = self._look()
        if not others:
            return
        said = {
            queue: [[hint.what, hint.ids] for hint in merged(about)]
            for queue, about in hints.items()
        }
        data = json.dumps(said).encode()
        if len(data) > _MOST_BYTES:
            said = {queue: [[what, ()] for what, _ in about] for queue, about in said.items()}
            data = json.dumps(said).encode()
        for other in others:
            try:
                self._socket.sendto(data, other)
            except (ConnectionRefusedError, FileNotFoundError):
                Path(other).unlink(missing_ok=True)  # its process has died
            except OSError:  # pragma: no cover  # it does not keep up, and will look by itself
                pass

    def _look(self) -> list[str]:
        """Return the sockets of the others; the folder is read when it has changed."""
        try:
            changed = self._folder.stat().st_mtime_ns
            if changed != self._seen:
                names = os.listdir(self._folder)
                assert self._own is not None
                self._others = [
                    str(self._folder / name) for name in names if name != self._own.name
                ]
                self._seen = changed
        except OSError:  # pragma: no cover  # somebody has removed the folder
            self._others = []
        return self._others

    async def hear(self, bells: Bells) -> None:
        """Pass on what the others ring, for ever."""
        if self._socket is None:
            return
        heard = trio.socket.from_stdlib_socket(self._socket)
        while True:
            data = await heard.recv(1 << 16)
            with contextlib.suppress(ValueError, TypeError, AttributeError):  # of nonsense
                bells.ring(
                    {
                        queue: [Hint(what, tuple(ids)) for what, ids in about]
                        for queue, about in json.loads(data).items()
                    }
                )

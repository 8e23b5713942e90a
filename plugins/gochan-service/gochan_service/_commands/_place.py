"""Where a server listens: a host and a port, or a socket in a folder; with TLS or without."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    from .._door import Listener

_BACKLOG: Final = 1024  # agents may all come at once


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens.

    Attributes:
        host: its name or address; empty for all that the machine has.
        port: 0 for any that is free.
        path: of a socket in a folder, instead of these.
    """

    host: str = ""
    port: int = 0
    path: str | None = None

    @classmethod
    def of(cls, text: str) -> Place:
        """Read ``HOST:PORT``, ``[::1]:PORT``, ``:PORT`` or ``unix:PATH``.

        Raises:
            ValueError: it is none of these.
        """
        scheme, _, path = text.partition(":")
        if scheme == "unix" and path and not path.isdigit():
            return cls(path=path)
        host, colon, port = text.rpartition(":")
        is_bracketed = host.startswith("[") and host.endswith("]")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"{text!r} is not like 127.0.0.1:8000, [::1]:8000 or unix:PATH")
        if ":" in host and not is_bracketed:
            raise ValueError(f"an address with colons has brackets: [{host}]:{port}")
        return cls(host[1:-1] if is_bracketed else host, int(port))

    @property
    def is_near(self) -> bool:
        """Whether only programs on this machine reach it."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    async def open(self, tls: ssl.SSLContext | None) -> list[Listener]:
        """Begin to listen.

        Raises:
            OSError: that is not possible.
        """
        if self.path is None:
            sockets = await trio.open_tcp_listeners(
                self.port, host=self.host or None, backlog=_BACKLOG
            )
        else:
            sockets = [_open_unix(self.path)]
        if tls is None:
            return [*sockets]
        return [trio.SSLListener(one, tls, https_compatible=True) for one in sockets]

    def url(self, listeners: list[Listener], tls: ssl.SSLContext | None) -> str:
        """Return the address of a server that listens here."""
        if self.path is not None:
            return f"unix:{self.path}"
        listener = listeners[0]
        inner = listener.transport_listener if isinstance(listener, trio.SSLListener) else listener
        assert isinstance(inner, trio.SocketListener)
        port = inner.socket.getsockname()[1]
        host = self.host or socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        return f"{'http' if tls is None else 'https'}://{shown}:{port}"

    def leave(self) -> None:
        """Remove what listening has left."""
        if self.path is not None:
            Path(self.path).unlink(missing_ok=True)


def _open_unix(path: str) -> trio.SocketListener:
    """Listen at a socket in a folder; one that a server has left is replaced."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode) and not _is_alive(path):
            os.unlink(path)
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        mask = os.umask(0o177)  # it is for this user alone
        try:
            ours.bind(path)
        finally:
            os.umask(mask)
        ours.listen(_BACKLOG)
    except BaseException:
        ours.close()
        raise
    return trio.SocketListener(trio.socket.from_stdlib_socket(ours))


def _is_alive(path: str) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ours:
        return ours.connect_ex(path) == 0


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return what TLS needs.

    Raises:
        OSError: a file cannot be read, or is no certificate or key.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context

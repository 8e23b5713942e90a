"""Behind a proxy: who really asks, as the proxy says."""

from __future__ import annotations

from typing import final

from ._limits import Application, Receive, Scope, Send


@final
class Proxied:
    """An application behind a proxy that is trusted.

    The last address in ``X-Forwarded-For`` is what the proxy itself has seen; those before it, the
    client may have made up.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with the client and the scheme that the proxy has seen."""
        headers = dict(scope["headers"])
        seen = headers.get(b"x-forwarded-for", b"").decode("latin-1").rpartition(",")[2].strip()
        if seen:
            scope["client"] = (seen, 0)
        scheme = headers.get(b"x-forwarded-proto", b"").decode("latin-1")
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        await self._application(scope, receive, send)

"""Addresses of servers, and what opens their doors."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from gochan.strategies import check_seconds


def agents_secret(secret: str | None = None) -> str:
    """Return the secret that an agent shows.

    Raises:
        ValueError: there is none.
    """
    secret = secret or os.environ.get("GOCHAN_SECRET")
    if not secret:
        raise ValueError(
            "an agent needs the server's secret: set GOCHAN_SECRET to what 'gochan serve' has "
            "written into the file that it names"
        )
    return secret


def check(
    address: str, token: str | None, secret: str | None, timeout: float
) -> tuple[str, str, float]:
    """Check the arguments of `open_server_store`; return the address, the credential, the limit.

    Raises:
        TypeError, ValueError: one is of the wrong type, or out of range.
    """
    parts = urlsplit(address)
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError("the address of a server is like http://127.0.0.1:8000")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "the address of a server has no password; set GOCHAN_TOKEN or GOCHAN_SECRET"
        )
    check_seconds("timeout", timeout, more_than=0, finite=True)
    credential = token or (None if secret else os.environ.get("GOCHAN_TOKEN"))
    credential = credential or secret or os.environ.get("GOCHAN_SECRET")
    if not credential:
        raise ValueError(
            "a server wants a token or a secret: set GOCHAN_TOKEN (for people) or GOCHAN_SECRET "
            "(for agents) to what 'gochan serve' has written"
        )
    return address.rstrip("/"), credential, timeout

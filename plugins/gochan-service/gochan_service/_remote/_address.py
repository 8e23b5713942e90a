"""Addresses of servers, and what opens their doors."""

# Theory of operation
# -------------------
# Who has started a server in this folder need not carry its secrets about: they are in files that
# `gochan serve` has written here. They are shown only to a server on this machine; another one
# could not be theirs.
#
# A person who works there may have the agents' secret in the environment, too, for agents that are
# started in the same shell. It opens little to people, so the token in the folder goes first.

from __future__ import annotations

import ipaddress
import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from gochan.strategies import check_seconds

from .._token import TOKEN

# What `gochan serve` calls the files of a store on SQLite, or of any other.
_STORES: Final = ("jobs.db", "gochan")

_LIKE: Final = "the address of a server is like http://127.0.0.1:8000"

# What to do about errors of the network, by words that are in them.
_CURES: Final = {
    "WRONG_VERSION_NUMBER": "it speaks no TLS there; without TLS, an address begins with http:",
    "CERTIFICATE_VERIFY_FAILED": "SSL_CERT_FILE names a file with an authority of your own",
    "disconnected without sending a resp": "if it speaks TLS, its address begins with https:",
}


def agents_secret(secret: str | None = None, *, url: str = "") -> str:
    """Return the secret that an agent shows to the server at ``url``.

    Raises:
        ValueError: there is none, or it is the token of a person.
    """
    secret = (
        secret
        or os.environ.get("GOCHAN_SECRET")
        or _secret_of_file()
        or _written_here(url, "secret")
    )
    if not secret:
        raise ValueError(
            "an agent needs the server's secret: set GOCHAN_SECRET to what 'gochan serve' has "
            "written into the file that it names, or GOCHAN_SECRET_FILE to the file itself"
        )
    if secret.startswith(TOKEN):
        raise ValueError(
            f"an agent needs the server's secret, and {described(secret)} is that of a person: "
            "take what 'gochan serve' has written into jobs.db.secret"
        )
    return secret


def _secret_of_file() -> str:
    """Return the newest secret in the file that the environment names; ``""`` if it names none."""
    path = os.environ.get("GOCHAN_SECRET_FILE")
    if not path:
        return ""
    try:
        words = Path(path).read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise ValueError(f"the file that GOCHAN_SECRET_FILE names is not usable: {error}") from None
    return words[-1] if words else ""


def persons_token(*, url: str) -> str:
    """Return the token that a person shows to the server at ``url``.

    Raises:
        ValueError: there is none.
    """
    token = os.environ.get("GOCHAN_TOKEN") or _written_here(url, "token")
    if not token:
        raise ValueError(
            "this needs a token: set GOCHAN_TOKEN to one, such as that which 'gochan serve' has "
            "written into jobs.db.token"
        )
    return token


def check_address(address: str) -> None:
    """Check that an address may be that of a server.

    Raises:
        ValueError: it cannot.
    """
    try:
        httpx.URL(address)  # which minds odd characters
        parts = urlsplit(address)
        is_odd = parts.port == 0 or " " in address  # to ask for the port is to look at it
    except (httpx.InvalidURL, ValueError) as error:
        raise ValueError(f"{_LIKE}: {error}") from None
    is_odd = is_odd or parts.scheme not in ("http", "https") or not parts.hostname
    if is_odd or parts.query or parts.fragment:
        is_word = not set(address) & {"@", "/", "?"}  # which cannot hold a password
        raise ValueError(f"{_LIKE}, not {address!r}" if is_word else _LIKE)
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "the address of a server has no password; set GOCHAN_TOKEN or GOCHAN_SECRET"
        )


def check(
    address: str, token: str | None, secret: str | None, timeout: float
) -> tuple[str, str, float]:
    """Check the arguments of `open_server_store`; return the address, the credential, the limit.

    Raises:
        TypeError, ValueError: one is of the wrong type, or out of range.
    """
    check_address(address)
    check_seconds("timeout", timeout, more_than=0, finite=True)
    credential = token or (None if secret else os.environ.get("GOCHAN_TOKEN"))
    credential = credential or secret
    if not credential:
        shared = os.environ.get("GOCHAN_SECRET", "")
        is_token = shared.startswith(TOKEN)
        credential = shared if is_token else _written_here(address, "token") or shared
    if not credential:
        raise ValueError(
            "a server wants a token or a secret: set GOCHAN_TOKEN (for people) or GOCHAN_SECRET "
            "(for agents) to what 'gochan serve' has written"
        )
    return address.rstrip("/"), credential, timeout


def _written_here(url: str, what: str) -> str | None:
    """Return the newest that a server of this folder has written, if it may be that one."""
    if not _is_near(urlsplit(url).hostname or ""):
        return None
    for store in _STORES:
        words = _words_in(f"{store}.{what}")
        if words:
            return words[-1]
    return None


def _words_in(path: str) -> list[str]:
    """Return the words in a file; none if it cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        return Path(path).read_text(encoding="ascii").split()
    return []


def described(credential: str) -> str:
    """Return what a credential is, and where it was found, to say that a server refuses it."""
    kind = "token" if credential.startswith(TOKEN) else "secret"
    if credential == os.environ.get("GOCHAN_TOKEN"):
        return "the token in GOCHAN_TOKEN"
    if credential == os.environ.get("GOCHAN_SECRET"):
        return f"the {kind} in GOCHAN_SECRET"
    named = os.environ.get("GOCHAN_SECRET_FILE")
    if named and credential in _words_in(named):
        return f"the {kind} in {named}, which GOCHAN_SECRET_FILE names"
    for store in _STORES:
        for what in ("token", "secret"):
            if credential in _words_in(f"{store}.{what}"):
                return f"the {what} in {store}.{what}"
    return f"the {kind}"


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def trust_of(url: str) -> ssl.SSLContext:
    """Return whom a client of a server trusts: as the system does, or ``SSL_CERT_FILE`` says."""
    if urlsplit(url).scheme == "https":
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nobody; to read all certificates takes 20 ms


def reason_of(error: BaseException) -> str:
    """Return what is wrong, in the words of the error, or of what it comes from; and a cure."""
    said: BaseException | None = error
    while said is not None and not str(said):
        said = said.__cause__ or said.__context__
    words = type(error).__name__ if said is None else str(said)
    cures = [f"; {cure}" for sign, cure in _CURES.items() if sign in words]
    return words.rstrip(".") + "".join(cures)

"""Addresses of servers: checked, and shown without passwords."""

# Theory of operation
# -------------------
# What libpq says about a malformed address repeats parts of it, and a password that was not
# encoded may be such a part. So an address is checked here first, its errors say what is wrong
# but not where, and what else libpq says is searched for the password.

from __future__ import annotations

from typing import Final, final
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

_HIDDEN: Final = "***"


@final
class Address:
    """Where a server is.

    Attributes:
        parameters: for libpq, password included.

    Raises:
        ValueError: it cannot be read. The text does not show it.
    """

    def __init__(self, text: str) -> None:
        scheme, _, rest = text.partition(":")
        if not rest.startswith("//"):
            raise ValueError(
                f'the address of a store on PostgreSQL is like "{scheme}://user@host:5432/database"'
            )
        place = rest[2:].partition("/")[0].partition("?")[0]
        where, _, _ = rest.partition("?")
        if place.count("@") > 1 or where.count("@") > place.count("@"):
            raise ValueError(
                "the address of the store has an @ where none can be; in a user name or "
                "a password, write @ as %40, : as %3A, / as %2F and % as %25"
            )
        try:
            self.parameters = conninfo_to_dict(text)
        except (psycopg.Error, ValueError):
            raise ValueError(
                "the address of the store cannot be read; it is like "
                f'"{scheme}://user@host:5432/database", and in a user name or a password, : is '
                "written as %3A, / as %2F, @ as %40 and % as %25"
            ) from None
        self._secrets = [
            secret
            for name in ("password", "sslpassword")
            if (secret := str(self.parameters.get(name) or ""))
        ]
        _, _, password = place.rpartition("@")[0].partition(":")
        self._secrets += [one for one in (password, unquote(password)) if one]

    def __str__(self) -> str:
        """The address without secrets and options, for people."""
        said = self.parameters
        user = f"{said['user']}@" if said.get("user") else ""
        host = str(said.get("host") or said.get("hostaddr") or "")
        host = "" if host.startswith("/") else host
        port = f":{said['port']}" if said.get("port") else ""
        return f"postgresql://{user}{host}{port}/{said.get('dbname') or ''}"

    def __repr__(self) -> str:
        return f"<gochan_postgres.Address {self}>"

    def cleaned(self, problem: BaseException) -> str:
        """Return what an error says, in one line and without secrets."""
        text = " ".join(str(problem).split()) or type(problem).__name__
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text

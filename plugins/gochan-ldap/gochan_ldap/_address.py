"""Addresses of LDAP directories, as RFC 4516 writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final
from urllib.parse import unquote, urlsplit

from gochan_service import DirectoryError

_SCOPES: Final = {"": 2, "one": 1, "sub": 2}
# Computers, which are people for Active Directory, are left out later: for a server that does not
# know that class, whatever is not one is nothing.
_PEOPLE: Final = "(&(|(objectClass=person)(objectClass=posixAccount))({login}=*))"


@final
@dataclass(frozen=True, slots=True)
class Address:
    """Where a directory is, and who in it is meant.

    Attributes:
        server: its scheme, host and port.
        base: the entry below which the people are.
        login: the attribute with the login.
        scope: 1 for the entries right below the base, 2 for all.
        filter: which entries are people.
    """

    server: str
    base: str
    login: str
    scope: int
    filter: str

    @classmethod
    def of(cls, text: str) -> Address:
        """Read ``ldaps://host:port/base?login?scope?filter``.

        Raises:
            DirectoryError: it is no such address.
        """
        parts = urlsplit(text)
        try:
            is_wrong = (
                parts.scheme not in ("ldap", "ldaps") or not parts.hostname or "@" in (parts.netloc)
            )
            port = parts.port
        except ValueError:
            is_wrong = True
        base = unquote(parts.path.removeprefix("/"))
        if is_wrong or "=" not in base:
            raise DirectoryError(
                "the address of a directory is like "
                "ldaps://ldap.example.com/ou=people,dc=example,dc=com; "
                "see --user for who asks, and write spaces as %20"
            )
        login, scope, wanted = (unquote(one) for one in [*parts.query.split("?", 2), "", ""][:3])
        if scope not in _SCOPES:
            raise DirectoryError(f"a scope is one or sub, not {scope!r}")
        login = login or "uid"
        if not login.replace("-", "").isalnum():
            raise DirectoryError(f"{login!r} is no name of an attribute")
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        server = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
        return cls(server, base, login, _SCOPES[scope], wanted or _PEOPLE.format(login=login))

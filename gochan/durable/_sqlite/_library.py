"""The library that speaks to SQLite: the standard one, or apsw."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final
from urllib.parse import quote

from ._connection import Connection, Mode


@final
@dataclass(frozen=True)
class Library:
    """What speaks to SQLite.

    Attributes:
        name: of the package.
        version: of SQLite itself.
        connect: opens a file, in a mode.
        wrap: takes a user's connection.
        type: of such a connection.
    """

    name: Literal["sqlite3", "apsw"]
    version: str
    connect: Callable[[str, Mode], Connection]
    wrap: Callable[[Any], Connection]
    type: type[Any]

    @property
    def type_name(self) -> str:
        """The type of a user's connection, as it is written."""
        return {"sqlite3": "a sqlite3.Connection", "apsw": "an apsw.Connection"}[self.name]

    def is_at_least(self, version: tuple[int, ...]) -> bool:
        """Whether this SQLite is of that version, or newer."""
        return tuple(map(int, self.version.split("."))) >= version


def _connect(path: str, mode: Mode) -> Connection:
    raw = sqlite3.connect(
        f"file:{quote(path)}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    return Connection(raw)


def library_of(name: Literal["sqlite3", "apsw"]) -> Library:
    """Return the library of that name.

    Raises:
        ImportError: it is not installed.
    """
    if name == "apsw":
        try:
            from ._by_apsw import ApswConnection, connect, raw_type, version
        except ImportError:
            raise ImportError(
                'library="apsw" needs the package apsw; install gochan with its extra sqlite'
            ) from None
        return Library("apsw", version(), connect, ApswConnection, raw_type())
    return Library("sqlite3", sqlite3.sqlite_version, _connect, Connection, sqlite3.Connection)

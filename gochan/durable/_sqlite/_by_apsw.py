"""A connection by apsw, which brings a newer SQLite than most Pythons have."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, final

import apsw

from ._connection import Connection, Mode, Parameters

# As in the standard library, so that nobody else has to know which library it was.
_ERRORS: Final[dict[int, type[sqlite3.Error]]] = {
    sqlite3.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    sqlite3.SQLITE_MISMATCH: sqlite3.IntegrityError,
    sqlite3.SQLITE_TOOBIG: sqlite3.DataError,
    sqlite3.SQLITE_CORRUPT: sqlite3.DatabaseError,
    sqlite3.SQLITE_NOTADB: sqlite3.DatabaseError,
}

_FLAGS: Final[dict[Mode, int]] = {
    "ro": apsw.SQLITE_OPEN_READONLY,
    "rw": apsw.SQLITE_OPEN_READWRITE,
    "rwc": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
}


@contextmanager
def _errors_as_in_sqlite3() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        code = getattr(error, "extendedresult", sqlite3.SQLITE_ERROR)
        known = _ERRORS.get(code & 0xFF, sqlite3.OperationalError)(str(error))
        known.sqlite_errorcode = code
        raise known from error


@final
class ApswConnection(Connection):
    """The calls that a book makes, by apsw."""

    def __init__(self, raw: apsw.Connection) -> None:
        self._apsw = raw

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """Return the rows of a statement."""
        with _errors_as_in_sqlite3():
            return self._apsw.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the only row of a statement; ``None`` if there is none."""
        with _errors_as_in_sqlite3():
            return self._apsw.execute(sql, parameters).fetchone()

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement; return how many rows it has changed."""
        with _errors_as_in_sqlite3():
            self._apsw.execute(sql, parameters)
            return self._apsw.changes()

    def run_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run a statement for each of several parameters."""
        with _errors_as_in_sqlite3():
            self._apsw.executemany(sql, parameters)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is under way."""
        return self._apsw.in_transaction

    def close(self) -> None:
        """Close it."""
        self._apsw.close()


def connect(path: str, mode: Mode) -> Connection:
    """Open a file."""
    with _errors_as_in_sqlite3():
        return ApswConnection(apsw.Connection(path, _FLAGS[mode], statementcachesize=256))


def version() -> str:
    """Return the version of the SQLite that apsw has."""
    return apsw.sqlite_lib_version()


def raw_type() -> type[apsw.Connection]:
    """Return the type of a user's connection."""
    return apsw.Connection

"""One connection to a file: the few calls that a book makes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]

# Whether a file is only read, may be written, or is made if it is not there; as SQLite has it.
Mode: TypeAlias = Literal["ro", "rw", "rwc"]

_AT_ONCE: Final = 32  # rows in one statement; each may have 30 columns in any SQLite


class Connection:
    """A connection by the standard library; `_by_apsw` has another one.

    Its errors are those of `sqlite3`, with ``sqlite_errorcode``.
    """

    _watched: tuple[str, tuple[int, int] | None] | None = None

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self._execute: Callable[[str, Parameters], sqlite3.Cursor] = raw.execute
        if raw.row_factory is not None:  # a user's, whose rows may be anything
            self._execute = self._execute_plainly

    def _execute_plainly(self, sql: str, parameters: Parameters) -> sqlite3.Cursor:
        cursor = self._raw.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, parameters)

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """Return the rows of a statement."""
        return self._execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the only row of a statement; ``None`` if there is none."""
        return self._execute(sql, parameters).fetchone()

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the only value of a statement; ``None`` if there is none."""
        row = self.row(sql, parameters)
        return None if row is None else row[0]

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement; return how many rows it has changed."""
        return self._execute(sql, parameters).rowcount

    def run_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run a statement for each of several parameters."""
        self._raw.executemany(sql, parameters)

    def insert(self, table: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows into a table, by few statements: each costs as much as several rows."""
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            self.run(_insertion(table, columns, len(some)), [*chain.from_iterable(some)])

    def watch(self, path: str) -> None:
        """Begin no more transactions once the file at this path is gone, or is another one.

        What is written to a file without a name is lost when it is closed.
        """
        self._watched = path, _identity(path)

    def begin(self) -> None:
        """Begin a transaction that writes. It fails at once if another one is under way."""
        if self._watched is not None and _identity(self._watched[0]) != self._watched[1]:
            gone = sqlite3.OperationalError("the file is gone, or another one is in its place")
            gone.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise gone
        self.run("BEGIN IMMEDIATE")

    def begin_to_read(self) -> None:
        """Begin a transaction that sees one state of the file."""
        self.run("BEGIN")

    def commit(self) -> None:
        """Make the transaction last."""
        self.run("COMMIT")

    def roll_back(self) -> None:
        """Undo the transaction, if one is under way."""
        if self.in_transaction:
            self.run("ROLLBACK")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is under way."""
        return self._raw.in_transaction

    @property
    def path(self) -> str:
        """Of the file; ``""`` for a database in memory."""
        files: list[str] = [file for _, _, file in self.rows("PRAGMA database_list")]
        return files[0] if files else ""

    def close(self) -> None:
        """Close it."""
        self._raw.close()


@cache
def _insertion(table: str, columns: str, n: int) -> str:
    """Return the statement that inserts so many rows."""
    row = ", ".join("?" * len(columns.split(",")))
    return f"INSERT INTO {table}({columns}) VALUES {', '.join([f'({row})'] * n)}"


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from others; ``None`` if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

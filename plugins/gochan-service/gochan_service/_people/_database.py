"""The database of a register: a file of its own, or tables beside the jobs."""

# Theory of operation
# -------------------
# A store in a file, or in memory, is for one server; its register is a file of SQLite. A store that
# many servers have offers tables beside its jobs (`open_tables`, as that on PostgreSQL does); then
# the register is there, so that all servers know the same people, tokens and sessions.
#
# The statements are the same for both. In them, ``?`` stands for a value, and ``{person}`` for the
# table of that name.

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, final

from gochan.durable import StoreUnavailable

from .._shared import SharedTables, Work
from ._schema import WrongFile, prepare


class RegisterError(Exception):
    """What is asked of the register cannot be done."""


class Database(Protocol):
    """Keeps a register. The methods wait: call them in a thread."""

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows of a statement."""

    def transaction(self, *, alone: bool = False) -> AbstractContextManager[Work, bool | None]:
        """Make what is done inside the block one step.

        Args:
            alone: whether to wait until nobody else is inside such a block.
        """

    def close(self) -> None:
        """Close it."""


@final
class SqliteFile:
    """A file of SQLite. A lock makes it safe in threads.

    Raises:
        RegisterError: the file cannot be opened, or is another one.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        try:
            self._connection = _open(path)
        except (OSError, sqlite3.Error, WrongFile) as error:
            raise RegisterError(f"the register {path} cannot be used: {error}") from None

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows of a statement."""
        with self._lock, _as_store_errors():
            return _SqliteWork(self._connection).rows(statement, *values)

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator[Work]:
        """Make what is done inside the block one step; others always wait until it is over."""
        with self._lock, _as_store_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield _SqliteWork(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _as_store_errors() -> Iterator[None]:
    """Make what SQLite raises what a store raises: a full disk is trouble of a moment, too."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"the register cannot be used now: {error}") from None


@final
class _SqliteWork:
    """What is done in one transaction of SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: Any) -> list[Any]:
        return self._connection.execute(_plain(statement), values).fetchall()

    def run(self, statement: str, *values: Any) -> int:
        return self._connection.execute(_plain(statement), values).rowcount


def _plain(statement: str) -> str:
    return re.sub(r"{(\w+)}", r"\1", statement)


# Tables beside the jobs


@final
class Shared:
    """A register in the database of the jobs."""

    def __init__(self, tables: SharedTables) -> None:
        self._tables = tables

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows of a statement."""
        return self._tables.rows(_shared(statement), *values)

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator[Work]:
        """Make what is done inside the block one step."""
        with self._tables.transaction(alone=alone) as work:
            yield _SharedWork(work)

    def close(self) -> None:
        """Close the connection."""
        self._tables.close()


@final
class _SharedWork:
    """What is done in one transaction of a shared database."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def rows(self, statement: str, *values: Any) -> list[Any]:
        return self._work.rows(_shared(statement), *values)

    def run(self, statement: str, *values: Any) -> int:
        return self._work.run(_shared(statement), *values)


def _shared(statement: str) -> str:
    return re.sub(r"{(\w+)}", r"{s}.people_\1", statement).replace("?", "%s")

"""One connection to a server, and the dialect of a store: its schema and its clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, final

import psycopg
from psycopg.rows import tuple_row

Parameters: TypeAlias = Mapping[str, Any]

# How long a statement waits for a row that somebody else has locked, such as a user's open
# transaction. Longer would hold up everybody who shares the connection.
LOCK_TIMEOUT: Final = "1s"

_SERVER_CLOCK: Final = "extract(epoch FROM clock_timestamp())::float8"


@final
class Dialect:
    """What differs from store to store in the same statements.

    Args:
        schema: where the tables are.
        clock: tells the time; the server's if there is none.
    """

    def __init__(self, schema: str, clock: Callable[[], float] | None = None) -> None:
        self.schema = f'"{schema}"'
        self.channel = schema  # of NOTIFY
        self._clock = clock
        self._known: dict[str, str] = {}

    def sql(self, text: str) -> str:
        """Return a statement with ``{s}``, the schema, and ``{now}``, the time, filled in."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = text.replace("{s}", self.schema)
            if self._clock is None:
                known = self._known[text] = known.replace("{now}", _SERVER_CLOCK)
        if self._clock is not None:
            known = known.replace("{now}", f"{self._clock()!r}::float8")
        return known


@final
class Connection:
    """The few calls that a book makes.

    Args:
        raw: in autocommit mode, or the user's.
        dialect: of the store.
        own: whether it is ours; otherwise a transaction of the user's is open on it.
    """

    def __init__(self, raw: psycopg.Connection[Any], dialect: Dialect, *, own: bool = True) -> None:
        self.raw = raw
        self.dialect = dialect
        self.own = own
        # Not the factories of a user's connection, which may return anything.
        self._cursor = psycopg.Cursor(raw, row_factory=tuple_row)

    def rows(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        return self._execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters | None = None) -> Any:
        """Return the only row of a statement; ``None`` if there is none."""
        return self._execute(sql, parameters).fetchone()

    def value(self, sql: str, parameters: Parameters | None = None) -> Any:
        """Return the only value of a statement; ``None`` if there is none."""
        row = self._execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def run(self, sql: str, parameters: Parameters | None = None) -> int:
        """Run a statement; return how many rows it has changed."""
        return self._execute(sql, parameters).rowcount

    def script(self, sql: str) -> None:
        """Run several statements, without parameters."""
        self._cursor.execute(self.dialect.sql(sql).encode())

    def _execute(self, sql: str, parameters: Parameters | None) -> psycopg.Cursor[tuple[Any, ...]]:
        statement = self.dialect.sql(sql).encode()
        return self._cursor.execute(statement, parameters, binary=True)

    @contextmanager
    def transaction(self, begin: str = "BEGIN", also: str = "") -> Iterator[None]:
        """Make several statements one step; in a transaction of the user's, a part of it.

        Args:
            begin: how it begins.
            also: a script to run at its beginning, in the same message.
        """
        if not self.own:
            with self.raw.transaction():
                yield
            return
        try:
            self.script(f"{begin}; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; {also}")
            yield
        except BaseException:
            if not self.raw.closed:
                self.script("ROLLBACK")
            raise
        self.script("COMMIT")

    def close(self) -> None:
        """Close it."""
        self.raw.close()

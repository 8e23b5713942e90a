"""The tables of the register."""

from __future__ import annotations

import sqlite3
from typing import Final

VERSION: Final = 2
_MARK: Final = 0x676F7065  # "gope": the file is a register, and nothing else

_TABLES: Final = """
CREATE TABLE person (
    login TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    mail TEXT NOT NULL,
    groups TEXT NOT NULL,  -- a JSON list
    role TEXT NOT NULL,
    source TEXT NOT NULL,  -- who keeps this row: "local", or a directory
    active INTEGER NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0  -- whether they have left the directory that keeps this row
) WITHOUT ROWID;
CREATE TABLE token (
    hash BLOB PRIMARY KEY,
    login TEXT NOT NULL REFERENCES person(login),
    kind TEXT NOT NULL,  -- "token", or "session" of a browser
    made REAL NOT NULL,
    expires REAL NOT NULL,
    note TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX token_login ON token(login);
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    login TEXT NOT NULL,
    source TEXT NOT NULL,  -- where it came from: an address, or "command line"
    what TEXT NOT NULL,
    details TEXT NOT NULL
);
"""

# What leads from each version to the next one.
_LATER: Final = ("ALTER TABLE person ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;",)

SHARED: Final = (
    """
CREATE TABLE {s}.people_person(
    login text PRIMARY KEY,
    name text NOT NULL,
    mail text NOT NULL,
    groups text NOT NULL,
    role text NOT NULL,
    source text NOT NULL,
    active int NOT NULL,
    gone int NOT NULL
);
CREATE TABLE {s}.people_token(
    hash bytea PRIMARY KEY,
    login text NOT NULL REFERENCES {s}.people_person(login),
    kind text NOT NULL,
    made float8 NOT NULL,
    expires float8 NOT NULL,
    note text NOT NULL
);
CREATE INDEX people_token_login ON {s}.people_token(login);
CREATE INDEX people_token_expires ON {s}.people_token(expires);
CREATE TABLE {s}.people_audit(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at float8 NOT NULL,
    login text NOT NULL,
    source text NOT NULL,
    what text NOT NULL,
    details text NOT NULL
)
""",
)
"""The same tables on PostgreSQL: scripts for `gochan_postgres.PostgresStore.open_tables`."""


class WrongFile(Exception):
    """A file is no register of ours."""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring them up to date.

    Raises:
        WrongFile: the file is another one, or of a newer version.
    """
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if mark not in (0, _MARK) or (mark == 0 and tables):
        raise WrongFile("it is not the file of a register")
    if version > VERSION:
        raise WrongFile(f"it is of version {version}; this gochan-service knows {VERSION}")
    steps = "".join(_LATER[version - 1 :]) if tables else _TABLES
    if not tables or version < VERSION:
        connection.executescript(
            f"BEGIN;{steps}PRAGMA application_id={_MARK};PRAGMA user_version={VERSION};COMMIT;"
        )

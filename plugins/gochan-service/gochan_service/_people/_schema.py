"""The tables of the register."""

from __future__ import annotations

import sqlite3
from typing import Final

VERSION: Final = 1
_MARK: Final = 0x676F7065  # "gope": the file is a register, and nothing else

_TABLES: Final = """
CREATE TABLE person (
    login TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    mail TEXT NOT NULL,
    groups TEXT NOT NULL,  -- a JSON list
    role TEXT NOT NULL,
    source TEXT NOT NULL,  -- who keeps this row: "local", or a directory
    active INTEGER NOT NULL
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


class WrongFile(Exception):
    """A file is no register of ours."""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, unless they are there.

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
    if not tables:
        connection.executescript(
            f"BEGIN;{_TABLES}PRAGMA application_id={_MARK};PRAGMA user_version={VERSION};COMMIT;"
        )

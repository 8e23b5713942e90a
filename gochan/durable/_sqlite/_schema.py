"""The tables, and how a file gets the newest ones."""

# Theory of operation
# -------------------
# The file may be the database of a program, so all names here begin with ``gochan_``, and the
# version of the schema is in a table: ``user_version`` is the program's. Each migration leads from
# one version to the next; all that are needed run in one transaction, so a file has one version
# or the other, whatever happens.
#
# ``AUTOINCREMENT`` matters: without it SQLite would use the ids of deleted jobs again.

from __future__ import annotations

from typing import Final

from .._errors import StoreError
from .._records import Migration
from ._connection import Connection

_FIRST: Final = """
CREATE TABLE gochan_schema(version INTEGER NOT NULL) STRICT;
INSERT INTO gochan_schema VALUES (0);
CREATE TABLE gochan_queue(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    paused INTEGER NOT NULL DEFAULT 0,
    settings TEXT
) STRICT;
CREATE TABLE gochan_tally(
    queue INTEGER NOT NULL,
    what TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY(queue, what)
) STRICT, WITHOUT ROWID;
CREATE TABLE gochan_job(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL,              -- 0 scheduled, 1 waiting, 2 running, 3 ended
    version INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL,
    route TEXT NOT NULL,                 -- machine and labels as JSON; empty: any worker
    grp TEXT,
    key TEXT,
    once_for REAL,
    key_until REAL,
    kind TEXT,
    submitted REAL NOT NULL,
    run_at REAL,
    expires REAL,
    timeout REAL,
    attempt INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    grants INTEGER NOT NULL,             -- how many attempts a retry adds
    crashes INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    marked INTEGER NOT NULL DEFAULT 0,   -- whether attempt counts the present start
    final INTEGER NOT NULL DEFAULT 0,    -- whether the last attempt is in the row, not in the log
    held INTEGER NOT NULL DEFAULT 0,     -- how many jobs have to end first
    after_all INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    started REAL,
    lease_until REAL,
    ended REAL,
    wish TEXT,
    progress TEXT,
    error TEXT,
    log TEXT,
    forgotten INTEGER NOT NULL DEFAULT 0,
    codec TEXT NOT NULL,
    headers TEXT,
    receipt TEXT,
    payload BLOB NOT NULL,
    result BLOB
) STRICT;
CREATE TABLE gochan_need(
    needs INTEGER NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY(needs, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX gochan_job_ready ON gochan_job(queue, route, priority DESC) WHERE state = 1;
CREATE INDEX gochan_job_group ON gochan_job(queue, route, grp, priority DESC)
    WHERE state = 1 AND grp IS NOT NULL;
CREATE INDEX gochan_job_running ON gochan_job(queue, grp) WHERE state = 2 AND grp IS NOT NULL;
CREATE INDEX gochan_job_lease ON gochan_job(lease_until) WHERE state = 2;
CREATE INDEX gochan_job_due ON gochan_job(run_at) WHERE state = 0 AND held = 0;
CREATE INDEX gochan_job_expires ON gochan_job(expires) WHERE state < 2 AND expires IS NOT NULL;
CREATE UNIQUE INDEX gochan_job_key ON gochan_job(queue, key) WHERE state < 3 AND key IS NOT NULL;
CREATE INDEX gochan_job_key_kept ON gochan_job(queue, key) WHERE key_until IS NOT NULL;
CREATE UNIQUE INDEX gochan_job_receipt ON gochan_job(receipt) WHERE receipt IS NOT NULL;
CREATE INDEX gochan_job_ended ON gochan_job(queue, kind, ended) WHERE state = 3;
"""

MIGRATIONS: Final = (_FIRST,)
NEWEST: Final = len(MIGRATIONS)


def check(connection: Connection, path: str) -> None:
    """Check that the tables of a file are up to date, and change nothing.

    Raises:
        StoreError: the file has another schema, or none.
    """
    version = _version_of(connection)
    _check_not_newer(version, path)
    if not version:
        raise StoreError(
            f"{path} is an SQLite database, but no store of gochan; give the path of another file, "
            "or make it one as well by `gochan migrate`, or by opening it to write"
        )
    if version < NEWEST:
        raise StoreError(
            f"{path} has schema {version}, and this gochan needs schema {NEWEST}; bring it up to "
            "date by `gochan migrate`, or by opening it to write"
        )


def migrate(connection: Connection, path: str) -> Migration:
    """Bring the tables of a file up to date; return which there were, and are.

    Tables of others in the file are left alone.

    Raises:
        StoreError: the file has a newer schema.
    """
    if _version_of(connection) == NEWEST:
        return Migration(NEWEST, NEWEST)
    connection.begin()
    try:
        version = _version_of(connection)
        _check_not_newer(version, path)
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.run(statement)
        connection.run("UPDATE gochan_schema SET version = ?", (NEWEST,))
        connection.commit()
        return Migration(version, NEWEST)
    finally:
        connection.roll_back()


def _version_of(connection: Connection) -> int:
    """Return which schema a file has; 0 if it has none."""
    there = connection.value("SELECT 1 FROM sqlite_master WHERE name = 'gochan_schema'")
    return int(connection.value("SELECT version FROM gochan_schema")) if there else 0


def _check_not_newer(version: int, path: str) -> None:
    if version > NEWEST:
        raise StoreError(
            f"{path} has schema {version}, and this gochan knows schemas up to {NEWEST}; "
            "use a newer gochan"
        )

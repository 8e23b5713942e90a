"""The file of a journal: whose it is, and for which command."""

# Theory of operation
# -------------------
# A journal is a store on SQLite, with one table more, which says for which command it is. That is
# looked at before the store is opened.
#
# The lock is on the file itself, and by ``flock``, which does not mix with SQLite's own locks. The
# descriptor must be closed last: closing any descriptor of a file gives SQLite's locks back.

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ._journal_error import JournalError

_TABLE: Final = "CREATE TABLE gochan_run(what TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"


@contextmanager
def open_journal_file(path: str, facts: Mapping[str, object]) -> Iterator[None]:
    """Hold the file of a journal; make it if there is none.

    Args:
        path: of the file.
        facts: about the run, by what they are called; those of the file must be the same.

    Raises:
        JournalError: it is held by another run, or is for another one, or no journal, or cannot
            be used.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be opened: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise JournalError(
                f"another gochan run uses the journal {path} now; wait for its end, or stop it"
            ) from None
        try:
            _check(path, facts)
        except sqlite3.OperationalError as error:
            raise JournalError(f"the journal {path} cannot be written: {error}") from None
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{path} is no journal: {error}; name another file") from None
        yield
    finally:
        os.close(descriptor)


def _check(path: str, facts: Mapping[str, object]) -> None:
    """Write the facts about a run into a new file, or compare them with those of an old one."""
    with closing(sqlite3.connect(path)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        if not tables:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_TABLE)
            rows = [(what, json.dumps(value)) for what, value in facts.items()]
            connection.executemany("INSERT INTO gochan_run VALUES (?, ?)", rows)
            return
        if ("gochan_run",) not in tables:
            raise JournalError(
                f"{path} is a database, but no journal of gochan run; name another file"
            )
        kept = dict(connection.execute("SELECT what, value FROM gochan_run"))
    for what, value in facts.items():
        if json.dumps(value) != kept.get(what):
            raise JournalError(
                f"the journal {path} is for another run: its {what} is "
                f"{_shown(json.loads(kept.get(what, 'null')))}, and now it is {_shown(value)}; "
                "run the same command again, or name another file"
            )


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    return "none" if value is None else json.dumps(value)


def read_facts(path: str) -> dict[str, object]:
    """Return the facts about the run of a journal, and change nothing.

    Raises:
        JournalError: it is no journal, or cannot be read.
    """
    address = f"{Path(path).absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            kept = dict(connection.execute("SELECT what, value FROM gochan_run"))
    except sqlite3.Error as error:
        raise JournalError(f"{path} is no journal of gochan run: {error}") from None
    return {what: json.loads(value) for what, value in kept.items()}

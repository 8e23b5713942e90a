"""The register: people, their tokens and sessions, and what was done."""

# Theory of operation
# -------------------
# It is a file of SQLite beside the jobs. Nothing outside is asked when somebody comes in: a
# directory is copied into it beforehand. Each change and its line in the audit table are one
# transaction, so what was done is known, or was not done.
#
# All methods are plain functions that take well below a millisecond but for a commit. A lock makes
# them safe in threads.

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, final

from ._roles import ROLES, Role
from ._schema import WrongFile, prepare
from ._tokens import hash_of, make_token

_COLUMNS: Final = "login, name, mail, groups, role, source, active"

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


class RegisterError(Exception):
    """What is asked of the register cannot be done."""


@final
@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may come in.

    Attributes:
        login: a short name, unique.
        role: what they may do.
        groups: of their directory.
        source: who keeps this: ``local``, or the address of a directory.
        active: whether they may come in.
    """

    login: str
    role: Role
    name: str = ""
    mail: str = ""
    groups: tuple[str, ...] = ()
    source: str = "local"
    active: bool = True


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done: who, when, what, from where."""

    id: int
    at: float
    login: str
    source: str
    what: str
    details: str


@final
class Register:
    """The people of a server.

    Raises:
        RegisterError: the file cannot be opened, or is another one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA foreign_keys=ON")
            prepare(self._connection)
        except (OSError, sqlite3.Error, WrongFile) as error:
            raise RegisterError(f"the register {path} cannot be used: {error}") from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Change something, in one transaction."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    # People

    def add(self, person: Person, *, by: str, at: float, source: str) -> None:
        """Add somebody.

        Raises:
            RegisterError: there is somebody with that login.
        """
        if not person.login or not person.login.isprintable() or " " in person.login:
            raise RegisterError(f"{person.login!r} is no login: it is a word")
        if person.role not in ROLES:
            raise RegisterError(f"{person.role!r} is no role: {', '.join(ROLES)}")
        with self._changing() as connection:
            try:
                connection.execute(
                    f"INSERT INTO person ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", _row(person)
                )
            except sqlite3.IntegrityError:
                raise RegisterError(f"there is a {person.login!r} already") from None
            _note(connection, at, by, source, "add", f"{person.login} as {person.role}")

    def person(self, login: str) -> Person:
        """Return somebody.

        Raises:
            RegisterError: there is nobody with that login.
        """
        rows = self._rows(f"SELECT {_COLUMNS} FROM person WHERE login = ?", login)
        if not rows:
            raise RegisterError(f"there is nobody with the login {login!r}")
        return _person(rows[0])

    def people(self) -> list[Person]:
        """Return all, by their logins."""
        return [*map(_person, self._rows(f"SELECT {_COLUMNS} FROM person ORDER BY login"))]

    def set_active(self, login: str, active: bool, *, by: str, at: float, source: str) -> None:
        """Block somebody, or let them in again; their tokens do not open anything meanwhile.

        Raises:
            RegisterError: there is nobody with that login.
        """
        self.person(login)
        with self._changing() as connection:
            connection.execute("UPDATE person SET active = ? WHERE login = ?", (active, login))
            if not active:
                connection.execute(
                    "DELETE FROM token WHERE login = ? AND kind = 'session'", (login,)
                )
            _note(connection, at, by, source, "unblock" if active else "block", login)

    def set_role(self, login: str, role: Role, *, by: str, at: float, source: str) -> None:
        """Give somebody another role.

        Raises:
            RegisterError: there is nobody with that login, or no such role.
        """
        if role not in ROLES:
            raise RegisterError(f"{role!r} is no role: {', '.join(ROLES)}")
        self.person(login)
        with self._changing() as connection:
            connection.execute("UPDATE person SET role = ? WHERE login = ?", (role, login))
            _note(connection, at, by, source, "role", f"{login} is {role}")

    # Tokens and sessions

    def make_token(
        self,
        login: str,
        *,
        lasts: float,
        by: str,
        at: float,
        source: str,
        kind: Literal["token", "session"] = "token",
        note: str = "",
    ) -> str:
        """Make a token for somebody, and return it; it is not kept, only its hash.

        Args:
            login: whose.
            lasts: how many seconds it opens anything.
            by: who makes it.
            at: the time, in seconds since the epoch.
            source: where that comes from.
            kind: what it is for.
            note: for people.

        Raises:
            RegisterError: there is nobody with that login.
        """
        self.person(login)
        token = make_token()
        with self._changing() as connection:
            connection.execute("DELETE FROM token WHERE expires <= ?", (at,))
            connection.execute(
                "INSERT INTO token (hash, login, kind, made, expires, note) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (hash_of(token), login, kind, at, at + lasts, note),
            )
            _note(connection, at, by, source, kind, f"{login}, for {_span(lasts)}")
        return token

    def begin_session(self, person: Person, *, lasts: float, at: float, source: str) -> str:
        """Begin a session of somebody, and return its token.

        Who has a token that is kept elsewhere, as the operator of the server, is added.
        """
        try:
            self.person(person.login)
        except RegisterError:
            self.add(person, by=person.login, at=at, source=source)
        return self.make_token(
            person.login, lasts=lasts, by=person.login, at=at, source=source, kind="session"
        )

    def revoke(self, login: str, *, by: str, at: float, source: str) -> int:
        """Let none of somebody's tokens and sessions open anything; return how many there were.

        Raises:
            RegisterError: there is nobody with that login.
        """
        self.person(login)
        with self._changing() as connection:
            count = connection.execute("DELETE FROM token WHERE login = ?", (login,)).rowcount
            _note(connection, at, by, source, "revoke", f"{count} tokens of {login}")
        return count

    def end_session(self, token: str) -> None:
        """Let a token open nothing any more."""
        with self._changing() as connection:
            connection.execute("DELETE FROM token WHERE hash = ?", (hash_of(token),))

    def who(self, token: str, *, at: float) -> Person | None:
        """Return whose a token is; ``None`` if it opens nothing."""
        rows = self._rows(
            f"SELECT {', '.join('p.' + one for one in _COLUMNS.split(', '))} "
            "FROM token t JOIN person p USING (login) "
            "WHERE t.hash = ? AND t.expires > ? AND p.active",
            hash_of(token),
            at,
        )
        return _person(rows[0]) if rows else None

    # What was done

    def note(self, what: str, details: str, *, by: str, at: float, source: str) -> None:
        """Note something that was done elsewhere."""
        with self._changing() as connection:
            _note(connection, at, by, source, what, details)

    def audit(self, *, limit: int = 100, before: int | None = None) -> list[Entry]:
        """Return what was done, the newest first."""
        rows = self._rows(
            "SELECT id, at, login, source, what, details FROM audit "
            "WHERE id < ? ORDER BY id DESC LIMIT ?",
            2**63 - 1 if before is None else before,
            limit,
        )
        return [Entry(*row) for row in rows]


def _row(person: Person) -> Sequence[Any]:
    groups = json.dumps(person.groups)
    return (
        person.login, person.name, person.mail, groups, person.role, person.source, person.active
    )  # fmt: skip


def _person(row: Sequence[Any]) -> Person:
    login, name, mail, groups, role, source, active = row
    return Person(login, role, name, mail, tuple(json.loads(groups)), source, bool(active))


def _note(
    connection: sqlite3.Connection, at: float, login: str, source: str, what: str, details: str
) -> None:
    connection.execute(
        "INSERT INTO audit (at, login, source, what, details) VALUES (?, ?, ?, ?, ?)",
        (at, login, source, what, details),
    )


def _span(seconds: float) -> str:
    """Return a span of time in hours, or in days."""
    return f"{seconds / DAY:.0f} days" if seconds >= 2 * DAY else f"{seconds / HOUR:.0f} hours"

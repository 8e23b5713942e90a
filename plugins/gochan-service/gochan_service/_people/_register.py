"""The register: people, their tokens and sessions, and what was done."""

# Theory of operation
# -------------------
# Nothing outside is asked when somebody comes in: a directory is copied into it beforehand. Each
# change and its line in the audit table are one transaction, so what was done is known, or was not
# done.
#
# All methods are plain functions, which take well below a millisecond but for a commit, or wait for
# a database far away. They may be called in threads.

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

from .._shared import Work
from ._database import Database, RegisterError, SqliteFile
from ._person import Person, is_login
from ._roles import ROLES, Role
from ._syncing import Sync
from ._tokens import hash_of, make_token

_COLUMNS: Final = "login, name, mail, groups, role, source, active, gone"
_SELECT: Final = f"SELECT {_COLUMNS} FROM {{person}}"
_INSERT: Final = (
    f"INSERT INTO {{person}} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (login) DO NOTHING"
)
_UPDATE: Final = (
    "UPDATE {person} SET name = ?, mail = ?, groups = ?, role = ?, gone = ? WHERE login = ?"
)
_END_SESSIONS: Final = "DELETE FROM {token} WHERE login = ? AND kind = 'session'"

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


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

    Args:
        place: a file, which is made if it is not there, or another database.

    Raises:
        RegisterError: the file cannot be opened, or is another one.
    """

    def __init__(self, place: Path | Database) -> None:
        self._database = SqliteFile(place) if isinstance(place, Path) else place
        self._changing = self._database.transaction

    def close(self) -> None:
        """Close the file, or the connection."""
        self._database.close()

    # People

    def add(self, person: Person, *, by: str, at: float, source: str) -> None:
        """Add somebody.

        Raises:
            RegisterError: there is somebody with that login.
        """
        if not is_login(person.login):
            raise RegisterError(f"{person.login!r} is no login: it is a word")
        if person.role not in ROLES:
            raise RegisterError(f"{person.role!r} is no role: {', '.join(ROLES)}")
        with self._changing() as work:
            if not _add(work, person):
                raise RegisterError(f"there is a {person.login!r} already")
            _note(work, at, by, source, "add", f"{person.login} as {person.role}")

    def person(self, login: str) -> Person:
        """Return somebody.

        Raises:
            RegisterError: there is nobody with that login.
        """
        rows = self._database.rows(_SELECT + " WHERE login = ?", login)
        if not rows:
            raise RegisterError(f"there is nobody with the login {login!r}")
        return _person(rows[0])

    def people(self) -> list[Person]:
        """Return all, by their logins."""
        return [*map(_person, self._database.rows(_SELECT + " ORDER BY login"))]

    def set_active(self, login: str, active: bool, *, by: str, at: float, source: str) -> None:
        """Block somebody, or let them in again; their tokens do not open anything meanwhile.

        Raises:
            RegisterError: there is nobody with that login.
        """
        self.person(login)
        with self._changing() as work:
            work.run("UPDATE {person} SET active = ? WHERE login = ?", int(active), login)
            if not active:
                work.run(_END_SESSIONS, login)
            _note(work, at, by, source, "unblock" if active else "block", login)

    def set_role(self, login: str, role: Role, *, by: str, at: float, source: str) -> None:
        """Give somebody another role.

        Raises:
            RegisterError: there is nobody with that login, or no such role.
        """
        if role not in ROLES:
            raise RegisterError(f"{role!r} is no role: {', '.join(ROLES)}")
        self.person(login)
        with self._changing() as work:
            work.run("UPDATE {person} SET role = ? WHERE login = ?", role, login)
            _note(work, at, by, source, "role", f"{login} is {role}")

    def sync(
        self, compare: Callable[[Sequence[Person]], Sync], *, by: str, at: float, source: str
    ) -> Sync:
        """Make the register like a directory, in one step; return what was done.

        Args:
            compare: called with all people, while nobody else syncs; returns what is to be done,
                or raises, and nothing is done.
            by: who does it.
            at: the time, in seconds since the epoch.
            source: where that comes from.
        """
        with self._changing(alone=True) as work:
            sync = compare([*map(_person, work.rows(_SELECT + " ORDER BY login"))])
            for person in sync.added:
                _add(work, person)
            for person in (*sync.changed, *sync.left):
                _change(work, person)
            _note(work, at, by, source, "sync", sync.summary)
            for line in sync.lines:
                _note(work, at, by, source, "sync", line)
        return sync

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
        with self._changing() as work:
            work.run("DELETE FROM {token} WHERE expires <= ?", at)
            work.run(
                "INSERT INTO {token} (hash, login, kind, made, expires, note) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                *(hash_of(token), login, kind, at, at + lasts, note),
            )
            _note(work, at, by, source, kind, f"{login}, for {_span(lasts)}")
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
        with self._changing() as work:
            count = work.run("DELETE FROM {token} WHERE login = ?", login)
            _note(work, at, by, source, "revoke", f"{count} tokens of {login}")
        return count

    def end_session(self, token: str) -> None:
        """Let a token open nothing any more."""
        with self._changing() as work:
            work.run("DELETE FROM {token} WHERE hash = ?", hash_of(token))

    def who(self, token: str, *, at: float) -> Person | None:
        """Return whose a token is; ``None`` if it opens nothing."""
        rows = self._database.rows(
            _SELECT + " WHERE active = 1 AND gone = 0 AND login = "
            "(SELECT login FROM {token} WHERE hash = ? AND expires > ?)",
            hash_of(token),
            at,
        )
        return _person(rows[0]) if rows else None

    # What was done

    def note(self, what: str, details: str, *, by: str, at: float, source: str) -> None:
        """Note something that was done elsewhere."""
        with self._changing() as work:
            _note(work, at, by, source, what, details)

    def audit(self, *, limit: int = 100, before: int | None = None) -> list[Entry]:
        """Return what was done, the newest first."""
        rows = self._database.rows(
            "SELECT id, at, login, source, what, details FROM {audit} "
            "WHERE id < ? ORDER BY id DESC LIMIT ?",
            2**63 - 1 if before is None else before,
            limit,
        )
        return [Entry(*row) for row in rows]


def _person(row: Sequence[Any]) -> Person:
    login, name, mail, groups, role, source, active, gone = row
    kept = tuple(json.loads(groups)), source, bool(active), bool(gone)
    return Person(login, role, name, mail, *kept)


def _add(work: Work, person: Person) -> bool:
    """Add somebody; return whether there was nobody with that login."""
    row = (
        person.login, person.name, person.mail, json.dumps(person.groups), person.role,
        person.source, int(person.active), int(person.gone),
    )  # fmt: skip
    return work.run(_INSERT, *row) == 1


def _change(work: Work, person: Person) -> None:
    """Keep what a directory says of somebody; their sessions end if they have left it."""
    said = person.name, person.mail, json.dumps(person.groups), person.role, int(person.gone)
    work.run(_UPDATE, *said, person.login)
    if person.gone:
        work.run(_END_SESSIONS, person.login)


def _note(work: Work, at: float, login: str, source: str, what: str, details: str) -> None:
    work.run(
        "INSERT INTO {audit} (at, login, source, what, details) VALUES (?, ?, ?, ?, ?)",
        *(at, login, source, what, details),
    )


def _span(seconds: float) -> str:
    """Return a span of time in hours, or in days."""
    return f"{seconds / DAY:.0f} days" if seconds >= 2 * DAY else f"{seconds / HOUR:.0f} hours"

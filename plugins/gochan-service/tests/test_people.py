"""People: who they are, what they may do, and what they have done."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
import trio
from gochan_service._people import (
    OWNER,
    ROLES,
    NotAllowed,
    Person,
    PersonalStore,
    Register,
    RegisterError,
    allows,
    least_role,
)
from gochan_service._people._database import SqliteFile
from gochan_service._people._tokens import hash_of

from gochan.durable import NewJob, QueueSettings, Store, StoreError, Worker, open_store

HERE = {"by": "root", "at": 1000.0, "source": "command line"}


# The register


def test_somebody_is_added_once_and_found(register: Register) -> None:
    """With everything that is known."""
    ada = Person("ada", "operator", "Ada L.", "ada@example.com", ("math", "ops"), "ldap", True)
    register.add(ada, **HERE)
    assert register.person("ada") == ada
    assert register.people() == [ada]
    with pytest.raises(RegisterError, match="there is a 'ada' already"):
        register.add(ada, **HERE)
    with pytest.raises(RegisterError, match="nobody with the login 'bob'"):
        register.person("bob")


@pytest.mark.parametrize("login", ["", "two words", "new\nline", "\x1b[2J"])
def test_a_login_is_a_word(register: Register, login: str) -> None:
    """It is shown in many places."""
    with pytest.raises(RegisterError, match="no login"):
        register.add(Person(login, "viewer"), **HERE)


def test_a_role_is_one_that_is_known(register: Register) -> None:
    """Nobody gets another one later, either."""
    with pytest.raises(RegisterError, match="no role: viewer, submitter, operator"):
        register.add(Person("ada", "god"), **HERE)  # type: ignore[arg-type]
    register.add(Person("ada", "viewer"), **HERE)
    register.set_role("ada", "operator", **HERE)
    assert register.person("ada").role == "operator"
    with pytest.raises(RegisterError, match="no role"):
        register.set_role("ada", "god", **HERE)  # type: ignore[arg-type]
    with pytest.raises(RegisterError, match="nobody"):
        register.set_role("bob", "viewer", **HERE)


def test_a_token_opens_until_it_expires(register: Register) -> None:
    """It is not in the file."""
    register.add(Person("ada", "viewer"), **HERE)
    token = register.make_token("ada", lasts=60, **HERE)
    assert register.who(token, at=1059.9) == register.person("ada")
    assert register.who(token, at=1060.0) is None
    assert register.who(token + "x", at=1001.0) is None
    assert register.who("", at=1001.0) is None
    assert register.who("\udc80", at=1001.0) is None
    kept = repr(register._database.rows("SELECT * FROM {token}"))
    assert token not in kept
    assert repr(hash_of(token)) in kept


def connection_of(register: Register) -> sqlite3.Connection:
    database = register._database
    assert isinstance(database, SqliteFile)
    return database._connection


def test_who_is_blocked_does_not_come_in(register: Register) -> None:
    """A token opens again when that is over; a session does not."""
    register.add(Person("ada", "viewer"), **HERE)
    token = register.make_token("ada", lasts=60, **HERE)
    session = register.make_token("ada", lasts=60, kind="session", **HERE)
    register.set_active("ada", False, **HERE)
    assert register.who(token, at=1001.0) is None
    register.set_active("ada", True, **HERE)
    assert register.who(token, at=1001.0) is not None
    assert register.who(session, at=1001.0) is None
    with pytest.raises(RegisterError, match="nobody"):
        register.set_active("bob", True, **HERE)


def test_tokens_are_revoked_and_sessions_end(register: Register) -> None:
    """All of somebody's, or one."""
    register.add(Person("ada", "viewer"), **HERE)
    one, other = (register.make_token("ada", lasts=60, **HERE) for _ in range(2))
    register.end_session(one)
    assert (register.who(one, at=1.0), register.who(other, at=1.0) is None) == (None, False)
    assert register.revoke("ada", **HERE) == 1
    assert register.who(other, at=1.0) is None
    with pytest.raises(RegisterError, match="nobody"):
        register.make_token("bob", lasts=60, **HERE)


def test_what_was_done_is_known_in_pages(register: Register) -> None:
    """Who, when, what, from where; the newest first."""
    register.add(Person("ada", "viewer"), **HERE)
    register.note("cancel", "job 7", by="ada", at=2000.0, source="10.0.0.1")
    newest, oldest = register.audit()
    assert (newest.login, newest.at, newest.source) == ("ada", 2000.0, "10.0.0.1")
    assert (newest.what, newest.details) == ("cancel", "job 7")
    assert (oldest.what, oldest.details) == ("add", "ada as viewer")
    assert register.audit(limit=1) == [newest]
    assert register.audit(before=newest.id) == [oldest]


def test_a_change_that_fails_leaves_no_trace(register: Register) -> None:
    """The change and its line are one transaction."""
    register.add(Person("ada", "viewer"), **HERE)
    with register._database.transaction() as work:
        work.run("DROP TABLE {audit}")
    with pytest.raises((sqlite3.OperationalError, StoreError), match="audit"):
        register.set_role("ada", "operator", **HERE)
    assert register.person("ada").role == "viewer"


def test_the_file_is_for_its_owner_alone_and_is_kept(tmp_path: Path) -> None:
    """It has hashes and addresses."""
    path = tmp_path / "people"
    register = Register(path)
    register.add(Person("ada", "viewer"), **HERE)
    register.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    register = Register(path)
    assert [person.login for person in register.people()] == ["ada"]
    register.close()


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    """One that is no register, or of a newer version, or no database."""
    path = tmp_path / "other"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(RegisterError, match="not the file of a register"):
        Register(path)
    newer = tmp_path / "newer"
    register = Register(newer)
    connection_of(register).execute("PRAGMA user_version=99")
    register.close()
    with pytest.raises(RegisterError, match="version 99; this gochan-service knows 2"):
        Register(newer)
    text = tmp_path / "text"
    text.write_text("no database, but long enough to be looked at" * 100)
    with pytest.raises(RegisterError, match="cannot be used"):
        Register(text)
    with pytest.raises(RegisterError, match="No such file"):
        Register(tmp_path / "missing" / "people")


def test_a_file_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """With everybody who is in it."""
    path = tmp_path / "people"
    register = Register(path)
    register.add(Person("ada", "viewer"), **HERE)
    connection = connection_of(register)
    connection.execute("ALTER TABLE person DROP COLUMN gone")
    connection.execute("PRAGMA user_version=1")
    register.close()
    for _ in range(2):
        register = Register(path)
        assert register.people() == [Person("ada", "viewer")]
        register.close()


# Roles


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("needed", ROLES)
def test_each_role_has_what_those_before_it_have(role: str, needed: str) -> None:
    """The order is: viewer, submitter, operator."""
    assert allows(role, needed) == (ROLES.index(role) >= ROLES.index(needed))  # type: ignore[arg-type]


def test_what_no_table_knows_needs_an_operator() -> None:
    """So a new call is closed until somebody opens it."""
    assert least_role("something new") == "operator"


# The store as one person has it


async def deeds(store: Store, person: Person) -> tuple[PersonalStore, list[str]]:
    done: list[str] = []

    async def note(what: str, details: str) -> None:
        done.append(f"{what}: {details}")
        await trio.lowlevel.checkpoint()

    return PersonalStore(store, person, note), done


async def test_a_viewer_looks_and_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Each refusal says who, and what it takes."""
    async with open_store("memory:") as store:
        mine, done = await deeds(store, Person("eve", "viewer"))
        assert (mine.address, mine.now()) == (store.address, store.now())
        assert await mine.queues() == []
        assert (await mine.statistics("q")).stored == 0
        assert await mine.configure("q") == QueueSettings()
        for refused in (
            lambda: mine.enqueue([NewJob(queue="q", payload=b"1")]),
            lambda: mine.cancel([1], "so"),
            lambda: mine.retry([1]),
            lambda: mine.pause("q", True),
            lambda: mine.purge("q", ["done"], 10),
            lambda: mine.configure("q", QueueSettings(capacity=1)),
        ):
            with pytest.raises(NotAllowed, match="eve is a viewer; that is for "):
                await refused()
        with pytest.raises(NotAllowed, match="that is for operators"):
            mine.claim("q", 1, Worker("eve"), 30.0)
        assert done == []
        assert (await store.statistics("q")).stored == 0


async def test_a_submitter_steers_their_own_jobs(autojump_clock: trio.testing.MockClock) -> None:
    """What others have submitted is not theirs, whatever its headers say."""
    async with open_store("memory:") as store:
        ada, done = await deeds(store, Person("ada", "submitter"))
        bob, _ = await deeds(store, Person("bob", "submitter"))
        forged = NewJob(queue="q", payload=b"1", headers={OWNER: "bob", "x": "y"})
        (job,) = await ada.enqueue([forged])
        (record,) = await store.look([job.id])
        assert record is not None
        assert record.headers == {OWNER: "ada", "x": "y"}
        with pytest.raises(NotAllowed, match=f"job {job.id} is not one of bob's"):
            await bob.cancel([job.id], "mine!")
        with pytest.raises(NotAllowed, match="not one of bob's"):
            await bob.retry([job.id])
        assert await ada.cancel([job.id, 99], "enough") == ["ended", "unknown"]
        assert await ada.retry([job.id]) == ["retried"]
        assert done == [
            "submit: 1 job in q", f"cancel: jobs {job.id}, 99: enough", f"retry: jobs {job.id}"
        ]  # fmt: skip


async def test_an_operator_steers_everything(autojump_clock: trio.testing.MockClock) -> None:
    """And each deed is noted, before it is done."""
    async with open_store("memory:") as store:
        root, done = await deeds(store, Person("root", "operator"))
        answers = await store.enqueue([NewJob(queue="q", payload=b"1")] * 25)
        await root.cancel([one.id for one in answers], "all")  # type: ignore[union-attr]
        assert await root.pause("q", True)
        assert await root.pause("q", False)
        assert await root.purge("q", ["cancelled"], 3) == 3
        await root.configure("q", QueueSettings(capacity=5), update=True)
        assert done[0].endswith("20 and 5 more: all")
        assert done[1:] == [
            "pause: queue q",
            "resume: queue q",
            "purge: at most 3 jobs of q that are cancelled",
            "configure: queue q",
        ]

"""The register becomes like a directory, or stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from gochan_service import DirectoryPerson
from gochan_service._people import Person, Register, RegisterError, Rules, Sync, compare

HERE: dict[str, Any] = {"by": "root", "at": 1000.0, "source": "command line"}
RULES = Rules("ldap", {"ops": "operator", "devs": "submitter"})


def found(*logins: str, groups: tuple[str, ...] = ()) -> list[DirectoryPerson]:
    return [DirectoryPerson(login, login.title(), f"{login}@x", groups) for login in logins]


def sync(
    register: Register, people: Sequence[DirectoryPerson], rules: Rules = RULES, **options: Any
) -> Sync:
    from dataclasses import replace

    return register.sync(partial(compare, people, replace(rules, **options)), **HERE)


def test_who_is_new_comes_in_with_the_role_of_their_groups(register: Register) -> None:
    """The highest of them; without one, that of the others."""
    people = [
        DirectoryPerson("ada", "Ada", "ada@x", ("devs", "ops")),
        DirectoryPerson("bob", groups=("devs", "chess")),
        DirectoryPerson("eve", groups=("chess",)),
    ]
    done = sync(register, people)
    assert register.people() == [
        Person("ada", "operator", "Ada", "ada@x", ("devs", "ops"), "ldap"),
        Person("bob", "submitter", groups=("devs", "chess"), source="ldap"),
        Person("eve", "viewer", groups=("chess",), source="ldap"),
    ]
    assert done.summary == "ldap: 3 added, 0 changed, 0 left"
    assert sync(register, people).summary == "ldap: 0 added, 0 changed, 0 left"


def test_others_may_be_left_out(register: Register) -> None:
    """As if they were not in the directory; those who lose their group leave."""
    mixed = [*found("ada", groups=("ops",)), *found("eve")]
    sync(register, mixed, others=None)
    assert [person.login for person in register.people()] == ["ada"]
    sync(register, found("ada", "eve"), others=None, shrinks=True)
    assert register.person("ada").gone


def test_who_has_left_is_out_at_once_and_may_come_back(register: Register) -> None:
    """Their tokens open nothing meanwhile; their sessions are over."""
    everybody = found(*(f"p{number}" for number in range(20)))
    sync(register, everybody)
    token = register.make_token("p7", lasts=60, **HERE)
    session = register.make_token("p7", lasts=60, kind="session", **HERE)
    without = [person for person in everybody if person.login != "p7"]
    assert sync(register, without).lines == ("p7 has left",)
    assert register.person("p7").gone
    assert register.who(token, at=1001.0) is None
    assert sync(register, without).lines == ()
    assert sync(register, everybody).lines == ("p7 is back, as viewer",)
    assert register.who(token, at=1001.0) == register.person("p7")
    assert register.who(session, at=1001.0) is None


def test_whom_an_operator_has_blocked_stays_blocked(register: Register) -> None:
    """A directory knows nothing of that."""
    sync(register, found("ada"))
    register.set_active("ada", False, **HERE)
    assert sync(register, found("ada"), shrinks=True).changed == ()
    assert not register.person("ada").active


def test_a_directory_is_not_believed_if_it_has_shrunk_much(register: Register) -> None:
    """One of ten may leave; nobody at all is no directory. Nothing is changed then."""
    everybody = found(*(f"p{number}" for number in range(20)))
    sync(register, everybody)
    before = register.people(), register.audit()
    for some in (everybody[3:], [], found("new")):
        with pytest.raises(RegisterError, match=r"of the 20 people of ldap .* say --yes"):
            sync(register, some)
    assert (register.people(), register.audit()) == before
    assert len(sync(register, everybody[2:]).left) == 2
    assert len(sync(register, everybody[10:], shrinks=True).left) == 8
    assert len(sync(register, [], shrinks=True).left) == 10
    assert sync(register, []).left == ()


def test_what_others_keep_is_theirs(register: Register) -> None:
    """People who were added by hand, and those of another directory."""
    register.add(Person("ada", "operator", "Mine"), **HERE)
    sync(register, found("bob"), source="first")
    done = sync(register, found("ada", "bob", "eve"))
    assert done.summary.endswith("1 added, 0 changed, 0 left; kept by others: ada, bob")
    assert register.person("ada").name == "Mine"
    assert register.person("bob").source == "first"
    assert sync(register, [], shrinks=True).left == (
        Person("eve", "viewer", "Eve", "eve@x", source="ldap", gone=True),
    )


def test_roles_are_kept_where_no_group_has_one(register: Register) -> None:
    """Then an operator decides; otherwise, the groups."""
    sync(register, found("ada"), roles={})
    register.set_role("ada", "operator", **HERE)
    assert sync(register, found("ada"), roles={}).lines == ()
    assert register.person("ada").role == "operator"
    done = sync(register, found("ada", groups=("devs",)))
    assert done.lines == ("ada is submitter, and was operator",)


def test_a_part_of_a_directory_has_nobody_leave(register: Register) -> None:
    """It says something of those who are in it."""
    sync(register, found("ada", "bob"))
    renamed = [DirectoryPerson("ada", "Ada King")]
    done = sync(register, renamed, whole=False)
    assert (done.summary, done.lines) == ("ldap: 0 added, 1 changed, 0 left", ())
    assert not register.person("bob").gone


def test_a_sync_is_in_the_audit_table(register: Register) -> None:
    """Who did it, what it was in all, and what it means for each."""
    sync(register, found("ada"))
    first, second = register.audit()[::-1]
    assert (first.what, first.login, first.source) == ("sync", "root", "command line")
    assert first.details == "ldap: 1 added, 0 changed, 0 left"
    assert second.details == "ada is new, as viewer"


@pytest.mark.parametrize("login", ["", "two words", "\x1b[2J"])
def test_a_login_is_a_word(register: Register, login: str) -> None:
    """Whatever a plugin returns."""
    with pytest.raises(RegisterError, match="is no login"):
        sync(register, found(login))

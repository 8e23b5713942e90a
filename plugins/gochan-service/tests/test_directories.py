"""Directories of people: what is read from entries and files, and who reads them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import gochan_service._directories._asking as asking
import gochan_service._directories._ldif as ldif
import pytest
from gochan_service import (
    DirectoryAccess,
    DirectoryError,
    DirectoryPerson,
    DirectorySpec,
    people_of,
)
from gochan_service._directories import read_directory, read_ldif

PEOPLE = "ou=people,dc=example,dc=com"


def entry(login: str, **more: Any) -> tuple[str, dict[str, list[Any]]]:
    attributes = {"objectClass": ["top", "inetOrgPerson"], "uid": [login], **more}
    return f"uid={login},{PEOPLE}", attributes


# Entries


def test_people_have_a_name_a_mail_and_groups() -> None:
    """Groups list names of entries, or logins; or people list names of groups."""
    entries = [
        entry("ada", cn=[b"Ada L."], mail=["ada@example.com", "second"], memberOf=["CN=Math,dc=x"]),
        entry("bob", displayName=["Bob"], cn=["Robert"]),
        (
            "cn=ops,ou=groups",
            {"objectclass": ["groupOfNames"], "cn": ["ops"], "Member": [f"UID=ada , {PEOPLE}"]},
        ),
        ("cn=a\\,b,ou=groups", {"objectClass": ["posixGroup"], "memberUid": ["bob", b"ada"]}),
        ("cn=old,ou=groups", {"objectClass": ["groupOfUniqueNames"], "uniqueMember": ["uid=x"]}),
    ]
    assert people_of(entries) == [
        DirectoryPerson("ada", "Ada L.", "ada@example.com", ("Math", "a,b", "ops")),
        DirectoryPerson("bob", "Bob", "", ("a,b",)),
    ]


def test_what_is_nobody_is_left_out() -> None:
    """An entry without a login, one of another class, a computer, an account that is disabled."""
    entries = [
        (PEOPLE, {"objectClass": ["organizationalUnit"], "uid": ["people"]}),
        ("cn=nobody", {"objectClass": ["person"], "cn": ["nobody"]}),
        entry("pc$", objectClass=["user", "person", "computer"]),
        entry("off", userAccountControl=["514"]),
        entry("on", userAccountControl=["512"]),
        entry("odd", userAccountControl=["-514"]),
    ]
    assert [person.login for person in people_of(entries)] == ["odd", "on"]


def test_the_login_may_be_another_attribute() -> None:
    """Such as that of Active Directory; names of attributes have no case, and may have options."""
    entries = [entry("x", **{"sAMAccountName": ["ada"], "cn;lang-en": ["Ada"]})]
    assert people_of(entries, login="samaccountname") == [DirectoryPerson("ada", "Ada")]


@pytest.mark.parametrize("login", ["two words", "\x1b[2J"])
def test_a_login_is_a_word(login: str) -> None:
    """Who has another one is not simply missing."""
    with pytest.raises(DirectoryError, match="is not a word"):
        people_of([entry(login)])


def test_a_login_is_somebodys_own() -> None:
    """Nobody gets the permissions of another person with the same one."""
    with pytest.raises(DirectoryError, match="two people have the login 'ada'"):
        people_of([entry("ada"), ("uid=ada,ou=others", entry("ada")[1])])


# LDIF

LDIF = b"""\
version: 1

# a comment
dn: uid=ada,ou=people
objectClass: person
uid: ada
cn:: w4Rk
 YQ==
mail: ada@exam
 ple.com
photo:: /9g=

dn:: dWlkPWJvYg==
objectClass: person
uid: bob"""


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize("begins", [b"", b"\xef\xbb\xbf"])
def test_a_file_is_read_with_all_its_forms(begins: bytes, ends: bytes) -> None:
    """Lines that go on, comments, base64, any ends of lines; bytes that are no text stay bytes."""
    entries = read_ldif(begins + LDIF.replace(b"\n", ends))
    assert [name for name, _ in entries] == ["uid=ada,ou=people", "uid=bob"]
    ada = entries[0][1]
    assert (ada["cn"], ada["mail"], ada["photo"]) == (["Äda"], ["ada@example.com"], [b"\xff\xd8"])
    assert [person.name for person in people_of(entries)] == ["Äda", ""]


def test_an_empty_file_has_nobody() -> None:
    """That is no error here; the register has an opinion on it."""
    assert read_ldif(b"") == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"dn: uid=a\nchangetype: delete\n", "line 2: a record that changes something"),
        (b"dn: uid=a\ncn:: !!!\n", "line 2: the value of 'cn' is not base64"),
        (b"dn: uid=a\ncn:< file:///etc/passwd\n", "line 2: the value of 'cn' is elsewhere"),
        (b"uid: a\n", "line 1 or before: First line .* does not start with 'dn:'"),
        (
            b"dn: uid=a\n\nresult: 4 Size limit exceeded\n",
            "line 3 or before: First line",
        ),
        (b"dn: nonsense\n", "No valid string-representation"),
        (b"dn: uid=a\njunk\n", "line 2 or before"),
        (b"dn: uid=a\ndn: uid=b\n", "Two lines starting with dn"),
        ("dn: uid=a\ncé: x\n".encode(), "line 2 or before"),
        (b"dn:: /w==\n", "line 1 or before"),
    ],
)
def test_what_is_no_entry_is_an_error(data: bytes, why: str) -> None:
    """A file that is read in part would have people leave who are there."""
    with pytest.raises(DirectoryError, match=why):
        read_ldif(data)


def test_a_file_may_have_some_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in memory."""
    monkeypatch.setattr(ldif, "LONGEST", 2**20)
    with pytest.raises(DirectoryError, match="more than 1 MiB"):
        read_ldif(b"#" * (2**20 + 1))


def test_the_library_is_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one has the same name."""
    other = ModuleType("ldif")
    other.__file__ = "/somewhere/ldif.py"
    monkeypatch.setitem(sys.modules, "ldif", other)
    with pytest.raises(DirectoryError, match=r"/somewhere/ldif.py is not of the package ldif"):
        read_ldif(b"dn: uid=a\n")


# Who reads


async def club(address: str, access: DirectoryAccess) -> list[DirectoryPerson]:
    return [DirectoryPerson("ada", address, access.user)]


CLUB = DirectorySpec("club", club, "members")


async def test_a_directory_is_read_by_who_offers_its_scheme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If exactly one plugin does."""
    offers = [CLUB]
    monkeypatch.setattr(asking, "plugin_offers", lambda hook, kind: offers)
    read = await read_directory("CLUB://x", DirectoryAccess("root", "secret"))
    assert read == [DirectoryPerson("ada", "CLUB://x", "root")]
    with pytest.raises(DirectoryError, match=r"no plugin reads .*known schemes: club"):
        await read_directory("guild://x", DirectoryAccess())
    offers.append(CLUB)
    with pytest.raises(DirectoryError, match="several plugins"):
        await read_directory("club://x", DirectoryAccess())


@pytest.mark.parametrize(
    ("scheme", "summary", "why"),
    [("Bad Scheme", "x", "made of a-z"), ("club", "two\nlines", "must be one line")],
)
def test_a_plugin_says_what_it_offers_in_a_word_and_a_line(
    scheme: str, summary: str, why: str
) -> None:
    """As for stores."""
    with pytest.raises(ValueError, match=why):
        DirectorySpec(scheme, club, summary)


def test_a_password_is_not_shown() -> None:
    """Not in a traceback, either."""
    assert "secret" not in repr(DirectoryAccess("root", "secret", Path("ca.pem")))

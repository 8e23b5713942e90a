"""A real LDAP directory is read whole, or not at all."""

from __future__ import annotations

import gc
import socket
import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest
import trio
from gochan_ldap import gochan_directories, read_people
from gochan_service import DirectoryAccess, DirectoryError, DirectoryPerson

from .conftest import ADMIN, BASE, MANY, PASSWORD, Directory

GROUPS = f"ou=groups,{BASE}"


# anyldap leaves a socket open if TLS fails, until it is collected.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def _leave_sockets_to_the_collector() -> Iterator[None]:
    """Have anyldap's sockets collected, which it leaves open if TLS fails."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def access(directory: Directory) -> DirectoryAccess:
    return DirectoryAccess(ADMIN, PASSWORD, directory.ca, GROUPS)


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
async def test_everybody_is_read_with_their_groups(directory: Directory, scheme: str) -> None:
    """In pages, by TLS from the first byte or by StartTLS; there are more than a page has."""
    people = await read_people(directory.url(scheme=scheme), access(directory))
    assert len(people) == MANY + 3
    found = {person.login: person for person in people}
    assert found["ada"] == DirectoryPerson(
        "ada", "Ada Lovelace", "ada@example.com", ("devs", "ops")
    )
    assert found["bob"].groups == ("devs",)
    assert found["eve"].groups == ()


async def test_an_address_says_who_is_meant(directory: Directory) -> None:
    """By another attribute for the login, the entries right below, and a filter."""
    mine = access(directory)
    url = directory.url(f"ou=people,{BASE}?mail?one?(|(uid=ada)(uid=eve))")
    assert [one.login for one in await read_people(url, mine)] == [
        "ada@example.com", "eve@example.com"
    ]  # fmt: skip
    assert await read_people(directory.url(f"{BASE}?uid?one"), mine) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"password": "wrong"}, "Invalid credentials"),
        ({"password": ""}, "the password of cn=admin.* is missing"),
        ({"user": "", "password": ""}, "Inappropriate authentication"),
        ({"ca_file": None}, "certificate verify failed"),
        ({"user": f"cn=limited,{BASE}"}, "limit exceeded"),
        ({"groups_at": f"ou=nowhere,{BASE}"}, "No such object"),
    ],
)
async def test_an_answer_that_is_no_success_is_an_error(
    directory: Directory, change: dict[str, object], why: str
) -> None:
    """Nothing that was read before is returned; the reason is said, the password is not."""
    with pytest.raises(DirectoryError, match=why) as caught:
        await read_people(directory.url(), replace(access(directory), **change))  # type: ignore[arg-type]
    assert PASSWORD not in str(caught.value)


async def test_a_certificate_that_is_not_trusted_gets_no_password(directory: Directory) -> None:
    """With StartTLS as well."""
    mine = replace(access(directory), ca_file=None)
    with pytest.raises(DirectoryError, match="certificate verify failed"):
        await read_people(directory.url(scheme="ldap"), mine)


async def test_what_another_server_keeps_is_missing(directory: Directory) -> None:
    """That is an error, unless somebody says that it may be."""
    mine = access(directory)
    url = directory.url(f"ou=split,{BASE}")
    with pytest.raises(DirectoryError, match=r"kept by another server .ldap://elsewhere"):
        await read_people(url, mine)
    people = await read_people(url, replace(mine, ignore_referrals=True))
    assert [one.login for one in people] == ["split"]
    with pytest.raises(DirectoryError, match="Referral"):
        await read_people(directory.url(f"ou=rest,ou=split,{BASE}"), mine)


async def test_a_server_that_is_not_there_or_says_nothing(directory: Directory) -> None:
    """The first is told at once, the second in time."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        address = f"ldaps://127.0.0.1:{port}/{BASE}"
        with pytest.raises(DirectoryError, match="Can't contact LDAP server"):
            await read_people(address, access(directory))
        silent.listen()
        mine = replace(access(directory), timeout=0.2)
        for scheme in ("ldaps", "ldap"):
            with (
                trio.fail_after(10),
                pytest.raises(DirectoryError, match=r"(?i)timed? ?out|in time"),
            ):
                await read_people(f"{scheme}://127.0.0.1:{port}/{BASE}", mine)


@pytest.mark.parametrize(
    "address",
    [
        "ldaps:",
        "ldaps://",
        "ldaps://host",
        "ldaps://host/",
        "ldaps://host:0x/dc=a",
        "ldaps://user:word@host/dc=a",
        "http://host/dc=a",
        "ldaps://host/dc=a?uid?base",
        "ldaps://host/dc=a?u)(d?sub",
    ],
)
async def test_an_odd_address_is_refused(address: str) -> None:
    """Before anybody is asked; a password in it is not shown."""
    with pytest.raises(DirectoryError) as caught:
        await read_people(address, DirectoryAccess())
    assert "word@" not in str(caught.value)


async def test_certificates_that_cannot_be_read_are_named(directory: Directory) -> None:
    """By the name of the file."""
    mine = replace(access(directory), ca_file=directory.ca.with_name("nothing.pem"))
    with pytest.raises(DirectoryError, match=r"nothing.pem cannot be used"):
        await read_people(directory.url(), mine)


def test_both_schemes_are_offered() -> None:
    """By the hook."""
    assert [spec.scheme for spec in gochan_directories()] == ["ldaps", "ldap"]


async def test_a_server_that_never_comes_to_an_end_is_left(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fill the memory; what it has said so far is not used."""
    monkeypatch.setattr("gochan_ldap._reading._MOST_PAGES", 1)
    with pytest.raises(DirectoryError, match="more than 1 pages below ou=people"):
        await read_people(directory.url(), access(directory))

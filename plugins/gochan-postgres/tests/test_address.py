"""Addresses are checked before anybody connects, and never show a password."""

from __future__ import annotations

import pytest
from gochan_postgres import open_postgres_store
from gochan_postgres._address import Address

from gochan.durable import StoreUnavailable, open_store

from .conftest import free_port


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://", "postgresql:///"),
        ("postgres://ann@db:6000/jobs", "postgresql://ann@db:6000/jobs"),
        ("postgresql://ann:secret@db/jobs?sslmode=require", "postgresql://ann@db/jobs"),
        ("postgresql://ann@db/jobs?password=secret", "postgresql://ann@db/jobs"),
        ("postgresql:///jobs?host=/var/run/postgresql", "postgresql:///jobs"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str) -> None:
    """Nor with options, which may hold others."""
    address = Address(text)
    assert str(address) == shown
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql:ann:secret@db",
        "postgresql://ann:my@secret@db/jobs",
        "postgresql://ann:my%secret@db/jobs",
        "postgresql://ann:my/secret@db:port/jobs",
        "postgresql://ann@db/jobs?password=secret&nonsense=1",
        "postgresql://ann:secret@db:port/jobs?x",
    ],
)
def test_an_address_that_cannot_be_read_is_not_shown(text: str) -> None:
    """What is wrong with it may be in the password."""
    with pytest.raises(ValueError, match=r"address of (the|a) store") as caught:
        open_store(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_libpq_says_is_searched_for_the_password() -> None:
    """As it is written, and as it is meant."""
    address = Address("postgresql://ann:my%2Fsecret@db/jobs")
    problem = ValueError("no entry for my/secret,\n or my%2Fsecret")
    assert address.cleaned(problem) == "no entry for ***, or ***"
    assert address.cleaned(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"schema": 3}, TypeError, "schema must be a str"),
        ({"schema": "a-b"}, ValueError, "schema must be made of"),
        ({"timeout": 0}, ValueError, "timeout must be"),
        ({"timeout": "1"}, TypeError, "timeout must be"),
        ({"size": 1}, TypeError, "it has no option 'size'.*schema, timeout"),
    ],
)
def test_wrong_options_are_told_at_the_call(
    options: dict[str, object], error: type[Exception], text: str
) -> None:
    """Before anybody connects."""
    with pytest.raises(error, match=text):
        open_store("postgresql://db", **options)


async def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    """By an error that says where it should be."""
    address = f"postgresql://ann:secret@127.0.0.1:{free_port()}/jobs"
    with pytest.raises(StoreUnavailable, match=r"postgresql://ann@127.0.0.1") as caught:
        async with open_postgres_store(address):
            raise AssertionError
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_server_that_is_not_there_is_told_in_virtual_time(autojump_clock: object) -> None:
    """The clock makes no difference to that."""
    with pytest.raises(StoreUnavailable, match="cannot be used now"):
        async with open_postgres_store(f"postgresql://ann@127.0.0.1:{free_port()}/jobs"):
            raise AssertionError

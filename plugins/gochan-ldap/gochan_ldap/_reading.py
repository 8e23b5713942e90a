"""Reading a directory: all of it, or an error."""

# Theory of operation
# -------------------
# Who is missing in what this returns will be blocked. So each answer has to be a success that is
# complete: entries come in pages until the server says that there are no more, a limit that was
# hit is an error of its own, and a part that another server keeps is one, too.
#
# The password is sent when TLS is up, never before. A server that asks for no password takes an
# empty one for nobody, and lets them see less; so a user without a password is refused here.

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import trio
from anyldap import ldap
from anyldap.ldap.controls import SimplePagedResultsControl
from gochan_service import DirectoryAccess, DirectoryError, DirectoryPerson, people_of

from ._address import Address

_PAGE: Final = 500
_MOST_PAGES: Final = 10_000
_GROUPS: Final = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)"
    "(objectClass=group))"
)
_OF_PEOPLE: Final = (
    "objectClass", "cn", "displayName", "mail", "memberOf", "userAccountControl",
)  # fmt: skip
_OF_GROUPS: Final = ("objectClass", "cn", "member", "uniqueMember", "memberUid")

_Entry = tuple[str, Mapping[str, Sequence[bytes]]]


async def read(address: Address, access: DirectoryAccess) -> list[DirectoryPerson]:
    """Return everybody who is in a directory.

    Raises:
        DirectoryError: it cannot be reached, or its answer is not complete.
    """
    groups_at = access.groups_at or address.base
    async with _connected(address, access) as connection:
        people = await _search(
            connection, address.base, address.scope, address.filter,
            [*_OF_PEOPLE, address.login], access,
        )  # fmt: skip
        groups = await _search(
            connection, groups_at, ldap.SCOPE_SUBTREE, _GROUPS, _OF_GROUPS, access
        )
    found = dict(people) | dict(groups)  # an entry may be both
    return people_of(found.items(), login=address.login)


@asynccontextmanager
async def _connected(address: Address, access: DirectoryAccess) -> AsyncIterator[Any]:
    """Connect by TLS, and say who asks; what goes wrong inside the block is a `DirectoryError`."""
    if access.user and not access.password:
        raise DirectoryError(f"the password of {access.user} is missing")
    try:
        context = ssl.create_default_context(
            cafile=None if access.ca_file is None else str(access.ca_file)
        )
    except OSError as error:
        raise DirectoryError(f"{access.ca_file} cannot be used: {error}") from None
    connection = ldap.initialize(address.server, ssl_context=context)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, access.timeout)
    connection.set_option(ldap.OPT_TIMEOUT, access.timeout)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    try:
        if address.server.startswith("ldap:"):
            with trio.fail_after(access.timeout):
                await connection.start_tls_s()
        await connection.simple_bind_s(access.user, access.password)
        yield connection
    except (ldap.LDAPError, OSError, trio.TooSlowError) as error:
        raise DirectoryError(f"{address.server}: {_said(error)}") from None
    finally:
        with trio.move_on_after(1, shield=True):
            await _leave(connection)


async def _leave(connection: Any) -> None:
    with suppress(ldap.LDAPError, OSError, trio.BrokenResourceError):  # it has left first
        await connection.unbind_s()


async def _search(
    connection: Any,
    base: str,
    scope: int,
    wanted: str,
    attributes: Sequence[str],
    access: DirectoryAccess,
) -> list[_Entry]:
    """Return the entries below one that are wanted, page by page."""
    entries: list[_Entry] = []
    cookie: Any = ""
    for _ in range(_MOST_PAGES):
        page = SimplePagedResultsControl(True, size=_PAGE, cookie=cookie)
        number = await connection.search_ext(base, scope, wanted, [*attributes], serverctrls=[page])
        _, found, _, controls = await connection.result3(number, timeout=access.timeout)
        entries += _entries(found, base, access)
        pages = [one for one in controls if one.controlType == page.controlType]
        cookie = pages[0].cookie if pages else ""
        if not cookie:
            return entries
    raise DirectoryError(f"more than {_MOST_PAGES} pages below {base}")


def _entries(found: Sequence[Any], base: str, access: DirectoryAccess) -> list[_Entry]:
    """Return entries; what another server keeps is an error, unless it may be missing.

    Raises:
        DirectoryError: something is missing.
    """
    elsewhere = [urls for name, urls in found if name is None]
    if elsewhere and not access.ignore_referrals:
        first = elsewhere[0][0] if elsewhere[0] else "somewhere"
        raise DirectoryError(
            f"a part of what is below {base} is kept by another server ({first}); choose a base "
            "below that is whole, or say --ignore-referrals"
        )
    return [(name, attributes) for name, attributes in found if name is not None]


def _said(error: BaseException) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, ldap.LDAPError):
        told = f"{error.desc}: {error.info}" if error.info else error.desc
        return " ".join(told.split())
    if isinstance(error, trio.TooSlowError):
        return "no answer in time"
    return " ".join(str(error).split()) or type(error).__name__

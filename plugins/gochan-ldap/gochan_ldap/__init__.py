"""People of an LDAP directory, for gochan's job server."""

# All plugins are loaded to find one; anyldap is imported only when a directory is read.
#
# The files, from the bottom up: each uses only those above it.
#
#   _address  addresses of directories, read and checked
#   _reading  a directory, read whole

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gochan_service import DirectoryAccess, DirectoryPerson, DirectorySpec

from gochan import hookimpl

__all__ = ["read_people"]


async def read_people(address: str, access: DirectoryAccess) -> Sequence[DirectoryPerson]:
    """Return everybody who is in an LDAP directory.

    Args:
        address: as RFC 4516 has it: ``ldaps://host:port/base?login?scope?filter``. The base is the
            entry below which the people are. What is left out is ``uid``, ``sub``, and people.
        access: who asks, and what is trusted.

    Raises:
        DirectoryError: the address cannot be read, the directory cannot be reached or is not who
            it should be, or its answer is not complete.
    """
    from ._address import Address
    from ._reading import read

    return await read(Address.of(address), access)


@hookimpl
def gochan_directories() -> Iterable[DirectorySpec]:
    """Offer LDAP, with TLS from the first byte or from the second."""
    yield DirectorySpec("ldaps", read_people, "an LDAP directory, by TLS")
    yield DirectorySpec("ldap", read_people, "an LDAP directory, by StartTLS")

"""Who reads a directory of some scheme: the plugin that offers it."""

from __future__ import annotations

from collections.abc import Sequence

from gochan.lowlevel import plugin_offers

from ._records import DirectoryAccess, DirectoryError, DirectoryPerson, DirectorySpec


async def read_directory(address: str, access: DirectoryAccess) -> Sequence[DirectoryPerson]:
    """Return everybody who is in the directory at an address.

    Raises:
        DirectoryError: nobody can read such a directory, or it could not be read whole.
    """
    return await _spec_of(address).read(address, access)


def _spec_of(address: str) -> DirectorySpec:
    scheme = address.partition(":")[0].lower()
    specs = plugin_offers("gochan_directories", DirectorySpec)
    found = [spec for spec in specs if spec.scheme == scheme]
    if len(found) > 1:
        raise DirectoryError(f"several plugins read directories with the scheme {scheme!r}")
    if not found:
        known = ", ".join(spec.scheme for spec in specs) or "none; gochan-ldap reads ldaps:"
        raise DirectoryError(f"no plugin reads the directory {address!r}; known schemes: {known}")
    return found[0]

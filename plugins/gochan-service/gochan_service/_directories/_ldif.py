"""Entries from an LDIF file, as directories export them."""

# Theory of operation
# -------------------
# The library is strict, but takes base64 that is none for an empty value, and leaves values out
# that are elsewhere (``:<``). Who would be read without a name or a group is better not read at
# all; so these are errors, as are records that change something: a file of those is no directory.

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from ._entries import Attributes
from ._records import DirectoryError

LONGEST: Final = 256 * 2**20  # bytes of a file
_BOM: Final = b"\xef\xbb\xbf"


def read_ldif(data: bytes) -> list[tuple[str, Attributes]]:
    """Return the entries of an LDIF file, each with its name.

    Raises:
        DirectoryError: something in it is not as RFC 2849 says, or is no entry; or the package
            is missing.
    """
    if len(data) > LONGEST:
        raise DirectoryError(f"the file has more than {LONGEST // 2**20} MiB")
    data = data.removeprefix(_BOM)
    _check_values(data)
    parser = _parser()(BytesIO(data))
    try:
        return [*_entries(parser)]
    except (ValueError, IndexError) as error:
        line = parser.line_counter
        raise DirectoryError(f"line {line} or before: {error or 'this is no LDIF'}") from None


def _entries(parser: Any) -> Iterator[tuple[str, Attributes]]:
    for name, attributes in parser.parse():
        if name is not None:  # as in a line with the version, alone
            yield name, attributes


def _parser() -> Any:
    """Return the class of the library.

    Another distribution, python-ldap, installs a module of the same name.
    """
    import ldif  # type: ignore[import-untyped]

    parser = getattr(ldif, "LDIFParser", None)
    if parser is None or not hasattr(parser, "_iter_blocks"):
        raise DirectoryError(
            f"{ldif.__file__} is not of the package ldif, but of another one, such as python-ldap; "
            "install gochan-service in an environment without that"
        )
    return parser


def _check_values(data: bytes) -> None:
    """Look at what the library takes without a word.

    Raises:
        DirectoryError: a record changes something, or a value cannot be read or is elsewhere.
    """
    for number, line in _unfolded(data):
        name, colon, value = line.partition(b":")
        if not colon or line.startswith(b"#"):
            continue
        if name.strip().lower() == b"changetype":
            raise DirectoryError(f"line {number}: a record that changes something is no entry")
        if value.startswith(b"<"):
            raise DirectoryError(f"line {number}: the value of {name.decode()!r} is elsewhere")
        if value.startswith(b":"):
            try:
                base64.b64decode(value[1:].strip(), validate=True)
            except binascii.Error:
                raise DirectoryError(
                    f"line {number}: the value of {name.decode(errors='replace')!r} is not base64"
                ) from None


def _unfolded(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield lines with those that go on after a line break and a space, and their numbers."""
    line, first = b"", 1
    for number, part in enumerate(data.replace(b"\r\n", b"\n").split(b"\n"), 1):
        if part.startswith(b" "):
            line += part[1:]
            continue
        yield first, line
        line, first = part, number
    yield first, line

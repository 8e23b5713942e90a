"""What is known of people in a directory, how it is reached, and who can read it."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import final


class DirectoryError(Exception):
    """A directory could not be read whole, so nothing of it is used."""


@final
@dataclass(frozen=True, slots=True)
class DirectoryPerson:
    """Somebody in a directory.

    Attributes:
        login: a short name, without spaces; unique in the directory.
        name: for people.
        mail: an address.
        groups: names of the groups that they are in.
    """

    login: str
    name: str = ""
    mail: str = ""
    groups: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class DirectoryAccess:
    """How a directory is reached.

    Attributes:
        user: who asks, as the directory names them; empty for nobody.
        password: of this user.
        ca_file: certificates to trust instead of the system's.
        groups_at: below which entry the groups are, if they are not among the people.
        ignore_referrals: whether what is kept by other servers may be left out. Otherwise it is an
            error, since part of the directory is missing.
        timeout: how many seconds an answer may take.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: pathlib.Path | None = None
    groups_at: str = ""
    ignore_referrals: bool = False
    timeout: float = 30.0


@final
@dataclass(frozen=True, slots=True)
class DirectorySpec:
    """What a plugin offers: a scheme, and how to read a directory at an address of that scheme.

    Attributes:
        scheme: what addresses begin with, without the colon; lower case letters, digits, ``+``,
            ``-`` and ``.``.
        read: called with the whole address and how it is reached; returns everybody who is in the
            directory, or raises `DirectoryError`. It never returns a part.
        summary: one line about it.

    Raises:
        ValueError: the scheme is not of that form, or the summary is not one line.
    """

    scheme: str
    read: Callable[[str, DirectoryAccess], Awaitable[Sequence[DirectoryPerson]]]
    summary: str

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z][a-z0-9+.-]*", self.scheme):
            raise ValueError(
                f"a directory's scheme is made of a-z, 0-9, '+', '-' and '.', not {self.scheme!r}"
            )
        if len(self.summary.splitlines()) > 1:
            raise ValueError(
                f"the summary of directory {self.scheme!r} must be one line, not {self.summary!r}"
            )


for _one in (DirectoryAccess, DirectoryError, DirectoryPerson, DirectorySpec):
    _one.__module__ = "gochan_service"  # as users see them

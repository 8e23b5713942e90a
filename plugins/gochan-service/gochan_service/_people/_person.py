"""Somebody who may come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ._roles import Role


def is_login(text: str) -> bool:
    """Whether somebody can be called so: it is shown in many places."""
    return bool(text) and text.isprintable() and " " not in text


@final
@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may come in.

    Attributes:
        login: a short name, unique.
        role: what they may do.
        groups: of their directory.
        source: who keeps this: ``local``, or what a directory is called.
        active: whether they may come in; false if an operator has blocked them.
        gone: whether they have left the directory that keeps this; then they may not, either.
    """

    login: str
    role: Role
    name: str = ""
    mail: str = ""
    groups: tuple[str, ...] = ()
    source: str = "local"
    active: bool = True
    gone: bool = False

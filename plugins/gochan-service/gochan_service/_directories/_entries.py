"""The people among entries as LDAP has them, and the groups they are in."""

# Theory of operation
# -------------------
# An entry is a name and attributes, whose names are compared without case. A person is an entry of
# one of some classes that has a login. Who is in which group is said in one of three ways: the
# group lists the names of entries, or logins, or the person lists the names of groups.
#
# A group is called by the first part of its name: ``cn=ops,ou=groups,dc=example`` is ``ops``.

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from ._records import DirectoryError, DirectoryPerson

Attributes: TypeAlias = Mapping[str, Sequence[str | bytes]]
"""The attributes of an entry: each has a name, and some values."""

PEOPLE: Final = ("person", "inetOrgPerson", "posixAccount", "user")
"""Object classes of people."""

GROUPS: Final = ("groupOfNames", "groupOfUniqueNames", "posixGroup", "group")
"""Object classes of groups."""

ATTRIBUTES: Final = (
    "objectClass", "cn", "displayName", "mail", "memberOf", "userAccountControl",
    "member", "uniqueMember", "memberUid",
)  # fmt: skip
"""Attributes that are looked at, beside the login."""

_DISABLED: Final = 2  # in userAccountControl, by which Active Directory says much
_PEOPLE: Final = frozenset(map(str.lower, PEOPLE))
_GROUPS: Final = frozenset(map(str.lower, GROUPS))
_NO_PEOPLE: Final = frozenset({"computer"})


def people_of(
    entries: Iterable[tuple[str, Attributes]], *, login: str = "uid"
) -> list[DirectoryPerson]:
    """Return the people among entries, by their logins.

    An entry without a login is left out, as is an account that Active Directory has disabled.

    Args:
        entries: each with its distinguished name.
        login: the attribute with the login, such as ``uid`` or ``sAMAccountName``.

    Raises:
        DirectoryError: two entries have the same login, or one has a login that is no word.
    """
    read = [(_key(name), _lowered(attributes)) for name, attributes in entries]
    groups = _groups([entry for entry in read if _is_one_of(entry[1], _GROUPS)])
    people: dict[str, DirectoryPerson] = {}
    for name, attributes in read:
        word = _first(attributes, login.lower())
        if not word or not _is_person(attributes):
            continue
        if not word.isprintable() or " " in word:
            raise DirectoryError(f"the login {word!r} of {name!r} is not a word")
        if word in people:
            raise DirectoryError(f"two people have the login {word!r}")
        listed = {_short(one) for one in _texts(attributes, "memberof")}
        found = listed | groups.get(name, set()) | groups.get(f"uid={word}", set())
        full_name = _first(attributes, "displayname") or _first(attributes, "cn")
        mail = _first(attributes, "mail")
        people[word] = DirectoryPerson(word, full_name, mail, tuple(sorted(found)))
    return [people[word] for word in sorted(people)]


def _lowered(attributes: Attributes) -> dict[str, Sequence[str | bytes]]:
    """Return attributes by their names in lower case, without options such as ``;lang-en``."""
    found: dict[str, Sequence[str | bytes]] = {}
    for name, values in attributes.items():
        plain = name.lower().partition(";")[0]
        found[plain] = [*found.get(plain, ()), *values]
    return found


def _is_one_of(attributes: Attributes, classes: frozenset[str]) -> bool:
    return not classes.isdisjoint(map(str.lower, _texts(attributes, "objectclass")))


def _is_person(attributes: Attributes) -> bool:
    """Whether an entry is a person who is not disabled."""
    if not _is_one_of(attributes, _PEOPLE) or _is_one_of(attributes, _NO_PEOPLE):
        return False
    control = _first(attributes, "useraccountcontrol")
    return not (control.isdecimal() and int(control) & _DISABLED)


def _groups(entries: Iterable[tuple[str, Attributes]]) -> dict[str, set[str]]:
    """Return the groups of each member, who is named by an entry, or as ``uid=LOGIN``."""
    found: dict[str, set[str]] = {}
    for name, attributes in entries:
        group = _first(attributes, "cn") or _short(name)
        for member in _members(attributes):
            found.setdefault(member, set()).add(group)
    return found


def _members(attributes: Attributes) -> Iterator[str]:
    for one in _texts(attributes, "member") + _texts(attributes, "uniquemember"):
        yield _key(one)
    for one in _texts(attributes, "memberuid"):
        yield f"uid={one}"


def _texts(attributes: Attributes, name: str) -> list[str]:
    """Return the values of an attribute that are text."""
    values = attributes.get(name, ())
    return [
        one if isinstance(one, str) else one.decode("utf-8", "replace") for one in values if one
    ]


def _first(attributes: Attributes, name: str) -> str:
    return next(iter(_texts(attributes, name)), "").strip()


def _key(name: str) -> str:
    """Return the name of an entry in a form that can be compared."""
    return re.sub(r"\s*([,=+])\s*", r"\1", name.strip()).lower()


def _short(name: str) -> str:
    """Return the value of the first part of the name of an entry."""
    value = re.split(r"(?<!\\)[,+]", name, maxsplit=1)[0].partition("=")[2]
    return re.sub(r"\\(.)", r"\1", value.strip())

"""Syncing: what is to be done so that the register is like a directory."""

# Theory of operation
# -------------------
# A directory is compared with the people of the register that come from it; what others keep is
# not touched. Who is not in the directory any more is gone, and who comes back is there again,
# with the tokens they had; but whom an operator has blocked stays blocked.
#
# An answer that is a part looks like a directory that many have left. So one that shrinks by more
# than a tenth is not believed, unless somebody says that it is right.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from .._directories import DirectoryPerson
from ._database import RegisterError
from ._person import Person, is_login
from ._roles import ROLES, Role

_SHRINKS: Final = 10  # one of so many may leave without a question


@final
@dataclass(frozen=True, slots=True)
class Rules:
    """How people of a directory become people of the register.

    Attributes:
        source: what the directory is called.
        roles: of groups; who is in several has the role that may do most.
        others: the role of those who are in none of these groups; ``None``: they are left out. If
            there are no roles of groups, it is that of those who are new, and nobody's changes.
        whole: whether who is missing has left.
        shrinks: whether a directory may shrink by more than a tenth.
    """

    source: str
    roles: Mapping[str, Role]
    others: Role | None = "viewer"
    whole: bool = True
    shrinks: bool = False


@final
@dataclass(frozen=True, slots=True)
class Sync:
    """What is to be done, or was done.

    Attributes:
        source: what the directory is called.
        added: people who are new.
        changed: people of whom the directory says something else, as they are then.
        left: people who are not in the directory any more, as they are then.
        others: logins of the directory which somebody else keeps, who are left as they are.
        lines: what is done to each.
    """

    source: str
    added: tuple[Person, ...]
    changed: tuple[Person, ...]
    left: tuple[Person, ...]
    others: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def summary(self) -> str:
        """All of it in a line."""
        counts = f"{len(self.added)} added, {len(self.changed)} changed, {len(self.left)} left"
        kept = f"; kept by others: {', '.join(self.others)}" if self.others else ""
        return f"{self.source}: {counts}{kept}"


def compare(found: Sequence[DirectoryPerson], rules: Rules, known: Sequence[Person]) -> Sync:
    """Compare a directory with the register; return what is to be done.

    Args:
        found: everybody who is in the directory.
        rules: what becomes of them.
        known: everybody who is in the register.

    Raises:
        RegisterError: a login is no word, or the directory has shrunk too much.
    """
    for one in found:
        if not is_login(one.login):
            raise RegisterError(f"{one.login!r} in {rules.source} is no login: it is a word")
    before = {person.login: person for person in known if person.source == rules.source}
    kept = {person.login for person in known} - before.keys()
    listed = {one.login: one for one in found if _role(one, rules) is not None}
    others = tuple(sorted(listed.keys() & kept))
    now = {
        login: _person(one, rules, before.get(login))
        for login, one in sorted(listed.items())
        if login not in kept
    }
    left = [
        replace(person, gone=True)
        for login, person in before.items()
        if rules.whole and login not in now and not person.gone
    ]
    _check_size(rules, before.values(), left)
    added = [person for login, person in now.items() if login not in before]
    changed = [person for login, person in now.items() if before.get(login, person) != person]
    lines = (*_lines(added, changed, left, before),)
    return Sync(rules.source, (*added,), (*changed,), (*left,), others, lines)


def _role(one: DirectoryPerson, rules: Rules) -> Role | None:
    """Return the role of somebody by their groups; ``None`` if they are left out."""
    named = [rules.roles[group] for group in one.groups if group in rules.roles]
    return max(named, key=ROLES.index) if named else rules.others


def _person(one: DirectoryPerson, rules: Rules, before: Person | None) -> Person:
    role = _role(one, rules)
    assert role is not None
    if before is None:
        return Person(one.login, role, one.name, one.mail, one.groups, rules.source)
    kept = role if rules.roles else before.role
    return replace(before, role=kept, name=one.name, mail=one.mail, groups=one.groups, gone=False)


def _check_size(rules: Rules, before: Iterable[Person], left: list[Person]) -> None:
    """Do not believe a directory that has shrunk much.

    Raises:
        RegisterError: it has.
    """
    had = sum(not person.gone for person in before)
    if len(left) * _SHRINKS > had and not rules.shrinks:
        raise RegisterError(
            f"{len(left)} of the {had} people of {rules.source} are not there any more, so nothing "
            "was changed; if that is right, say --yes"
        )


def _lines(
    added: list[Person], changed: list[Person], left: list[Person], before: Mapping[str, Person]
) -> Iterator[str]:
    """Say what is done to each, as far as it concerns what they may do."""
    for person in added:
        yield f"{person.login} is new, as {person.role}"
    for person in changed:
        was = before[person.login]
        if was.gone:
            yield f"{person.login} is back, as {person.role}"
        elif was.role != person.role:
            yield f"{person.login} is {person.role}, and was {was.role}"
    for person in left:
        yield f"{person.login} has left"

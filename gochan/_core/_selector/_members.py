"""Members: the cases of a selector, by number and by label."""

# Invariants (``check`` asserts them)
# -----------------------------------
# 1. Each member is known by its number, and among those of its label.
# 2. Each label has at least one member.

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import count
from typing import Generic, TypeVar, final

from .._cases import Case
from .._lines import Clock, Line
from ._urn import Ball

L = TypeVar("L", bound=Hashable)
T = TypeVar("T")


@final
class Member(Ball, Generic[L, T]):
    """One case of a selector, and where it waits."""

    __slots__ = ("case", "clock", "label", "line", "number")

    def __init__(self, number: int, case: Case[T], label: L) -> None:
        super().__init__(case.priority)
        self.number = number
        self.case = case
        self.label = label
        self.line: Line | None = None
        self.clock: Clock | None = None


@final
class Members(Generic[L, T]):
    """All members, oldest first. A label has several if its case stands for several."""

    __slots__ = ("_numbers", "by_label", "by_number")

    def __init__(self) -> None:
        self.by_number: dict[int, Member[L, T]] = {}
        self.by_label: dict[L, list[Member[L, T]]] = {}
        self._numbers = count()

    def add(self, cases: Sequence[Case[T]], label: L) -> list[Member[L, T]]:
        """Make members of these cases, which get a new label, and return them."""
        members = [Member(next(self._numbers), case, label) for case in cases]
        self.by_label[label] = members
        self.by_number |= {member.number: member for member in members}
        return members

    def remove_label(self, label: L) -> list[Member[L, T]]:
        """Forget all members with this label, and return them."""
        members = self.by_label.pop(label, [])
        for member in members:
            del self.by_number[member.number]
        return members

    def remove(self, member: Member[L, T]) -> None:
        """Forget one member, and its label with the last one."""
        del self.by_number[member.number]
        siblings = self.by_label[member.label]
        siblings.remove(member)
        if not siblings:
            del self.by_label[member.label]

    def __contains__(self, member: Member[L, T]) -> bool:
        return member.number in self.by_number

    def __iter__(self) -> Iterator[Member[L, T]]:
        return iter(self.by_number.values())

    def __len__(self) -> int:
        return len(self.by_number)

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        for number, member in self.by_number.items():
            assert member.number == number
            assert member in self.by_label[member.label]
        assert len(self) == sum(map(len, self.by_label.values()))
        assert all(self.by_label.values())

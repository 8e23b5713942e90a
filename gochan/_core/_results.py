"""Results: the types that a select returns, for the type checker."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypeVar

from ._cases import Case

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")

# What a select takes: a case, or None for one that never happens.
Given: TypeAlias = Case[A] | None

# What a select of so many cases returns: the index of the case, and the value it goes with.
R1: TypeAlias = tuple[Literal[0], A]
R2: TypeAlias = R1[A] | tuple[Literal[1], B]
R3: TypeAlias = R2[A, B] | tuple[Literal[2], C]
R4: TypeAlias = R3[A, B, C] | tuple[Literal[3], D]
R5: TypeAlias = R4[A, B, C, D] | tuple[Literal[4], E]
R6: TypeAlias = R5[A, B, C, D, E] | tuple[Literal[5], F]
R7: TypeAlias = R6[A, B, C, D, E, F] | tuple[Literal[6], G]
R8: TypeAlias = R7[A, B, C, D, E, F, G] | tuple[Literal[7], H]

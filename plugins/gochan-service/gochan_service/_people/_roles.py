"""Roles: what people may do."""

# Theory of operation
# -------------------
# There are three roles, each with all that the ones before it have. What a call of a store needs is
# a table. A submitter may cancel and retry their own jobs only; whose a job is, its record says.

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Role: TypeAlias = Literal["viewer", "submitter", "operator"]

ROLES: Final[tuple[Role, ...]] = ("viewer", "submitter", "operator")

OWNER: Final = "gochan-person"
"""The header of a job that names who has submitted it."""

_LEAST: Final[dict[str, Role]] = {
    "look": "viewer",
    "list": "viewer",
    "queues": "viewer",
    "statistics": "viewer",
    "explain": "viewer",
    "audit": "viewer",
    "tend": "viewer",
    "enqueue": "submitter",
    "cancel": "submitter",  # their own
    "retry": "submitter",  # their own
}


def least_role(call: str) -> Role:
    """Return the role that a call of a store needs."""
    return _LEAST.get(call, "operator")


def allows(role: Role, needed: Role) -> bool:
    """Whether a role has what another one has."""
    return ROLES.index(role) >= ROLES.index(needed)

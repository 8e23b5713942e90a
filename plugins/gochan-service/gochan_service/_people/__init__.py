"""People: who they are, what they may do, and what they have done."""

# The files, from the bottom up: each uses only those above it.
#
#   _roles           what a role may do
#   _tokens          tokens: made, hashed, shown once
#   _schema          the tables
#   _register        the people, their tokens and sessions, and what was done
#   _personal_store  the store as one person has it

from ._personal_store import NotAllowed, PersonalStore, check_role
from ._register import Entry, Person, Register, RegisterError
from ._roles import OWNER, ROLES, Role, allows, least_role

__all__ = [
    "OWNER",
    "ROLES",
    "Entry",
    "NotAllowed",
    "Person",
    "PersonalStore",
    "Register",
    "RegisterError",
    "Role",
    "allows",
    "check_role",
    "least_role",
]

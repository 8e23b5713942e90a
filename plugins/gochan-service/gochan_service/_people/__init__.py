"""People: who they are, what they may do, and what they have done."""

# The files, from the bottom up: each uses only those above it.
#
#   _roles           what a role may do
#   _person          somebody who may come in
#   _tokens          tokens: made, hashed, shown once
#   _schema          the tables
#   _database        a file with these tables, or tables beside the jobs
#   _syncing         what makes the register like a directory
#   _register        the people, their tokens and sessions, and what was done
#   _opening         the register of a store, wherever it is
#   _personal_store  the store as one person has it

from ._database import RegisterError
from ._opening import open_register
from ._person import Person
from ._personal_store import NotAllowed, PersonalStore, check_role
from ._register import Entry, Register
from ._roles import OWNER, ROLES, Role, allows, least_role
from ._syncing import Rules, Sync, compare

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
    "Rules",
    "Sync",
    "allows",
    "check_role",
    "compare",
    "least_role",
    "open_register",
]

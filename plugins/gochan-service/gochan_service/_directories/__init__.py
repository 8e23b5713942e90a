"""Directories: where an organisation keeps its people, and how they are read."""

# Plugins that read directories import this, so it imports nothing that is slow.
#
# The files, from the bottom up: each uses only those above it.
#
#   _records  what is known of people there, and how they are reached
#   _entries  the people among entries as LDAP has them
#   _ldif     entries from a file
#   _asking   who reads a directory of some scheme

from ._asking import read_directory
from ._entries import ATTRIBUTES, GROUPS, PEOPLE, Attributes, people_of
from ._ldif import read_ldif
from ._records import DirectoryAccess, DirectoryError, DirectoryPerson, DirectorySpec

__all__ = [
    "ATTRIBUTES",
    "GROUPS",
    "PEOPLE",
    "Attributes",
    "DirectoryAccess",
    "DirectoryError",
    "DirectoryPerson",
    "DirectorySpec",
    "people_of",
    "read_directory",
    "read_ldif",
]

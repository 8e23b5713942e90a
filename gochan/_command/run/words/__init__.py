"""The words of a command, made for each item."""

# The files, from the bottom up: each uses only those above it.
#
#   _limits    how long a command may be
#   _places    places in a command for what differs: {}, {.}, {2}, {name}
#   _quoting   how a place is quoted by the text around it
#   _template  the command for each item

from __future__ import annotations

from ._places import UnfitError
from ._template import Template

__all__ = [
    "Template",
    "UnfitError",
]

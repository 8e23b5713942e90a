"""The words of a command, made for each item."""

# The files, from the bottom up: each uses only those above it.
#
#   _quoting   how a place is quoted by the text around it
#   _template  the command for each item

from __future__ import annotations

from ...._children import UnfitError
from ._template import Template

__all__ = [
    "Template",
    "UnfitError",
]

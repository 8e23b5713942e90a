"""Terminals: what every view on one needs, whatever it shows."""

# The files, from the bottom up: each uses only those above it.
#
#   _cells     how wide text is, and what fits
#   _rows      rows in colours
#   _ages      how long something has run, or has left
#   _keyboard  keys, one by one

from __future__ import annotations

from ._ages import seconds_in_words
from ._cells import fit, width_of
from ._keyboard import Keyboard
from ._rows import Row, Span, painted, printable

__all__ = [
    "Keyboard",
    "Row",
    "Span",
    "fit",
    "painted",
    "printable",
    "seconds_in_words",
    "width_of",
]

"""Terminals: what every view on one needs, whatever it shows."""

# The files, from the bottom up: each uses only those above it.
#
#   _sequences   sequences that terminals obey
#   _cells       how wide text is, and what fits
#   _rows        rows in colours
#   _ages        how long something has run, or has left
#   _keyboard    keys, one by one
#   _stopped     being stopped, as by Ctrl-Z
#   _writer      writing, though a reader may be slow
#   _last_words  what is written at the end, which must not wait

from __future__ import annotations

from ._ages import seconds_in_words
from ._cells import fit, width_of
from ._keyboard import Keyboard
from ._last_words import write_within
from ._rows import Row, Span, painted, printable
from ._sequences import CLEAR_BELOW, CLEAR_ROW, HIDE_CURSOR, NO_WRAP, SHOW_CURSOR, WRAP
from ._stopped import be_stopped
from ._writer import Writer

__all__ = [
    "CLEAR_BELOW",
    "CLEAR_ROW",
    "HIDE_CURSOR",
    "NO_WRAP",
    "SHOW_CURSOR",
    "WRAP",
    "Keyboard",
    "Row",
    "Span",
    "Writer",
    "be_stopped",
    "fit",
    "painted",
    "printable",
    "seconds_in_words",
    "width_of",
    "write_within",
]

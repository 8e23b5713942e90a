"""Files, open or to be written."""

# The files, from the bottom up: each uses only those above it.
#
#   _open_files  how many files may be open
#   _counting    how many lines there are
#   _replacing   writing a file anew

from __future__ import annotations

from ._counting import LineCount, count_lines
from ._open_files import OpenFiles
from ._replacing import GaveUpError, GoOn, Pen, Replacement

__all__ = [
    "GaveUpError",
    "GoOn",
    "LineCount",
    "OpenFiles",
    "Pen",
    "Replacement",
    "count_lines",
]

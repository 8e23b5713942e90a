"""What people see."""

# The files, from the bottom up: each uses only those above it.
#
#   _state          the state of a run at one moment, for displays
#   _display        what every display can show, and the words it uses
#   _plain_display  a line for each command that has ended
#   _view           the rows of the live view
#   _terminal_text  output without what a terminal would obey
#   _painter        a view at the bottom of a terminal, and text above it
#   _keys           what keys do
#   _estimate       how fast a run is, and when it will end
#   _live_display   a view of what runs, on a terminal
#   _open_display   which of them it is
#   _summary        what is said at the end, beside the figures

from __future__ import annotations

from ...terminal import printable
from ._display import Display, describe, shortened
from ._open_display import open_display
from ._state import PAUSED, Running, RunState
from ._summary import KINDS, Failures, hints

__all__ = [
    "KINDS",
    "PAUSED",
    "Display",
    "Failures",
    "RunState",
    "Running",
    "describe",
    "hints",
    "open_display",
    "printable",
    "shortened",
]

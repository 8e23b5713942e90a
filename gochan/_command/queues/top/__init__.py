"""What `gochan top` shows, and how."""

# The files, from the bottom up: each uses only those above it.
#
#   _sparkline  a history in one row
#   _history    how many jobs waited and ran, for some time back
#   _known      what is known of a store at one moment
#   _lanes      who works, and what on; and why jobs have ended
#   _panel      what the person at the terminal has chosen, and what the next key does
#   _rows       rows of queues, workers and jobs
#   _picture    all of it, for a terminal of any size
#   _deeds      what keys ask of the store
#   _screen     a terminal that shows one picture, and is as it was afterwards
#   _live       the picture, as long as somebody looks at it

from __future__ import annotations

from ._history import History
from ._known import Known, look
from ._live import watch
from ._panel import Panel
from ._picture import picture

__all__ = ["History", "Known", "Panel", "look", "picture", "watch"]

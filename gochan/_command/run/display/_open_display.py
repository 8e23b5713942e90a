"""Which display a run has."""

from __future__ import annotations

import os
import sys

from ._display import Display
from ._plain_display import PlainDisplay


def open_display(*, quiet: bool = False, live: bool = True) -> Display:
    """Return the display that suits standard error; a live one only if it may be one."""
    able = os.environ.get("TERM", "dumb") != "dumb"
    if not live or quiet or not able or not sys.stderr.isatty():
        return PlainDisplay(quiet=quiet)
    from ._live_display import LiveDisplay  # what it needs takes long to import

    return LiveDisplay(sys.stderr.fileno())

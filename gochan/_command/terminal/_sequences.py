"""Sequences that terminals obey."""

from __future__ import annotations

from typing import Final

HIDE_CURSOR: Final = b"\x1b[?25l"
SHOW_CURSOR: Final = b"\x1b[?25h"
NO_WRAP: Final = b"\x1b[?7l"
WRAP: Final = b"\x1b[?7h"
CLEAR_ROW: Final = b"\x1b[K"
CLEAR_BELOW: Final = b"\x1b[J"

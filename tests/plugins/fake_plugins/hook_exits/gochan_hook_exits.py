"""A plugin whose hook ends the program."""

from __future__ import annotations

import sys

from gochan import hookimpl


@hookimpl
def gochan_strategies() -> None:
    sys.exit(3)

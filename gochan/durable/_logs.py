"""Logs: the two loggers. Without a handler of the program's own, nothing is printed."""

from __future__ import annotations

from logging import Logger, NullHandler, getLogger
from typing import Final

JOBS: Final[Logger] = getLogger("gochan.durable.jobs")
STORES: Final[Logger] = getLogger("gochan.durable.stores")

getLogger("gochan.durable").addHandler(NullHandler())

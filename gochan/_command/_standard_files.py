"""Standard files: they may be closed, full or read by nobody; and one line of complaint."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress
from typing import Final

from ._descriptors import STDERR, STDIN, STDOUT

_PASSWORD: Final = re.compile(r"(?<=://)[^\s:/@]*:\S*(?=@)|(?<=password=)[^\s&]*")


def mend_environment() -> None:
    """Leave nothing in the way of printing."""
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch("[1-9][0-9]*", os.environ.get(name, "1")):
            del os.environ[name]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def open_missing() -> set[int]:
    """Open standard files that are closed, or other files would get their numbers; return which."""
    missing = set()
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            missing.add(descriptor)
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
            if descriptor == STDERR:
                sys.stderr = open(STDERR, "w", closefd=False)  # noqa: SIM115  # stays open
    return missing


def give_up(descriptor: int) -> None:
    """Leave nothing for Python to write there, and to complain about, on the way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def give_up_unwritten() -> None:
    """Leave nothing of what could not be written to standard error either."""
    try:
        sys.stderr.flush()
    except OSError:
        give_up(STDERR)


def complain(text: str) -> None:
    """Print one line about what is wrong, without the password of any address in it."""
    text = _PASSWORD.sub("***", " ".join(text.split()))
    with suppress(OSError):
        print("gochan:", text, file=sys.stderr, flush=True)

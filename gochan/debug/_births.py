"""Where channels were made, noted while deadlocks are detected."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final
from weakref import WeakKeyDictionary

from .._core import SLOT, ChanState
from .._queue import belongs_to_user, describe

_lock: Final = Lock()
_blocks: Final[list[object]] = []  # the blocks of `noting_births` that are entered
_births: Final[WeakKeyDictionary[ChanState[Any], str]] = WeakKeyDictionary()


@contextmanager
def noting_births() -> Iterator[None]:
    """Note where channels are made, in all threads, while the block is entered."""
    block = object()
    with _lock:
        _blocks.append(block)
        SLOT.on_made = _note
    try:
        yield
    finally:
        with _lock:
            _blocks.remove(block)
            if not _blocks:
                SLOT.on_made = None


def birth_of(state: ChanState[Any]) -> str:
    """Return where a channel was made, such as ``"in main (app.py, line 3)"``, if it is known."""
    return _births.get(state, "")


def _note(state: ChanState[Any]) -> None:
    frame = sys._getframe(1)
    while frame.f_back is not None and not belongs_to_user(frame):
        frame = frame.f_back
    code = frame.f_code
    _births[state] = describe(code.co_filename, frame.f_lineno, code.co_qualname)

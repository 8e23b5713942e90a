"""Doors: the ways in which something outside could still wake a task of a run."""

# Theory of operation
# -------------------
# When all tasks of a run sleep, four things could still wake one of them.
#
# 1. In guest mode, the host loop may do anything at any time.
# 2. Another thread may wake a task if it has the token of the run. The run itself holds one
#    reference to the token; if there is another, a thread may have it. Trio does not report
#    when that reference goes.
# 3. A signal handler of the program runs in the main thread and may do anything. (Handlers of
#    Python, trio and gochan only end the run, or have the token. Ctrl-C does not count.)
# 4. Another instrument may do something each time that trio waits.
#
# In doubt, a door counts as open: better no error than a wrong one.

from __future__ import annotations

import signal
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Final

import trio
from trio.abc import Instrument
from trio.lowlevel import Task

# The modules whose signal handlers are harmless; see above.
_HARMLESS: Final = {"_signal", "trio", "gochan", "pytest_timeout"}


def is_guest() -> bool:
    """Whether another event loop drives this run."""
    runner = getattr(trio.lowlevel.current_root_task(), "_runner", None)
    return bool(getattr(runner, "is_guest", True))


def token_is_held(*, but_for: int) -> bool:
    """Whether something has the token of this run, apart from ``but_for`` references of ours."""
    token = trio.lowlevel.current_trio_token
    held = _count_references(token) > _ALONE + but_for
    return held or weakref.getweakrefcount(token()) > 0


def signals_are_handled() -> bool:
    """Whether a signal would run code of the program in this thread."""
    return threading.current_thread() is threading.main_thread() and any(
        callable(handler)
        and str(getattr(handler, "__module__", None)).partition(".")[0] not in _HARMLESS
        for handler in map(signal.getsignal, signal.valid_signals())
    )


def others_are_told(instrument: Instrument, task: Task) -> bool:
    """Whether another instrument is called when the run of ``task`` waits."""
    told = task._runner.instruments
    return not {*told.get("before_io_wait", ()), *told.get("after_io_wait", ())} <= {instrument}


def _count_references(get: Callable[[], object]) -> int:
    """Return how many references to the result of ``get`` Python counts here."""
    thing = get()
    return sys.getrefcount(thing)


class _Holder:
    """Holds the only reference to a thing, as a run does to its token."""

    def __init__(self) -> None:
        self.thing = object()

    def get(self) -> object:
        return self.thing


# The count when nothing else has a reference. It is measured, as it differs between versions.
_ALONE: Final = _count_references(_Holder().get)

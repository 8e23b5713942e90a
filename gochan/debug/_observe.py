"""Observers: which of them are told what happens, and in which threads."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock, get_ident
from typing import Final, cast, final

from .._core import NO_BUFFER, SLOT, ChanState, Observer, forget_entries

_lock: Final = Lock()


@contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Tell ``observer`` what happens in this thread while the block is entered.

    ::

        class Waits(gochan.debug.Observer):
            def waits(self, operation):
                print(operation.verb, "waits")

        with gochan.debug.observe(Waits()):
            await main()

    Blocks nest, and several threads can have their own. The observer is not told of operations
    that were under way when the block was entered, except that it may be told of their ends if
    another observer was there before. Once the block is left, it is told nothing more.

    Without an observer, this costs nothing measurable. With one, each operation takes a few
    microseconds more, in all threads. Nothing else changes: neither the order of events, nor
    when a task can be cancelled.

    Raises:
        TypeError: ``observer`` is not an `Observer`.
    """
    if not isinstance(observer, Observer):
        raise TypeError(f"observer must be a gochan.debug.Observer, not {observer!r}")
    with _lock:
        if SLOT.observer is None:
            SLOT.observer = cast("Observer", _CROWD)
            _close_fast_paths()
        _CROWD.add(observer)
    try:
        yield
    finally:
        with _lock:
            _CROWD.remove(observer)
            if not _CROWD.members:
                SLOT.observer = None


def _close_fast_paths() -> None:
    """Make the operations of all existing channels take the path that tells the observer.

    The fast paths open again by themselves, one after another, once there is no observer.
    """
    forget_entries()
    for thing in gc.get_objects():
        if isinstance(thing, ChanState):
            thing.mark = 0
            thing.quick = NO_BUFFER


@final
class _Crowd:
    """Stands for all observers, and tells each about its own thread."""

    def __init__(self) -> None:
        # By thread; changed under the lock, and read without it.
        self.members: dict[int, tuple[Observer, ...]] = {}

    def add(self, observer: Observer) -> None:
        thread = get_ident()
        self.members[thread] = (*self.members.get(thread, ()), observer)

    def remove(self, observer: Observer) -> None:
        thread = get_ident()
        left = [*self.members[thread]]
        left.remove(observer)
        if left:
            self.members[thread] = tuple(left)
        else:
            del self.members[thread]

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return a method of `Observer` that calls the same method of all in this thread."""
        return partial(self._tell, name)

    def _tell(self, name: str, *arguments: object) -> None:
        for observer in self.members.get(get_ident(), ()):
            getattr(observer, name)(*arguments)


_CROWD: Final = _Crowd()

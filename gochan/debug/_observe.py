"""The door for observers: who is told what happens, and in which threads."""

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
    """Let ``observer`` be told what happens in this thread while the block is entered.

    ::

        class Waits(gochan.debug.Observer):
            def waits(self, operation):
                print(operation.verb, "waits")

        with gochan.debug.observe(Waits()):
            await main()

    Blocks nest, and several threads can have their own. An operation that is under way when
    the block is entered is not told, though its end may be if somebody else observed its
    beginning. Once the block is left, nothing is told any more.

    While nobody observes, this costs nothing measurable. While somebody does, each operation
    costs a few microseconds more, in all threads. Nothing else changes, neither the order of
    what happens nor when a task can be cancelled.

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
    """Let operations pass where the observer is told, at every channel that exists.

    They open again by themselves, one after the other, once nobody observes.
    """
    forget_entries()
    for thing in gc.get_objects():
        if isinstance(thing, ChanState):
            thing.mark = 0
            thing.quick = NO_BUFFER


@final
class _Crowd:
    """Stands for all observers; each is told about its own thread."""

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
        """Return a method of an `Observer` that calls those of all in this thread."""
        return partial(self._tell, name)

    def _tell(self, name: str, *arguments: object) -> None:
        for observer in self.members.get(get_ident(), ()):
            getattr(observer, name)(*arguments)


_CROWD: Final = _Crowd()

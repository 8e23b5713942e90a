"""Threads that start children, so that no task waits until these have become their programs."""

# Theory of operation
# -------------------
# Who starts a child waits until it has become its program, and longer if others have the
# processors. If our one thread with the tasks waited, no other command could end or begin
# meanwhile, and a processor would have nothing to do. So threads wait instead. Two are enough:
# while one of them waits, the other starts the next child.
#
# Now and then somebody must not see a child that was started but is not known yet. So a thread
# holds its lock for both, and who looks holds all the locks.

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Final, final

_THREADS: Final = 2


@final
class Starter:
    """Calls functions in its threads."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._locks = [threading.Lock() for _ in range(_THREADS)]
        self._threads: list[threading.Thread] = []

    def call_soon(self, call: Callable[[], object]) -> None:
        """Have a thread call a function, which must not raise."""
        if not self._threads:
            self._start()
        self._calls.put(call)

    def _start(self) -> None:
        for lock in self._locks:
            thread = threading.Thread(
                target=self._run, args=(lock,), name="gochan-starter", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _run(self, lock: threading.Lock) -> None:
        while (call := self._calls.get()) is not None:
            with lock:
                call()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Have no function called inside the block; wait for those that are being called."""
        with ExitStack() as stack:
            for lock in self._locks:
                stack.enter_context(lock)
            yield

    def close(self) -> None:
        """End the threads, once all functions have been called."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

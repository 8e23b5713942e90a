"""Waiting for many files and processes at a time."""

# Theory of operation
# -------------------
# A short command is over in a millisecond, so that a task for each of its pipes, and one for
# its end, would cost more than the command itself. So one task waits for all of them, and
# calls functions, which must not wait. On Linux the kernel keeps the list of what is waited
# for; elsewhere there is a task for each.
#
# Most pipes are read when their process has ended, which is soon. To have each watched as well
# costs more than to read it, and it would wake us a second time. So a pipe is watched only if
# it is still there after a moment.
#
# The kernel forgets a file that is closed, but only when nobody else has it. Until it becomes
# its program, which we do not wait for, a child has all our files. Meanwhile another file of
# ours may have got the same number, and would be taken for the one that can be read. So what
# we close is removed first; and a process is watched only until it has ended, once. The same goes
# for what can be read at the same moment: a thread that starts a child may have the number of a
# file that was closed for the one before it.
#
# Who cancels a job still wants to see its command end, so cancellation from outside does not
# reach these tasks. They end when the watcher is closed.

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final, Protocol, TypeAlias, final

import trio

# How many events are taken at a time.
_EVENTS: Final = 64

# After so many seconds, what can wait is watched.
_MOMENT: Final = 0.01

Call: TypeAlias = Callable[[], object]


class Watcher(Protocol):
    """Calls a function whenever a file can be read, and when a process has ended."""

    def add(self, descriptor: int, call: Call) -> None:
        """Call a function each time that this file can be read."""

    def add_later(self, descriptor: int, call: Call) -> None:
        """Do the same, but perhaps only from a moment later on."""

    def remove(self, descriptor: int) -> None:
        """Call it no more; the file is about to be closed."""

    def add_process(self, process: int, call: Callable[[int], None]) -> None:
        """Reap a child of ours once it has ended, and call a function with its wait status.

        This may be called in any thread; the function is not.
        """

    def close(self) -> None:
        """Watch nothing any more."""


def open_watcher(nursery: trio.Nursery) -> Watcher:
    """Return the watcher that suits the system; its tasks are in the nursery."""
    try:
        os.close(os.pidfd_open(os.getpid()))
        return KernelWatcher(nursery)
    except (OSError, AttributeError):
        return TaskWatcher(nursery)


@final
class KernelWatcher:
    """A watcher for Linux."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, Call] = {}
        self._later: dict[int, Call] = {}  # the kernel does not know them yet
        self._any_later = trio.Event()
        self._processes: set[int] = set()
        self._scope = trio.CancelScope(shield=True)
        self._later_scope = trio.CancelScope(shield=True)
        self._waits = _Waits(nursery)
        nursery.start_soon(self._run)
        nursery.start_soon(self._add_later)

    async def _run(self) -> None:
        with self._scope, closing(self._epoll):
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                ready = self._epoll.poll(0, _EVENTS)
                for descriptor, call in [(each, self._calls.get(each)) for each, _ in ready]:
                    # An earlier call may have removed it, and another file have its number now.
                    if call is not None and self._calls.get(descriptor) is call:
                        call()

    async def _add_later(self) -> None:
        with self._later_scope:
            while True:
                await self._any_later.wait()
                await trio.sleep(_MOMENT)
                for descriptor in [*self._later]:
                    self._add_now(descriptor)
                if not self._later:
                    self._any_later = trio.Event()

    def _add_now(self, descriptor: int) -> None:
        call = self._later.get(descriptor)
        if call is None:  # an earlier call has removed it
            return
        try:
            self.add(descriptor, call)
        except OSError:  # all programs of a user together have too many watched
            call()  # and again in a moment
        else:
            del self._later[descriptor]

    def add(self, descriptor: int, call: Call) -> None:
        self._add(descriptor, call, select.EPOLLIN)

    def _add(self, descriptor: int, call: Call, events: int) -> None:
        self._calls[descriptor] = call  # first, since another thread may hear of it at once
        try:
            self._epoll.register(descriptor, events)
        except OSError:
            del self._calls[descriptor]
            raise

    def add_later(self, descriptor: int, call: Call) -> None:
        self._later[descriptor] = call
        self._any_later.set()

    def remove(self, descriptor: int) -> None:
        if self._later.pop(descriptor, None) is None:
            del self._calls[descriptor]
            self._epoll.unregister(descriptor)

    def add_process(self, process: int, call: Callable[[int], None]) -> None:
        try:
            descriptor = os.pidfd_open(process)
        except OSError:  # too many files are open
            self._waits.add(process, call)
            return
        self._processes.add(descriptor)
        ended = partial(self._ended, descriptor, process, call)
        try:
            self._add(descriptor, ended, select.EPOLLIN | select.EPOLLONESHOT)
        except OSError:  # as above
            self._processes.remove(descriptor)
            os.close(descriptor)
            self._waits.add(process, call)

    def _ended(self, descriptor: int, process: int, call: Callable[[int], None]) -> None:
        del self._calls[descriptor]
        self._processes.remove(descriptor)
        os.close(descriptor)
        call(os.waitpid(process, 0)[1])

    def close(self) -> None:
        for descriptor in self._processes:
            os.close(descriptor)
        self._waits.close()
        self._scope.cancel()
        self._later_scope.cancel()


@final
class TaskWatcher:
    """A watcher for any system."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._scopes: dict[int, trio.CancelScope] = {}
        self._waits = _Waits(nursery)

    def add(self, descriptor: int, call: Call) -> None:
        scope = self._scopes[descriptor] = trio.CancelScope(shield=True)
        self._nursery.start_soon(self._watch, descriptor, call, scope)

    async def _watch(self, descriptor: int, call: Call, scope: trio.CancelScope) -> None:
        with scope:
            while self._scopes.get(descriptor) is scope:
                await trio.lowlevel.wait_readable(descriptor)
                if self._scopes.get(descriptor) is scope:  # nobody has closed it meanwhile
                    call()

    add_later = add

    def remove(self, descriptor: int) -> None:
        self._scopes.pop(descriptor).cancel()
        trio.lowlevel.notify_closing(descriptor)

    def add_process(self, process: int, call: Callable[[int], None]) -> None:
        self._waits.add(process, call)

    def close(self) -> None:
        self._waits.close()


@final
class _Waits:
    """Waits for the ends of processes, for each in a thread."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._token = trio.lowlevel.current_trio_token()
        self._scopes: set[trio.CancelScope] = set()

    def add(self, process: int, call: Callable[[int], None]) -> None:
        """Wait for the end of a process; this may be called in any thread."""
        self._token.run_sync_soon(self._nursery.start_soon, self._wait, process, call)

    async def _wait(self, process: int, call: Callable[[int], None]) -> None:
        wait = partial(os.waitpid, process, 0)
        limiter = trio.CapacityLimiter(1)  # it must not wait for others
        with trio.CancelScope(shield=True) as scope:
            self._scopes.add(scope)
            _, status = await trio.to_thread.run_sync(wait, abandon_on_cancel=True, limiter=limiter)
            call(status)
        self._scopes.remove(scope)

    def close(self) -> None:
        for scope in self._scopes:
            scope.cancel()

"""A wait group: wait until everything that was started is done."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVarTuple, final

import trio
from trio.lowlevel import disable_ki_protection, enable_ki_protection

from ._cases import Case, check_priority
from ._chooser import Chooser
from ._lines import CallingLine, Line, first
from ._observer import SLOT, Operation, told
from ._select import select

Ts = TypeVarTuple("Ts")


@final
class WaitGroup:
    """Counts things under way, and lets tasks wait until there are none; Go's ``sync.WaitGroup``.

    ::

        group = WaitGroup()
        for page in pages:
            group.start_soon(nursery, fetch, page)
        await group.wait()

    A nursery waits for its own tasks; a wait group is for those of several nurseries, or
    for parts of tasks, which call `add` and `done`. It can be used again after the count has
    reached zero.
    """

    __slots__ = ("__weakref__", "_count", "_line")

    def __init__(self) -> None:
        self._count = 0
        self._line: Line = CallingLine()

    @property
    def count(self) -> int:
        """The number of things under way."""
        return self._count

    @enable_ki_protection
    def add(self, n: int = 1) -> None:
        """Count ``n`` more things, or fewer if it is negative; at zero, wake all waiting tasks.

        Raises:
            TypeError: ``n`` is not an ``int``.
            ValueError: the count would be negative; it stays as it is.
        """
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"n must be an int, not {n!r}")
        if self._count + n < 0:
            raise ValueError(
                f"the count is {self._count}, so {n} would make it negative; "
                "is done() called more often than add()?"
            )
        if SLOT.observer is not None:
            with Operation("done" if n < 0 else "add", self, (n,)):
                self._add(n)
        else:
            self._add(n)

    def _add(self, n: int) -> None:
        if self._line:
            first(self._line).check_thread()
        self._count += n
        while self._line and not self._count:
            waiter = first(self._line)
            waiter.choose(self._line)
            waiter.finish()

    def done(self) -> None:
        """Count one thing less; the same as ``add(-1)``."""
        self.add(-1)

    @enable_ki_protection
    def start_soon(
        self,
        nursery: trio.Nursery,
        async_fn: Callable[[*Ts], Awaitable[object]],
        *args: *Ts,
        name: object = None,
    ) -> None:
        """Start a task in ``nursery`` as its ``start_soon`` does, and count it until it ends.

        It is counted from now on, and no longer when it has returned, raised or been cancelled.

        Raises:
            TypeError: ``async_fn`` is not callable. If it is not async, the task raises that.
            RuntimeError: the nursery is closed; nothing is counted.
        """
        if not callable(async_fn):
            if inspect.iscoroutine(async_fn):
                async_fn.close()
            raise TypeError(
                f"start_soon takes an async function and its arguments, as in "
                f"start_soon(nursery, work, 1), not {async_fn!r}"
            )
        self.add()
        try:
            nursery.start_soon(self._count_down_after, async_fn, args, name=name or async_fn)
        except BaseException:
            self.done()
            raise

    @enable_ki_protection
    async def _count_down_after(
        self, async_fn: Callable[[*Ts], Awaitable[object]], args: tuple[*Ts]
    ) -> None:
        try:
            await _call(async_fn, args)
        finally:
            self.done()

    async def wait(self) -> None:
        """Wait until the count is zero. If it is cancelled, nothing has changed."""
        case = self.on_done()
        if SLOT.observer is not None:
            await told(Operation("wait", None, (), (case,)), select(case))
        else:
            await select(case)

    def on_done(self, *, priority: int = 0) -> Case[None]:
        """A case for `select`: the count is zero."""
        return DoneCase(self, priority)

    def __repr__(self) -> str:
        return f"<gochan.WaitGroup: {self._count} under way, {len(self._line)} waiting>"


@disable_ki_protection
async def _call(async_fn: Callable[[*Ts], Awaitable[object]], args: tuple[*Ts]) -> None:
    awaitable = async_fn(*args)
    if not inspect.isawaitable(awaitable):
        raise TypeError(f"start_soon needs an async function, but {async_fn!r} is not async")
    await awaitable


@final
class DoneCase(Case[None]):
    """Wait until the count is zero."""

    __slots__ = ("_group",)

    def __init__(self, group: WaitGroup, priority: int) -> None:
        self.priority = check_priority(priority)
        self._group = group

    def _ready(self) -> bool:
        return not self._group._count

    def _commit(self) -> None:
        return None

    def _join(self, chooser: Chooser, index: int) -> None:
        chooser.join(self._group._line, index)

    @property
    def _thing(self) -> object:
        return self._group

    def _words(self, name: Callable[[object], str]) -> str:
        return f"end of {name(self._group)}"

    def __str__(self) -> str:
        return self._words(repr)

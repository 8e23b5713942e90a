"""A wait group: wait until as many things are done as were begun."""

from __future__ import annotations

from typing import final

from trio.lowlevel import enable_ki_protection

from ._choosing import Case, Chooser
from ._lines import Line, first
from ._select import select


@final
class WaitGroup:
    """Counts what is under way, and lets tasks wait until nothing is; Go's ``sync.WaitGroup``.

    ::

        async def work(group: WaitGroup) -> None:
            try:
                ...
            finally:
                group.done()

        group = WaitGroup()
        for _ in range(3):
            group.add()
            nursery.start_soon(work, group)
        await group.wait()

    A nursery waits for its own tasks; a wait group is for those of several nurseries, or
    for parts of tasks. It can be used again after the count has reached zero.
    """

    __slots__ = ("__weakref__", "_count", "_line")

    def __init__(self) -> None:
        self._count = 0
        self._line: Line = Line()

    @property
    def count(self) -> int:
        """How many things are under way."""
        return self._count

    @enable_ki_protection
    def add(self, n: int = 1) -> None:
        """Count ``n`` more things, or fewer if it is negative; at zero, wake all who wait.

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

    async def wait(self) -> None:
        """Wait until the count is zero. If it is cancelled, nothing has changed."""
        await select(self.on_done())

    def on_done(self, *, priority: int = 0) -> Case[None]:
        """A case for `select`: the count is zero."""
        return DoneCase(self, priority)

    def __repr__(self) -> str:
        return f"<gochan.WaitGroup: {self._count} under way, {len(self._line)} waiting>"


@final
class DoneCase(Case[None]):
    """Wait until the count is zero."""

    __slots__ = ("_group",)

    def __init__(self, group: WaitGroup, priority: int) -> None:
        super().__init__(priority)
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

    def __str__(self) -> str:
        return f"end of {self._group!r}"

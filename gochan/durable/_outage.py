"""Outages: a store that cannot be reached is asked again, after growing pauses."""

# Theory of operation
# -------------------
# Each task that needs the store asks again after pauses of its own. The first that hears that the
# store is back, by an answer or by a bell, wakes all others. So nobody sleeps while the store could
# be asked, and no lease ends for that. News that come during a call are not missed: if the call
# fails all the same, since it was on its way already, the pause after it is left out.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar, final
from weakref import WeakSet

import trio

from _gochan_chance import chance

from ._errors import StoreUnavailable
from ._logs import STORES

R = TypeVar("R")

_FIRST: Final = 0.05
_MOST: Final = 5.0
_FORGOTTEN: Final = 30.0  # seconds after which a call that failed, and was not repeated, is no sign


@final
class Backoff:
    """The pauses between attempts: each about twice as long as the one before, at most 5 s."""

    def __init__(self) -> None:
        self._next = _FIRST
        self._hurry = trio.Event()

    async def pause(self) -> None:
        """Wait before the next attempt, unless there is a hurry."""
        with trio.move_on_after(self._next * chance.uniform(0.5, 1.0)):
            await self._hurry.wait()
        self._hurry = trio.Event()
        self._next = min(_MOST, 2 * self._next)

    def hurry(self) -> None:
        """End the pause; if none is under way, leave the next one out."""
        self._hurry.set()

    def end(self) -> None:
        """Begin with a short pause the next time, since an attempt has succeeded."""
        self._next = _FIRST
        self._hurry = trio.Event()


@final
class Outages:
    """Whether a queue can reach its store, and what is said about that, once for each outage.

    An outage lasts from the first call that cannot be made until each method that failed works
    again. So it is one outage if only some of them fail.

    Attributes:
        count: how many there have been.
    """

    def __init__(self, queue: str, address: str) -> None:
        self.count: int = 0
        self._queue = queue
        self._address = address
        self._failing: dict[str, float] = {}  # when each method failed last
        self._since = 0.0
        self._backoffs: WeakSet[Backoff] = WeakSet()

    def backoff(self) -> Backoff:
        """Return pauses that end when the store is back."""
        backoff = Backoff()
        self._backoffs.add(backoff)
        return backoff

    def hurry(self) -> None:
        """Have everybody ask again who waits for the store, since it may be back."""
        for backoff in [*self._backoffs]:
            backoff.hurry()

    @contextmanager
    def calling(self, method: str) -> Iterator[None]:
        """Hear whether a call of the store, made inside the block, was possible."""
        try:
            yield
        except StoreUnavailable as error:
            self._fail(method, error)
            raise
        except Exception as error:
            error.add_note(f"raised by {method} of {self._address}, for queue {self._queue!r}")
            raise
        if self._failing:
            self._succeed(method)

    async def insist(self, method: str, call: Callable[[], Awaitable[R]]) -> R:
        """Make a call that may be repeated until the store can be reached."""
        backoff = self.backoff()
        while True:
            try:
                with self.calling(method):
                    return await call()
            except StoreUnavailable:
                await backoff.pause()

    def _fail(self, method: str, error: StoreUnavailable) -> None:
        if not self._failing:
            self.count += 1
            self._since = trio.current_time()
            STORES.warning(
                "queue %r cannot use its store %s, and tries again: %s",
                self._queue,
                self._address,
                error,
                extra={"queue": self._queue, "store": self._address},
            )
        self._failing[method] = trio.current_time()

    def _succeed(self, method: str) -> None:
        now = trio.current_time()
        if method in self._failing:
            self.hurry()
        self._failing = {
            one: last
            for one, last in self._failing.items()
            if one != method and now - last < _FORGOTTEN
        }
        if not self._failing:
            STORES.info(
                "queue %r can use its store %s again, after %.1f s",
                self._queue,
                self._address,
                now - self._since,
                extra={"queue": self._queue, "store": self._address},
            )

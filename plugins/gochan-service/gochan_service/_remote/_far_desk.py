"""The way to a store behind a server: calls, gathered into exchanges."""

# Theory of operation
# -------------------
# A call is noted, and its task sleeps. Couriers take all that was noted while they were away, send
# it as one exchange, and wake the tasks with the answers. So the busier the process, the fewer
# requests a job costs. There are two couriers, so that a call need not wait for a slow one.
#
# A server takes so many bytes in a request. What can be long, results and payloads, goes in several
# calls, and long calls go in several exchanges.
#
# A call whose task is cancelled before a courier has taken it is never sent; later, it is made.
#
# If the whole block is cancelled, the couriers go on: a queue inside it still has to give its jobs
# back, and has a deadline of its own for that. What is on its way when that is over is broken off.

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, final

import trio
from msgspec import Raw

from gochan.durable import StoreClosed, StoreError, StoreUnavailable

from .._wire import (
    AgentSaid,
    Answer,
    Call,
    CallFailed,
    Exchange,
    Exchanged,
    answer_of,
    call_of,
    decode,
    encode,
)
from ._far_clock import FarClock
from ._post import Post

_MOST: Final = 500  # calls in an exchange
LOAD: Final = 16 * 2**20
"""How many bytes of calls go together; a server takes four times as many."""
COURIERS: Final = 2


@final
class _Errand:
    """A call on its way."""

    __slots__ = ("answer", "call", "done", "error", "raw", "size")

    def __init__(self, call: Call) -> None:
        self.call = call
        words = encode(call)
        self.raw = Raw(words)
        self.size = len(words)
        self.done = trio.Event()
        self.answer: Answer | None = None
        self.error: Exception | None = None


@final
class FarDesk:
    """Makes calls of a store behind a server.

    Args:
        address: of the server, for people.
        post: the way there.
        clock: told the server's time.
        said: returns who the server is told makes them.
    """

    def __init__(
        self, address: str, post: Post, clock: FarClock, said: Callable[[], AgentSaid | None]
    ) -> None:
        self.lease = 0.0
        """For how many seconds the server wants jobs to be leased; 0 if it has no wish."""
        self._said = said
        self._address = address
        self._post = post
        self._clock = clock
        self._errands: deque[_Errand] = deque()
        self._news = trio.Event()
        self._closed = False
        self._away = 0  # couriers
        self._idle = trio.Event()
        self._couriers: list[trio.CancelScope] = []

    async def __call__(self, operation: str, *arguments: Any) -> Any:
        """Make a call, and return its answer."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreClosed(f"the store {self._address} is closed")
        errand = _Errand(call_of(operation, *arguments))
        self._errands.append(errand)
        self._news.set()
        try:
            await errand.done.wait()
        except trio.Cancelled:
            with suppress(ValueError):  # a courier has it
                self._errands.remove(errand)
            raise
        if errand.error is not None:
            raise errand.error
        assert errand.answer is not None
        return self._read(errand.call, errand.answer)

    async def greet(self) -> None:
        """Learn the server's time, and whether it lets us in."""
        await self._carry([])

    def _read(self, call: Call, answer: Answer) -> Any:
        if answer.trouble is None:
            try:
                return answer_of(call, answer.value)
            except CallFailed as error:
                raise StoreError(f"{self._address}: {error}") from None
        if answer.trouble == "unavailable":
            raise StoreUnavailable(answer.why)
        if answer.trouble == "audit":
            raise AssertionError(answer.why)
        raise StoreError(f"{self._address}: {answer.why}")

    async def carry(self) -> None:
        """Take calls to the server until `aclose`, also if the block is cancelled."""
        with trio.CancelScope(shield=True) as scope:
            self._couriers.append(scope)
            if self._closed:  # before this task has begun
                scope.cancel()
            await self._carry_for_ever()

    async def _carry_for_ever(self) -> None:
        while True:
            while not self._errands:
                self._news = trio.Event()
                await self._news.wait()
            batch = self._take()
            self._away += 1
            try:
                await self._carry(batch)
            except (StoreUnavailable, StoreError) as error:
                for errand in batch:
                    # Each has its own, since a traceback is added where it is raised.
                    errand.error = type(error)(*error.args)
            finally:
                self._away -= 1
                for errand in batch:
                    errand.done.set()
                if not self._away and not self._errands:
                    self._idle.set()

    def _take(self) -> list[_Errand]:
        """Return what goes next: not too many calls, nor bytes, but one in any case."""
        batch = [self._errands.popleft()]
        size = batch[0].size
        while self._errands and len(batch) < _MOST:
            size += self._errands[0].size
            if size > LOAD:
                break
            batch.append(self._errands.popleft())
        return batch

    async def _carry(self, batch: list[_Errand]) -> None:
        # The calls are in words already, as the encoder takes them.
        exchange = Exchange(self._said(), [errand.raw for errand in batch])
        raw = await self._post("exchange", encode(exchange), 0.0)
        try:
            exchanged = decode(raw, Exchanged)
        except ValueError as error:
            raise StoreError(f"the answer of {self._address} cannot be read: {error}") from None
        if len(exchanged.answers) != len(batch):
            raise StoreError(f"{self._address} has not answered all calls")
        self._clock.hear(exchanged.now)
        self.lease = exchanged.lease
        for errand, answer in zip(batch, exchanged.answers, strict=True):
            errand.answer = answer

    async def aclose(self) -> None:
        """Let the calls end that were made, unless this is cancelled, and make no more."""
        self._closed = True
        try:
            if self._away or self._errands:
                self._idle = trio.Event()
                await self._idle.wait()
            else:
                await trio.lowlevel.checkpoint()
        finally:
            for scope in self._couriers:
                scope.cancel()

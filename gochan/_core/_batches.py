"""The values of a channel in lists."""

# Theory of operation
# -------------------
# A batch has to wait in the middle while it lingers. A call that is cancelled leaves behind the
# batch that it had begun, and the next call continues with that.
#
# Invariants
# ----------
# 1. While no task is inside ``__anext__``, every value that a Batches has received is either
#    delivered or pending, and each batch begun has fewer values than it may have.

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NoReturn, Protocol, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection

from ._arguments import check_count, check_seconds
from ._errors import ChanClosedError, EndOfChannel
from ._many import go_on, receive_many
from ._observer import SLOT, Operation, told
from ._state import ChanState

T_co = TypeVar("T_co", covariant=True)


class Source(Protocol):
    """An end of a channel that receives."""

    @property
    def _state(self) -> ChanState[Any]: ...


@final
class Batches(AsyncIterator[list[T_co]]):
    """The values of a channel in lists; made by `Chan.batches`.

    ::

        batches = channel.batches(100, linger=0.05)
        async for batch in batches:
            await store(batch)

    If waiting for a batch is cancelled, what had come is not lost: the next turn goes on
    with it, and as long as there is none, it is in `pending`. Several tasks may iterate at
    once, over one of these or over several of the same channel.
    """

    __slots__ = ("_begun", "_linger", "_max", "_source")

    def __init__(self, source: Source, max: int | float, linger: float) -> None:  # noqa: A002
        self._max = check_max(max)
        self._linger = min(check_seconds("linger", linger), sys.float_info.max)
        self._source = source
        # What cancelled calls have left, oldest first, and when it is due.
        self._begun: deque[tuple[list[T_co], float]] = deque()

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Batches does not support subclassing")

    @property
    def pending(self) -> list[T_co]:
        """The values that were received and not delivered, since a wait was cancelled."""
        return [value for batch, _ in self._begun for value in batch]

    def __aiter__(self) -> Batches[T_co]:
        return self

    @enable_ki_protection
    async def __anext__(self) -> list[T_co]:
        state = self._source._state
        if SLOT.observer is not None and SLOT.begins_at(state):
            return await told(Operation("receive_many", state), self.__anext__())
        source, size = self._source, self._max
        batch, due = self._begun.popleft() if self._begun else ([], math.inf)
        try:
            if batch:
                await go_on(source._state)
                source._state.take_many(batch, size)
            else:
                batch = await receive_many(source._state, size, source)
                due = trio.current_time() + self._linger if self._linger else -math.inf
            if self._linger and len(batch) < size:
                with trio.CancelScope(deadline=due):
                    while len(batch) < size:
                        batch += await receive_many(source._state, size - len(batch), source)
        except (EndOfChannel, ChanClosedError) as end:
            if not batch and isinstance(end, EndOfChannel):
                raise StopAsyncIteration from None
            if not batch:
                raise
        except BaseException:
            if batch:
                self._begun.append((batch, due))
            raise
        return batch

    def __repr__(self) -> str:
        size = "any number" if self._max == sys.maxsize else f"at most {self._max}"
        return f"<gochan.Batches of {size}, {len(self.pending)} pending, of {self._source!r}>"


def check_max(max: int | float) -> int:  # noqa: A002
    """Return how many values a batch may have.

    Raises:
        TypeError: it is neither an ``int`` nor ``math.inf``.
        ValueError: it is less than 1.
    """
    size = check_count("max", max, least=1, infinite=True)
    return sys.maxsize if size == math.inf else min(int(size), sys.maxsize)

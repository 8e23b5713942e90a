"""The order in which outputs are passed on: one at a time, as they come or as their items came."""

# Theory of operation
# -------------------
# An output is passed on as a whole before the next one. Whoever comes meanwhile waits; or,
# where the order of the items is kept, leaves the output here and goes on. Whoever passes on
# the output that the others wait for passes on theirs, too.
#
# An output may also come in parts. In order, the parts of the first are written as they
# come; the others keep their parts until it is their turn, when they are asked for them.
#
# Invariants of InOrder
# 1. Each number in `_expected` is either in `_missing` or in `_held`, unless its output is
#    just being passed on; then it is the first.
# 2. If the first is in `_held`, somebody passes outputs on, or whoever comes next does.
# 3. Numbers in `_kept` are in `_missing`: their parts are kept by those who ask.

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol, TypeAlias, final

import trio

from ._held import Held, Holder

# How many outputs are held before commands wait for the one that all wait for.
_MOST: Final = 10_000

# What is to be written, to which descriptor.
Pieces: TypeAlias = Sequence[tuple[int, Iterable[bytes]]]

# Takes the pieces that were kept; they are there until the end of the block.
TakeKept: TypeAlias = Callable[[], AbstractContextManager[Pieces]]

Write: TypeAlias = Callable[[Iterable[bytes], int], Awaitable[None]]


class Order(Protocol):
    """Passes outputs on, one at a time."""

    def expect(self, number: int) -> None:
        """Note that there will be an output of this number."""

    async def pass_on(self, number: int, pieces: Pieces, done: Callable[[], object]) -> None:
        """Pass an output on, or what is left of it, now or later; call ``done`` after that.

        Raises:
            BrokenPipeError: nobody reads any more.
            OSError: it cannot be written.
        """

    def begin(self, number: int, kept: TakeKept) -> None:
        """Note that an output comes in parts; ``kept`` is called for those that were kept."""

    async def write(self, number: int, chunks: Iterable[bytes], descriptor: int) -> bool:
        """Write a part of an output that has begun; return False to have it kept.

        Raises:
            OSError: it cannot be written.
        """

    def give_up(self, number: int) -> None:
        """Note that no output of this number will come, if none has come."""

    async def finish(self) -> None:
        """Pass on what is held, whatever is missing.

        Raises:
            BrokenPipeError: nobody reads any more.
        """

    def close(self) -> None:
        """Close what is open."""


@final
class AsTheyCome:
    """Passes outputs on in the order in which commands end."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._turn = trio.Lock()

    def expect(self, number: int) -> None:
        pass

    async def pass_on(self, number: int, pieces: Pieces, done: Callable[[], object]) -> None:
        if pieces:
            await acquire(self._turn)
            try:
                for descriptor, chunks in pieces:
                    await self._write(chunks, descriptor)
            finally:
                self._turn.release()
        done()

    def begin(self, number: int, kept: TakeKept) -> None:
        pass

    async def write(self, number: int, chunks: Iterable[bytes], descriptor: int) -> bool:
        async with self._turn:
            await self._write(chunks, descriptor)
        return True

    def give_up(self, number: int) -> None:
        pass

    async def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


@final
class InOrder:
    """Passes outputs on in the order in which they are expected.

    Args:
        write: writes a part of an output.
        on_lost: called with the problem if an output that was held cannot be written.
    """

    def __init__(self, write: Write, on_lost: Callable[[OSError], object]) -> None:
        self._write = write
        self._lost = on_lost
        self._expected: deque[int] = deque()
        self._missing: set[int] = set()  # those expected that are not here yet
        self._held: dict[int, tuple[Sequence[tuple[int, Held]], Callable[[], object]]] = {}
        self._kept: dict[int, TakeKept] = {}
        self._holder = Holder()
        self._turn = trio.Lock()  # held while something is written
        self._waiting = trio.lowlevel.ParkingLot()

    def expect(self, number: int) -> None:
        self._expected.append(number)
        self._missing.add(number)

    async def pass_on(self, number: int, pieces: Pieces, done: Callable[[], object]) -> None:
        while len(self._held) >= _MOST and self._expected[0] in self._missing:
            if self._expected[0] == number:
                break
            await self._waiting.park()
        self._missing.remove(number)
        self._kept.pop(number, None)
        if number == self._expected[0]:
            await self._pass_on_first(pieces, done)  # after its own parts
        else:
            held = [(descriptor, self._holder.hold(chunks)) for descriptor, chunks in pieces]
            self._held[number] = held, done
        await self._release()

    def begin(self, number: int, kept: TakeKept) -> None:
        if number != self._expected[0]:
            self._kept[number] = kept

    async def write(self, number: int, chunks: Iterable[bytes], descriptor: int) -> bool:
        if number == self._expected[0]:
            await self._release()
        if number in self._kept:
            return False
        async with self._turn:
            await self._write(chunks, descriptor)
        return True

    def give_up(self, number: int) -> None:
        if number in self._missing:
            self._missing.remove(number)
            self._kept.pop(number, None)
            self._held[number] = (), lambda: None
            self._waiting.unpark_all()

    async def finish(self) -> None:
        self._expected = deque(number for number in self._expected if number in self._held)
        await self._release()

    async def _release(self) -> None:
        """Pass on what is held, as far as nothing is missing, unless somebody does so already."""
        while self._expected and not self._turn.locked():
            first = self._expected[0]
            if first in self._held:
                await self._pass_on_held(*self._held.pop(first))
            elif first in self._kept:
                await self._write_kept(self._kept.pop(first))
            else:
                break

    async def _pass_on_held(
        self, held: Sequence[tuple[int, Held]], done: Callable[[], object]
    ) -> None:
        pieces = [(descriptor, self._holder.read(each)) for descriptor, each in held]
        try:
            with self._noting_losses():
                await self._pass_on_first(pieces, done)
        finally:
            for _, each in held:
                self._holder.drop(each)

    async def _pass_on_first(self, pieces: Pieces, done: Callable[[], object]) -> None:
        """Pass on the output that all wait for."""
        await acquire(self._turn)
        try:
            for descriptor, chunks in pieces:
                await self._write(chunks, descriptor)
            done()
        finally:
            self._turn.release()
            self._expected.popleft()
            self._waiting.unpark_all()

    async def _write_kept(self, kept: TakeKept) -> None:
        """Write the parts of the output whose turn it is now."""
        with self._noting_losses():
            await acquire(self._turn)
            try:
                with kept() as pieces:
                    for descriptor, chunks in pieces:
                        await self._write(chunks, descriptor)
            finally:
                self._turn.release()

    @contextmanager
    def _noting_losses(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self._lost(error)

    def close(self) -> None:
        self._holder.close()


async def acquire(lock: trio.Lock) -> None:
    """Acquire a lock; if it is free, without letting others run first."""
    try:
        lock.acquire_nowait()
    except trio.WouldBlock:
        await lock.acquire()

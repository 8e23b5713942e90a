"""The last hour of each queue: how many jobs waited, and how many ran."""

# The store knows how things are, not how they were. So each server looks about twice a minute, and
# keeps what it saw as long as somebody may want to see it: after a restart, the hour begins anew.

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, final

import trio

from gochan.durable import QueueCounts, Store, StoreError

HOUR: Final = 3600.0  # seconds
_LOOK: Final = 30.0


class Moment(NamedTuple):
    """How a queue was: when, in seconds of trio's clock, and how many jobs waited and ran."""

    time: float
    waiting: int
    running: int


@final
class Past:
    """What was seen of each queue in the last hour."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[Moment]] = {}

    def note(self, now: float, counts: Mapping[str, QueueCounts]) -> None:
        """Note how all queues are, and forget what is older than an hour."""
        for name, count in counts.items():
            moments = self._seen.setdefault(name, deque())
            moments.append(Moment(now, count.waiting, count.running))
        for name, moments in [*self._seen.items()]:
            while moments and moments[0].time < now - HOUR:
                moments.popleft()
            if not moments:
                del self._seen[name]

    def of(self, name: str) -> Sequence[Moment]:
        """Return what was seen of a queue, the oldest first."""
        return tuple(self._seen.get(name, ()))


async def look_again_and_again(store: Store, past: Past) -> None:
    """Note how the queues of a store are, twice a minute, for ever."""
    while True:
        try:
            counts = {name: await store.statistics(name) for name in await store.queues()}
        except StoreError:
            pass  # what is missing then says so
        else:
            past.note(trio.current_time(), counts)
        await trio.sleep(_LOOK)

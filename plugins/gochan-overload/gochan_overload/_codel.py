"""CoDel: when the queue no longer empties, short waits only, and the newest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from operator import itemgetter
from typing import TypeVar, final

from gochan.strategies import (
    ADMIT,
    Empty,
    Strategy,
    Verdict,
    check_bool,
    check_capacity,
    check_seconds,
    remove_item,
)

T = TypeVar("T")


@final
class CoDel(Strategy[T]):
    """Give up what has waited too long, so that workers only start what is still wanted.

    As long as the queue is empty now and then, an item may wait for half of ``patience``,
    and the oldest goes first. If it was last empty longer ago than that, it is overloaded:
    an item that comes now may wait for a tenth of ``patience``, and the newest goes first.
    What is allowed to an item is fixed when it comes. Nothing has to be tuned to the
    speed of the workers.

    Items that have waited too long are given up, with the reason ``"waited"``, when the next
    item comes or goes. While it is full, the oldest makes room, with the reason ``"oldest"``.
    Senders never wait and are never refused. The time matters, so it works only in a run.

    Source: B. Maurer, "Fail at Scale", ACM Queue 13 (8), 2015: "controlled delay" and "adaptive
    LIFO", with N = ``patience`` / 2 and M = N / 5. The drops of RFC 8289, from which it has the
    name, are spaced for senders who slow down when they lose a packet; jobs do not.

    Args:
        patience: seconds for which the sender of an item wants its result, > 0.
        capacity: how many items may wait, at least 1. It bounds the memory, not the delay.
        lifo: whether the newest goes first while it is overloaded.
    """

    def __init__(self, patience: float, *, capacity: int | float = 1000, lifo: bool = True) -> None:
        super().__init__(check_capacity(capacity, least=1))
        self._long = check_seconds("patience", patience, more_than=0, finite=True) / 2
        self._short = self._long / 5
        self._lifo = check_bool("lifo", lifo)
        # The items, and until when each may wait.
        self._line: deque[tuple[float, T]] = deque()
        self._last_empty = 0.0  # when the queue was, as far as it shows when an item comes

    def offer(self, item: T, now: float) -> Verdict:
        """Take ``item`` in, always."""
        line = self._line
        allowed = self._long
        if not line:
            self._last_empty = now
        else:
            if line[0][0] < now:
                self._shed(now)
            if len(line) >= self.capacity:
                self.drop(line.popleft()[1], "oldest")
            if now - self._last_empty > allowed:
                allowed = self._short
        line.append((now + allowed, item))
        return ADMIT

    def take(self, now: float) -> T:
        line = self._line
        if line and line[0][0] < now:
            self._shed(now)
        newest_first = self._lifo and now - self._last_empty > self._long
        while line:
            until, item = line.pop() if newest_first else line.popleft()
            if until >= now:
                return item
            self.drop(item, "waited")
        if type(line) is not deque:
            self._line = deque()  # an indexed line, see remove_item, is slower
        raise Empty

    def _shed(self, now: float) -> None:
        """Give up the oldest items, as far as they have waited too long."""
        line = self._line
        while line and line[0][0] < now:
            self.drop(line.popleft()[1], "waited")

    def next_change(self, now: float) -> None:
        """Return ``None``: time alone lets nothing in or out, but the time does matter."""

    def remove(self, item: T) -> bool:
        removed, self._line = remove_item(self._line, item, itemgetter(1))
        return removed

    def spare(self) -> T | None:
        return self._line[0][1] if self._line else None

    def take_all(self, now: float) -> Iterator[T]:
        while self._line:
            yield self._line.popleft()[1]

    def __len__(self) -> int:
        return len(self._line)

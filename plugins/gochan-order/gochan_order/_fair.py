"""Fair: keys take turns."""

# Theory of operation
# -------------------
# Each key has a queue of its own, a copy of what follows in the chain. Those in which items wait
# stand in line for their turns: the first one gives out an item and goes to the end. A new one
# joins at the end.
#
# An empty queue is kept, since it may have learnt something, such as how fast its key sends, but
# not for ever: now and then those that have been idle longest are forgotten. A queue is idle if
# nothing waits in it and nothing of it is in work.
#
# The queue that gave an item out is told how the work on it ended. Plain channels never tell,
# which is clear after a while; then nothing counts as in work.
#
# Invariants (``Fair.check`` asserts them)
# ----------------------------------------
# 1. In line are the queues in which items wait, and only they.
# 2. The counts of waiting items are right.

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Final, Generic, TypeVar, final

from gochan.strategies import ADMIT, WAIT, Empty, Filter, Key, Refuse, Strategy, Verdict, by

T = TypeVar("T")

# How many idle queues are kept for sure. Once there are twice as many queues, the others that
# are idle are forgotten.
MOST_IDLE: Final = 1000

# If of so many items not one was finished, nobody tells.
MOST_UNTOLD: Final = 10_000


@final
class Fair(Filter[T]):
    """Keep a queue for each key, and let them take turns, so that none crowds out the others.

    ``Fair("tenant") | CoDel(1.0)`` keeps one CoDel for each tenant. Whatever follows is there
    once for each key, with limits of its own. If nothing follows, each key is first in, first
    out. A turn is one item, however long the work on it takes.

    ``capacity`` bounds all queues together. While they are full, a newcomer is let in if its
    key has fewer items, it included, than the key that has most; that one gives up an item, its
    oldest or whichever it can spare best, with the reason ``"fair share"``. Other newcomers are
    refused, with the reason ``"full"``. So are those for whom there is no room in the queue of
    their key: to wait, they would hold up the senders of other keys. Senders never wait.

    Costs: as many steps as there are keys with waiting items, to find the one that has most;
    otherwise always the same. A new key costs a copy of what follows. Of keys without items,
    at least the last 1,000 are remembered.

    Source: round robin as in J. Nagle, "On Packet Switches with Infinite Storage", RFC 970,
    1985. Sharing as in FQ-CoDel, RFC 8290, but without precedence for new keys.

    Args:
        key: how to find the key of an item, see `gochan.strategies.by`; ``None`` for
            ``item.key``, which jobs have. Keys must be hashable.
        capacity: how many items may wait in all queues together, at least 1.

    Raises:
        TypeError, ValueError: an option is of the wrong type, or out of range; or, when an item
            is offered, its key cannot be hashed.
        LookupError: when an item is offered, it has no such key.
    """

    ignores_time = True  # but what follows may not

    def __init__(self, key: Key = None, *, capacity: int | float = 1000) -> None:
        super().__init__(default=capacity)
        self._capacity = capacity
        self._key = by(key)
        self._queues: dict[Hashable, _Queue[T]] = {}
        self._turns: OrderedDict[_Queue[T], None] = OrderedDict()
        self._waiting = 0
        self._steps = 0  # counts new queues and items that have gone
        self._most_queues = 2 * MOST_IDLE  # when to forget some of them
        # By identity: where what is in work was waiting.
        self._in_work: dict[int, _Queue[T]] = {}
        self._told: bool | None = None  # whether we are told how work ends, if known

    @property
    def capacity(self) -> int | float:  # type: ignore[override]  # of all queues together
        """How many items may wait in all queues together."""
        return self._capacity

    def parts(self) -> list[Strategy[T]]:
        return [queue.strategy for queue in self._turns]

    def offer(self, item: T, now: float) -> Verdict:
        """Take ``item`` into the queue of its key, if there is room, or it is entitled to some."""
        key = self._key(item)
        try:
            queue = self._queues.get(key)
        except TypeError as error:
            raise TypeError(f"Fair needs keys that can be hashed: {error}") from None
        longest = spared = None
        if self._waiting >= self._capacity:
            longest = self._longest()
            spared = longest.strategy.spare()
            if spared is None or (0 if queue is None else queue.waiting) + 1 >= longest.waiting:
                return Refuse("full", self.retry_after(now))
        if queue is None:
            queue = self._new_queue(key)
        dropped = self.dropped
        before = len(dropped)
        try:
            verdict = queue.strategy.offer(item, now)
        except BaseException:
            self._count(queue)
            raise
        if verdict is not ADMIT or len(dropped) > before:
            self._count(queue)
        else:
            if not queue.waiting:
                self._turns[queue] = None
            queue.waiting += 1
            self._waiting += 1
        if verdict is WAIT:
            return Refuse("full", queue.strategy.retry_after(now))
        if longest is not None and self._waiting > self._capacity:
            self._take_from(longest, spared)
        return verdict

    def take(self, now: float) -> T:
        turns, dropped = self._turns, self.dropped
        untried = len(turns)
        while untried:
            queue = next(iter(turns))
            before = len(dropped)
            try:
                item = queue.strategy.take(now)
            except BaseException as error:
                turns.move_to_end(queue)
                self._count(queue)
                if isinstance(error, Empty):  # it holds back what it has, or has given it up
                    untried -= 1
                    continue
                raise
            queue.waiting -= 1
            self._waiting -= 1
            if queue.waiting:
                turns.move_to_end(queue)
            else:
                del turns[queue]
            if len(dropped) > before:
                self._count(queue)
            self._steps = queue.last_step = self._steps + 1
            if self._told is not False:
                self._in_work[id(item)] = queue
                if len(self._in_work) > MOST_UNTOLD and not self._told:
                    self._told = False
                    self._in_work.clear()
            return item
        raise Empty

    def finished(self, item: T, now: float, *, waited: float, ran: float, ok: bool) -> None:
        Strategy.finished(self, item, now, waited=waited, ran=ran, ok=ok)
        self._told = True
        queue = self._in_work.pop(id(item), None)
        if queue is not None:
            try:
                queue.strategy.finished(item, now, waited=waited, ran=ran, ok=ok)
            finally:
                self._count(queue)

    def close(self) -> list[T]:
        handed_back = super().close()
        for queue in [*self._turns]:
            self._count(queue)
        return handed_back

    def remove(self, item: T) -> bool:
        return any(self._remove_from(queue, item) for queue in self._where_it_may_be(item))

    def spare(self) -> T | None:
        return self._longest().strategy.spare() if self._waiting else None

    def take_all(self, now: float) -> Iterator[T]:
        for queue in [*self._turns]:
            for item in queue.strategy.take_all(now):
                self._count(queue)
                yield item
            self._count(queue)

    def retry_after(self, now: float) -> float:
        return Strategy.retry_after(self, now)  # from all that has been finished

    def __len__(self) -> int:
        return self._waiting

    # Queues

    def _new_queue(self, key: Hashable) -> _Queue[T]:
        if len(self._queues) >= self._most_queues:
            self._forget_some()
        queue = self._queues[key] = _Queue(self.another())
        self._steps = queue.last_step = self._steps + 1
        return queue

    def _longest(self) -> _Queue[T]:
        """Return the queue in which most items wait; of several, the one that had its turn last."""
        return max(reversed(self._turns), key=lambda queue: queue.waiting)

    def _forget_some(self) -> None:
        """Forget the queues that have been idle longest."""
        busy = {*map(id, self._in_work.values())}
        idle = [
            (queue.last_step, key)
            for key, queue in self._queues.items()
            if not queue.waiting and id(queue) not in busy
        ]
        idle.sort(key=itemgetter(0))
        for _, key in idle[: max(0, len(idle) - MOST_IDLE)]:
            del self._queues[key]
        self._most_queues = len(self._queues) + MOST_IDLE

    def _where_it_may_be(self, item: T) -> Iterator[_Queue[T]]:
        """Return the queue of its key, then the others: the key may have changed meanwhile."""
        with suppress(Exception):
            queue = self._queues.get(self._key(item))
            if queue is not None:
                yield queue
        yield from [*self._turns]

    def _remove_from(self, queue: _Queue[T], item: T) -> bool:
        removed = queue.strategy.remove(item)
        if removed:
            self._count(queue)
        return removed

    def _take_from(self, longest: _Queue[T], spared: T | None) -> None:
        """Take what can be spared from the key that has most."""
        # It has some; and what a strategy can spare, it can take out.
        if spared is not None and self._remove_from(longest, spared):  # pragma: no branch
            self.drop(spared, "fair share")

    def _count(self, queue: _Queue[T]) -> None:
        """Count how many wait there now."""
        waiting = len(queue.strategy)
        self._waiting += waiting - queue.waiting
        queue.waiting = waiting
        if waiting:
            self._turns.setdefault(queue)
        else:
            self._turns.pop(queue, None)

    def check(self) -> None:
        """Assert the invariants. For tests."""
        super().check()
        queues = [*self._queues.values()]
        assert {*self._turns} == {queue for queue in queues if len(queue.strategy)}
        assert all(queue.waiting == len(queue.strategy) for queue in queues)
        assert self._waiting == sum(queue.waiting for queue in queues)
        assert len(self._queues) <= self._most_queues


class _Queue(Generic[T]):
    """What a key has: a queue, how many items wait there, and when one has gone last."""

    __slots__ = ("last_step", "strategy", "waiting")

    def __init__(self, strategy: Strategy[T]) -> None:
        self.strategy = strategy
        self.waiting = 0
        self.last_step = 0

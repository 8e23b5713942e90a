"""Fair: keys take turns."""

# Theory of operation
# -------------------
# Each key has a queue of its own, a copy of what follows in the chain. Those in which items
# wait stand in line for their turns: the first one gives out an item and goes to the end. A
# new one comes in at the end, too.
#
# A queue in which nothing waits, and of which nothing is in work, is idle. It is kept, since
# it may have learnt something, such as how fast its key sends, but not for ever.
#
# What has become of an item is told to the queue that gave it out. Plain channels never
# tell, which is clear after a while; then nothing is in work.
#
# Invariants (``Fair.check`` asserts them)
# ----------------------------------------
# 1. In line are the queues in which items wait, and only they.
# 2. Idle are the others, unless something of theirs is in work.

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar, final

from gochan.strategies import WAIT, Empty, Filter, Key, Refuse, Strategy, Verdict, by

T = TypeVar("T")

# How many idle queues are kept; beyond that, the one that has been idle longest is forgotten.
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
    the last 1,000 are remembered.

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

    def __init__(self, key: Key = None, *, capacity: int | float = 1000) -> None:
        super().__init__(default=capacity)
        self._capacity = capacity
        self._key = by(key)
        self._queues: dict[Hashable, _Queue[T]] = {}
        self._turns: OrderedDict[_Queue[T], None] = OrderedDict()
        self._idle: OrderedDict[_Queue[T], None] = OrderedDict()
        self._waiting = 0
        # By identity: where what is in work was waiting.
        self._in_work: dict[int, _Queue[T]] = {}
        self._told: bool | None = None  # whether anybody tells what has become of it, if known

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
            queue = self._queues[key] = _Queue(key, self.another())
        try:
            verdict = queue.strategy.offer(item, now)
        finally:
            self._count(queue)
        if verdict is WAIT:
            return Refuse("full", queue.strategy.retry_after(now))
        over = self._waiting > self._capacity
        if longest is not None and spared is not None and over and longest.strategy.remove(spared):
            self.drop(spared, "fair share")
            self._count(longest)
        return verdict

    def take(self, now: float) -> T:
        for _ in range(len(self._turns)):
            queue = next(iter(self._turns))
            self._turns.move_to_end(queue)
            try:
                item = queue.strategy.take(now)
                if self._told is not False:
                    self._remember(item, queue)
                return item
            except Empty:  # it holds back what it has, or has given it up
                pass
            finally:
                self._count(queue)
        raise Empty

    def finished(self, item: T, now: float, *, waited: float, ran: float, ok: bool) -> None:
        Strategy.finished(self, item, now, waited=waited, ran=ran, ok=ok)
        self._told = True
        queue = self._in_work.pop(id(item), None)
        if queue is not None:
            queue.in_work -= 1
            try:
                queue.strategy.finished(item, now, waited=waited, ran=ran, ok=ok)
            finally:
                self._count(queue)

    def close(self) -> list[T]:
        handed_back = []
        for queue in [*self._turns]:
            handed_back += queue.strategy.close()
            self._count(queue)
        return handed_back

    def remove(self, item: T) -> bool:
        for queue in self._turns:
            if queue.strategy.remove(item):
                self._count(queue)
                return True
        return False

    def spare(self) -> T | None:
        return self._longest().strategy.spare() if self._turns else None

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

    def _longest(self) -> _Queue[T]:
        """Return the queue in which most items wait; of several, the one that had its turn last."""
        return max(reversed(self._turns), key=lambda queue: queue.waiting)

    def _remember(self, item: T, queue: _Queue[T]) -> None:
        before = self._in_work.get(id(item))
        if before is not None:  # the same item again, or one in its place that is no more
            before.in_work -= 1
            self._place(before)
        self._in_work[id(item)] = queue
        queue.in_work += 1
        if not self._told and len(self._in_work) > MOST_UNTOLD:
            self._told = False
            self._in_work.clear()
            for each in [*self._queues.values()]:
                each.in_work = 0
                self._place(each)

    def _count(self, queue: _Queue[T]) -> None:
        """Count how many wait there now."""
        before = queue.waiting
        queue.waiting = waiting = len(queue.strategy)
        self._waiting += waiting - before
        if not (before and waiting):
            self._place(queue)

    def _place(self, queue: _Queue[T]) -> None:
        """Put it in line, or among the idle ones, where it belongs."""
        if queue.waiting:
            self._turns.setdefault(queue)
            self._idle.pop(queue, None)
            return
        self._turns.pop(queue, None)
        if not queue.in_work:
            self._idle.setdefault(queue)
            if len(self._idle) > MOST_IDLE:
                forgotten, _ = self._idle.popitem(last=False)
                del self._queues[forgotten.key]

    def check(self) -> None:
        """Assert the invariants. For tests."""
        super().check()
        queues = {*self._queues.values()}
        assert {*self._turns} == {queue for queue in queues if len(queue.strategy)}
        assert {*self._idle} == {q for q in queues if not len(q.strategy) and not q.in_work}
        assert self._waiting == sum(len(queue.strategy) for queue in queues)
        assert len(self._idle) <= MOST_IDLE
        for queue in queues:
            assert queue.waiting == len(queue.strategy)
            assert queue.in_work == [*self._in_work.values()].count(queue)


class _Queue(Generic[T]):
    """What a key has: a queue, and how many items wait there, and are in work."""

    __slots__ = ("in_work", "key", "strategy", "waiting")

    def __init__(self, key: Hashable, strategy: Strategy[T]) -> None:
        self.key = key
        self.strategy = strategy
        self.waiting = 0
        self.in_work = 0

"""Strategies that are broken on purpose, each in one way, and what is to be said about it."""

from __future__ import annotations

import copy
import itertools
import math
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from gochan.strategies import (
    ADMIT,
    WAIT,
    Block,
    DropOnFull,
    Empty,
    Filter,
    Promise,
    Refuse,
    Strategy,
    Verdict,
)
from gochan.testing._rules import Rule


@dataclass
class Sin:
    """A broken strategy, the rule that it breaks, and a part of what is said about that."""

    name: str
    factory: Callable[[], Strategy[Any]]
    rule: Rule | Promise
    says: str

    @property
    def promises(self) -> frozenset[Promise]:
        return frozenset({self.rule} if isinstance(self.rule, Promise) else ())


SINS: list[Sin] = []


def sin(rule: Rule | Promise, says: str) -> Callable[[type[Any]], type[Any]]:
    """Add a strategy to the list, with room for three items."""

    def add(broken: type[Any]) -> type[Any]:
        SINS.append(Sin(broken.__name__, lambda: broken(3), rule, says))
        return broken

    return add


# What comes out


@sin(Rule.NOTHING_LOST, "It admitted #")
class LosesTheThird(Strategy[Any]):
    def take(self, now: float) -> Any:
        if len(self.items) == 3:
            del self.items[1]
        return super().take(now)


@sin(Rule.NOTHING_LOST, "and is empty now, but has not given out, dropped or handed back")
class LosesAtClose(Strategy[Any]):
    def close(self) -> list[Any]:
        self.items.clear()
        return []


@sin(Rule.NOTHING_LOST, "It admitted #")
class Pretends(Strategy[Any]):
    """Admits what there is no room for."""

    def offer(self, item: Any, now: float) -> Verdict:
        super().offer(item, now)
        return ADMIT


@sin(Rule.NOTHING_INVENTED, "which was never put in")
class GivesCopies(Strategy[Any]):
    def take(self, now: float) -> Any:
        return copy.copy(super().take(now))


@sin(Rule.NOTHING_REPEATED, "It gave out #1, which had come out before")
class Repeats(Strategy[Any]):
    def take(self, now: float) -> Any:
        return self.items[0] if len(self.items) == 2 else super().take(now)


@sin(Rule.NOTHING_REPEATED, ", which it had dropped")
class GivesWhatItDrops(Strategy[Any]):
    def take(self, now: float) -> Any:
        item = super().take(now)
        self.drop(item, "too old")
        return item


@sin(Rule.LENGTH, "Its length is 2, though 1 wait")
class CountsDouble(Strategy[Any]):
    def __len__(self) -> int:
        return 2 * len(self.items)


@sin(Rule.LENGTH, "Its bool() is True, though 0 wait")
class IsAlwaysTrue(Strategy[Any]):
    def __bool__(self) -> bool:
        return True


# What goes in


@sin(Rule.VERDICT, "offer(#1) returned None")
class SaysNothing(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Any:
        self.items.append(item)


@sin(Rule.VERDICT, "(reason='  ', retry_after=None); it must be a Refuse whose reason is a str")
class RefusesWithoutReason(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        return Refuse("  ")


@sin(
    Rule.VERDICT,
    "retry_after=inf); it must be a Refuse whose retry_after is None, or",
)
class RefusesForEver(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        return Refuse("closed for today", math.inf)


@sin(Rule.TURNED_AWAY, "It did not admit #4, yet its length went from 3 to 4")
class StoresWhatItRefuses(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        self.items.append(item)
        return ADMIT if len(self.items) <= 3 else Refuse("full")


@sin(Rule.TURNED_AWAY, "yet its length went from")
class StoresWhatHasToWait(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        self.items.append(item)
        return ADMIT if len(self.items) < 3 else WAIT


@sin(Rule.TURNED_AWAY, "which it had not admitted")
class GivesWhatHadToWait(Strategy[Any]):
    """Keeps an item secretly, and admits it later without having been asked."""

    secret: Any = None

    def offer(self, item: Any, now: float) -> Verdict:
        verdict = super().offer(item, now)
        if verdict is WAIT and self.secret is None:
            self.secret = (item,)
        return verdict

    def take(self, now: float) -> Any:
        if not self.items and self.secret:
            (item,), self.secret = self.secret, ()
            return item
        return super().take(now)


# Nothing there


@sin(Rule.EMPTY, "Nothing waits, and take raised IndexError(pop from an empty deque)")
class RaisesIndexError(Strategy[Any]):
    def take(self, now: float) -> Any:
        return self.items.popleft()


@sin(Rule.EMPTY, "Nothing waits, and take returned None")
class ReturnsNone(Strategy[Any]):
    def take(self, now: float) -> Any:
        return self.items.popleft() if self.items else None


# Dropping


@sin(Rule.DROPS, "with the reason ''; that must be a str")
class DropsWithoutReason(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) >= self.capacity:
            self.drop(self.items.popleft(), "")
        return super().offer(item, now)


@sin(Rule.DROPS, "It dropped #1, which was not waiting")
class DropsTwice(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) >= self.capacity:
            oldest = self.items.popleft()
            self.drop(oldest, "oldest")
            self.drop(oldest, "oldest")
        return super().offer(item, now)


@sin(Rule.DROPS, ", which was not waiting")
class DropsWhatItRefuses(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) >= self.capacity:
            self.drop(item, "full")
            return Refuse("full")
        return super().offer(item, now)


# Closing


@sin(Rule.CLOSE, "It handed back 1, so 0 should be left, but its length is 1")
class KeepsWhatItHandsBack(Strategy[Any]):
    hands_back = True

    def close(self) -> list[Any]:
        return list(self.items)


@sin(Rule.CLOSE, "It handed back #1, which it had handed back")
class HandsBackTwice(Strategy[Any]):
    hands_back = True

    def close(self) -> list[Any]:
        items = [*self.items, *self.items]
        self.items.clear()
        return items


@sin(Rule.CLOSE, "It handed back #1, which had come out before")
class HandsBackWhatHasGone(Strategy[Any]):
    hands_back = True

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.gone: list[Any] = []

    def take(self, now: float) -> Any:
        self.gone.append(super().take(now))
        return self.gone[-1]

    def close(self) -> list[Any]:
        return self.gone


@sin(Rule.CLOSE, "though its attribute hands_back is False")
class HandsBackUnannounced(Strategy[Any]):
    def close(self) -> list[Any]:
        items = list(self.items)
        self.items.clear()
        return items


@sin(Rule.CLOSE, "close() returned None; it must be a list of items")
class ReturnsNothingAtClose(Strategy[Any]):
    def close(self) -> Any:
        pass


# Removing, draining


@sin(Rule.SPARE, "but remove cannot take it out")
class SparesWhatItCannotRemove(Strategy[Any]):
    """Says what filters may take out to make room, but overrides ``take`` without ``remove``."""

    def take(self, now: float) -> Any:
        if not self.items:
            raise Empty
        return self.items.pop()

    def spare(self) -> Any:
        return self.items[0] if self.items else None


@sin(Rule.SPARE, ", which is not there")
class SparesWhatHasGone(Strategy[Any]):
    gone: Any = None

    def remove(self, item: Any) -> bool:
        removed = super().remove(item)
        if removed:
            self.gone = item
        return removed

    def spare(self) -> Any:
        return self.gone


@sin(Rule.REMOVE, "after remove had said True")
class RemovesTheFirst(Strategy[Any]):
    def remove(self, item: Any) -> bool:
        found = any(other is item for other in self.items)
        if found:
            self.items.popleft()
        return found


@sin(Rule.REMOVE, "remove said True to #1, and its length went from 1 to 1")
class OnlySaysThatItRemoved(Strategy[Any]):
    def remove(self, item: Any) -> bool:
        return any(other is item for other in self.items)


@sin(Rule.REMOVE, "remove said False to #1, and its length went from 1 to 0")
class RemovesAndDeniesIt(Strategy[Any]):
    def remove(self, item: Any) -> bool:
        super().remove(item)
        return False


@sin(Rule.REMOVE, "remove said True to #1, which was not waiting")
class RemovesWhatIsNotThere(Strategy[Any]):
    def remove(self, item: Any) -> bool:
        super().remove(item)
        return True


@sin(Rule.REMOVE, "remove returned None")
class RemovesSilently(Strategy[Any]):
    def remove(self, item: Any) -> Any:
        super().remove(item)


@sin(Rule.ANY_ITEM, "remove compared an item with ==. Items may be equal")
class RemovesByEquality(Strategy[Any]):
    def remove(self, item: Any) -> bool:
        try:
            self.items.remove(item)
        except ValueError:
            return False
        return True


@sin(Rule.ANY_ITEM, "offer hashed an item")
class Hashes(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        return Refuse("twice") if item in {*self.items} else super().offer(item, now)


@sin(Rule.ANY_ITEM, "take tested whether an item is true")
class TakesWhatIsTrue(Strategy[Any]):
    def take(self, now: float) -> Any:
        item = self.items[0] if self.items else None
        if not item:
            raise Empty
        return self.items.popleft()


@sin(Rule.TAKE_ALL, "take_all() ended, and left #")
class OneAtATime(Strategy[Any]):
    """Gives the next item when the one before has been finished, and forgot about drains."""

    busy = False

    def take(self, now: float) -> Any:
        if self.busy:
            raise Empty
        item = super().take(now)
        self.busy = True
        return item

    def finished(self, item: Any, now: float, **work: Any) -> None:
        self.busy = False


# Time


@sin(Rule.NOTHING_HELD, "and next_change says None; so #1 will wait for ever")
class KeepsTheLast(Strategy[Any]):
    def take(self, now: float) -> Any:
        if len(self.items) < 2:
            raise Empty
        return super().take(now)


@sin(Rule.NOTHING_HELD, "and next_change names one moment after another; so #")
class SaysLaterAndLater(KeepsTheLast):
    def next_change(self, now: float) -> float:
        return now + 1


@sin(Rule.NOTHING_HELD, "and next_change says inf; so #")
class LetsSendersWaitForEver(Strategy[Any]):
    let_in = 0

    def offer(self, item: Any, now: float) -> Verdict:
        self.let_in += 1
        return WAIT if self.let_in > 2 else super().offer(item, now)

    def next_change(self, now: float) -> float:
        return math.inf


@sin(Rule.TIME, "which is not in the future")
class LooksBack(Strategy[Any]):
    def next_change(self, now: float) -> float:
        return now


@sin(Rule.TIME, "next_change said nan, which is not a moment; it must be a time in seconds, later")
class HasNoIdeaWhen(Strategy[Any]):
    def next_change(self, now: float) -> float:
        return math.nan


@sin(Rule.TIME, "next_change said -inf, which is not a moment")
class SaysLongAgo(Strategy[Any]):
    def next_change(self, now: float) -> float:
        return -math.inf


@sin(Rule.TIME, "next_change said 'soon', which is not a moment")
class SaysSoon(Strategy[Any]):
    def next_change(self, now: float) -> Any:
        return "soon"


@sin(Rule.TIME, "next_change said True, which is not a moment")
class SaysYes(Strategy[Any]):
    def next_change(self, now: float) -> Any:
        return True


@sin(Rule.TIME, ", which is not a moment; it must be a time in seconds")
class SaysWhenNoClockGoes(Strategy[Any]):
    def next_change(self, now: float) -> Any:
        return 10**400


class Slow(Strategy[Any]):
    """Gives one item per second, and lets one in per second, as a good one does."""

    late = 0.0

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.next_in = self.next_out = -math.inf

    def offer(self, item: Any, now: float) -> Verdict:
        if now < self.next_in:
            return WAIT
        verdict = super().offer(item, now)
        if verdict is ADMIT:
            self.next_in = now + 1
        return verdict

    def take(self, now: float) -> Any:
        if now < self.next_out:
            raise Empty
        item = super().take(now)
        self.next_out = now + 1
        return item

    def next_change(self, now: float) -> float | None:
        changes = [change for change in (self.next_in, self.next_out) if change > now]
        return min(changes) + self.late if changes else None


@sin(Rule.TIME, "so nobody would ask again by now")
class Oversleeps(Slow):
    late = 5.0


@sin(Rule.TIME, "so nobody would ask again by now")
class LetsSendersOversleep(Slow):
    late = 5.0

    def take(self, now: float) -> Any:
        return Strategy.take(self, now)


@sin(Rule.TIME, "offer looked at the time, though 'ignores_time' says that no answer depends")
class LooksAllTheSame(Strategy[Any]):
    ignores_time = True

    def offer(self, item: Any, now: float) -> Verdict:
        return WAIT if now < 0 else super().offer(item, now)


# Numbers and errors


@sin(Rule.NUMBERS, "retry_after said nan; it must be a number of seconds, finite and >= 0")
class RetryWhenever(Strategy[Any]):
    def retry_after(self, now: float) -> float:
        return math.nan


@sin(Rule.VERDICT, "retry_after=nan); it must be a Refuse whose retry_after is None, or")
class RefusesWithoutIdea(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        return Refuse("full", math.nan)


@sin(Rule.VERDICT, "offer(#1) returned True")
class SaysTrue(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Any:
        self.items.append(item)
        return True


@sin(Rule.NUMBERS, "retry_after said -1")
class RetryBefore(Strategy[Any]):
    def retry_after(self, now: float) -> float:
        return -1


@sin(Rule.NUMBERS, "Its capacity must be >= 0, not -3")
class LessThanNothing(Strategy[Any]):
    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.capacity = -capacity


@sin(Rule.NO_ERRORS, "finished raised ZeroDivisionError")
class Divides(Strategy[Any]):
    def finished(self, item: Any, now: float, *, ran: float, **work: Any) -> None:
        self.speed = 1 / ran


@sin(Rule.NO_ERRORS, "close raised Empty")
class EmptyAtClose(Strategy[Any]):
    def close(self) -> list[Any]:
        return [self.take(0.0) for _ in range(len(self) + 1)]


@sin(Rule.NO_ERRORS, "len raised TypeError")
class HasNoLength(Strategy[Any]):
    def __len__(self) -> Any:
        return None


@sin(Rule.NO_ERRORS, "take_all raised RuntimeError(deque mutated during iteration)")
class DrainsWhileItLooks(Strategy[Any]):
    def take_all(self, now: float) -> Any:
        for item in self.items:
            self.items.popleft()
            yield item


# Instances


@sin(Rule.OWN_STATE, " waiting")
class SharesItems(Strategy[Any]):
    everything: ClassVar[deque[Any]] = deque()

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.items = self.everything


@sin(Rule.SAME_ANSWERS, "Two fresh instances had the same calls, and")
class SharesNumbers(Strategy[Any]):
    numbers = itertools.count(1)

    def retry_after(self, now: float) -> float:
        return next(self.numbers)


@sin(Rule.SAME_ANSWERS, "Two fresh instances had the same calls, and the last answer was")
class ThrowsDice(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        return Refuse("bad luck") if random.random() < 0.5 else super().offer(item, now)


@sin(Rule.SAME_ANSWERS, "retry_after was ")
class LooksAtTheClock(Strategy[Any]):
    def retry_after(self, now: float) -> float:
        return time.perf_counter()


# Promises


@sin(Promise.FIFO, "It gave out #2, though #1 had come before it")
class ComesLastGoesFirst(Strategy[Any]):
    def take(self, now: float) -> Any:
        if not self.items:
            raise Empty
        return self.items.pop()


SINS.append(Sin("Slow", lambda: Slow(3), Promise.LIFO, "It gave out #1, though #2 had come after"))


@sin(Promise.PRIORITY, " was waiting")
class LeastImportantFirst(Strategy[Any]):
    def take(self, now: float) -> Any:
        if not self.items:
            raise Empty
        least = min(range(len(self.items)), key=lambda place: self.items[place].priority)
        item = self.items[least]
        del self.items[least]
        return item


@sin(Promise.FAIR, " was waiting for its turn")
class SameKeyAgain(Strategy[Any]):
    key: Any = ()

    def take(self, now: float) -> Any:
        if not self.items:
            raise Empty
        keys = [item.key for item in self.items]
        if self.key in keys:
            self.items.rotate(-keys.index(self.key))
        item = self.items.popleft()
        self.key = item.key
        return item


@sin(Promise.BOUNDED, "4 wait, though its capacity is 3")
class AlwaysAdmits(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        self.items.append(item)
        return ADMIT


SINS.append(
    Sin(
        "ComesLastGoesFirst",
        lambda: ComesLastGoesFirst(3),
        Promise.NO_STARVATION,
        "others were taken, #",
    )
)


@sin(Promise.NO_STARVATION, " still waited")
class MostImportantFirst(Strategy[Any]):
    def take(self, now: float) -> Any:
        if not self.items:
            raise Empty
        most = max(range(len(self.items)), key=lambda place: self.items[place].priority)
        item = self.items[most]
        del self.items[most]
        return item


@sin(Promise.LOSSLESS, "It dropped #1, which it had admitted")
class DropsTheOldest(Strategy[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) >= self.capacity:
            self.drop(self.items.popleft(), "oldest")
        return super().offer(item, now)


SINS.append(Sin("Block", lambda: Block(3), Promise.NEVER_WAITS, "offer(#4) said WAIT"))


# Not one class alone


class Forgets(Filter[Any]):
    def offer(self, item: Any, now: float) -> Verdict:
        return ADMIT if len(self) == 2 else super().offer(item, now)


SINS.append(
    Sin(
        "Forgets | DropOnFull",
        lambda: Forgets() | DropOnFull(3),
        Rule.NOTHING_LOST,
        "It admitted #3",
    )
)

_the_only_one = Block[Any](3)
SINS.append(Sin("Block", lambda: _the_only_one, Rule.OWN_STATE, "returned the same instance again"))

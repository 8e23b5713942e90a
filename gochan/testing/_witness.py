"""A witness: asks one strategy what a channel or queue would ask, and checks every answer."""

# Theory of operation
# -------------------
# The witness is the model of all tests of strategies. Each step asks the strategy one
# thing, and compares the answer with the books, which know what happened to every item:
# turned away, waiting, taken, finished, dropped, removed, handed back. The first answer
# that cannot be right raises `Broken`, with the rule, and with everything that was asked
# until then. There is no second one, since after that the books are worth nothing.
#
# If the length is not what it has to be, either an item was lost or the length is wrong.
# Which one it is shows when everything is taken out, so that is done before the verdict.
#
# Time alone may change an answer only at a moment that `Strategy.next_change` had named,
# since nobody asks before. So a "not now" is kept, with the moment, until something happens.
#
# Invariants (``Witness.check`` asserts them)
# -------------------------------------------
# 1. The books are right about themselves.
# 2. ``running`` has entries that were taken; ``line`` has some that were turned away.

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any, Final, NoReturn, final

from ..strategies import (
    ADMIT,
    WAIT,
    Empty,
    Promise,
    Strategy,
    is_reason,
    wrong_list,
    wrong_removal,
)
from ._books import Books
from ._items import Item, any_item, rival
from ._promises import OF_ORDER, Entry, Turns
from ._questions import Questions
from ._rules import Rule

# How often in a row the time may be moved on without anything coming out, and how often of
# these only to the next change; after that in leaps, each twice as long.
_PATIENCE: Final = 60
_LEAPS: Final = 20


@final
class Witness:
    """Asks one strategy, step by step."""

    def __init__(
        self,
        strategy: Strategy[Any],
        promises: frozenset[Promise] = frozenset(),
        items: Callable[[Random], Any] = any_item,
        start: float = 0.0,
    ) -> None:
        self.strategy = strategy
        self.books = Books(strategy, start)
        self._questions = Questions(strategy, self.books)
        self.running: list[Entry] = []
        self.line: list[Entry] = []  # those who were told to wait
        self.closed = False
        self.answers: tuple[Any, ...] = ()  # to compare with those of another
        self._promises = promises
        self._items = items
        self._turns = Turns()
        self._counting = True  # whether the length is compared
        self._not_before: dict[str, float] = {}  # questions answered "not now", and until when

    @property
    def now(self) -> float:
        """The time, in seconds."""
        return self.books.now

    def length(self) -> int:
        """Ask for the length."""
        return self._questions.length()

    # Steps. The number chooses one of the possible items.

    def offer(self, number: int) -> None:
        """Offer a new item."""
        if not self.closed:
            self._offer(self.books.enter(self._items(Random(number))))

    def offer_again(self, number: int) -> None:
        """Offer an object once more; channels do that, queues do not."""
        entries = self.books.entries()
        if entries and not self.closed:
            self._offer(self.books.enter(entries[number % len(entries)].item))

    def insist(self, number: int) -> None:
        """Offer an item that was told to wait."""
        if self.line and not self.closed:
            self._offer(self.line[number % len(self.line)])

    def take(self, number: int = 0) -> bool:
        """Take an item; return whether there was one to take now."""
        self.books.asked("take()")
        try:
            item = self._questions.ask("take", self.now)
        except Empty:
            self.books.answered("raised Empty")
            self._collect_drops()
            self._not_now("take()")
            self._look()
            return False
        self.books.answered(f"gave {self.books.describe(item)}")
        self.books.recognize(item, "gave out")
        self._collect_drops()
        entry = self.books.recognize(item, "gave out")
        self._check_time("take()", f"take() gave {self.books.describe(item)}")
        self._check_order(item)
        if Promise.LIFO in self._promises:
            entry = next(e for e in reversed(self.books.waiting) if e.item is item)
        self.books.leave(entry, "taken")
        entry.taken_at = self.now
        self.running.append(entry)
        self._turns.next(item.key if Promise.FAIR in self._promises else None)
        self._look()
        return True

    def finish(self, number: int) -> None:
        """Report that one of those taken has been worked on, or was not."""
        if not self.running:
            return
        entry = self.running.pop(number % len(self.running))
        ok, started = number % 3 > 0, number % 7 > 0
        waited, ran = entry.taken_at - entry.waits_since, self.now - entry.taken_at
        if not (ok or started):
            ran = 0.0
        entry.state = "finished"
        self.books.asked(f"finished({entry}, waited={waited:.4g}, ran={ran:.4g}, ok={ok})")
        self._questions.ask("finished", entry.item, self.now, waited=waited, ran=ran, ok=ok)
        self._not_before.clear()
        self._collect_drops()
        self._look()

    def remove(self, number: int) -> None:
        """Remove an item that waits: it is no longer wanted, or can be spared."""
        spared = self._spared() if number % 3 == 2 else None
        if spared is not None:
            if not self._remove(spared):
                self.books.fail(Rule.SPARE, f"spare said {spared}, but remove cannot take it out")
        elif self.books.waiting:
            self._remove(self.books.waiting[number % len(self.books.waiting)])

    def _spared(self) -> Entry | None:
        """Ask what can be spared best; it has to wait."""
        item = self._questions.ask("spare")
        same = [entry for entry in self.books.waiting if entry.item is item]
        if item is not None and not same:
            self.books.fail(
                Rule.SPARE, f"spare said {self.books.describe(item)}, which is not there"
            )
        return same[0] if same else None

    def remove_another(self, number: int) -> None:
        """Remove an item that does not wait; it has to be told from those that do."""
        others = [entry for entry in self.books.entries() if not self.books.waits(entry.item)]
        if others and number % 4:
            self._remove(others[number % len(others)])
        else:
            self._remove(self.books.enter(self._items(Random(number))))

    def pass_time(self, number: int) -> None:
        """Let time go on, and perhaps ask again."""
        self._go_to(self.now + (0.001, 0.1, 1.0, 10.0, 1000.0)[number % 5])
        if number % 2:
            self._ask_again()

    def pass_to_change(self, number: int = 0) -> None:
        """Let time go on to the moment of the next change, or half of it, and ask again."""
        if self._questions.change_to_come():
            moment = self._questions.next_change() or 0.0
            self._go_to(self.now + (moment - self.now) / 2 if number % 2 else moment)
            self._ask_again()

    def _ask_again(self) -> None:
        """Ask what was answered "not now": it has to stay so until the next change."""
        if "take()" in self._not_before:
            self.take()
        if self.line and f"offer({self.line[0]})" in self._not_before:
            self.insist(0)

    def close(self, number: int = 0) -> None:
        """Close the channel; nothing is offered after that."""
        if self.closed:
            return
        self.closed = True
        self.line.clear()
        self.books.asked("close()")
        handed_back = self._questions.ask("close")
        self._not_before.clear()
        if must := wrong_list(handed_back):
            self.books.fail(Rule.CLOSE, f"close() returned {handed_back!r}; it must be {must}")
        names = ", ".join(map(self.books.describe, handed_back))
        self.books.answered(f"handed back [{names}]")
        for item in handed_back:
            self.books.leave(self.books.recognize(item, "handed back"), "handed back")
        self._collect_drops()
        if self._counting and self._questions.length() > len(self.books.waiting):
            self.books.fail(
                Rule.CLOSE,
                f"It handed back {len(handed_back)}, so {len(self.books.waiting)} should be left, "
                f"but its length is {self._questions.length()}",
            )
        if handed_back and not self.strategy.hands_back:
            self.books.fail(
                Rule.CLOSE,
                f"It handed back {len(handed_back)}, though its attribute hands_back is "
                f"{self.strategy.hands_back!r}; a job queue asks that, so set it to True",
            )
        self._look()

    # Endings

    def drain(self, number: int = 0) -> None:
        """Close and take everything back, as `gochan.Chan.drain` does."""
        self.close()
        self.books.asked("take_all()")
        for item in self._questions.take_all():
            self.books.answered(f"gave {self.books.describe(item)}")
            self.running.append(self.books.recognize(item, "gave out"))
            self.books.leave(self.running[-1], "taken")
            self._collect_drops()
        self._collect_drops()
        if self.books.waiting:
            left, asked = self.books.names(self.books.waiting), len(self.books.log)
            self.run_out()  # or it is stuck, or has lost them, which is worse
            del self.books.log[asked:]
            self.books.fail(Rule.TAKE_ALL, f"take_all() has come to its end and left {left}")
        self._look(timely=False)

    def run_out(self, number: int = 0) -> None:
        """Take until nothing and nobody is left; the work ends, and time goes on."""
        working_first, patience = number % 2, _PATIENCE
        while True:
            if not self.strategy.capacity:
                self.line.clear()  # they wait for receivers, not for the strategy
            if self.take():
                patience = _PATIENCE
            elif self._let_in():
                pass
            elif self.running and (working_first or not self._questions.change_to_come()):
                self.finish(number)
                number += 1
            elif not (self.books.waiting or self.line or self.running):
                break
            elif patience and self._questions.change_to_come():
                self._go_to(self._questions.next_change() or 0.0)
                patience -= 1
                if patience < _LEAPS:
                    self._go_to(self.now + 2.0 ** (_LEAPS - patience))
            else:
                self._stuck()
        for seconds in (0.0, 1000.0):  # nothing comes after the end
            self._go_to(self.now + seconds)
            self.take()

    def _let_in(self) -> bool:
        """Whether the first of those who wait does not have to wait any more."""
        waiting = len(self.line)
        self.insist(0)
        return len(self.line) < waiting

    def starve(self, number: int = 0) -> None:
        """Let rivals come for as long as what waits now is waiting; then run out."""
        old = [] if self.closed else list(self.books.waiting)
        dice = Random(number)
        again = self._items(dice)
        for turn in range(200 + 20 * len(old)):
            old = [entry for entry in old if entry.state == "waiting"]
            if not old:
                break
            if isinstance(again, Item):
                item = rival(dice, turn, new_key=number % 2 > 0)
            else:  # which come first is not known, but what does so once may do so always
                item = again if number % 2 > 0 else self._items(dice)
            self._offer(self.books.enter(item))
            self.line.clear()
            if not self.take() and not self.running:
                self.pass_to_change()
            while self.running:
                self.finish(1)
            self._go_to(self.now + 0.01 * 2.0 ** (turn // 16))
        if old:
            self.books.fail(
                Promise.NO_STARVATION,
                f"After {self.now - old[0].waits_since:.4g} seconds, in which {self._turns.gone} "
                f"others have gone, {self.books.names(old)} still waited",
            )
        self.run_out(number)

    # What the steps have in common

    def _offer(self, entry: Entry) -> None:
        asked = f"offer({entry})"
        self.books.asked(f"offer({self.books.present(entry)})")
        verdict = self._questions.ask("offer", entry.item, self.now)
        self.books.answered(f"said {verdict!r}")
        if entry in self.line and verdict is not WAIT:
            self.line.remove(entry)
            self._check_time(asked, f"{asked} said {verdict!r}")
        self._not_before.clear()
        if verdict is ADMIT:
            self.books.admit(entry, self._turns.gone)
            self._collect_drops()
            self._look()
            self._check_bound()
            return
        entry.state = "turned away"
        if verdict is WAIT:
            self._wait(entry, asked)
        else:
            self._questions.check_refusal(entry, verdict)
        self._collect_drops()
        self._look(entry)

    def _wait(self, entry: Entry, asked: str) -> None:
        if Promise.NEVER_WAITS in self._promises:
            self.books.fail(Promise.NEVER_WAITS, f"offer({entry}) said WAIT")
        if entry not in self.line:
            self.line.append(entry)
        self._not_now(asked)

    def _check_bound(self) -> None:
        if Promise.BOUNDED in self._promises and self._questions.length() > self.strategy.capacity:
            self.books.fail(
                Promise.BOUNDED,
                f"{self._questions.length()} wait, though its capacity is {self.strategy.capacity}",
            )

    def _remove(self, entry: Entry) -> bool:
        waits, before = self.books.waits(entry.item), self._questions.length()
        self.books.asked(f"remove({self.books.present(entry)})")
        removed: bool = self._questions.ask("remove", entry.item)
        self.books.answered(f"said {removed!r}")
        if must := wrong_removal(removed):
            self.books.fail(Rule.REMOVE, f"remove returned {removed!r}; it must be {must}")
        if removed and not waits:
            self.books.fail(Rule.REMOVE, f"remove said True to {entry}, which was not waiting")
        if removed:
            self.books.leave(self.books.recognize(entry.item, "removed"), "removed")
            self._not_before.clear()
        before -= self._collect_drops()
        if self._counting and self._questions.length() != before - removed:
            self.books.fail(
                Rule.REMOVE,
                f"remove said {removed} to {entry}, and its length went from {before} to "
                f"{self._questions.length()}",
            )
        self._look()
        return removed

    # Looking after each step

    def _look(self, turned_away: Entry | None = None, *, timely: bool = True) -> None:
        """Ask everything that changes nothing."""
        length, expected = self._questions.length(), len(self.books.waiting)
        if self._counting and length != expected:
            if turned_away and length > expected:
                self.books.fail(
                    Rule.TURNED_AWAY,
                    f"It did not admit {turned_away}, yet its length went from {expected} to "
                    f"{length}",
                )
            self._wrong_length(length)
        if self._counting and bool(self.strategy) != bool(expected):
            self.books.fail(
                Rule.LENGTH, f"bool() of it is {bool(self.strategy)}, though {expected} wait"
            )
        capacity, retry_after = self._questions.numbers()
        change = self._questions.next_change() if timely else None
        last = self.books.log[-1].strip() if self.books.log else ""
        self.answers = (length, capacity, retry_after, change, last)

    def _wrong_length(self, length: int) -> NoReturn:
        """Say whether an item is lost or only the length is wrong: take everything out."""
        expected, asked = len(self.books.waiting), len(self.books.log)
        self._counting = False
        self.line.clear()
        self.run_out()
        del self.books.log[asked:]
        self.books.fail(Rule.LENGTH, f"Its length is {length}, though {expected} wait")

    def _collect_drops(self) -> int:
        """Note what has been dropped; return how many."""
        drops = self.strategy._dropped.copy()
        self.strategy._dropped.clear()
        for item, reason in drops:
            name = self.books.describe(item)
            self.books.answered(f"and dropped {name}: {reason!r}")
            if not self.books.waits(item):
                self.books.fail(Rule.DROPS, f"It dropped {name}, which was not waiting")
            self.books.leave(self.books.recognize(item, "dropped"), "dropped")
            if not is_reason(reason):
                self.books.fail(
                    Rule.DROPS,
                    f"It dropped {name} with the reason {reason!r}; that has to be a str, "
                    "and not empty",
                )
            if Promise.LOSSLESS in self._promises:
                self.books.fail(Promise.LOSSLESS, f"It dropped {name}, which it had admitted")
            self._not_before.clear()
        return len(drops)

    def _check_order(self, item: Any) -> None:
        for promise in OF_ORDER if self.books.certain else ():
            if promise in self._promises and (
                wrong := OF_ORDER[promise](self.books.waiting, item, self._turns)
            ):
                self.books.fail(promise, f"It gave out {self.books.describe(item)}, {wrong}")

    # What time changes

    def _go_to(self, moment: float) -> None:
        self.books.now = moment
        self.answers = (moment,)

    def _not_now(self, question: str) -> None:
        """Note that the answer was "not now", and until when it has to stay like that."""
        change = self._questions.next_change()
        self._not_before[question] = math.inf if change is None else change

    def _check_time(self, question: str, told: str) -> None:
        until = self._not_before.get(question, -math.inf)
        if self.now < until - 1e-6 * max(1.0, abs(self.now)):
            said = "nothing" if until == math.inf else f"{until:.12g}"
            self.books.fail(
                Rule.TIME,
                f"At {self.now:.12g}, {told}, not what it had said before. Only time has passed, "
                f"and next_change had named {said}, so nobody would have asked by now",
            )
        self._not_before.clear()

    # What is wrong at the end

    def _lost(self) -> NoReturn:
        it = "it" if len(self.books.waiting) == 1 else "them"
        self.books.fail(
            Rule.NOTHING_LOST,
            f"It has admitted {self.books.names(self.books.waiting)}, and is empty now, but has "
            f"not given out, dropped or handed back {it}",
        )

    def _stuck(self) -> NoReturn:
        if self.books.waiting and not self._questions.length():
            self._lost()
        named = self._questions.next_change()
        why = "next_change names one moment after the other"
        if not self._questions.change_to_come():
            why = f"next_change says {named!r}"
        waiting = self.books.waiting or self.line[:1]
        self.books.fail(
            Rule.NOTHING_HELD,
            f"All that had come out has been finished, take raises Empty, and {why}; so "
            f"{self.books.names(waiting)} will wait for ever",
        )

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        self.books.check()
        assert {entry.state for entry in self.running} <= {"taken"}
        assert {entry.state for entry in self.line} <= {"turned away"}

"""Steps: calling one strategy, one method at a time, and checking every answer."""

# Theory of operation
# -------------------
# Each step calls the strategy once, and compares the answer with the books, which know what
# happened to every item: turned away, waiting, taken, finished, dropped, removed, handed back.
# The first answer that cannot be right raises `Broken`, with the rule and a log of all calls.
# There is no second error, because the books can no longer be trusted.
#
# Invariants (``Steps.check`` asserts them)
# -----------------------------------------
# 1. The books are consistent.
# 2. All entries in ``running`` were taken, and all in ``line`` were turned away.

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random
from typing import Any, NoReturn

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
from ._items import any_item
from ._not_now import NotNow
from ._promises import OF_ORDER, Entry, Turns
from ._questions import Questions
from ._rules import Rule


class Steps(ABC):
    """The steps of a witness. The number that each is given chooses an item."""

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
        self.line: list[Entry] = []  # those that were told to wait
        self.closed = False
        self.answers: tuple[Any, ...] = ()  # to compare with another instance's
        self._promises = promises
        self._items = items
        self._turns = Turns()
        self._counting = True  # whether the length is checked
        self._not_now = NotNow(self.books, self._questions)

    @property
    def now(self) -> float:
        """The time, in seconds."""
        return self.books.now

    def length(self) -> int:
        """Return the length."""
        return self._questions.length()

    def offer(self, number: int) -> None:
        """Offer a new item."""
        if not self.closed:
            self._offer(self.books.enter(self._items(Random(number))))

    def offer_again(self, number: int) -> None:
        """Offer an object again, as channels may; queues never do."""
        entries = self.books.entries()
        if entries and not self.closed:
            self._offer(self.books.enter(entries[number % len(entries)].item))

    def insist(self, number: int) -> None:
        """Offer an item that was told to wait."""
        if self.line and not self.closed:
            self._offer(self.line[number % len(self.line)])

    def take(self, number: int = 0) -> bool:
        """Take an item; return whether the strategy gave one."""
        self.books.asked("take()")
        try:
            item = self._questions.ask("take", self.now)
        except Empty:
            self.books.answered("raised Empty")
            self._collect_drops()
            self._not_now.note("take()")
            self._look()
            return False
        self.books.answered(f"gave {self.books.describe(item)}")
        self.books.recognize(item, "gave out")
        self._collect_drops()
        entry = self.books.recognize(item, "gave out")
        self._not_now.check("take()", f"take() gave {self.books.describe(item)}")
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
        """Report that a taken item is finished, with or without success."""
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
        self._not_now.forget()
        self._collect_drops()
        self._look()

    def remove(self, number: int) -> None:
        """Remove a waiting item, which is no longer wanted, or which the strategy can spare."""
        spared = self._spared() if number % 3 == 2 else None
        if spared is not None:
            if not self._remove(spared):
                self.books.fail(Rule.SPARE, f"spare said {spared}, but remove cannot take it out")
        elif self.books.waiting:
            self._remove(self.books.waiting[number % len(self.books.waiting)])

    def _spared(self) -> Entry | None:
        """Ask which item can best be spared, and check that it waits."""
        item = self._questions.ask("spare")
        same = [entry for entry in self.books.waiting if entry.item is item]
        if item is not None and not same:
            self.books.fail(
                Rule.SPARE, f"spare said {self.books.describe(item)}, which is not there"
            )
        return same[0] if same else None

    def remove_another(self, number: int) -> None:
        """Try to remove an item that does not wait; waiting ones must not be taken for it."""
        others = [entry for entry in self.books.entries() if not self.books.waits(entry.item)]
        if others and number % 4:
            self._remove(others[number % len(others)])
        else:
            self._remove(self.books.enter(self._items(Random(number))))

    def pass_time(self, number: int) -> None:
        """Let time pass, and perhaps ask again."""
        self._go_to(self.now + (0.001, 0.1, 1.0, 10.0, 1000.0)[number % 5])
        if number % 2:
            self._ask_again()

    def pass_to_change(self, number: int = 0) -> None:
        """Let time pass until the next change, or half of that time, and ask again."""
        if self._questions.change_to_come():
            moment = self._questions.next_change() or 0.0
            self._go_to(self.now + (moment - self.now) / 2 if number % 2 else moment)
            self._ask_again()

    def _ask_again(self) -> None:
        """Repeat calls that were answered "not now", which must hold until the next change."""
        if "take()" in self._not_now:
            self.take()
        if self.line and f"offer({self.line[0]})" in self._not_now:
            self.insist(0)

    def close(self, number: int = 0) -> None:
        """Close the channel; nothing is offered after that."""
        if self.closed:
            return
        self.closed = True
        self.line.clear()
        self.books.asked("close()")
        handed_back = self._questions.ask("close")
        self._not_now.forget()
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
                f"{self.strategy.hands_back!r}; job queues look at it, so set it to True",
            )
        self._look()

    # What the steps have in common

    def _offer(self, entry: Entry) -> None:
        asked = f"offer({entry})"
        self.books.asked(f"offer({self.books.present(entry)})")
        verdict = self._questions.ask("offer", entry.item, self.now)
        self.books.answered(f"said {verdict!r}")
        if entry in self.line and verdict is not WAIT:
            self.line.remove(entry)
            self._not_now.check(asked, f"{asked} said {verdict!r}")
        self._not_now.forget()
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
        self._not_now.note(asked)

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
            self._not_now.forget()
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
        """Call everything that changes nothing."""
        length, expected = self._questions.length(), len(self.books.waiting)
        if self._counting and length != expected:
            if turned_away and length > expected:
                self.books.fail(
                    Rule.TURNED_AWAY,
                    f"It did not admit {turned_away}, yet its length went from {expected} to "
                    f"{length}",
                )
            self._tell_wrong_length(length)
        if self._counting and bool(self.strategy) != bool(expected):
            self.books.fail(
                Rule.LENGTH, f"Its bool() is {bool(self.strategy)}, though {expected} wait"
            )
        capacity, retry_after = self._questions.numbers()
        change = self._questions.next_change() if timely else None
        last = self.books.log[-1].strip() if self.books.log else ""
        self.answers = (length, capacity, retry_after, change, last)

    @abstractmethod
    def _tell_wrong_length(self, length: int) -> NoReturn:
        """Report a lost item, or only a wrong length."""

    def _collect_drops(self) -> int:
        """Note what the strategy has dropped; return how many items."""
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
                    f"It dropped {name} with the reason {reason!r}; that must be a str, and not "
                    "empty",
                )
            if Promise.LOSSLESS in self._promises:
                self.books.fail(Promise.LOSSLESS, f"It dropped {name}, which it had admitted")
            self._not_now.forget()
        return len(drops)

    def _check_order(self, item: Any) -> None:
        for promise in OF_ORDER if self.books.certain else ():
            if promise in self._promises and (
                wrong := OF_ORDER[promise](self.books.waiting, item, self._turns)
            ):
                self.books.fail(promise, f"It gave out {self.books.describe(item)}, {wrong}")

    def _go_to(self, moment: float) -> None:
        self.books.now = moment
        self.answers = (moment,)

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        self.books.check()
        assert {entry.state for entry in self.running} <= {"taken"}
        assert {entry.state for entry in self.line} <= {"turned away"}

"""A witness: calls one strategy as a channel or queue would, to the end of a history."""

# Theory of operation
# -------------------
# All tests of strategies use a witness. It takes the steps of a history, and ends it in a way
# that shows whether every item comes out.
#
# If the length is wrong, an item may be lost, or the strategy may only have counted wrongly. To
# tell which, the witness takes everything out before it reports the error.

from __future__ import annotations

from random import Random
from typing import Final, NoReturn, final

from ..strategies import Promise
from ._items import Item, rival
from ._rules import Rule
from ._steps import Steps

# How often in a row time may pass although nothing comes out. After _LEAPS of these times only,
# it passes just until the next change; then in leaps, each twice as long.
_PATIENCE: Final = 60
_LEAPS: Final = 20


@final
class Witness(Steps):
    """Takes one strategy through a history, step by step, and ends it."""

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
            self.run_out()  # to report a stuck strategy or lost items instead, which is worse
            del self.books.log[asked:]
            self.books.fail(Rule.TAKE_ALL, f"take_all() ended, and left {left}")
        self._look(timely=False)

    def run_out(self, number: int = 0) -> None:
        """Take items, finish them, and let time pass until no item and no sender waits."""
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
        """Whether the first sender in line need not wait any longer."""
        waiting = len(self.line)
        self.insist(0)
        return len(self.line) < waiting

    def starve(self, number: int = 0) -> None:
        """Offer rivals as long as the items that wait now are waiting; then run out."""
        old = [] if self.closed else list(self.books.waiting)
        dice = Random(number)
        again = self._items(dice)
        for turn in range(200 + 20 * len(old)):
            old = [entry for entry in old if entry.state == "waiting"]
            if not old:
                break
            if isinstance(again, Item):
                item = rival(dice, turn, new_key=number % 2 > 0)
            else:  # nobody knows which items go first; but one that once did may always do
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
                f"others were taken, {self.books.names(old)} still waited",
            )
        self.run_out(number)

    # What is wrong at the end

    def _tell_wrong_length(self, length: int) -> NoReturn:
        expected, asked = len(self.books.waiting), len(self.books.log)
        self._counting = False
        self.line.clear()
        self.run_out()
        del self.books.log[asked:]
        self.books.fail(Rule.LENGTH, f"Its length is {length}, though {expected} wait")

    def _lost(self) -> NoReturn:
        it = "it" if len(self.books.waiting) == 1 else "them"
        self.books.fail(
            Rule.NOTHING_LOST,
            f"It admitted {self.books.names(self.books.waiting)} and is empty now, but has not "
            f"given out, dropped or handed back {it}",
        )

    def _stuck(self) -> NoReturn:
        if self.books.waiting and not self._questions.length():
            self._lost()
        named = self._questions.next_change()
        why = "next_change names one moment after another"
        if not self._questions.change_to_come():
            why = f"next_change says {named!r}"
        waiting = self.books.waiting or self.line[:1]
        self.books.fail(
            Rule.NOTHING_HELD,
            f"All taken items are finished, take raises Empty, and {why}; so "
            f"{self.books.names(waiting)} will wait for ever",
        )

"""The books about one strategy: which items there are, where each is, and what was asked."""

# Invariants (``Books.check`` asserts them)
# -----------------------------------------
# 1. ``waiting`` has the entries in state "waiting", in the order in which they came.
# 2. Every entry is known by its item; one item may have several.

from __future__ import annotations

from typing import Any, Final, NoReturn, final

from ..strategies import Filter, Promise, Strategy
from ._items import traits
from ._promises import Entry
from ._rules import Broken, Rule

# What is wrong about an item that comes out although it was not waiting.
_NOT_WAITING: Final = {
    "new": (Rule.NOTHING_INVENTED, "which was not offered"),
    "turned away": (Rule.TURNED_AWAY, "which it had not admitted"),
    "taken": (Rule.NOTHING_REPEATED, "which had come out before"),
    "finished": (Rule.NOTHING_REPEATED, "which had come out before"),
    "dropped": (Rule.NOTHING_REPEATED, "which it had dropped"),
    "removed": (Rule.REMOVE, "after remove had said True to it"),
    "handed back": (Rule.NOTHING_REPEATED, "which it had handed back"),
}


@final
class Books:
    """What is known about the items of one strategy, and the words for it."""

    def __init__(self, strategy: Strategy[Any], start: float) -> None:
        self.now = start
        self.waiting: list[Entry] = []
        self.log: list[str] = []
        self.certain = True  # whether it is known which one of two same ones waits
        self._strategy = strategy
        self._entries: list[Entry] = []
        self._known: dict[int, list[Entry]] = {}  # by the id of the item

    # Entries

    def enter(self, item: Any) -> Entry:
        """Begin a new entry."""
        entry = Entry(len(self._entries) + 1, item)
        self._entries.append(entry)
        self._known.setdefault(id(item), []).append(entry)
        return entry

    def entries(self) -> list[Entry]:
        """Return all of them, as they came."""
        return self._entries

    def waits(self, item: Any) -> bool:
        """Whether this very item waits."""
        return any(entry.state == "waiting" for entry in self._known.get(id(item), ()))

    def admit(self, entry: Entry, turn: int) -> None:
        """Note that it waits from now on."""
        entry.state, entry.waits_since, entry.turn = "waiting", self.now, turn
        self.waiting.append(entry)

    def leave(self, entry: Entry, state: str) -> None:
        """Note that it waits no more."""
        entry.state = state
        self.waiting.remove(entry)

    def recognize(self, item: Any, deed: str) -> Entry:
        """Return the waiting entry of an item that comes out."""
        entries = self._known.get(id(item))
        if entries is None:
            if deed == "gave out" and not self.waiting:
                self.fail(Rule.EMPTY, f"Nothing waits, and take returned {item!r}")
            self.fail(Rule.NOTHING_INVENTED, f"It {deed} {item!r}, which nobody had put in")
        same = [entry for entry in self.waiting if entry.item is item]
        if not same:
            # Of a same object that was turned away later, it is the earlier one that is back.
            entry = max(entries, key=lambda entry: entry.state not in ("new", "turned away"))
            rule, why = _NOT_WAITING[entry.state]
            if deed == "handed back":
                rule = Rule.CLOSE
            self.fail(rule, f"It {deed} {entry}, {why}")
        if len(same) > 1 and deed != "gave out":
            self.certain = False
        return same[0]

    # Words

    def asked(self, question: str) -> None:
        """Write down what is asked."""
        self.log.append(f"{self.now:>8.12g}  {question}")

    def answered(self, answer: str) -> None:
        """Write down the answer to what was asked last."""
        self.log[-1] += f" {answer}"

    def describe(self, item: Any) -> str:
        """Return the number of an item, or what it is."""
        entries = self._known.get(id(item))
        return str(entries[0]) if entries else repr(item)

    def names(self, entries: list[Entry]) -> str:
        """Return the numbers of several."""
        *most, last = map(str, entries)
        return f"{', '.join(most)} and {last}" if most else last

    def present(self, entry: Entry) -> str:
        """Return the number of an entry, and what there is to know about its item."""
        first = self._known[id(entry.item)][0]
        if first is not entry:
            return f"{entry}, the same object as {first}"
        said = traits(entry.item)
        return f"{entry}: {said if len(said) <= 60 else said[:57] + '...'}" if said else f"{entry}"

    def fail(self, rule: Rule | Promise, what: str, error: Exception | None = None) -> NoReturn:
        """Raise the error that says which rule was broken, how, and after what."""
        which = f"its promise {rule.name}" if isinstance(rule, Promise) else "a rule"
        told = [f"{name_of(self._strategy)} breaks {which}: {rule.value}.", f"{what}."]
        if self.log:
            told += ["What was asked, each with the time:", *self._short_log()]
        raise Broken(rule, "\n".join(told)) from error

    def _short_log(self) -> list[str]:
        left_out = len(self.log) - 50
        if left_out <= 0:
            return self.log
        return [*self.log[:40], f"     ...  and so on, {left_out} times", *self.log[-10:]]

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        assert {*self.waiting} == {e for e in self._entries if e.state == "waiting"}
        assert {*self._entries} == {e for same in self._known.values() for e in same}


def name_of(strategy: Strategy[Any]) -> str:
    """Return the names of the classes in a chain."""
    name = type(strategy).__name__
    return f"{name} | {name_of(strategy.inner)}" if isinstance(strategy, Filter) else name

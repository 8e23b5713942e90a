"""The books of a trial: every item, where it is, and a log of the calls."""

# Invariants (``Books.check`` asserts them)
# -----------------------------------------
# 1. ``waiting`` has the entries in state "waiting", in the order in which they came.
# 2. Every entry can be found by its item; one item may have several.

from __future__ import annotations

from typing import Any, Final, NoReturn, final

from ..strategies import Filter, Promise, Strategy
from ._items import traits
from ._promises import Entry
from ._rules import Broken, Rule

# The broken rule, and what is wrong, if an item comes out that was not waiting.
_NOT_WAITING: Final = {
    "new": (Rule.NOTHING_INVENTED, "which was not offered"),
    "turned away": (Rule.TURNED_AWAY, "which it had not admitted"),
    "taken": (Rule.NOTHING_REPEATED, "which had come out before"),
    "finished": (Rule.NOTHING_REPEATED, "which had come out before"),
    "dropped": (Rule.NOTHING_REPEATED, "which it had dropped"),
    "removed": (Rule.REMOVE, "after remove had said True"),
    "handed back": (Rule.NOTHING_REPEATED, "which it had handed back"),
}


@final
class Books:
    """Knows where each item of one strategy is, and writes the messages of errors."""

    def __init__(self, strategy: Strategy[Any], start: float) -> None:
        self.now = start
        self.waiting: list[Entry] = []
        self.log: list[str] = []
        self.certain = True  # whether it is known which of two same ones waits
        self._strategy = strategy
        self._entries: list[Entry] = []
        self._known: dict[int, list[Entry]] = {}  # by the id of the item

    # Entries

    def enter(self, item: Any) -> Entry:
        """Add an entry for an item."""
        entry = Entry(len(self._entries) + 1, item)
        self._entries.append(entry)
        self._known.setdefault(id(item), []).append(entry)
        return entry

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first."""
        return self._entries

    def waits(self, item: Any) -> bool:
        """Whether this very object waits."""
        return any(entry.state == "waiting" for entry in self._known.get(id(item), ()))

    def admit(self, entry: Entry, turn: int) -> None:
        """Note that an entry waits from now on."""
        entry.state, entry.waits_since, entry.turn = "waiting", self.now, turn
        self.waiting.append(entry)

    def leave(self, entry: Entry, state: str) -> None:
        """Note that an entry no longer waits."""
        entry.state = state
        self.waiting.remove(entry)

    def recognize(self, item: Any, deed: str) -> Entry:
        """Return the waiting entry of an item that comes out."""
        entries = self._known.get(id(item))
        if entries is None:
            if deed == "gave out" and not self.waiting:
                self.fail(Rule.EMPTY, f"Nothing waits, and take returned {item!r}")
            self.fail(Rule.NOTHING_INVENTED, f"It {deed} {item!r}, which was never put in")
        same = [entry for entry in self.waiting if entry.item is item]
        if not same:
            # If the same object was turned away later, this is the earlier entry.
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
        """Log a call."""
        self.log.append(f"{self.now:>8.12g}  {question}")

    def answered(self, answer: str) -> None:
        """Log the answer to the last call."""
        self.log[-1] += f" {answer}"

    def describe(self, item: Any) -> str:
        """Return the number of an item, or its ``repr`` if it has none."""
        entries = self._known.get(id(item))
        return str(entries[0]) if entries else repr(item)

    def names(self, entries: list[Entry]) -> str:
        """Return the numbers of several entries."""
        *most, last = map(str, entries)
        return f"{', '.join(most)} and {last}" if most else last

    def present(self, entry: Entry) -> str:
        """Return the number of an entry, and a description of its item."""
        first = self._known[id(entry.item)][0]
        if first is not entry:
            return f"{entry}, the same object as {first}"
        said = traits(entry.item)
        return f"{entry}: {said if len(said) <= 60 else said[:57] + '...'}" if said else f"{entry}"

    def fail(self, rule: Rule | Promise, what: str, error: Exception | None = None) -> NoReturn:
        """Raise the error that says which rule was broken, how, and after which calls."""
        which = f"its promise {rule.name}" if isinstance(rule, Promise) else "a rule"
        told = [f"{name_of(self._strategy)} breaks {which}: {rule.value}.", f"{what}."]
        if self.log:
            told += ["The calls, each with its time:", *self._short_log()]
        raise Broken(rule, "\n".join(told)) from error

    def _short_log(self) -> list[str]:
        left_out = len(self.log) - 50
        if left_out <= 0:
            return self.log
        return [*self.log[:40], f"     ...  {left_out} more calls", *self.log[-10:]]

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        assert {*self.waiting} == {e for e in self._entries if e.state == "waiting"}
        assert {*self._entries} == {e for same in self._known.values() for e in same}


def name_of(strategy: Strategy[Any]) -> str:
    """Return the names of the classes in a chain."""
    name = type(strategy).__name__
    return f"{name} | {name_of(strategy.inner)}" if isinstance(strategy, Filter) else name

"""What each promise means for the items that wait."""

# Theory of operation
# -------------------
# A promise about order concerns the items that wait at the moment when one is taken. Items
# that were dropped in the same call are gone by then, and refused ones never counted. So a
# strategy may drop, refuse, or hold everything back for a while, and still keep its promise.
# If the same object waits twice, nobody can tell which of the two was taken; either will do.
# (Once one of the two was dropped or removed, it is unknown which one is left, and the witness
# no longer checks any order.)
#
# Each function here is given what waits before an item is taken, and returns what is wrong.
# BOUNDED, NEVER_WAITS and LOSSLESS concern other moments; the witness checks them where it
# calls `Strategy.offer` and collects drops. NO_STARVATION needs a history of its own.

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, final

from ..strategies import Promise


@final
@dataclass(eq=False, slots=True)
class Entry:
    """One item on its way through a strategy; an object that is offered twice has two entries."""

    number: int
    item: Any
    state: str = "new"
    waits_since: float = 0.0
    taken_at: float = 0.0
    turn: int = 0
    """How many items had been taken when this one was admitted."""

    def __str__(self) -> str:
        return f"#{self.number}"


@final
@dataclass(eq=False, slots=True)
class Turns:
    """When an item of each key was last taken, counted in taken items."""

    gone: int = 0
    last: dict[Hashable, int] = field(default_factory=dict)

    def next(self, key: Hashable) -> None:
        """Count an item that is taken."""
        self.gone += 1
        self.last[key] = self.gone


def _fifo(waiting: list[Entry], item: Any, turns: Turns) -> str | None:
    first = waiting[0]
    return None if first.item is item else f"though {first} had come before it"


def _lifo(waiting: list[Entry], item: Any, turns: Turns) -> str | None:
    last = waiting[-1]
    return None if last.item is item else f"though {last} had come after it"


def _priority(waiting: list[Entry], item: Any, turns: Turns) -> str | None:
    for entry in waiting:
        if entry.item.priority > item.priority:
            return (
                f"of priority {item.priority}, though {entry} of priority "
                f"{entry.item.priority} was waiting"
            )
    return None


def _fair(waiting: list[Entry], item: Any, turns: Turns) -> str | None:
    before = turns.last.get(item.key)
    if before is None:
        return None
    for entry in waiting:
        key = entry.item.key
        if key != item.key and entry.turn < before and turns.last.get(key, 0) < before:
            return (
                f"the second one of key {item.key!r} while {entry} of key {key!r} "
                "was waiting for its turn"
            )
    return None


OF_ORDER: Final[dict[Promise, Callable[[list[Entry], Any, Turns], str | None]]] = {
    Promise.FIFO: _fifo,
    Promise.LIFO: _lifo,
    Promise.PRIORITY: _priority,
    Promise.FAIR: _fair,
}

"""What each promise means, asked of the items that wait."""

# Theory of operation
# -------------------
# A promise about order speaks of the items that wait at the moment when one goes: those
# that were dropped in the same call are gone already, those that were refused never
# counted. So a strategy may drop or refuse, and keep it, or hold all of them back for a
# while. Where the same object waits twice, nobody can tell which of both has gone; either
# will do. (If one of both was dropped or removed, it is unknown which one is left; after
# that the witness asks none of these any more.)
#
# Each function here looks at what waits before an item goes, and returns what is wrong.
# BOUNDED, NEVER_WAITS and LOSSLESS are about other moments; the witness has them where it
# asks `Strategy.offer` and collects what is dropped. NO_STARVATION needs a history of its own.

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, final

from ..strategies import Promise


@final
@dataclass(eq=False, slots=True)
class Entry:
    """One item on its way through a strategy; the same object offered twice has two."""

    number: int
    item: Any
    state: str = "new"
    waits_since: float = 0.0
    taken_at: float = 0.0
    turn: int = 0
    """How many items had gone before this one was admitted."""

    def __str__(self) -> str:
        return f"#{self.number}"


@final
@dataclass(eq=False, slots=True)
class Turns:
    """When an item of each key has gone last, in numbers of items that had gone before."""

    gone: int = 0
    last: dict[Hashable, int] = field(default_factory=dict)

    def next(self, key: Hashable) -> None:
        """Count one that goes."""
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

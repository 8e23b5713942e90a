"""Who does something, and where: names for tasks and channels, without keeping them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trio.lowlevel import Task

from gochan._core._channel import Chan
from gochan._core._selector._selector import Selector
from gochan._queue._queue import JobQueue

_WORKER: Final = re.compile(r"worker of .+")


@dataclass(slots=True, eq=False)
class Lane:
    """A task."""

    name: str
    order: int

    @staticmethod
    def of(task: Task, number: int) -> Lane:
        """Return what stands for a task; ``number`` is how many there are already."""
        name = task.name
        qualified: str = getattr(task.coro, "__qualname__", name)
        if _WORKER.fullmatch(name):
            name = "worker"
        elif name.endswith(f".{qualified}"):  # trio's default, with the module
            name = qualified.rpartition(".")[2]
        # Trio numbers its tasks as they are made; a task is best shown below its parent.
        return Lane(name, getattr(task, "_counter", number))


@dataclass(slots=True, eq=False)
class Place:
    """A channel, or what else tasks wait at."""

    name: str
    capacity: float = 0

    @staticmethod
    def of(thing: object, seen: Counter[str]) -> Place:
        """Return what stands for a thing, by a name of its own; ``seen`` counts the names."""
        kind, name, capacity = _traits(thing)
        seen[name or kind] += 1
        number = seen[name or kind]
        if name is None:
            return Place(f"{kind} {number}", capacity)
        return Place(name if number == 1 else f"{name} ({number})", capacity)


def _traits(thing: object) -> tuple[str, str | None, float]:
    """Return what kind of thing it is, its name if it has one, and how much it holds."""
    match thing:
        case Chan():
            return "channel", thing.name, thing.capacity
        case Selector():
            return "selector", thing._name, 0
        case JobQueue():
            return "queue", f"queue of {thing._handler_name}", 0
    return "wait group", None, 0


def number_names(lanes: Iterable[Lane]) -> dict[Lane, str]:
    """Return the names of tasks, in order; where several have the same, with numbers."""
    ordered = sorted(lanes, key=lambda lane: lane.order)
    same = Counter(lane.name for lane in ordered)
    seen = Counter[str]()
    names = {}
    for lane in ordered:
        seen[lane.name] += 1
        alone = same[lane.name] == 1
        names[lane] = lane.name if alone else f"{lane.name} {seen[lane.name]}"
    return names

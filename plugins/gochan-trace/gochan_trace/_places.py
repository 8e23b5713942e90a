"""Names for tasks and channels, which do not keep these alive."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trio.lowlevel import Task

from gochan.debug import look

_WORKER: Final = re.compile(r"worker of .+")


@dataclass(slots=True, eq=False)
class Lane:
    """A task."""

    name: str
    order: int

    @staticmethod
    def of(task: Task, number: int) -> Lane:
        """Return the lane of a task; ``number`` is how many lanes there are already."""
        name = task.name
        qualified: str = getattr(task.coro, "__qualname__", name)
        if _WORKER.fullmatch(name):
            name = "worker"
        elif name.endswith(f".{qualified}"):  # trio's default, with the module
            name = qualified.rpartition(".")[2]
        # Trio numbers tasks as it makes them, which puts a task below its parent.
        return Lane(name, getattr(task, "_counter", number))


@dataclass(slots=True, eq=False)
class Place:
    """A channel, or something else at which tasks wait."""

    name: str
    capacity: float = 0

    @staticmethod
    def of(thing: object, seen: Counter[str]) -> Place:
        """Return the place of a thing, with a unique name; ``seen`` counts the names."""
        there = look(thing)
        name = there.name
        if there.kind == "job queue":
            name = f"queue of {name}"
        seen[name or there.kind] += 1
        number = seen[name or there.kind]
        if name is None:
            return Place(f"{there.kind} {number}", there.capacity)
        return Place(name if number == 1 else f"{name} ({number})", there.capacity)


def number_names(lanes: Iterable[Lane]) -> dict[Lane, str]:
    """Return the names of tasks, in order; those of the same name are numbered."""
    ordered = sorted(lanes, key=lambda lane: lane.order)
    same = Counter(lane.name for lane in ordered)
    seen = Counter[str]()
    names = {}
    for lane in ordered:
        seen[lane.name] += 1
        alone = same[lane.name] == 1
        names[lane] = lane.name if alone else f"{lane.name} {seen[lane.name]}"
    return names

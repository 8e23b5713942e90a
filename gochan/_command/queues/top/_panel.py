"""The panel: what the person at the terminal has chosen, and what the next key does."""

# Theory of operation
# -------------------
# A row is chosen by what it is about, so the choice stays where it is when rows move. A key that
# changes something for good asks first; Enter confirms. What is to be done is returned as a deed,
# and done elsewhere.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, final

from ....durable import JobRecord
from .._words import counted
from ._known import Known
from ._lanes import End, ends

What: TypeAlias = Literal["cancel", "retry", "pause", "resume", "explain"]

# Keys that do the same as others.
_SAME: Final = {"h": "?", "k": "up", "j": "down", "\r": "enter", "\n": "enter", "\x1b": "escape"}


class Item(NamedTuple):
    """What a row is about: a queue, a job, or an end."""

    sort: Literal["queue", "job", "end"]
    name: str


class Deed(NamedTuple):
    """Something to be done: with these jobs, or with this queue."""

    what: What
    ids: tuple[int, ...] = ()
    queue: str = ""


Thing: TypeAlias = JobRecord | End | str
"""What can be chosen: a job, an end, or the name of a queue."""


def item_of(thing: Thing) -> Item:
    """Return what stands for a thing in the next picture, too."""
    if isinstance(thing, str):
        return Item("queue", thing)
    if isinstance(thing, End):
        return Item("end", "\0".join([thing.queue, thing.kind, thing.why]))
    return Item("job", str(thing.id))


def things(known: Known) -> list[Thing]:
    """Return all that can be chosen, in the order of the picture."""
    return [*known.queues, *known.running, *ends(known), *known.waiting]


@final
@dataclass
class Panel:
    """What is chosen and asked.

    Attributes:
        chosen: which row.
        asked: what Enter would do.
        reasons: sentences about a job, until the next key.
        notice: what the last deed has done.
        help: whether the keys are explained.
        quits: whether it is over.
    """

    chosen: Item | None = None
    asked: Deed | None = None
    reasons: Sequence[str] = ()
    notice: str = ""
    help: bool = False
    quits: bool = False
    _place: int = 0  # of what was chosen, so that the choice goes on there if that is gone

    def press(self, key: str, known: Known) -> Deed | None:
        """Do what a key asks for; return what is to be done in the store."""
        key = _SAME.get(key, key)
        self.notice = ""
        if self.asked is not None:
            asked, self.asked = self.asked, None
            return asked if key == "enter" else None
        if self.reasons:
            self.reasons = ()
            if key in {"enter", "escape", "e"}:
                return None
        if key in {"up", "down"}:
            self._move(1 if key == "down" else -1, known)
        elif key == "?":
            self.help = not self.help
        elif key == "q":
            self.quits = True
        else:
            return self._steer(key, self.thing(known), known)
        return None

    def thing(self, known: Known) -> Thing | None:
        """Return what is chosen, if it is still there."""
        return next((one for one in things(known) if item_of(one) == self.chosen), None)

    def _move(self, by: int, known: Known) -> None:
        items = [item_of(one) for one in things(known)]
        if not items:
            self.chosen = None
        else:
            self._place = self._next(items, by)
            self.chosen = items[self._place]

    def _next(self, items: Sequence[Item], by: int) -> int:
        """Return which one is chosen after a step down or up."""
        if self.chosen in items:
            return (items.index(self.chosen) + by) % len(items)
        if self.chosen is None:
            return 0 if by > 0 else len(items) - 1
        return min(self._place, len(items) - 1)

    def _steer(self, key: str, thing: Thing | None, known: Known) -> Deed | None:
        if key not in {"c", "r", "p", "e", "enter"}:
            return None
        if thing is None:
            self.notice = "choose a row first: up, down"
        elif key == "c":
            self._cancel(thing)
        elif key == "r":
            self._retry(thing)
        elif key == "p":
            return self._pause(thing, known)
        elif isinstance(thing, str):
            self.notice = "only a job can be explained"
        else:
            job = thing.jobs[0] if isinstance(thing, End) else thing
            return Deed("explain", (job.id,))
        return None

    def _cancel(self, thing: Thing) -> None:
        if isinstance(thing, JobRecord):
            self.asked = Deed("cancel", (thing.id,))
        else:
            self.notice = "only a job that has not ended can be cancelled"

    def _retry(self, thing: Thing) -> None:
        if isinstance(thing, End):
            self.asked = Deed("retry", tuple(job.id for job in thing.jobs))
        else:
            self.notice = "only jobs that have ended can run again"

    def _pause(self, thing: Thing, known: Known) -> Deed | None:
        queue = thing if isinstance(thing, str) else thing.queue
        counts = known.queues.get(queue)
        return Deed("resume" if counts is not None and counts.paused else "pause", queue=queue)


def question(deed: Deed) -> str:
    """Return what is asked before something is done for good."""
    if deed.what == "cancel":
        return f"cancel job {deed.ids[0]}? Enter: yes, any other key: no"
    return f"let {counted(len(deed.ids), 'job')} run again? Enter: yes, any other key: no"

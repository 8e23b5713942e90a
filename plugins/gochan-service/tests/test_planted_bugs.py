"""Bugs that are planted: the lab has to find each, and to name the law that it breaks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
from gochan_service import Lab
from gochan_service._door._listeners import Ear
from trio.testing import MockClock

SEEDS = 20

Patch = pytest.MonkeyPatch


def lose_a_wake_up(lab: Any, patch: Patch) -> None:
    """The bell of a job that waits is forgotten if no poll waits for it."""
    forget_between_polls("waiting", patch)


def lose_a_cancel_between_polls(lab: Any, patch: Patch) -> None:
    """A cancel is forgotten if no poll waits for it."""
    forget_between_polls("cancel", patch)


def forget_between_polls(what: str, patch: Patch) -> None:
    ring = Ear.ring

    def heedless(self: Ear, queue: str, hint: Any) -> None:
        if hint.what != what or self.rung.statistics().tasks_waiting:
            ring(self, queue, hint)

    patch.setattr(Ear, "ring", heedless)


def accept_twice(lab: Any, patch: Patch) -> None:
    """Who comes when there is nothing gets what the one before got."""
    claim = lab.store.claim
    last: list[Any] = []

    async def careless(queue: str, n: int, worker: Any, lease: float) -> Sequence[Any]:
        nonlocal last
        records = await claim(queue, n, worker, lease)
        last, before = records, last
        return records or before

    patch.setattr(lab.store, "claim", careless)


def take_late_reports(lab: Any, patch: Patch) -> None:
    """The version of a report is not looked at."""
    book = lab.store._desk._book

    def careless(ticket: Any) -> Any:
        row = book._rows.get(ticket.id)
        return row if row is not None and row.state == "running" else None

    patch.setattr(book, "_run", careless)


def count_leases_from_later(lab: Any, patch: Patch) -> None:
    """An agent believes that a lease is half as long again as it is."""
    feeder = type(lab.agents[0]._jobs._feeder)
    patch.setattr(feeder, "_gives_up_at", lambda self, lease: lease.until + self._lease / 2)


def count_leases_short(lab: Any, patch: Patch) -> None:
    """The store believes that a lease is half as long as it is."""
    extend = lab.store.extend
    patch.setattr(lab.store, "extend", lambda tickets, lease: extend(tickets, lease / 4))


def keep_a_cancel_for_the_next_run(lab: Any, patch: Patch) -> None:
    """The wish for a cancel stays in the row when the job is to run again."""
    book = lab.store._desk._book
    lease = book._lease

    def careless(now: float, row: Any, worker: Any, seconds: float) -> Any:
        wish = row.wish or getattr(book, "wishes", {}).get(row.id)
        record = lease(now, row, worker, seconds)
        row.wish = wish
        return record

    cancel = book._cancel

    def remember(now: float, id: int, reason: str) -> Any:
        book.wishes = {**getattr(book, "wishes", {}), id: reason}
        return cancel(now, id, reason)

    patch.setattr(book, "_lease", careless)
    patch.setattr(book, "_cancel", remember)


def write_an_end_twice(lab: Any, patch: Patch) -> None:
    """What is said again is taken again."""
    finish = lab.store.finish

    async def careless(endings: Any) -> Any:
        await finish(endings)
        return [True] * len(endings)

    patch.setattr(lab.store, "finish", careless)


def lose_what_is_acknowledged(lab: Any, patch: Patch) -> None:
    """A job that is cancelled before it runs is forgotten."""
    book = lab.store._desk._book
    cancel = book._cancel

    def careless(now: float, id: int, reason: str) -> Any:
        answer = cancel(now, id, reason)
        if answer == "ended":
            row = book._rows.pop(id)
            queue = book._queue(row.new.queue)
            queue.counts["cancelled"] -= 1
            queue.counts["stored"] -= 1
        return answer

    patch.setattr(book, "_cancel", careless)


def count_wrongly(lab: Any, patch: Patch) -> None:
    """A job that ends is not counted."""
    book = lab.store._desk._book
    end = book._end_alone

    def careless(now: float, row: Any, kind: Any, error: Any) -> None:
        end(now, row, kind, error)
        book._queue(row.new.queue).counts[kind] -= 1

    patch.setattr(book, "_end_alone", careless)


def forget_who_is_drained(lab: Any, patch: Patch) -> None:
    """A server that starts again knows nothing of before."""
    patch.setattr(lab.server, "_drained", None)


async def search(seed: int, plant: Callable[[Any, Patch], None], faults: Sequence[str]) -> None:
    # A lease that is shorter than a run shows what is wrong with leases; a longer one hides nothing
    # that bells should have told.
    lab = Lab(seed=seed, lease=6.0 if faults else 30.0)

    async def handler(payload: object) -> object:
        await trio.sleep(lab.random.choice([0.0, lab.random.uniform(0, 20)]))
        return payload

    async with lab:
        for _ in range(2):
            agent = await lab.start_agent("q", handler, capacity=2)
            lab.delay(agent, 0.3)  # so that there is time between two polls
        with pytest.MonkeyPatch.context() as patch:
            plant(lab, patch)
            await lab.storm(20, faults=faults)
            await lab.settle()


NETWORK = ("partition", "heal", "duplicate", "drop_reply")
SOON = {accept_twice, count_leases_short, count_wrongly}  # found by the first seed, in no time


def planted(plant: Callable[[Any, Patch], None], law: str, *faults: str) -> Any:
    marks = () if plant in SOON else pytest.mark.slow
    return pytest.param(plant, law, faults, id=plant.__name__, marks=marks)


@pytest.mark.parametrize(
    ("plant", "law", "faults"),
    [
        planted(lose_a_wake_up, "wake-up"),
        planted(lose_a_cancel_between_polls, "cancel"),
        planted(accept_twice, "one (lease|run)"),  # who is quick ends before the other starts
        planted(take_late_reports, "late report", *NETWORK),
        planted(count_leases_from_later, "one run", "partition", "heal"),
        planted(count_leases_short, "one lease", "partition"),
        planted(keep_a_cancel_for_the_next_run, "stray cancel", "heal"),
        planted(write_an_end_twice, "late report", *NETWORK),
        planted(lose_what_is_acknowledged, "nothing lost"),
        planted(count_wrongly, "audit"),
        planted(forget_who_is_drained, "drain", "drain", "restart"),
    ],
)
def test_a_planted_bug_is_found(
    plant: Callable[[Any, Patch], None], law: str, faults: Sequence[str]
) -> None:
    """By the name of the law, within a few seeds."""
    for seed in range(SEEDS):
        try:
            trio.run(search, seed, plant, faults, clock=MockClock(autojump_threshold=0))
        except AssertionError as error:
            # Most seeds raise nothing, and a bug may break other laws as well.
            assert re.search(f"^{law}: ", str(error), re.MULTILINE)  # noqa: PT017
            return
    pytest.fail(f"not found with {SEEDS} seeds")

"""The parts of a durable queue, and which of them asks the store for what, as seen in a run."""

from __future__ import annotations

import sys
from typing import Any

import trio

from gochan.durable import Retry, Store, current_job, open_durable_queue, open_store
from gochan_trace._drawing import LINE, Drawing, measure

# What each part asks of the store, in the order of a job's life; what the parts are is drawn.
ASKS = {
    "submissions": ["enqueue"],
    "feeder": ["claim", "extend", "look", "tend"],
    "reporter": ["start", "report", "finish", "release"],
}
PARTS_OF = {"tender": "feeder"}  # drawn as one
MIDDLE = {"submissions": 92.0, "feeder": 262.0, "job queue": 452.0, "reporter": 646.0}
WHAT = {
    "submissions": "jobs, in batches",
    "feeder": "leases jobs",
    "job queue": "runs the handler",
    "reporter": "writes outcomes",
}
STORE, PARTS, HEIGHT, WIDTH = 48.0, 206.0, 48.0, 146.0


class Overheard:
    """A store that notes which part makes which call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: set[tuple[str, str]] = set()

    def __getattr__(self, name: str) -> Any:
        thing = getattr(self._store, name)
        part = sys._getframe(1).f_globals["__name__"].rpartition("._")[2]
        part = PARTS_OF.get(part, part)
        if part in ASKS and callable(thing):
            self.asked.add((part, name))
        return thing


def durable_queue() -> str:
    """Draw the parts of a durable queue, and the way of a job through them."""
    asked = trio.run(live)
    expected = {(part, call) for part, calls in ASKS.items() for call in calls}
    assert asked == expected, asked ^ expected
    title = "A durable queue is a store and a job queue"
    told = "; ".join(f"{part}: {', '.join(calls)}" for part, calls in ASKS.items())
    drawing = Drawing(title, f"What each part asks of the store, as seen in a run: {told}.")
    drawing.text(14, 27, title, bold=True)
    box(drawing, 380, STORE, 732, "the store", "one row for each job: the truth")
    for part, middle in MIDDLE.items():
        box(drawing, middle, PARTS, WIDTH, part, WHAT[part])
    low, high = STORE + HEIGHT, PARTS
    for part, calls in ASKS.items():
        x = MIDDLE[part] - 44
        down = part == "feeder"
        ends = ((x, low), (x, high - 2)) if down else ((x, high), (x, low + 2))
        drawing.arrow(*ends, "green" if down else "blue")
        y = (low + high) / 2 + 5 - LINE * (len(calls) - 1) / 2
        for number, call in enumerate(calls):
            drawing.text(x + 12, y + LINE * number, call)
    across(drawing, "feeder", "job queue", "green")
    across(drawing, "job queue", "reporter", "blue")
    bells = PARTS + HEIGHT + 26
    words = "bells ring in all processes when a row has changed; they are hints, and may be lost"
    drawing.text(380, bells, words, "soft", "middle")
    return drawing.render(760, bells + 18)


async def live() -> set[tuple[str, str]]:
    """Let jobs be done, fail, take long, report how far they are, and be cancelled."""

    async def work(kind: str) -> None:
        if kind == "fail" and current_job().attempt == 1:
            raise ValueError
        current_job().progress(1, 2)
        await trio.sleep(60)

    async with open_store("memory:") as store:
        overheard = Overheard(store)
        queue_on: Any = overheard  # it is a store in all but its type
        async with open_durable_queue(queue_on, "work", work, retry=Retry(jitter=0)) as queue:
            await queue.submit("fail")
            job = await queue.submit("long")
            await trio.sleep(30)
            await job.cancel()
            await queue.join()
    return overheard.asked


def box(drawing: Drawing, middle: float, top: float, width: float, name: str, what: str) -> None:
    """Draw a part: its name, and what it does."""
    drawing.box(middle - width / 2, top, width, HEIGHT, "band edge-line", 5)
    drawing.text(middle, top + 20, name, anchor="middle", bold=True)
    assert measure(what) < width + 8, what
    drawing.text(middle, top + 20 + LINE, what, "soft", "middle")


def across(drawing: Drawing, one: str, other: str, colour: str) -> None:
    """Draw the way of a job from one part to the next."""
    y = PARTS + HEIGHT / 2
    start, end = (MIDDLE[one] + WIDTH / 2, y), (MIDDLE[other] - WIDTH / 2 - 2, y)
    drawing.arrow(start, end, colour)

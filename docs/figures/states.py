"""The states of an operation, and of a job, as seen in random runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any, TypeAlias

import trio

from gochan import Chan, ChanClosedError, EndOfChannel, Refused, open_job_queue, select
from gochan_trace import Trace
from gochan_trace._drawing import Drawing, measure
from gochan.strategies import ADMIT, Block, DropOnFull, Strategy, Verdict

Record: TypeAlias = Callable[[Callable[[], Awaitable[None]], int], Trace]
Edge: TypeAlias = tuple[str, str]

RUNS = 60

# Where each state stands: the middle of its box.
OPERATION = {
    "called": (90, 100),
    "waits": (330, 215),
    "would block": (90, 215),
    "refused": (620, 60),
    "done": (620, 108),
    "closed": (620, 156),
    "cancelled": (620, 215),
}
JOB = {
    "submitted": (90, 140),
    "waiting": (280, 140),
    "running": (470, 110),
    "refused": (90, 240),
    "dropped": (220, 240),
    "handed back": (360, 240),
    "done": (670, 52),
    "failed": (670, 97),
    "timed out": (670, 142),
    "interrupted": (670, 187),
    "cancelled": (670, 232),
}


def operation_states(record: Record) -> str:
    """Draw how sends, receives and selects ended in random runs."""
    seen: set[Edge] = set()
    for seed in range(RUNS):
        for event in record(partial(market, Random(seed)), seed).events:
            if event.verb.partition("_")[0] in ("send", "receive", "select"):
                way = ["called", *(["waits"] if event.waited else []), event.outcome]
                seen |= {*pairwise(way)}
    return draw_states("How a send, a receive or a select ends", seen, OPERATION)


def job_states(record: Record) -> str:
    """Draw how jobs ended in random runs."""
    seen: set[Edge] = set()
    for seed in range(RUNS):
        for event in record(partial(workshop, Random(seed)), seed).events:
            outcome = event.outcome.replace("_", " ")
            if event.verb == "submit" and outcome == "refused":
                seen.add(("submitted", outcome))
            elif event.verb == "job":
                way = ["submitted", "waiting", *(["running"] if event.waited else []), outcome]
                seen |= {*pairwise(way)}
    return draw_states("How a job ends", seen, JOB)


async def market(random: Random) -> None:
    """Send, receive, select, cancel and close at random."""
    channels = [Chan[int](), Chan[int](1), Chan[int](strategy=DropOnFull(1))]

    async def trade() -> None:
        for number in range(6):
            channel, other = random.choice(channels), random.choice(channels)
            with trio.move_on_after(random.choice([0, random.random()])), suppress(*ENDINGS):
                match random.randrange(5):
                    case 0:
                        await channel.send(number)
                    case 1:
                        await channel.receive()
                    case 2:
                        channel.send_nowait(number)
                    case 3:
                        channel.receive_nowait()
                    case 4:
                        await select(channel.on_receive(), other.on_send(number))
            await trio.sleep(random.random() / 4)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(trade)
        await trio.sleep(2)
        for channel in channels:
            channel.close()


class DropOldest(Strategy[Any]):
    """Admit every item; when full, drop the oldest."""

    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) >= self.capacity:
            self.drop(self.items.popleft(), "full")
        self.items.append(item)
        return ADMIT


async def workshop(random: Random) -> None:
    """Submit at random, cancel at random, and stop."""

    async def handle(seconds: float) -> None:
        await trio.sleep(seconds)
        if random.random() < 0.2:
            raise ValueError("it went wrong")

    strategy = random.choice([Block, DropOnFull, DropOldest])(2)
    async with open_job_queue(handle, workers=2, strategy=strategy, failures="collect") as queue:
        for number in range(12):
            with suppress(Refused):
                job = await queue.submit(
                    random.random(), timeout=0.8, priority=number % 3, key=number
                )
                if random.random() < 0.2:
                    job.cancel()
            if random.random() < 0.2:
                await trio.sleep(0.3)
        for job in queue.running():
            if random.random() < 0.3:
                job.cancel()
        await queue.stop(drain=0.1, grace=1)


ENDINGS = (trio.WouldBlock, ChanClosedError, EndOfChannel, Refused)


def draw_states(title: str, edges: set[Edge], where: dict[str, tuple[float, float]]) -> str:
    """Draw a graph whose states all have a fixed place."""
    states = {state for edge in edges for state in edge}
    assert states == {*where}, states ^ {*where}
    told = "; ".join(f"{a} to {b}" for a, b in sorted(edges))
    drawing = Drawing(title, f"The transitions seen in {RUNS} random runs: {told}.")
    drawing.text(14, 27, title, bold=True)
    for before, after in sorted(edges):
        start, end = border(where, before, after), border(where, after, before, gap=2)
        drawing.arrow(start, end, "soft")
    for state, (x, y) in where.items():
        ends = not any(before == state for before, _ in edges)
        width = half_width(state) * 2
        kind = "band edge-line" if ends else "wait"
        drawing.box(x - width / 2, y - 15, width, 30, kind, 15 if ends else 5)
        drawing.text(x, y + 4.5, state, anchor="middle", bold=not ends)
    return drawing.render(760, max(y for _, y in where.values()) + 32)


def half_width(state: str) -> float:
    return measure(state) / 2 + 14


def border(
    where: dict[str, tuple[float, float]], state: str, other: str, gap: float = 0
) -> tuple[float, float]:
    """Return where a line to another state leaves the box of this one."""
    (x, y), (other_x, other_y) = where[state], where[other]
    dx, dy = other_x - x, other_y - y
    reach_x, reach_y = half_width(state) + gap, 15 + gap
    share = min(reach_x / abs(dx) if dx else 1, reach_y / abs(dy) if dy else 1)
    return x + dx * share, y + dy * share

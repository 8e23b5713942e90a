"""A worker that comes too late: what the store answers, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import trio

from gochan.durable import Ending, NewJob, Ticket, Worker, open_store
from gochan_trace._drawing import LINE, Drawing

LEASE = 30.0
RENEWS, FREEZES, CLAIMS, WAKES, ENDS = 10.0, 12.0, 48.0, 56.0, 62.0

LEFT, SCALE = 76.0, 9.2  # pixels: where second 0 is, and how long a second
LANE_A, ROW, LANE_B = 108.0, 140.0, 224.0
HEIGHT = 42.0  # of the row


class Moment(NamedTuple):
    """The row, from a moment on."""

    second: float
    state: str
    version: int
    leased_until: float | None


class Story(NamedTuple):
    """What came out."""

    rows: list[Moment]
    answers: dict[str, object]


def late_worker() -> str:
    """Draw how a worker that stood still comes back, and changes nothing."""
    story: Story = trio.run(live)
    return draw(story)


async def live() -> Story:
    """Let a worker stand still for longer than its lease lasts."""
    rows: list[Moment] = []
    answers: dict[str, object] = {}
    async with open_store("memory:") as store:
        began = store.now() - trio.current_time()

        async def note() -> None:
            (record,) = await store.look([1])
            assert record is not None
            until = record.lease_until and round(record.lease_until.timestamp() - began, 3)
            rows.append(Moment(trio.current_time(), record.state, record.version, until))

        async def claim(name: str) -> Ticket:
            (record,) = await store.claim("photos", 1, Worker(name), LEASE)
            await store.start([record.ticket])
            await note()
            return record.ticket

        async def finish(ticket: Ticket) -> bool:
            ending = Ending(ticket.id, ticket.version, "done", b"null")
            (taken,) = await store.finish([ending])
            await note()
            return taken

        await store.enqueue([NewJob(queue="photos", payload=b'"owl"')])
        of_a = await claim("A")
        await trio.sleep_until(RENEWS)
        (answers["renew"],) = await store.extend([of_a], LEASE)
        await note()
        while not (tended := await store.tend()).changed:
            assert tended.next is not None
            await trio.sleep(tended.next)
        await note()
        await trio.sleep_until(CLAIMS)
        of_b = await claim("B")
        await trio.sleep_until(WAKES)
        answers["finish of A"] = await finish(of_a)
        await trio.sleep_until(ENDS)
        answers["finish of B"] = await finish(of_b)
    return Story(rows, answers)


def draw(story: Story) -> str:
    """Draw two workers, and the row between them."""
    assert story.answers == {"renew": "held", "finish of A": False, "finish of B": True}
    spans = spans_of(story.rows)
    title = "A worker that comes too late changes nothing"
    told = "; ".join(
        f"from {one.second:g} s it is {one.state}, version {one.version}" for one in spans
    )
    drawing = Drawing(
        title,
        f"The row of a job: {told}. Worker A claims it, renews its lease once and stands still; "
        f"worker B takes it over. A finishes it too late and is refused, B is not.",
    )
    drawing.text(14, 27, title, bold=True)
    drawing.text(14, 27 + LINE, "each call shows the version that its run began with", "soft")
    for y, name in ((LANE_A, "worker A"), (ROW + HEIGHT / 2, "the row"), (LANE_B, "worker B")):
        drawing.text(14, y + 4.5, name, bold=True)
    draw_row(drawing, spans)
    rescued = spans[1].second
    drawing.line([(at(0), LANE_A), (at(FREEZES), LANE_A)], "thick blue-line")
    drawing.line([(at(FREEZES), LANE_A), (at(WAKES), LANE_A)], "line soft-line dots")
    drawing.line([(at(CLAIMS), LANE_B), (at(ENDS), LANE_B)], "thick green-line")
    above, below = LANE_A - 13, LANE_B + 22
    middle = (FREEZES + WAKES) / 2
    drawing.text(at(middle), above, "stands still: paused, starved, or cut off", "soft", "middle")
    down, up = (LANE_A, ROW), (LANE_B, ROW + HEIGHT)
    for second, way, colour, y, words in (
        (0.0, down, "blue", above, "claim"),
        (RENEWS, down, "blue", above, "renew"),
        (WAKES, down, "red", above, "done: refused"),
        (rescued, up, "soft", below, "lease over"),
        (CLAIMS, up, "green", below, "claim"),
        (ENDS, up, "green", below, "done: taken"),
    ):
        drawing.arrow((at(second), way[0]), (at(second), way[1]), colour)
        drawing.text(at(second), y, words, colour, "middle")
        drawing.text(at(second), LANE_B + 48, f"{second:g} s", "soft", "middle")
    drawing.cross(at(WAKES), LANE_A, "red")
    return drawing.render(748, LANE_B + 64)


def spans_of(rows: list[Moment]) -> list[Moment]:
    """Return where the row changed its state; with the end of the lease as it was last."""
    spans: list[Moment] = []
    for row in rows:
        if spans and spans[-1].version == row.version:
            spans[-1] = spans[-1]._replace(leased_until=row.leased_until)
        else:
            spans.append(row)
    return spans


def draw_row(drawing: Drawing, spans: list[Moment]) -> None:
    """Draw the states of the row, one after the other."""
    states = [span.state for span in spans]
    assert states == ["running", "waiting", "running", "ended"], states
    ends = [*(span.second for span in spans[1:]), ENDS + 6.4]
    words: list[Callable[[Moment], str]] = [
        lambda span: f"running for A, leased until {span.leased_until:g} s",
        lambda _: "waiting",
        lambda _: "running for B",
        lambda _: "done",
    ]
    for span, end, word in zip(spans, ends, words, strict=True):
        left, right = at(span.second), at(end)
        kind: Any = "wait" if span.state == "waiting" else "band edge-line"
        drawing.box(left, ROW, right - left, HEIGHT, kind, 0)
        drawing.text((left + right) / 2, ROW + 17, word(span), anchor="middle")
        short = "v" if right - left < 70 else "version "
        text = f"{short}{span.version}"
        drawing.text((left + right) / 2, ROW + 17 + LINE, text, "soft", "middle")


def at(second: float) -> float:
    """Return where a second is."""
    return LEFT + 30 + SCALE * second

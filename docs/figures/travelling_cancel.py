"""How a cancel travels: when the row, the agent and the handler know of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import trio
from gochan_service import Lab

from gochan.durable import current_job
from gochan_trace._drawing import LINE, Drawing

TRIP, CLEANS_UP = 0.02, 0.05  # seconds

LEFT, SCALE = 110.0, 2.7  # pixels: where millisecond 0 is, and how long one is
PERSON, ROW, AGENT, HANDLER = 104.0, 136.0, 244.0, 290.0
HEIGHT = 42.0  # of the row
BEFORE, AFTER = -8.0, 228.0  # milliseconds that are drawn


class Story(NamedTuple):
    """What happened, by milliseconds after somebody had pressed the button."""

    moments: dict[str, float]
    kind: str | None


def travelling_cancel() -> str:
    """Draw how a cancel reaches a handler, and what comes back."""
    story: Story = trio.run(live)
    return draw(story)


async def live() -> Story:
    """Cancel a job that runs, at the end of a way that takes 20 ms in each direction."""
    moments: dict[str, float] = {}
    pressed = 0.0

    def note(what: str) -> None:
        moments.setdefault(what, round(1000 * (trio.current_time() - pressed), 1))

    def noting(store: Any, name: str) -> None:
        call = getattr(store, name)

        async def noted(*arguments: Any) -> Any:
            answer = await call(*arguments)
            note(name)
            return answer

        setattr(store, name, noted)

    async def handler(_: object) -> None:
        try:
            await trio.sleep_forever()
        finally:
            note(f"told: {current_job().cause}")
            with trio.CancelScope(shield=True):
                await trio.sleep(CLEANS_UP)
            note("ended")

    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("photos", handler)
        job = await lab.submit("photos", "owl")
        await trio.sleep(5)
        for member in (agent, lab.operator):
            lab.delay(member, TRIP)
        await trio.sleep(20)
        for name in ("cancel", "look", "finish"):
            noting(lab.store, name)
        pressed = trio.current_time()
        await lab.cancel(job)
        note("answered")
        await job.wait()
        return Story(moments, (await lab.record(job)).kind)


def draw(story: Story) -> str:
    """Draw the person, the row, the agent and the handler, from above to below."""
    assert story.kind == "cancelled"
    moments = story.moments
    written, answered, looked = moments["cancel"], moments["answered"], moments["look"]
    told, ended, reported = moments["told: cancelled"], moments["ended"], moments["finish"]
    heard = looked - 1000 * TRIP
    title = "A cancel on its way"
    drawing = Drawing(
        title,
        f"A person cancels a job. After {written:g} ms it is in the row, after {answered:g} ms the "
        f"person is answered. The agent hears the bell after {heard:g} ms, looks at the row, and "
        f"tells the handler after {told:g} ms. That cleans up until {ended:g} ms; after "
        f"{reported:g} ms the job is cancelled.",
    )
    drawing.text(14, 27, title, bold=True)
    drawing.text(14, 27 + LINE, "where each way over the network takes 20 ms", "soft")
    lanes = ((PERSON, "person"), (ROW + HEIGHT / 2, "the row"), (AGENT, "agent"))
    for y, name in (*lanes, (HANDLER, "handler")):
        drawing.text(14, y + 4.5, name, bold=True)
    drawing.line([(at(0), PERSON), (at(answered), PERSON)], "thick blue-line")
    draw_row(drawing, written, reported)
    drawing.line([(at(BEFORE), AGENT), (at(AFTER), AGENT)], "line soft-line")
    drawing.line([(at(BEFORE), HANDLER), (at(told), HANDLER)], "thick green-line")
    drawing.line([(at(told), HANDLER), (at(ended), HANDLER)], "thick orange-line")
    drawing.text(at(told / 2), HANDLER + 20, "runs", "green", "middle")
    drawing.text(at((told + ended) / 2), HANDLER + 20, "cleans up", "orange", "middle")
    below = ROW + HEIGHT
    for start, end, colour, words in (
        ((0.0, PERSON), (written, ROW), "blue", ""),
        ((written, ROW), (answered, PERSON), "blue", ""),
        ((written, below), (heard, AGENT), "red", "bell"),
        ((heard, AGENT), (looked, below), "soft", "look"),
        ((looked, below), (told, AGENT), "red", "wish"),
        ((ended, AGENT), (reported, below), "green", "report"),
    ):
        drawing.arrow((at(start[0]), start[1]), (at(end[0]), end[1]), colour)
        middle = at((start[0] + end[0]) / 2), (start[1] + end[1]) / 2 + 4.5
        drawing.text(*middle, words, colour, "middle")
    drawing.text(at(0), PERSON - 13, "cancel", "blue", "middle")
    drawing.text(at(answered), PERSON - 13, "it is written", "blue", "middle")
    for moment, start_y, end_y, colour, words in (
        (told, AGENT, HANDLER, "red", "cancelled"),
        (ended, HANDLER, AGENT, "green", "has ended"),
    ):
        drawing.arrow((at(moment), start_y), (at(moment), end_y), colour)
        drawing.text(at(moment) + 8, (AGENT + HANDLER) / 2 + 4.5, words, colour)
    for moment in (0.0, written, heard, looked, told, ended, reported):
        drawing.text(at(moment), HANDLER + 48, f"{moment:g} ms", "soft", "middle")
    return drawing.render(748, HANDLER + 64)


def draw_row(drawing: Drawing, written: float, reported: float) -> None:
    """Draw what the row says, one thing after the other."""
    for start, end, words, kind in (
        (BEFORE, written, "running", "band edge-line"),
        (written, reported, "running, to be cancelled", "wait"),
        (reported, AFTER, "cancelled", "band edge-line"),
    ):
        drawing.box(at(start), ROW, at(end) - at(start), HEIGHT, kind, 0)
        drawing.text((at(start) + at(end)) / 2, ROW + 25, words, anchor="middle")


def at(moment: float) -> float:
    """Return where a millisecond is."""
    return LEFT + SCALE * moment

"""How much useful work each strategy gets done under overload, in virtual time."""

from __future__ import annotations

import gochan
from gochan_sim._figures import average_course, follow
from gochan_sim._loads import SCENARIOS
from gochan_sim._simulation import simulate
from gochan_trace._drawing import LINE, Drawing, measure

WORKERS = 4
SEEDS = 8
SPANS = 30  # of two seconds

# What is drawn, and how; the words stand at the end of each line.
LINES = {
    "codel(1.0)": "thick green-line",
    "drop-on-full(20)": "thick blue-line dashed",
    "drop-on-full(200)": "thick violet-line",
    "block(inf)": "thick red-line dots",
}

LEFT, TOP, WIDTH, HEIGHT = 64.0, 64.0, 520.0, 220.0


def overload() -> str:
    """Draw the share of useful work for each strategy."""
    scenario = SCENARIOS[0]
    seconds = sum(length for length, _ in scenario.phases)
    loads = [scenario.load(seed) for seed in range(SEEDS)]
    best = WORKERS / scenario.bad.service

    drawing = Drawing(
        "Twice the load: how much is done in time",
        "Jobs done before their caller gave up, per second, while from second 10 to 40 twice as "
        "many arrive as four workers can do: codel and a short queue stay at what the workers can "
        "do, a long queue and an unbounded one fall to almost nothing.",
    )

    def at(second: float, share: float) -> tuple[float, float]:
        return LEFT + WIDTH * second / seconds, TOP + HEIGHT * (1 - share)

    drawing.text(14, 27, "Twice the load: how much is done in time", bold=True)
    drawing.text(
        14,
        27 + LINE,
        "of what four workers can do, in percent; callers give up after a second",
        "soft",
    )
    bad = scenario.bad
    left, right = at(bad.start, 1)[0], at(bad.end, 1)[0]
    drawing.box(left, TOP, right - left, HEIGHT, "band", 0)
    drawing.text(
        (left + right) / 2 + 12,
        TOP + HEIGHT * 0.56,
        "80 jobs per second, not 28",
        "soft",
        "middle",
    )
    for percent in (0, 25, 50, 75, 100):
        y = at(0, percent / 100)[1]
        drawing.line([(LEFT, y), (LEFT + WIDTH, y)], "thin edge-line")
        drawing.text(LEFT - 8, y + 4, f"{percent} %", "soft", "end")
    for second in range(0, int(seconds) + 1, 10):
        drawing.text(at(second, 0)[0], TOP + HEIGHT + 20, f"{second} s", "soft", "middle")
    ends: list[float] = []
    for name, kind in LINES.items():
        courses = [
            follow(load, simulate(load, gochan.strategy(name), WORKERS), SPANS) for load in loads
        ]
        course = average_course(courses)
        points = [
            at(moment, min(answered / best, 1.05))
            for moment, answered in zip(course.moments, course.answered, strict=True)
        ]
        drawing.line(points, kind)
        ends.append(points[-1][1])
    x = LEFT + WIDTH + 16
    for number, (name, kind) in enumerate(LINES.items()):
        y = TOP + 20 + number * 30
        drawing.line([(x, y), (x + 26, y)], kind)
        drawing.text(x + 34, y + 4, name)
    assert x + 34 + max(measure(name) for name in LINES) < 760
    return drawing.render(760, TOP + HEIGHT + 36)

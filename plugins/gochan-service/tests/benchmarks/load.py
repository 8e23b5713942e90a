"""A service under load: the goals, and whether they are met.

    uv run --group bench-service --group browser \\
        python plugins/gochan-service/tests/benchmarks/load.py [--rows WORD ...] [--rounds N]

A server, its agents and who asks are real processes on this machine. Every round plays each piece
of work once, in random order; a figure is the median of the rounds, a ratio that of the ratios
within each round. What needs a program that is not there is left out, with a word.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import sqlite3
import statistics
import sys
import timeit
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).parent.parent))

from load_work import crowd, logs, peers, reactions, throughput

Figures = dict[str, float]
Work = tuple[Any, ...]  # a name, and its arguments


class Play(Protocol):
    """What plays a piece of work."""

    def __call__(self, *arguments: Any) -> Figures: ...


WORK: dict[str, Play] = {
    "empty jobs": throughput.empty_jobs,
    "processes": throughput.processes,
    "gochan run": throughput.gochan_run,
    "streaq": peers.streaq,
    "cancel": reactions.cancel,
    "pick-up": reactions.pick_up,
    "crowd": crowd.crowd,
    "through": logs.through,
    "page": logs.page,
}
MISSING: dict[str, Callable[[], str]] = {"streaq": peers.missing, "page": logs.no_browser}

# Processes that play a part, started by this program itself.
PARTS: dict[str, Callable[..., None]] = {
    "agent": throughput.be_agent,
    "quick agent": reactions.be_quick,
    "crowd": crowd.be_crowd,
    "streaq": peers.be_streaq,
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        title: what is measured.
        work: what is played.
        by: which figure is judged.
        at_least: the goal, or at_most; for a row with a peer, of the ratio to that.
        peer: the same work elsewhere.
    """

    title: str
    work: Work
    by: str
    at_least: float | None = None
    at_most: float | None = None
    peer: Work | None = None

    def is_met(self, figure: float) -> bool:
        """Whether a figure is good enough."""
        return figure >= self.at_least if self.at_least is not None else figure <= self.most

    @property
    def most(self) -> float:
        """The highest figure that is good enough."""
        assert self.at_most is not None
        return self.at_most

    @property
    def goal(self) -> str:
        """What would be good enough."""
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.most:g}"


def rows(jobs: int, commands: int, samples: int, agents: int, seconds: float) -> Iterator[Row]:
    """Yield the rows, for so many jobs."""
    fleet = 4, 16
    empty, processes = ("empty jobs", jobs, *fleet), ("processes", commands, *fleet)
    yield Row("submit, run, done: empty jobs, 4 agents of 16", empty, "jobs/s", at_least=1000)
    yield Row("    against streaQ, one worker of 64", empty, "jobs/s", 1, peer=("streaq", jobs, 64))
    yield Row(
        "    real processes, against gochan run", processes, "jobs/s", 0.7,
        peer=("gochan run", commands, *fleet),
    )  # fmt: skip
    yield Row(
        "cancel in the page, SIGTERM in the child", ("cancel", samples), "p99 ms", at_most=150
    )
    yield Row("pick-up by an idle agent", ("pick-up", samples), "p99 ms", at_most=50)
    idle = ("crowd", agents, seconds)
    yield Row(f"{agents:,} agents that connect at once", idle, "s to come", at_most=30)
    yield Row("    idle: processor of the server", idle, "% of a core", at_most=6)
    yield Row("    idle: its memory", idle, "MB", at_most=120)
    yield Row("    a job for each of them", idle, "s to be served", at_most=30)
    yield Row("log streaming", ("through", max(1, jobs // 50)), "MB/s", at_least=20)
    page = ("page", jobs * 10, max(1, samples // 4))
    yield Row(f"a line in the page, after {jobs * 10:,} lines", page, "p99 ms", at_most=1000)


def measure(table: Sequence[Row], rounds: int) -> dict[Work, list[Figures]]:
    """Play all work, so many times, in random order."""
    works = [*dict.fromkeys(work for row in table for work in (row.work, row.peer) if work)]
    measured: dict[Work, list[Figures]] = {work: [] for work in works}
    for number in range(1, rounds + 1):
        for work in random.sample(works, len(works)):
            name, *arguments = work
            if name in MISSING and MISSING[name]():
                continue
            print(f"round {number} of {rounds}: {work}", file=sys.stderr)
            try:
                measured[work].append(WORK[name](*arguments))
            except Exception as error:  # the others are worth their figures
                print(f"{work} failed: {error!r}", file=sys.stderr)
    return measured


def line(row: Row, measured: dict[Work, list[Figures]], rounds: int) -> str:
    """Return a line of the table."""
    works = [row.work] if row.peer is None else [row.work, row.peer]
    for name, *_ in works:
        if name in MISSING and MISSING[name]():
            return f"{row.title:50}left out: {MISSING[name]()}"
    figures = [[one[row.by] for one in measured[work]] for work in works]
    if any(len(one) < rounds for one in figures):
        return f"{row.title:50}failed"
    text = f"{row.title:50}" + "".join(f"{statistics.median(one):10,.1f}" for one in figures)
    judged = statistics.median(figures[0])
    if row.peer is None:
        text += f"{'':10}{row.by:>16}"
    else:
        judged = statistics.median(ours / theirs for ours, theirs in zip(*figures, strict=True))
        text += f"{row.by:>10}{judged:6.2f}"
    return f"{text:88}   {row.goal}, {'met' if row.is_met(judged) else 'MISSED'}"


def state() -> str:
    """Say how fast the machine is now."""
    speed = min(timeit.repeat("x = 1 + len('a')", number=1_000_000, repeat=3)) * 1000
    return f"load {os.getloadavg()[0]:.1f}, {speed:.0f} ns for an addition"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", nargs="*", default=[""], help="only rows with one of these words")
    parser.add_argument("--jobs", type=int, default=10_000, help="that are empty")
    parser.add_argument("--commands", type=int, default=5000, help="that are real processes")
    parser.add_argument("--samples", type=int, default=200, help="of what happens soon")
    parser.add_argument("--agents", type=int, default=1000, help="that are idle")
    parser.add_argument("--seconds", type=float, default=60.0, help="for which they are idle")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    crowd.allow_files()
    table = [
        row
        for row in rows(chosen.jobs, chosen.commands, chosen.samples, chosen.agents, chosen.seconds)
        if any(word.lower() in row.title.lower() for word in chosen.rows)
    ]
    before = state()
    measured = measure(table, chosen.rounds)
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} (FULL), "
        f"{os.cpu_count()} processors, {chosen.rounds} rounds; {before}; then {state()}"
    )
    print(f"{'':50}{'gochan':>10}{'peer':>10}{'':>7}{'ratio':>9}     goal")
    for row in table:
        print(line(row, measured, chosen.rounds))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--be"]:
        PARTS[sys.argv[2]](*json.loads(sys.argv[3]))
    else:
        main()

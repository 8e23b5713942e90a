"""Replaying the same loads against several strategies, and comparing the results."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias, final

from gochan import PluginError
from gochan.strategies import Strategy

from ._figures import Course, Figures, average, average_course, follow, measure
from ._loads import Load, Scenario, read_load
from ._simulation import BrokenStrategy, simulate
from ._table import table_text

Make: TypeAlias = Callable[[str], Strategy[Any]]
"""Makes a new strategy, or a chain, from the text that the user writes."""

# The strategies that are compared by default, with the distribution that offers each. All suit 4
# workers, jobs of 0.1 s, and callers with a patience of 1 s, for which a capacity of 200 is too
# large, and 20 about right.
USUAL: Final[Mapping[str, str]] = {
    "block(inf)": "trio-gochan",
    "drop-on-full(200)": "trio-gochan",
    "drop-oldest(200)": "gochan-drop-oldest",
    "drop-on-full(20)": "trio-gochan",
    "drop-oldest(20)": "gochan-drop-oldest",
    "lifo(200)": "gochan-order",
    "deadline(1.0, slack=0) | block(200)": "gochan-overload",
    "deadline(1.0) | block(200)": "gochan-overload",
    "codel(1.0, capacity=200, lifo=False)": "gochan-overload",
    "codel(1.0, capacity=200)": "gochan-overload",
}

# The number of spans that a plot divides the time into.
_SPANS: Final = 60


@final
@dataclass(frozen=True, slots=True)
class Series:
    """Loads of one kind, such as one scenario with several seeds."""

    name: str
    summary: str
    loads: Sequence[Load]


@final
@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one strategy for a series."""

    strategy: str
    figures: Figures
    course: Course


def invented(scenario: Scenario, seeds: int, workers: int) -> Series:
    """Return random loads of a scenario, one for each seed."""
    means = f"; means of {seeds} seeds" if seeds > 1 else ""
    summary = (
        f"{scenario.summary}\n"
        f"{_workers(workers)}, mean service {scenario.bad.service:g} s, "
        f"patience {scenario.patience:g} s{means}"
    )
    return Series(scenario.name, summary, [scenario.load(seed) for seed in range(seeds)])


def recorded(text: bytes, name: str, patience: float | None, workers: int) -> Series:
    """Return a series with the one load that was recorded in a file.

    Raises:
        LoadError: it cannot be read.
    """
    title = "standard input" if name == "-" else name
    load = read_load(text.split(b"\n"), title, patience=math.inf if patience is None else patience)
    seconds = load.arrivals[-1].arrival - load.arrivals[0].arrival
    jobs = "1 job" if len(load.arrivals) == 1 else f"{len(load.arrivals):,} jobs"
    return Series(title, f"{jobs} in {seconds:g} s; {_workers(workers)}", [load])


def _workers(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def usual_strategies(make: Make) -> tuple[list[str], str]:
    """Return the usual strategies that can be made, and a note on the others."""
    found, missing = [], []
    for text in USUAL:
        try:
            make(text)
        except PluginError:
            missing.append(text)
        else:
            found.append(text)
    if not missing:
        return found, ""
    distributions = ", ".join(dict.fromkeys(USUAL[text] for text in missing))
    return found, (
        f"left out, because no plugin offers them: {'; '.join(missing)}; they are in "
        f"{distributions}; see 'gochan plugins'"
    )


def compare(series: Series, strategies: Iterable[str], make: Make, workers: int) -> list[Result]:
    """Replay each of the loads against each strategy.

    Raises:
        BrokenStrategy: a strategy raised an error, or its answers make no sense.
    """
    return [_try(series, text, make, workers) for text in strategies]


def _try(series: Series, text: str, make: Make, workers: int) -> Result:
    figures, courses = [], []
    for load in series.loads:
        try:
            jobs = simulate(load, make(text), workers)
        except BrokenStrategy as error:
            raise BrokenStrategy(f"strategy {text!r} is broken: {error}") from error
        figures.append(measure(load, jobs, workers))
        courses.append(follow(load, jobs, _SPANS))
    return Result(text, average(figures), average_course(courses))


# Printing


def as_table(series: Series, results: Sequence[Result], width: int) -> str:
    """Return a table under a title, with a row for each strategy."""
    figures = [result.figures for result in results]
    columns: dict[str, list[str]] = {
        "GOODPUT": [f"{one.goodput:.0f} %" for one in figures],
        "P50 ms": [_milliseconds(one.p50) for one in figures],
        "P99 ms": [_milliseconds(one.p99) for one in figures],
        "SHED": [_by_reason(one) for one in figures],
        "WASTED": [f"{one.wasted:.0f}" for one in figures],
        "RECOVERY": [_seconds(one.recovery) for one in figures],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    rows = zip([result.strategy for result in results], *shown.values(), strict=True)
    title = f"{series.name}: {series.summary}"
    return table_text(title, ["STRATEGY", *shown], rows, width, folded=["SHED"])


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.0f}"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return "never" if seconds == math.inf else f"{seconds:.1f} s"


def _by_reason(figures: Figures) -> str:
    """Return how many jobs were never started, and why."""
    counts = Counter(figures.refused) + Counter(figures.dropped)
    counts.update({"handed back": figures.handed_back, "never given out": figures.left})
    return ", ".join(f"{count:.0f} {reason}" for reason, count in counts.items() if count)


def as_json_list(tried: Iterable[tuple[Series, Sequence[Result]]]) -> str:
    """Return a JSON list with an object for each series and strategy. Times are in seconds."""
    rows = []
    for series, results in tried:
        for result in results:
            row = {"load": series.name, "strategy": result.strategy, **asdict(result.figures)}
            if result.figures.recovery == math.inf:
                row["recovery"] = None  # JSON has no infinity
            rows.append(row)
    return json.dumps(rows, indent=2)

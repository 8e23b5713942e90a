"""``gochan sim --scaling``: what settings of `gochan_service.Scaling` do to a day of jobs."""

# Theory of operation
# -------------------
# The decisions are those of `gochan scale`; here they are only counted and drawn. `gochan-service`
# brings both; without it, there is nothing to simulate, and it is said what to install.

from __future__ import annotations

import inspect
import json
import math
import random
from ast import literal_eval
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from ._loads import Load
from ._plot import picture_of
from ._table import table_text

if TYPE_CHECKING:
    from gochan_service import ScalingRun

_DAY: Final = 86_400.0
_INTERVAL: Final = 10.0
_PEAK: Final = 0.02  # jobs a second at noon
_SERVICE: Final = 240.0
_BURSTS: Final = (0.1, 0.45, 0.55)  # when in the day
_BURST: Final = 40  # jobs within a minute


class ScalingError(Exception):
    """Settings cannot be tried; the message says why."""


@final
@dataclass(frozen=True, slots=True)
class Tried:
    """What settings have done."""

    settings: str
    run: ScalingRun

    @property
    def figures(self) -> dict[str, float]:
        """The figures, as JSON has them. Times are in seconds."""
        run = self.run
        perfect = run.perfect_seconds
        return {
            "jobs": len(run.waits),
            "cost": run.agent_seconds / perfect if perfect else 0.0,
            "mean_wait": sum(run.waits) / max(1, len(run.waits)),
            "p50_wait": run.wait(0.5),
            "p99_wait": run.wait(0.99),
            "most": run.most,
            "created": run.created,
        }


def a_day(seed: int = 1) -> list[tuple[float, float]]:
    """Return jobs of a day: more at noon, none at night, and some bursts."""
    chance = random.Random(seed)
    jobs: list[tuple[float, float]] = []
    moment = chance.expovariate(_PEAK)
    while moment < _DAY:
        if chance.random() < math.sin((moment / _DAY - 0.25) * 2 * math.pi):
            jobs.append((moment, chance.expovariate(1 / _SERVICE)))
        moment += chance.expovariate(_PEAK)
    for start in _BURSTS:
        jobs += [
            (start * _DAY + chance.uniform(0, 60), chance.expovariate(1 / _SERVICE))
            for _ in range(_BURST)
        ]
    return sorted(jobs)


def try_settings(settings: Sequence[str], load: Load | None) -> list[Tried]:
    """Try each of some settings with a load, by default a day.

    Raises:
        ScalingError: `gochan-service` is not installed, or settings are wrong.
    """
    jobs = a_day() if load is None else [(one.arrival, one.service) for one in load.arrivals]
    until = _DAY if load is None else 0.0
    return [Tried(text or "the defaults", _try(text, jobs, until)) for text in settings]


def _try(text: str, jobs: list[tuple[float, float]], until: float) -> ScalingRun:
    try:
        from gochan_service import Scaling, simulate_scaling
    except ModuleNotFoundError:
        raise ScalingError(
            "it needs gochan-service: in a clone of gochan: pip install ./plugins/gochan-service"
        ) from None
    options = dict(_option(one, [*inspect.signature(Scaling).parameters]) for one in _split(text))
    try:
        scaling = Scaling(**options)
    except (TypeError, ValueError) as error:
        raise ScalingError(str(error)) from None
    capacity = options.get("capacity", 1)
    return simulate_scaling(scaling, jobs, capacity=capacity, interval=_INTERVAL, until=until)


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _option(text: str, known: Sequence[str]) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or name not in known:
        raise ScalingError(f"{text!r} is not like NAME=NUMBER; names are {', '.join(known)}")
    try:
        return name, literal_eval(value.strip())
    except (ValueError, SyntaxError):
        raise ScalingError(f"{value.strip()!r} is no number") from None


# What is shown


def scaling_table(tried: Sequence[Tried], width: int) -> str:
    """Return a table under a title, with a row for each of the settings."""
    rows = []
    for one in tried:
        found = one.figures
        waits = [f"{found[name]:.0f} s" for name in ("mean_wait", "p50_wait", "p99_wait")]
        counts = [f"{found[name]:.0f}" for name in ("most", "created")]
        rows.append([one.settings, f"{found['cost']:.2f}", *waits, *counts])
    title = f"{tried[0].figures['jobs']:.0f} jobs; agents start in 30 s"
    columns = ("SETTINGS", "COST", "MEAN", "P50", "P99", "MOST", "CREATED")
    return table_text(title, columns, rows, width)


def scaling_json(tried: Sequence[Tried]) -> str:
    """Return a JSON list with an object for each of the settings."""
    return json.dumps([{"settings": one.settings, **one.figures} for one in tried], indent=2)


def draw_scaling(tried: Sequence[Tried]) -> bytes:
    """Return an SVG picture: agents and jobs that run, and jobs that wait, over time."""

    def paint(figure: Any, colours: Sequence[str], ink: str) -> None:
        agents, waiting = figure.subplots(2, 1, sharex=True)
        run = tried[0].run
        hours = [moment / 3600 for moment in run.moments]
        agents.fill_between(
            hours, run.busy, color=ink, alpha=0.3, linewidth=0, label="jobs that run"
        )
        for number, one in enumerate(tried):
            hours = [moment / 3600 for moment in one.run.moments]
            style = {"color": colours[number % len(colours)], "linewidth": 1.2}
            agents.step(hours, one.run.agents, where="post", label=one.settings, **style)
            waiting.step(hours, one.run.waiting, where="post", **style)
        agents.set_ylabel("agents")
        waiting.set_ylabel("jobs that wait")
        waiting.set_xlabel("hours")
        for each in (agents, waiting):
            each.set_ylim(bottom=0)
            each.grid(color=ink, alpha=0.25)
        handles, labels = agents.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)

    return picture_of(paint, (9, 7))

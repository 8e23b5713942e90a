"""Options: how many commands run, and when one may start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from typing import Any, Final

import click

from ..._children import count_processors
from ..._plugins import PluginError, installed_plugins
from ...strategies import Strategy
from .._standard_files import complain
from .._suggestions import suggest_strategies
from ..run import Condition, Load, Memory, PaceOptions, Rate, Rest, available_memory, needs_rest
from . import _amounts
from ._group import Group, Values

# With more lines than this, an item is large.
_LARGE: Final = 100


def _make(values: Values, _files: ExitStack) -> PaceOptions:
    return PaceOptions(
        workers=values["workers"],
        strategy=_make_strategy(values["strategy"], _capacity(values)),
        conditions=tuple(_make_conditions(values)),
    )


def _make_conditions(values: Values) -> Iterator[Condition]:
    """Yield what has to be true when a command starts; what costs nothing comes first."""
    workers: int = values["workers"]
    interval: float | None = values["rate"]
    load: float | None = values["load"]
    memory: int | None = values["memory_free"]
    if needs_rest(workers):
        yield Rest(workers)
    if interval is not None:
        yield Rate(interval)
    if load is not None:
        yield Load(load)
    if memory is not None:
        try:
            available_memory()
        except OSError as error:
            raise click.BadParameter(str(error), param_hint="--memory-free") from None
        yield Memory(memory, available_memory)


def _capacity(values: Values) -> int | None:
    """Return how many items may wait; few if each is large, since they wait in memory."""
    capacity: int | None = values["capacity"]
    lines = values["batch"]
    large = values["pipe"] or lines == 0 or (lines or 1) > _LARGE
    if capacity is None and large and values["strategy"] == "block":
        capacity = int(values["workers"])
    return capacity


def _make_strategy(text: str, capacity: int | None) -> Strategy[Any]:
    """Make the strategy that the option asks for; say which plugins are broken, if it needs any."""
    plugins = installed_plugins()
    try:
        with redirect_stdout(sys.stderr):  # a plugin may print
            strategy = plugins.strategy_for_jobs(text, capacity)
    except (PluginError, TypeError, ValueError) as error:
        why = "; ".join([str(error), *getattr(error, "__notes__", ())])
    except Exception as error:
        why = f"{text!r} cannot be made: {error!r}"
    else:
        for problem in plugins.complaints():
            complain(problem)
        return strategy
    raise click.BadParameter(why, param_hint="--strategy")


GROUP: Final = Group(
    "Pace",
    [
        click.Option(
            ["-j", "-P", "-w", "--workers"],
            type=_amounts.Workers(),
            metavar="N",
            default=count_processors,  # asked only if no number is given
            show_default="number of processors",
            help="How many commands run at the same time: N, or N%, +N, -N of the processors; "
            "0 for as many as possible.",
        ),
        click.Option(
            ["--rate"],
            type=_amounts.Rate(),
            metavar="N/TIME",
            help="Start at most so many in a time, evenly: 10/s, 100/m, 1/10s.",
        ),
        click.Option(
            ["--load"],
            type=_amounts.Load(),
            metavar="N",
            help="Start none while the load average is over N, or N% of the processors.",
        ),
        click.Option(
            ["--memory-free"],
            type=_amounts.Size(),
            metavar="SIZE",
            help="Start none while less memory is available: 500M, 2G.",
        ),
        click.Option(
            ["--strategy"],
            default="block",
            metavar="NAME",
            shell_complete=suggest_strategies,
            help="What happens to lines that come while too many wait; see 'gochan plugins'.",
        ),
        click.Option(
            ["--capacity"],
            type=click.IntRange(min=0),
            show_default="100, or what the strategy says",
            help="How many lines may wait for a worker.",
        ),
    ],
    _make,
)

"""``gochan sim``: its options, and the errors about them."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any
from warnings import catch_warnings, simplefilter

import click

from gochan import PluginError, PluginWarning
from gochan.lowlevel import strategy_for_jobs
from gochan.strategies import Strategy

from ._loads import SCENARIOS, LoadError, read_load
from ._plot import check_picture, draw
from ._scaling import ScalingError, draw_scaling, scaling_json, scaling_table, try_settings
from ._sim import as_json_list, as_table, compare, invented, recorded, usual_strategies
from ._simulation import BrokenStrategy


@click.command(
    name="sim",
    context_settings={"show_default": True},
    short_help="Compare strategies under the same load, in virtual time.",
)
@click.option(
    "--scenario",
    "scenarios",
    type=click.Choice([scenario.name for scenario in SCENARIOS]),
    multiple=True,
    show_default="all",
    help="A random load.",
)
@click.option(
    "--load",
    "load_path",
    metavar="FILE",
    help="A recorded load, a JSON object per line; - is standard input.",
)
@click.option(
    "-w",
    "--workers",
    type=click.IntRange(min=1),
    default=4,
    help="How many jobs run at the same time.",
)
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="NAME",
    show_default="a list of typical ones",
    help="A strategy to compare, such as 'codel(1.0)'; see 'gochan plugins'.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    show_default="8",
    help="How many random loads of each scenario to average over.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    show_default="for ever",
    help="How long callers wait for an answer, if the recorded load does not say.",
)
@click.option(
    "--scaling",
    "scalings",
    is_flag=False,
    flag_value="",
    multiple=True,
    metavar="[SETTINGS]",
    help="Instead: how many agents there are in a day, as in 'max=5,target=60'.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of tables.")
@click.option("--plot", "plot_path", metavar="FILE", help="Draw each run over time, as SVG.")
def sim(
    scenarios: tuple[str, ...],
    load_path: str | None,
    workers: int,
    strategies: tuple[str, ...],
    seeds: int | None,
    patience: float | None,
    scalings: tuple[str, ...],
    as_json: bool,
    plot_path: str | None,
) -> None:
    """Compare strategies under the same load, in virtual time.

    The strategies are the real ones, called as a queue would call them. Without options, 4
    workers get twice the work that they can do, and in a second scenario they become five times
    slower, while callers give up after a second.

    \b
      gochan sim --scenario overload --strategy 'drop-on-full(20)' --strategy 'codel(1.0)'
      gochan sim --load yesterday.jsonl --workers 8 --patience 2
      gochan sim --scaling --scaling min-age=60,max=5 --plot day.svg

    Each line of a recorded load is a JSON object with "arrival" and "service", in seconds, and
    optionally "patience", "key", "priority" and "payload".

    GOODPUT is the percentage of jobs that were done before their caller gave up; in a scenario,
    the percentage of the jobs that the workers could do in the bad period. P50 and P99 are the
    times these jobs took. SHED jobs were never started; WASTED ones were done too late. RECOVERY
    is how long jobs still had to wait after the bad period.

    With --scaling, 'gochan scale' is simulated, with its defaults or other settings. COST is how
    long agents are there, as a multiple of what agents would cost that start at once and never
    idle.

    Exit status: 2 if the load or a strategy is broken.
    """  # noqa: D301  # click wants the character
    _check_options(scenarios, load_path, seeds, patience, plot_path)
    if scalings:
        if scenarios or strategies or seeds is not None or patience is not None:
            raise click.UsageError("with --scaling go only --load, --json and --plot")
        _simulate_scaling(scalings, load_path, as_json, plot_path)
        return
    for text in strategies:
        _check_strategy(text)
    chosen, missing = usual_strategies(make) if not strategies else ([*strategies], "")
    try:
        if load_path is None:
            wanted = [one for one in SCENARIOS if not scenarios or one.name in scenarios]
            series = [invented(scenario, seeds or 8, workers) for scenario in wanted]
        else:
            series = [recorded(_read(load_path), load_path, patience, workers)]
        tried = [(one, compare(one, chosen, make, workers)) for one in series]
    except (LoadError, BrokenStrategy) as error:
        raise click.ClickException(str(error)) from None
    if plot_path is not None:
        with open(plot_path, "wb") as file:
            file.write(draw(tried))
    if missing:
        click.echo(f"gochan: {missing}", err=True)
    if as_json:
        print(as_json_list(tried))
    else:
        width = shutil.get_terminal_size().columns
        print("\n".join(as_table(*one, width) for one in tried), end="")


def _simulate_scaling(
    settings: Sequence[str], load_path: str | None, as_json: bool, plot_path: str | None
) -> None:
    """Print, and draw, what settings of a scaling do."""
    try:
        load = None
        if load_path is not None:
            load = read_load(_read(load_path).splitlines(), load_path)
        tried = try_settings(settings, load)
    except LoadError as error:
        raise click.ClickException(str(error)) from None
    except ScalingError as error:
        raise click.BadParameter(str(error), param_hint="--scaling") from None
    if plot_path is not None:
        with open(plot_path, "wb") as file:
            file.write(draw_scaling(tried))
    if as_json:
        print(scaling_json(tried))
    else:
        print(scaling_table(tried, shutil.get_terminal_size().columns), end="")


def make(text: str) -> Strategy[Any]:
    """Make a strategy from the text that the user writes."""
    with redirect_stdout(sys.stderr), catch_warnings():  # a plugin may print something
        simplefilter("ignore", PluginWarning)  # gochan has named the broken plugins already
        return strategy_for_jobs(text)


def _check_strategy(text: str) -> None:
    """Raise an error about the option unless this strategy can be made."""
    try:
        make(text)
    except (PluginError, TypeError, ValueError) as error:
        why = "; ".join([str(error), *getattr(error, "__notes__", ())])
    except Exception as error:
        why = f"{text!r} cannot be made: {error!r}"
    else:
        return
    raise click.BadParameter(why, param_hint="--strategy")


def _check_options(
    scenarios: Sequence[str],
    load_path: str | None,
    seeds: int | None,
    patience: float | None,
    plot_path: str | None,
) -> None:
    """Raise an error about options that exclude each other, or cannot be used."""
    if load_path is not None and (scenarios or seeds is not None):
        raise click.UsageError("--load goes with neither --scenario nor --seeds")
    if load_path is None and patience is not None:
        raise click.UsageError("--patience goes with --load; in scenarios it is 1 second")
    if patience is not None and math.isnan(patience):
        raise click.BadParameter("nan is not a number of seconds", param_hint="--patience")
    if plot_path is not None:
        _check_plot(plot_path)


def _check_plot(path: str) -> None:
    try:
        check_picture(path)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--plot") from None
    except (ValueError, ModuleNotFoundError) as error:
        raise click.BadParameter(str(error), param_hint="--plot") from None


def _read(path: str) -> bytes:
    """Return the contents of a file, or of standard input."""
    if path == "-":
        if sys.stdin is None:
            raise click.UsageError("standard input is closed; name a file with --load")
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--load") from None

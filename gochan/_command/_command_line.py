"""The command line: what ``gochan run``, ``plugins`` and ``sim`` accept and print."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout, suppress
from functools import partial
from typing import Any, BinaryIO

import click
from gochan_sim._loads import SCENARIOS, LoadError
from gochan_sim._plot import check_picture, draw
from gochan_sim._sim import as_json_list, as_table, compare, invented, recorded, usual_strategies
from gochan_sim._simulation import BrokenStrategy

from .._core._errors import PluginError
from .._plugins._plugins import Plugins, installed_plugins
from ..strategies._strategy import Strategy
from ._listing import plugin_rows, plugin_table, problems, strategy_rows, strategy_texts
from .run import BROKEN_PIPE, STDERR, STDOUT, Options, run


def command_line(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` say, and return its exit status.

    Whatever is wrong with them comes out as one line on standard error, with status 2.
    """
    _mend_environment()
    if STDOUT in _open_missing():
        complain("standard output is closed")
        return 2
    try:
        status = _invoke(arguments)
    except* KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except* BrokenPipeError:
        _give_up_stdout()
        status = BROKEN_PIPE
    except* OSError as group:
        _give_up_stdout()
        complain(f"cannot go on: {_first(group)}")
        status = 2
    return status


def _invoke(arguments: Sequence[str]) -> int:
    """Do so, and say what is wrong with the arguments, if anything is."""
    try:
        with root.make_context("gochan", list(arguments)) as context:
            status: int = root.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        complain(error.format_message())
        return 2
    return status


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """Return the first error in a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _mend_environment() -> None:
    """Leave nothing in the way of printing."""
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch("[1-9][0-9]*", os.environ.get(name, "1")):
            del os.environ[name]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _open_missing() -> set[int]:
    """Open standard files that are closed, lest other files get their numbers; return which."""
    missing = set()
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            missing.add(descriptor)
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
            if descriptor == STDERR:
                sys.stderr = open(STDERR, "w", closefd=False)  # noqa: SIM115  # stays open
    return missing


def _give_up_stdout() -> None:
    """Leave nothing for Python to write, and to complain about, on the way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)


def complain(text: str) -> None:
    """Print one line about what is wrong."""
    with suppress(OSError):
        print("gochan:", " ".join(text.split()), file=sys.stderr, flush=True)


class Seconds(click.FloatRange):
    """A number of seconds, which NaN is not."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number."""
        seconds: float = super().convert(value, param, context)
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds.", param, context)
        return seconds


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trio-gochan")
def root() -> None:
    """Go-style channels and job queues for trio, from the command line."""


@root.command(
    name="run",
    # What follows the first word of the command belongs to the command.
    context_settings={"allow_interspersed_args": False, "show_default": True},
    short_help="Run a command for each line of input, some at a time.",
)
@click.option(
    "-w",
    "--workers",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="number of processors",
    help="How many commands run at the same time.",
)
@click.option(
    "--strategy",
    default="block",
    metavar="NAME",
    help="What happens to lines that come while too many wait; see 'gochan plugins'.",
)
@click.option(
    "--capacity",
    type=click.IntRange(min=0),
    show_default="100, or what the strategy says",
    help="How many lines may wait for a worker.",
)
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    help="How long each command may run.",
)
@click.option("--keep-going", is_flag=True, help="Go on after a command has failed.")
@click.option(
    "--input",
    "input_path",
    metavar="FILE",
    default="-",
    help="Where to read the lines; - is standard input.",
)
@click.option(
    "--left-over",
    "left_over_path",
    metavar="FILE",
    help="Where to write the lines that were not done, so that nothing is lost.",
)
@click.option(
    "--drain",
    type=Seconds(min=0),
    default=20.0,
    help="After the first Ctrl-C: how long running commands may go on.",
)
@click.option(
    "--grace",
    type=Seconds(min=0),
    default=5.0,
    help="How long a command has between TERM and KILL.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run_command(
    command: tuple[str, ...],
    input_path: str,
    left_over_path: str | None,
    strategy: str,
    capacity: int | None,
    **others: Any,
) -> int:
    """Run COMMAND once for each line of input, a number of them at a time.

    The line takes the place of each {} in the command, or comes last if there is none. It
    is one argument: no shell looks at it. Empty lines are passed over. What a command
    prints is kept together, and comes when it has ended.

    \b
      find . -name '*.py' | gochan run --workers 4 -- wc -l {}

    Without --keep-going, the first command that fails ends the run, as Ctrl-C does: no
    further command starts, and those that run may go on for a while. The next Ctrl-C
    terminates them, the one after that kills them.

    Exit status: 0 if every line was done, 1 if not, 2 for bad input, 127 if there is no such
    command, 130 after Ctrl-C, 143 after SIGTERM, 141 if nobody reads the output any more,
    128 + N after another signal N that ends the run.
    """  # noqa: D301  # click wants the character
    chosen = _make_strategy(strategy, capacity)
    if "{}" not in command[0] and shutil.which(command[0]) is None:
        complain(f"{command[0]}: command not found")
        return 127
    with ExitStack() as files:
        lines = files.enter_context(_open_input(input_path, "--input"))
        if left_over_path is not None:
            files.enter_context(_open_left_over(left_over_path))
        options = Options(
            command=command, strategy=chosen, input=lines, left_over=left_over_path, **others
        )
        try:
            return run(options)
        except Exception as error:
            if type(chosen).__module__ == "gochan.strategies":
                raise
            while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]  # it has come through nurseries
            complain(f"strategy {strategy!r} is broken: {error!r}")
            return 2


def _make_strategy(text: str, capacity: int | None = None) -> Strategy[Any]:
    """Make the strategy that an option asks for."""
    try:
        with redirect_stdout(sys.stderr):  # a plugin may print
            return installed_plugins().strategy_for_jobs(text, capacity)
    except (PluginError, TypeError, ValueError) as error:
        why = "; ".join([str(error), *getattr(error, "__notes__", ())])
    except Exception as error:
        why = f"{text!r} cannot be made: {error!r}"
    raise click.BadParameter(why, param_hint="--strategy")


def _open_input(path: str, option: str) -> BinaryIO:
    """Open what the lines are read from."""
    if path == "-":
        if sys.stdin is None:
            raise click.UsageError(f"standard input is closed; name a file with {option}")
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115  # the caller closes it
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint=option) from None
    return file


def _open_left_over(path: str) -> BinaryIO:
    """See that the file can be written; it is the input, perhaps, so leave it as it is."""
    if path == "-":
        raise click.BadParameter("- is no file; ./- would be one", param_hint="--left-over")
    try:
        return open(path, "ab")
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--left-over") from None


@root.command(name="plugins", short_help="List strategies and the plugins that offer them.")
@click.argument("names", metavar="[STRATEGY]...", nargs=-1)
@click.option("--strategies", is_flag=True, help="List each strategy, with its options.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
@click.option("--trace", is_flag=True, help="Tell on standard error how plugins are loaded.")
def plugins_command(names: tuple[str, ...], strategies: bool, as_json: bool, trace: bool) -> int:
    """List strategies and the plugins that offer them.

    With the name of a STRATEGY, say all about that one.

    Exit status: 1 if a plugin is broken, or two offer a strategy of the same name.
    """
    with redirect_stdout(sys.stderr):  # a plugin may print
        plugins = Plugins(trace=_tell) if trace else installed_plugins()
    try:
        rows = strategy_rows(plugins, names) if names or strategies else plugin_rows(plugins)
    except PluginError as error:
        raise click.BadParameter(str(error), param_hint="STRATEGY") from None
    if as_json:
        print(json.dumps(rows, indent=2))
    elif names or strategies:
        print("\n".join(strategy_texts(rows, in_full=bool(names))))
    else:
        print(plugin_table(plugins), end="")
    found = problems(plugins)
    if not as_json:
        for problem in found:
            print(problem)
    return int(bool(found))


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


@root.command(
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
    help="A load made up by chance.",
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
    show_default="a list that shows what there is",
    help="One to compare, such as 'codel(1.0)'; see 'gochan plugins'.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    show_default="8",
    help="Over how many loads of each scenario to take the means.",
)
@click.option(
    "--patience",
    type=Seconds(min=0, min_open=True),
    show_default="for ever",
    help="How long callers of a recorded load want their answer, if it does not say so.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of tables.")
@click.option("--plot", "plot_path", metavar="FILE", help="Draw what happens over time, as SVG.")
def sim_command(
    scenarios: tuple[str, ...],
    load_path: str | None,
    workers: int,
    strategies: tuple[str, ...],
    seeds: int | None,
    patience: float | None,
    as_json: bool,
    plot_path: str | None,
) -> int:
    """Compare strategies under the same load, in virtual time.

    Each strategy is the one that a queue would use. Without options, this shows what
    becomes of 4 workers that get twice the work they can do, and of those that become
    five times slower, if callers give up after a second.

    \b
      gochan sim --scenario overload --strategy 'drop-on-full(20)' --strategy 'codel(1.0)'
      gochan sim --load yesterday.jsonl --workers 8 --patience 2

    A line of a recorded load is a JSON object with "arrival" and "service", in seconds, and
    perhaps "patience", "key", "priority" and "payload".

    GOODPUT is how many jobs were done before their caller gave up, in percent of all, or, in a
    scenario, of those that the workers could do in the bad period. P50 and P99 are the times
    of these. SHED were never worked on; WASTED were, but too late. RECOVERY is how long jobs
    waited after the bad period.

    Exit status: 2 if the load or a strategy is broken.
    """  # noqa: D301  # click wants the character
    if load_path is not None and (scenarios or seeds is not None):
        raise click.UsageError("--load goes with neither --scenario nor --seeds")
    if load_path is None and patience is not None:
        raise click.UsageError("--patience goes with --load; in scenarios it is 1 second")
    for text in strategies:
        _make_strategy(text)
    make = partial(installed_plugins().strategy_for_jobs, capacity=None)
    chosen, missing = usual_strategies(make) if not strategies else ([*strategies], "")
    if plot_path is not None:
        _check_plot(plot_path)
    try:
        if load_path is None:
            wanted = [one for one in SCENARIOS if not scenarios or one.name in scenarios]
            series = [invented(scenario, seeds or 8, workers) for scenario in wanted]
        else:
            with _open_input(load_path, "--load") as file:
                series = [recorded(file.read(), load_path, patience, workers)]
        results = [compare(one, chosen, make, workers) for one in series]
    except (LoadError, BrokenStrategy) as error:
        complain(str(error))
        return 2
    tried = [*zip(series, results, strict=True)]
    if plot_path is not None:
        with open(plot_path, "wb") as file:
            file.write(draw(tried))
    if missing:
        complain(missing)
    if as_json:
        print(as_json_list(tried))
    else:
        width = shutil.get_terminal_size().columns
        print("\n".join(as_table(*one, width) for one in tried), end="")
    return 0


def _check_plot(path: str) -> None:
    try:
        check_picture(path)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--plot") from None
    except (ValueError, ModuleNotFoundError) as error:
        raise click.BadParameter(str(error), param_hint="--plot") from None

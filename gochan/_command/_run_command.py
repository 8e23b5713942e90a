"""``gochan run``: its options, and what is wrong with them."""

from __future__ import annotations

import math
import os
import shutil
import sys
from contextlib import ExitStack, redirect_stdout
from typing import Any, BinaryIO

import click

from .._plugins import PluginError, installed_plugins
from ..strategies import Strategy
from ._standard_files import complain
from .run import Options, run


class Seconds(click.FloatRange):
    """A number of seconds; NaN is none."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number."""
        seconds: float = super().convert(value, param, context)
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds.", param, context)
        return seconds


@click.command(
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
    is one argument: no shell looks at it. Empty lines are skipped. The output of a command
    is kept together, and printed when the command has ended.

    \b
      find . -name '*.py' | gochan run --workers 4 -- wc -l {}

    Without --keep-going, the first command that fails ends the run, as Ctrl-C does: no
    further command starts, and those that run may go on for a while. The next Ctrl-C
    terminates them, and the one after that kills them.

    Exit status: 0 if every line was done, 1 if not, 2 for bad input, 127 if there is no such
    command, 130 after Ctrl-C, 143 after SIGTERM, 141 if nobody reads the output any more,
    128 + N after another signal N that ends the run.
    """  # noqa: D301  # click wants the character
    chosen = _make_strategy(strategy, capacity)
    if "{}" not in command[0] and shutil.which(command[0]) is None:
        complain(f"{command[0]}: command not found")
        return 127
    with ExitStack() as files:
        lines = files.enter_context(_open_input(input_path))
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
                error = error.exceptions[0]  # nurseries have put it into groups
            complain(f"strategy {strategy!r} is broken: {error!r}")
            return 2


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


def _open_input(path: str) -> BinaryIO:
    """Open the file that the lines are read from."""
    if path == "-":
        if sys.stdin is None:
            raise click.UsageError("standard input is closed; name a file with --input")
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115  # the caller closes it
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--input") from None
    return file


def _open_left_over(path: str) -> BinaryIO:
    """Check that the file can be written, and change nothing: it may be the input."""
    if path == "-":
        raise click.BadParameter("- is no file; ./- would be one", param_hint="--left-over")
    try:
        return open(path, "ab")
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--left-over") from None

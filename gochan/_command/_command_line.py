"""The command line: from arguments to an exit status."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import click

from ._all_commands import Commands
from ._alone import ALONE
from ._descriptors import BROKEN_PIPE, STDOUT
from ._first_error import first_error
from ._standard_files import (
    complain,
    give_up,
    give_up_unwritten,
    mend_environment,
    open_missing,
)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="trio-gochan")
def root() -> None:
    """Go-style channels and job queues for trio, from the command line."""


def command_line(arguments: Sequence[str], *, alone: bool = False) -> int:
    """Run the command that ``arguments`` name, and return its exit status.

    If something is wrong with them, that is one line on standard error, and status 2.

    Args:
        arguments: without the name of the program.
        alone: whether the process does nothing else, so that all its children are ours.
    """
    mend_environment()
    if STDOUT in open_missing():
        complain("standard output is closed")
        return 2
    try:
        status = _invoke(arguments, alone)
    except* KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except* BrokenPipeError:
        give_up(STDOUT)
        status = BROKEN_PIPE
    except* OSError as group:
        give_up(STDOUT)
        complain(f"cannot go on: {first_error(group)}")
        status = 2
    finally:
        give_up_unwritten()
    return status


def _invoke(arguments: Sequence[str], alone: bool) -> int:
    """Run the command, and say what is wrong with the arguments, if anything is."""
    try:
        with root.make_context("gochan", list(arguments)) as context:
            context.meta[ALONE] = alone
            status: int | None = root.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        complain(error.format_message())
        return 2
    return status or 0  # commands of plugins may return nothing

"""Options: how a run ends, and where it goes on."""

from __future__ import annotations

import math
import os
from contextlib import ExitStack
from typing import Final

import click

from .._parameters import Seconds
from .._standard_files import complain
from .._suggestions import suggest_files
from ..run import JournalError, StopOptions, attach_to_journal
from ._group import Group, Values
from ._paths import naming, refuse_dash

# How many seconds running commands may go on after a signal.
_DRAIN: Final = 20.0


def _make(values: Values, _files: ExitStack) -> StopOptions:
    path = values["left_over_path"]
    if path is not None and not values["dry_run"]:
        _check_left_over(path)
    drain = values["drain"]
    return StopOptions(
        drain=_DRAIN if drain is None else drain,
        drain_after_halt=math.inf if drain is None else drain,
        grace=values["grace"],
        left_over=path,
        journal=_check_journal(values["journal_path"], retry_failed=values["retry_failed"]),
        retry_failed=values["retry_failed"],
    )


def _check_journal(path: str | None, *, retry_failed: bool) -> str | None:
    if path is None and retry_failed:
        raise click.UsageError("--retry-failed is about a journal; name it with --journal")
    refuse_dash(path, "--journal")
    return path


def _attach(context: click.Context, _option: click.Parameter, path: str | None) -> None:
    """Show another run, and end; there need not be a command."""
    if path is None or context.resilient_parsing:
        return
    try:
        status = attach_to_journal(path)
    except JournalError as error:
        complain(str(error))
        status = 2
    context.exit(status)


def _check_left_over(path: str) -> None:
    """Check that the file can be written, and change nothing: it may be the input.

    A new one is there only once it is written: an empty one says that all lines are done.
    """
    refuse_dash(path, "--left-over")
    is_new = not os.path.exists(path)
    with naming(path, "--left-over"), open(path, "ab"):
        if is_new:
            os.unlink(os.path.realpath(path))
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isfile(path) and not os.access(folder, os.W_OK):
        why = f"{path}: it is to be replaced, but its folder cannot be written"
        raise click.BadParameter(why, param_hint="--left-over")


GROUP: Final = Group(
    "The end",
    [
        click.Option(
            ["--journal", "journal_path"],
            metavar="FILE",
            shell_complete=suggest_files,
            help="Keep a journal of what is done; the same command again goes on where it was.",
        ),
        click.Option(
            ["--retry-failed"],
            is_flag=True,
            help="Also run the lines of the journal that have failed.",
        ),
        click.Option(
            ["--attach"],
            metavar="FILE",
            shell_complete=suggest_files,
            is_eager=True,
            expose_value=False,
            callback=_attach,
            help="Show the run that keeps this journal, from another terminal; q leaves it.",
        ),
        click.Option(
            ["--left-over", "left_over_path"],
            metavar="FILE",
            shell_complete=suggest_files,
            help="Where to write the lines that were not done, so that nothing is lost.",
        ),
        click.Option(
            ["--drain"],
            type=Seconds(min=0),
            show_default=f"{_DRAIN:g}; no limit after --halt soon",
            help="After the first Ctrl-C: how long running commands may go on.",
        ),
        click.Option(
            ["--grace"],
            type=Seconds(min=0),
            default=5.0,
            help="How long a command has between TERM and KILL.",
        ),
    ],
    _make,
)

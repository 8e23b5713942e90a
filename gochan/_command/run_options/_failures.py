"""Options: what is a failure, and what follows from one."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

import click

from .._suggestions import suggest_texts
from ..run import FIRST_FAILURE, FailureOptions, TimeLimit
from ._amounts import HaltRule, Limit, Span
from ._group import Group, Values


def _make(values: Values, _files: ExitStack) -> FailureOptions:
    halt = values["halt"]
    if values["keep_going"]:
        if halt not in (FIRST_FAILURE, None):
            raise click.UsageError("--keep-going means --halt never; give one of the two")
        halt = None
    if values["delay"] and values["retries"] == 1:
        why = "--delay is the wait before another attempt, so it needs --retries"
        raise click.UsageError(f"{why}; --rate 1/{values['delay']:g}s spaces starts")
    return FailureOptions(
        attempts=values["retries"],
        delay=values["delay"],
        limit=values["timeout"] or TimeLimit(),
        halt=halt,
    )


# Rules that are worth suggesting.
_RULES: Final = ("never", "now,fail=1", "soon,fail=1", "now,success=1", "soon,fail=10%")

GROUP: Final = Group(
    "Failures",
    [
        click.Option(
            ["--timeout"],
            type=Limit(),
            metavar="TIME",
            help="How long each command may run: 90, 5m, or 300% of the median.",
        ),
        click.Option(
            ["--retries"],
            type=click.IntRange(min=1),
            metavar="N",
            default=1,
            help="How often a command that fails is tried in all.",
        ),
        click.Option(
            ["--delay"],
            type=Span(),
            metavar="TIME",
            default=0.0,
            help="How long to wait before a command is tried again.",
        ),
        click.Option(
            ["--halt"],
            type=HaltRule(),
            metavar="RULE",
            shell_complete=suggest_texts(*_RULES),
            default=FIRST_FAILURE,
            show_default="soon,fail=1",
            help="When the run ends early: now or soon,fail or success or done=N or N%; or never.",
        ),
        click.Option(["--keep-going"], is_flag=True, help="The same as --halt never."),
    ],
    _make,
)

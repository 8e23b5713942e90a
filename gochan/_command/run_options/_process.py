"""Options: what the processes of the commands are given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

import click

from .._suggestions import suggest_folders
from ..run import ProcessOptions
from ._group import Group, Values


def _make(values: Values, _files: ExitStack) -> ProcessOptions:
    return ProcessOptions(
        variables=dict(_variables(values["env"])),
        folder=values["cwd"],
        niceness=values["nice"],
        reap=values["reap"],
    )


def _variables(texts: Iterable[str]) -> Iterable[tuple[bytes, bytes]]:
    """Return names and values; a name alone is inherited anyway, if there is such a variable."""
    for text in texts:
        name, equals, value = text.partition("=")
        if not name:
            raise click.BadParameter(f"{text!r} has no name", param_hint="--env")
        if equals:
            yield os.fsencode(name), os.fsencode(value)


GROUP: Final = Group(
    "Processes",
    [
        click.Option(
            ["--env"],
            metavar="NAME=VALUE",
            multiple=True,
            help="Add a variable to the environment; may be repeated.",
        ),
        click.Option(
            ["--cwd"],
            metavar="FOLDER",
            shell_complete=suggest_folders,
            help="Where commands start; {} is the line.",
        ),
        click.Option(
            ["--nice"],
            type=click.IntRange(0, 19),
            default=0,
            show_default=False,
            metavar="N",
            help="How far commands stand back for others, as nice has it.",
        ),
        click.Option(
            ["--reap"],
            is_flag=True,
            help="At the end, also end what commands have left behind, such as daemons; on Linux.",
        ),
    ],
    _make,
)

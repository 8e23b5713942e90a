"""Options: how output is passed on, and what is recorded."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from typing import Final

import click

from .._suggestions import suggest_files, suggest_folders
from ..run import OutputOptions
from ._group import Group, Values
from ._paths import naming

# Options that exclude each other, and why.
_CONFLICTS: Final = [
    *(
        ("ungroup", other, "what is not grouped goes past us")
        for other in ("tag", "line_buffer", "keep_order", "json", "results")
    ),
    ("json", "tag", "the objects have the line"),
    ("json", "line_buffer", "the objects have the whole output"),
]


# What GNU parallel fills in there.
_PLACE: Final = re.compile(r"\{[-\d#%./]*\}")


def _make(values: Values, files: ExitStack) -> OutputOptions:
    for one, other, why in _CONFLICTS:
        if values[one] and values[other]:
            raise click.UsageError(f"{_name(one)} cannot go with {_name(other)}: {why}")
    if values["results"] is not None:
        if _PLACE.search(values["results"]):
            why = f"{values['results']!r}: each command gets a folder in this one, by its line"
            raise click.BadParameter(why, param_hint="--results")
        with naming(values["results"], "--results"):
            os.makedirs(values["results"], exist_ok=True)
    return OutputOptions(
        mode="ungrouped" if values["ungroup"] else "lines" if values["line_buffer"] else "grouped",
        tag=values["tag"],
        keep_order=values["keep_order"],
        quiet=values["quiet"],
        json=values["json"],
        results=values["results"],
        job_log=None if values["joblog"] is None else _open_job_log(values["joblog"], files),
    )


def _name(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _open_job_log(path: str, files: ExitStack) -> tuple[int, bool]:
    """Return a descriptor of the log, and whether to keep what it has."""
    keep = path.startswith("+")
    path = path.removeprefix("+")
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    with naming(path, "--joblog"):
        descriptor = os.open(path, flags, 0o666)
    files.callback(os.close, descriptor)
    return descriptor, keep


GROUP: Final = Group(
    "Output",
    [
        click.Option(["-k", "--keep-order"], is_flag=True, help="Print in the order of the input."),
        click.Option(["--tag"], is_flag=True, help="Begin each line with the line of the input."),
        click.Option(
            ["--line-buffer", "--lb"], is_flag=True, help="Print whole lines as they come."
        ),
        click.Option(
            ["-u", "--ungroup"], is_flag=True, help="Let commands print on their own, unordered."
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, help="Say nothing but what failed, and errors."
        ),
        click.Option(["--json"], is_flag=True, help="Print a JSON object for each command."),
        click.Option(
            ["--results"],
            metavar="FOLDER",
            shell_complete=suggest_folders,
            help="Keep output and status of each command in a folder of its own.",
        ),
        click.Option(
            ["--joblog"],
            metavar="FILE",
            shell_complete=suggest_files,
            help="Log each command as GNU parallel does; +FILE appends.",
        ),
    ],
    _make,
)

"""The options of ``gochan run``: one file for each group of them."""

# The files, from the bottom up: each uses only those above it.
#
#   _group      a group of options, and a command whose help is in groups
#   _elsewhere  what the options of xargs and GNU parallel are called here
#   _paths      files and folders that options name
#   _arguments  the arguments that follow the command, after ::: and its like
#   _amounts    amounts as people write them
#   _input      where the items come from, and how commands are made of them
#   _pace       how many commands run, and when one may start
#   _failures   what follows from a failure
#   _output     how output is passed on, and what is recorded
#   _process    what the processes are given
#   _stop       how a run ends, and where it goes on

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

from ..run import Options
from . import _failures, _input, _output, _pace, _process, _stop
from ._arguments import MARKS, split_command
from ._elsewhere import FamiliarCommand

GROUPS: Final = (
    _input.GROUP,
    _input.COMMAND_GROUP,
    _pace.GROUP,
    _failures.GROUP,
    _output.GROUP,
    _process.GROUP,
    _stop.GROUP,
)
"""All groups, in the order of the help."""


def make_options(values: Mapping[str, Any], files: ExitStack) -> Options:
    """Return what the command line asks for; ``files`` closes what is opened for that.

    Raises:
        click.ClickException: something is wrong with an option.
    """
    return Options(
        command=values["command"],
        pace=_pace.GROUP.make(values, files),
        failures=_failures.GROUP.make(values, files),
        output=_output.GROUP.make(values, files),
        process=_process.GROUP.make(values, files),
        input=_input.GROUP.make(values, files),
        stop=_stop.GROUP.make(values, files),
    )


__all__ = ["GROUPS", "MARKS", "FamiliarCommand", "make_options", "split_command"]

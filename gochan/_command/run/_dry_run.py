"""A dry run: the commands are shown, and none is started."""

from __future__ import annotations

import sys

import trio

from ..._children import write_all
from .._descriptors import STDOUT
from ._open_source import open_source
from ._options import InputOptions
from .words import Template, UnfitError


def show_commands(command: tuple[str, ...], options: InputOptions) -> int:
    """Print the command for each item, as one would type it; return the exit status.

    Raises:
        OSError: it cannot be printed.
    """
    return trio.run(_show, Template(command, options), options)


async def _show(template: Template, options: InputOptions) -> int:
    source = open_source(options, template)
    status = 0
    more = True
    while more and not source.problem:
        more = await source.read()
        for item in source.take():
            try:
                template.fill_in(item)
                write_all(STDOUT, template.text(item) + b"\n")
            except UnfitError as error:
                status = 1
                print(f"gochan: line {item.at} of the input: {error}", file=sys.stderr)
    if source.problem:
        print(f"gochan: {source.problem}", file=sys.stderr)
        return 2
    return status

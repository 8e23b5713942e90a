"""``gochan run``: its help, and what is wrong with the command."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import click

from ._alone import is_alone
from ._program import check_program
from ._standard_files import complain
from ._suggestions import suggest_programs
from .run import run
from .run_options import GROUPS, FamiliarCommand, make_options, split_command


@click.command(
    name="run",
    cls=FamiliarCommand,
    groups=GROUPS,
    # What follows the first word of the command belongs to the command.
    context_settings={"allow_interspersed_args": False, "show_default": True},
    short_help="Run a command for each line of input, some at a time.",
)
@click.argument(
    "command", nargs=-1, required=True, type=click.UNPROCESSED, shell_complete=suggest_programs
)
def run_command(**values: Any) -> int:
    """Run COMMAND once for each line of input, a number of them at a time.

    \b
      find . -name '*.py' | gochan run -j 4 wc -l {}
      gochan run gzip {} ::: *.log
      gochan run --shell 'sort {} | uniq -c >{.}.count' ::: *.txt
      gochan run -n 100 --null --input names.bin rm --
      gochan run --header --columns , --input users.csv mail -s {topic} {address}
      zcat big.gz | gochan run --pipe --block 10M grep -c needle

    Lines come from standard input or --input. After :::, they come from the command line
    instead, and standard input is not read: each argument is a line. With several ::: there
    is a line for each combination, and its values are columns; :::+ links a list to the one
    before it, value by value. After ::::, each file is such a list.

    What stands for the line in the command:

    \b
      {}               the line; it comes last if nothing stands for it
      {.} {/} {//}     without its extension; without its folder; its folder
      {/.}             without either
      {1} {-1} {name}  a column, from the start, the end, or by name; also {1.} {name/} ...
      {#} {%}          the number of the job; that of the worker

    The line is one argument, and no shell looks at it; with --shell it is one word. Nothing
    inside of it is replaced. Empty lines are skipped. Commands can read nothing, but for
    their blocks with --pipe. The output of a command is kept together, and printed when the
    command has ended, and what it has left running in its process group is killed then.

    Without --keep-going, the first command that fails ends the run, as Ctrl-C does: no
    further command starts, and those that run may go on for a while. The next Ctrl-C
    terminates them, and the one after that kills them.

    Exit status: 0 if every line was done, 1 if not, 2 for bad input, 127 if there is no such
    command, 126 if it cannot be executed, 130 after Ctrl-C, 143 after SIGTERM, 141 if nobody
    reads the output any more, 128 + N after another signal N that ends the run.
    """  # noqa: D301  # click wants the character
    command, marked = split_command(values["command"])
    elsewhere = values["cwd"] is not None and os.sep in command[0]  # a path that counts from there
    if not (values["shell"] or values["bash"] or elsewhere):
        status = check_program(command[0], values["place"])
        if status:
            return status
    values |= {"command": command, "marked": marked}
    with ExitStack() as files:
        options = make_options(values, files)
        strategy = options.pace.strategy
        try:
            return run(options, alone=is_alone())
        except Exception as error:
            if type(strategy).__module__ == "gochan.strategies":
                raise
            while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]  # nurseries have put it into groups
            complain(f"strategy {values['strategy']!r} is broken: {error!r}")
            return 2

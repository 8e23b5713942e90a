"""The command ``gochan run``: a worker pool over real processes, one for each line of input."""

# The files, from the bottom up: each uses only those above it.
# Folders have maps of their own.
#
#   files         files, open or to be written
#   pace          how many commands run, when one may start, and when a run ends early
#   items         where items come from, and what is left over of them
#   _options      what the command line asks for
#   words         the words of a command, made for each item
#   display       what people see
#   output        what commands print, and what is recorded of them
#   journal       the journal: lines that outlive the run
#   _left_behind  what commands have left behind, as people see it
#   _open_source  the source that the command line asks for
#   _dry_run      the commands, only shown
#   _attempt      one run of the command for an item, and how it can fail
#   _commands     the command for one item: its process, its output, its failure
#   _attempts     how often the command for an item is tried, and when
#   _signals      signals that end a run
#   _control      what keys can see and change
#   _tally        what has become of a run, in numbers
#   _run          a run, from the first line to the exit status

from __future__ import annotations

from ._options import (
    FailureOptions,
    InputOptions,
    Options,
    OutputOptions,
    PaceOptions,
    ProcessOptions,
    StopOptions,
)
from ._run import run
from .items import SEPARATOR, Quoted, Separator, as_separator
from .journal import JournalError, attach_to_journal
from .pace import (
    FIRST_FAILURE,
    Condition,
    Halt,
    Load,
    Memory,
    Rate,
    Rest,
    TimeLimit,
    available_memory,
    needs_rest,
)

__all__ = [
    "FIRST_FAILURE",
    "SEPARATOR",
    "Condition",
    "FailureOptions",
    "Halt",
    "InputOptions",
    "JournalError",
    "Load",
    "Memory",
    "Options",
    "OutputOptions",
    "PaceOptions",
    "ProcessOptions",
    "Quoted",
    "Rate",
    "Rest",
    "Separator",
    "StopOptions",
    "TimeLimit",
    "as_separator",
    "attach_to_journal",
    "available_memory",
    "needs_rest",
    "run",
]

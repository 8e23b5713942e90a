"""The processes of commands."""

# The files, from the bottom up: each uses only those above it.
#
#   _session    the processes that a command starts, and signals to them
#   _program    what a child process runs, and what it is given
#   _spawning   starting a process
#   _watcher    waiting for many files and processes at a time
#   _pipes      the pipes from a child
#   _collected  what a command has written, kept
#   _guardian   ends the commands if gochan is killed
#   _orphans    processes that commands have left behind
#   _child      child processes, from their start to their end

from __future__ import annotations

from ._child import Children, open_children
from ._collected import Collected
from ._guardian import Guardian, guarding
from ._orphans import Orphans, adopt_orphans, shown
from ._pipes import OnOutput
from ._program import ChildError, Program
from ._spawning import NOT_STARTED

__all__ = [
    "NOT_STARTED",
    "ChildError",
    "Children",
    "Collected",
    "Guardian",
    "OnOutput",
    "Orphans",
    "Program",
    "adopt_orphans",
    "guarding",
    "open_children",
    "shown",
]

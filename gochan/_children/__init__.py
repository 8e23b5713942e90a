"""Child processes, which do not outlive their jobs, and the words of their commands."""

# The files, from the bottom up: each uses only those above it.
#
#   _writing      writing all of some bytes
#   _scratch      files without a name
#   _limits       how long a command may be
#   _places       places in a command for what differs: {}, {.}, {2}, {name}
#   _filling      the command for one value
#   _session      the processes that a command starts, and signals to them
#   _processors   how many processors there are for us
#   _program      what a child process runs, and what it is given
#   _posix_spawn  `posix_spawn`, during which other threads go on
#   _spawning     starting a process
#   _starting     threads that start processes
#   _enlarging    pipes that hold more
#   _watcher      waiting for many files and processes at a time
#   _pipes        the pipes from a child
#   _collected    what a command has written, kept
#   _guardian     ends the commands if gochan is killed
#   _orphans      processes that commands have left behind
#   _child        child processes, from their start to their end

from __future__ import annotations

from ._child import Children, open_children
from ._collected import Collected
from ._enlarging import enlarge_pipe
from ._filling import fill_in
from ._guardian import Guardian, guarding
from ._limits import ARGUMENT, EACH, room_for_command, size_of
from ._orphans import Orphans, adopt_orphans
from ._pipes import OnOutput
from ._places import Place, PlaceError, UnfitError, find_places
from ._processors import count_processors
from ._program import ChildError, Program
from ._scratch import open_memory, open_scratch
from ._spawning import NOT_STARTED
from ._writing import write_all

__all__ = [
    "ARGUMENT",
    "EACH",
    "NOT_STARTED",
    "ChildError",
    "Children",
    "Collected",
    "Guardian",
    "OnOutput",
    "Orphans",
    "Place",
    "PlaceError",
    "Program",
    "UnfitError",
    "adopt_orphans",
    "count_processors",
    "enlarge_pipe",
    "fill_in",
    "find_places",
    "guarding",
    "open_children",
    "open_memory",
    "open_scratch",
    "room_for_command",
    "size_of",
    "write_all",
]

"""The command ``gochan run``: a worker pool over real processes, one for each line of input."""

# The files, in order: each uses only those above it.
#
#   _options        what the command line asks for
#   _scratch        files without a name
#   _lines          lines, read as they arrive
#   _left_over      the lines that were not done, and the file for them
#   _session        the processes that a command starts, and signals to them
#   _child          one child process, from its start to its end
#   _display        what every display can show, and the words it uses
#   _plain_display  a line for each command that has ended
#   _live_display   a view of what runs, on a terminal
#   _commands       the command for one line: its process, its output, its failure
#   _run            a run, from the first line to the exit status

from __future__ import annotations

from ._display import STDERR, STDOUT
from ._options import BROKEN_PIPE, Options
from ._run import run

__all__ = ["BROKEN_PIPE", "STDERR", "STDOUT", "Options", "run"]

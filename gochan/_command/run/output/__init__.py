"""What commands print, and what is recorded of them."""

# The files, from the bottom up: each uses only those above it.
#
#   _outlet       our standard output and standard error, as the commands see them
#   _held         outputs that are held until it is their turn
#   _order        the order in which outputs are passed on
#   _tag          the line of input in front of each line of output
#   _record       what logs say of a command that has ended
#   _json_lines   a record as a line with a JSON object
#   _job_log      a log in the format of GNU parallel
#   _results      a folder for each command
#   _output       the output of a command, kept together or not ours
#   _line_output  the output of a command, line by line as it comes
#   _outputs      the outputs of all commands, and their records

from __future__ import annotations

from ._outlet import Outlet
from ._output import Output
from ._outputs import Outputs
from ._record import Record, signal_name

__all__ = [
    "Outlet",
    "Output",
    "Outputs",
    "Record",
    "signal_name",
]

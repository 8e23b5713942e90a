"""A log of jobs in the format of GNU parallel, which its own tools can read."""

# One line for each command that has ended, with tabs between the columns. Exit status -1
# stands for a command that was ended before its time. So that a line is a line, NUL takes
# the place of the ends of lines in a command.

from __future__ import annotations

import os
import stat
from typing import Final, final

from ...._children import write_all
from ._record import Record

_HEADER: Final = b"Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

# How parallel calls this machine.
_HERE: Final = ":"


@final
class JobLog:
    """Writes to a log.

    Args:
        descriptor: opened for appending; it is closed by whoever has opened it.
        keep: whether to keep what the file has.
    """

    def __init__(self, descriptor: int, keep: bool) -> None:
        self._descriptor = descriptor
        if not keep and stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.ftruncate(descriptor, 0)
        self._begun = os.fstat(descriptor).st_size > 0

    def add(self, record: Record, sent: int, received: int) -> None:
        """Add a command, with the sizes of its standard input and its standard output.

        Raises:
            OSError: it cannot be written.
        """
        columns = [
            str(record.item.number),
            _HERE,
            f"{record.start:.3f}",
            f"{record.seconds:10.3f}",
            str(sent),
            str(received),
            str(_exit_value(record)),
            str(record.signal),
            "",
        ]
        line = "\t".join(columns).encode() + record.command.replace(b"\n", b"\0") + b"\n"
        write_all(self._descriptor, line if self._begun else _HEADER + line)
        self._begun = True


def _exit_value(record: Record) -> int:
    return -1 if record.code is None else record.exit_status or 0

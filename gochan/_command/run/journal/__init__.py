"""The journal: lines that outlive the run."""

# The files, from the bottom up: each uses only those above it.
#
#   _journal_error  what is wrong with a journal
#   _journal_file   the file of a journal: whose it is, and for which command
#   _journal_rows   the rows of a journal, one for each item
#   _journal_input  the input, compared with what the journal has
#   _backlog        where items come from, and where it is noted how they end
#   _run_row        the row of the run itself: how far it has come
#   _journal        a backlog that is a store
#   _journaling     whether a run keeps a journal
#   _attach         watching a run from another terminal, by its journal

from __future__ import annotations

from ._journal_error import JournalError
from ._journaling import hold_journal, open_backlog


def attach_to_journal(path: str) -> int:
    """Show the run that keeps this journal; return the exit status.

    Raises:
        JournalError: there is no such journal, or it cannot be read.
    """
    from ._attach import attach  # which needs durable queues

    return attach(path)


__all__ = ["JournalError", "attach_to_journal", "hold_journal", "open_backlog"]

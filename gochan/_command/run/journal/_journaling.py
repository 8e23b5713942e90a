"""Journaling: whether a run keeps a journal, and for which command."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import Any

from .._options import Options
from ..items import Item, Source
from ._backlog import Backlog, SourceBacklog

# The journal itself needs durable queues and SQLite, so it is imported where there is one.


@contextmanager
def hold_journal(options: Options) -> Iterator[None]:
    """Hold the file of the journal, if there is one.

    Raises:
        JournalError: it cannot be used.
    """
    path = options.stop.journal
    if path is None:
        yield
        return
    from ._journal_file import open_journal_file

    with open_journal_file(path, _facts(options)):
        yield


def _facts(options: Options) -> dict[str, object]:
    """Return what makes the commands, so that it must not change from run to run."""
    given, process = options.input, options.process
    separator = getattr(given.separator, "pattern", given.separator)
    return {
        "command": shlex.join(options.command),
        "shell": "bash" if given.bash else given.shell,
        "placeholder": _text(given.place),
        "end of lines": _text(given.end),
        "column separator": _text(separator),
        "header": given.header,
        "batch": given.batch,
        "pipe": given.pipe,
        "folder": process.folder,
        "environment": {
            _text(name): _text(value) for name, value in sorted(process.variables.items())
        },
    }


def _text(data: Any) -> str | None:
    return data.decode(errors="surrogateescape") if isinstance(data, bytes) else data


def open_backlog(
    options: Options,
    source: Source,
    *,
    workers: Callable[[], int],
    keep: Callable[[Item], object],
    on_problem: Callable[[], object],
) -> AbstractAsyncContextManager[Backlog, bool | None]:
    """Open the backlog of a run: a journal, or the source alone.

    Args:
        options: of the run.
        source: of the items.
        workers: returns how many commands may run.
        keep: called with each item that is in the journal and has not ended.
        on_problem: called when the journal cannot be written any more.
    """
    stop = options.stop
    if stop.journal is None:
        return nullcontext(SourceBacklog(source))
    from ._journal import Journal, open_journal

    return open_journal(
        stop.journal,
        lambda store: Journal(
            store,
            source,
            end=options.input.end,
            attempts=options.failures.attempts,
            workers=workers,
            keep=keep,
            on_problem=on_problem,
        ),
        retry_failed=stop.retry_failed,
    )

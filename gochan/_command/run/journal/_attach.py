"""Watching a run that keeps a journal, from another terminal."""

# Theory of operation
# -------------------
# The journal is a store that several processes may read, so we look into it again and again.
# The run holds a lock on its file; once that can be had, the run has ended. Our descriptor of
# the file is closed last: closing any one gives the locks of SQLite back.

from __future__ import annotations

import fcntl
import os
import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, final

import trio

from .... import open_signal_chan
from ....durable import JobRecord, QueueCounts, Store, StoreError, open_store
from ..._first_error import first_error
from ..._ignored_signals import not_ignored
from .._options import InputOptions
from ..display import Display, Running, RunState, open_display, shortened
from ..words import Template, UnfitError
from ._journal_error import JournalError
from ._journal_file import read_facts
from ._journal_rows import QUEUE, item_of
from ._run_row import total_of

# How often we look, in seconds.
_LOOK: Final = 0.3

# How many of the running commands we ask for.
_NAMED: Final = 500


def attach(path: str) -> int:
    """Show the run that keeps this journal, to its end, or until somebody leaves it.

    Raises:
        JournalError: there is no such journal, or it cannot be read.
    """
    with _locked(path) as descriptor:
        template = _template(read_facts(path))
        display = open_display()
        try:
            return trio.run(_Attached(path, template, descriptor, display).main)
        except* StoreError as group:
            why = first_error(group)
            raise JournalError(f"the journal {path} cannot be read: {why}") from None
        finally:
            display.close()


@contextmanager
def _locked(path: str) -> Iterator[int]:
    """Open the file of a journal, to look at its lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be opened: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _template(facts: Mapping[str, object]) -> Template:
    """Return what the commands of a run are called by; columns have no names here."""
    place = str(facts.get("placeholder", "{}")).encode(errors="surrogateescape")
    options = InputOptions(None, shell=bool(facts.get("shell")), place=place)
    return Template(tuple(shlex.split(str(facts.get("command", "")))), options)


@final
class _Attached:
    """A run of another process, as its journal shows it; what keys can do to it."""

    keys = "q?"
    workers = 0
    paused = False

    def __init__(self, path: str, template: Template, descriptor: int, display: Display) -> None:
        self._path = path
        self._template = template
        self._descriptor = descriptor
        self._display = display
        self._ended = -1  # jobs, when we last looked
        self._busy = 0.0  # worker-seconds since then
        self._left = trio.CancelScope()
        self._goes_on = True
        self._counts = QueueCounts()
        self._status = 0

    async def main(self) -> int:
        """Show the run; return the exit status."""
        # Nothing is written, so any version of SQLite will do.
        address = f"sqlite:{os.path.realpath(self._path)}"  # noqa: ASYNC240
        async with open_store(address, access="read") as store, trio.open_nursery() as nursery:
            nursery.start_soon(self._display.run, self)
            nursery.start_soon(self._hear_signals)
            with self._left:
                while self._goes_on:
                    self._goes_on = self._runs()  # first, so that what we see then is the end
                    self._counts = await self._show(store)
                    if self._goes_on:
                        await trio.sleep(_LOOK)
            nursery.cancel_scope.cancel()
        self._display.close()
        self._conclude(self._counts)
        return self._status

    def _runs(self) -> bool:
        """Return whether a run holds the journal."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False

    async def _hear_signals(self) -> None:
        numbers = not_ignored(signal.SIGINT, signal.SIGHUP)
        async with open_signal_chan(signal.SIGTERM, *numbers) as signals:
            async for number in signals:
                self._status = 128 + number
                self.stop()

    # What is shown

    async def _show(self, store: Store) -> QueueCounts:
        """Show what the journal says now, and return its counts."""
        counts = await store.statistics(QUEUE)
        rows = await store.list(QUEUE, states=["running"], limit=_NAMED)
        total = await total_of(store) if self._goes_on else counts.stored
        now = datetime.now(UTC)
        running = [self._running(row, now) for row in rows]
        ended = counts.stored - counts.scheduled - counts.waiting - counts.running
        self._note_ended(ended, len(running))
        self._display.update(
            RunState(
                submitted=counts.stored,
                ended=ended,
                failed=counts.failed + counts.timed_out,
                running=sorted(running, key=lambda job: -job.age),
                total=total,
                workers=len(running),
                attached=True,
            )
        )
        return counts

    def _running(self, row: JobRecord, now: datetime) -> Running:
        item = item_of(row)
        try:
            title = shortened(self._template.title(item))
        except UnfitError:  # pragma: no cover  # it ran, so it fits
            title = shlex.join(map(os.fsdecode, item.lines))
        age = (now - row.started).total_seconds() if row.started is not None else 0.0
        return Running(item.number, title, max(0.0, age))

    def _note_ended(self, ended: int, running: int) -> None:
        """Tell the display how many jobs have ended; how long each took, we do not know."""
        self._busy += running * _LOOK
        if self._ended >= 0 and ended > self._ended:
            for _ in range(ended - self._ended):
                self._display.ended("done", self._busy / (ended - self._ended), "", "")
            self._busy = 0.0
        self._ended = ended

    def _conclude(self, counts: QueueCounts) -> None:
        """Say how the run stands."""
        rows = [("done", counts.done), ("failed", counts.failed), ("timed out", counts.timed_out)]
        rows += [("cancelled", counts.cancelled), ("dropped", counts.dropped)]
        rows += [("running", counts.running), ("waiting", counts.waiting + counts.scheduled)]
        shown = [(name, str(count)) for name, count in rows if count]
        self._display.summarize(
            shown or [("jobs", "0")], ["the run goes on" if self._goes_on else "the run has ended"]
        )

    # What keys do

    def stop(self) -> None:
        """Leave the run alone."""
        self._left.cancel()

    def resize(self, workers: int) -> None:
        """Do nothing: it is another process that runs the commands."""

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def cancel(self, number: int) -> None:
        """Do nothing."""

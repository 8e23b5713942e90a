"""The command for one item: how it runs, and where its output goes."""

# Theory of operation
# -------------------
# The output of a command that has failed and may be tried again is kept until it is: only
# the last attempt is printed and recorded. If there is none after all, because the run is
# stopped, the output that was kept is that of the last attempt.

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, NamedTuple, final

import trio

from ..._children import NOT_STARTED, ChildError, Children, Program
from ._attempt import Attempt, CommandFailed
from ._options import ProcessOptions
from .items import Item
from .output import Output, Outputs, Record, signal_name
from .words import Template, UnfitError

# How many seconds the output of a command that was cancelled may take to be passed on.
_PATIENCE: Final = 1.0

# No process can be nicer.
_NICEST: Final = 19


@final
class Commands:
    """Runs a command for each item.

    Args:
        children: runs them.
        template: makes the commands.
        options: what the processes are given.
        outputs: where their output goes.
        on_done: called with an item once all is done for it.
        on_broken_pipe: called when nobody reads the output any more.
    """

    def __init__(
        self,
        children: Children,
        template: Template,
        options: ProcessOptions,
        outputs: Outputs,
        *,
        on_done: Callable[[Item], object],
        on_broken_pipe: Callable[[], object],
    ) -> None:
        self._children = children
        self._template = template
        self._outputs = outputs
        self._folder = None if options.folder is None else template.beside([options.folder])
        self._variables = {**children.environment, **options.variables}
        self._niceness = 0
        if options.niceness:
            ours = os.getpriority(os.PRIO_PROCESS, 0)
            self._niceness = min(ours + options.niceness, _NICEST)
        self._slots = [1]  # those that are free, as a heap; the last one is higher than all others
        self._failed: dict[int, _Ended] = {}  # that may be tried again, by number of their items
        self._done = on_done
        self._broken_pipe = on_broken_pipe

    async def run(self, attempt: Attempt) -> None:
        """Run the command for an item, and pass its output on, unless it may be tried again.

        The attempt is told of a failure as soon as that is known, before output is passed on.

        Raises:
            CommandFailed: the item is not done.
        """
        item = attempt.item
        self._forget(item)
        try:
            output = self._outputs.open(item)
        except OSError as error:
            raise CommandFailed(f"its results cannot be kept: {error.strerror}") from None
        try:
            with self._slot() as slot:
                await self._run(attempt, _Running(output), slot)
        except BrokenPipeError:
            self._broken_pipe()
            await trio.sleep_forever()  # this command is interrupted like all others
        finally:
            if item.number not in self._failed:
                output.close()

    async def conclude(self, item: Item) -> None:
        """Pass on what was kept of a command that will not be tried again after all."""
        if item.number in self._failed:
            ended = self._failed[item.number]
            with trio.move_on_after(_PATIENCE, shield=True), suppress(BrokenPipeError):
                await self._pass_on(ended)
            self._forget(item)

    def _forget(self, item: Item) -> None:
        if item.number in self._failed:
            self._failed.pop(item.number).output.close()

    @contextmanager
    def _slot(self) -> Iterator[int]:
        """Take the lowest number that no other command has now."""
        slot = heapq.heappop(self._slots)
        if not self._slots:
            self._slots.append(slot + 1)
        try:
            yield slot
        finally:
            heapq.heappush(self._slots, slot)

    def _program(self, item: Item, slot: int) -> Program:
        environment = {
            **self._variables,
            b"GOCHAN_JOB": b"%d" % item.number,
            b"GOCHAN_SLOT": b"%d" % slot,
        }
        return Program(
            self._template.fill_in(item, slot),
            self._template.stdin(item),
            folder=None if self._folder is None else self._folder.fill_in(item, slot)[0],
            environment=environment,
            niceness=self._niceness,
        )

    async def _run(self, attempt: Attempt, running: _Running, slot: int) -> None:
        """Run the command, and pass its output on, also if it has failed."""
        try:
            program = self._program(attempt.item, slot)
            code = await self._children.run(program, running.output.target)
        except trio.Cancelled:
            outcome = attempt.job.cause or "cancelled"
            if attempt.timed_out:
                attempt.note_failure()
                outcome = "timed_out"
            with trio.move_on_after(_PATIENCE, shield=True), suppress(BrokenPipeError):
                ended = running.end(outcome, None)
                await self._keep_or_pass_on(ended, again=attempt.timed_out and not attempt.last)
            raise
        except UnfitError as error:
            code, why = NOT_STARTED, str(error)
        except ChildError as error:
            code, why = error.status, str(error)
        else:
            why = f"exit status {code}" if code >= 0 else f"killed by {signal_name(-code)}"
        if code and running.output.is_unread():
            raise BrokenPipeError
        if code:
            attempt.note_failure()
        attempt.lift_timeout()
        ended = running.end("failed" if code else "done", code)
        await self._keep_or_pass_on(ended, again=code != 0 and not attempt.last)
        if code:
            raise CommandFailed(why)

    async def _keep_or_pass_on(self, ended: _Ended, *, again: bool) -> None:
        if again:
            self._failed[ended.item.number] = ended
        else:
            await self._pass_on(ended)

    async def _pass_on(self, ended: _Ended) -> None:
        """Record how a command has ended, and pass on what it has written."""
        record = None
        done = partial(self._done, ended.item) if ended.code == 0 else _do_nothing
        try:
            if self._outputs.recorded:
                record = ended.record(self._text(ended.item))
                sent = self._template.stdin(ended.item) or b""
                self._outputs.record(ended.output, record, len(sent))
            await ended.output.pass_on(record, done)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CommandFailed(f"its output cannot be written: {error.strerror}") from None

    def _text(self, item: Item) -> bytes:
        """Return the command as one would type it."""
        try:
            return self._template.text(item)
        except UnfitError:
            return os.fsencode(self._template.title(item))


class _Running:
    """A command that runs since now."""

    __slots__ = ("_clock", "_start", "output")

    def __init__(self, output: Output) -> None:
        self.output = output
        self._start = time.time()
        self._clock = time.monotonic()

    def end(self, outcome: str, code: int | None) -> _Ended:
        """Note that it has ended now."""
        seconds = time.monotonic() - self._clock
        return _Ended(self.output, self._start, seconds, outcome, code)


class _Ended(NamedTuple):
    """A command that has ended; its record is made if somebody wants it."""

    output: Output
    start: float
    seconds: float
    outcome: str
    code: int | None

    @property
    def item(self) -> Item:
        return self.output.item

    def record(self, command: bytes) -> Record:
        """Return the record of it."""
        return Record(self.item, command, self.start, self.seconds, self.outcome, self.code)


def _do_nothing() -> None:
    pass

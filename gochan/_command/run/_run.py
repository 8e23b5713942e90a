"""A run: a job for each line of input, from the first line to the exit status."""

# Theory of operation
# -------------------
# One task reads lines and submits each as a job; the handler of a job runs the command;
# another task follows the results. A line is done if its command has ended with status 0
# and its output was passed on. Every other line is left over: failed, timed out, refused,
# interrupted, handed back, or never submitted. So each line is counted exactly once.
#
# A failure (without --keep-going), a signal, and a closed output all end the run in the
# same way: they stop the queue. After that the input is read only to be left over, and
# only if there is a file for it.

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Final, final

import trio

from ... import (
    ChanClosedError,
    Job,
    Refused,
    SignalStop,
    every,
    open_job_queue,
)
from ..._children import Guardian, adopt_orphans, guarding, open_children
from .._descriptors import BROKEN_PIPE, STDOUT
from .._first_error import first_error
from ._attempt import Attempt, CommandFailed
from ._attempts import Attempts
from ._commands import Commands
from ._control import Control
from ._dry_run import show_commands
from ._left_behind import tell_or_end
from ._open_source import open_source
from ._options import Options
from ._signals import obey_signals, obey_terminal
from ._tally import Tally
from .display import (
    PAUSED,
    Display,
    Failures,
    Running,
    RunState,
    describe,
    hints,
    open_display,
    printable,
    shortened,
)
from .files import OpenFiles
from .items import Item, LeftOver, Saving, count_of, problem_of
from .journal import JournalError, hold_journal, open_backlog
from .output import Outlet, Outputs
from .pace import Gate
from .words import Template

# How many seconds a command may outlive the end of a stop before it is named as stuck.
_PATIENCE: Final = 1.0

# How often the display is updated, in seconds.
_UPDATE: Final = 0.1


def run(options: Options, *, alone: bool = False) -> int:
    """Run the command for each line, and return the exit status.

    Args:
        options: what is asked for.
        alone: whether all children of this process are ours. Only then can the commands be
            guarded, and what they leave behind be found.
    """
    if options.input.dry_run:
        return show_commands(options.command, options.input)
    # Our parent may have set SIGCHLD to SIG_IGN, so that children are reaped silently.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = options.output
    # Nothing could keep a view and what commands print on their own apart.
    display = open_display(quiet=output.quiet, live=output.mode != "ungrouped")
    files = OpenFiles()
    options = _lower_workers(options, files, display)
    # The guardian must not share the lock of a journal, so it comes first.
    with guarding() if alone else nullcontext() as guardian:
        if alone:
            adopt_orphans()
        try:
            with hold_journal(options):
                return _run(options, files, display, guardian)
        except* JournalError as group:
            display.close()
            display.say(f"gochan: {first_error(group)}")
    return 2


def _run(options: Options, files: OpenFiles, display: Display, guardian: Guardian | None) -> int:
    work = _Run(options, files, display, guardian)
    try:
        return trio.run(work.main)
    finally:
        try:
            display.close()
        finally:
            work.close()


def _lower_workers(options: Options, files: OpenFiles, display: Display) -> Options:
    """Return the options with as many workers as there may be open files for."""
    wanted = options.pace.workers
    workers = files.affordable(wanted)
    if workers == wanted:
        return options
    display.say(
        f"gochan: {workers} workers instead of {wanted}, because too few files may be open at a "
        "time (ulimit -n)"
    )
    return replace(options, pace=replace(options.pace, workers=workers))


@final
class _Run:
    """One run."""

    def __init__(
        self, options: Options, files: OpenFiles, display: Display, guardian: Guardian | None
    ) -> None:
        self._options = options
        self._files = files
        self._guardian = guardian
        self._display = display
        self._template = Template(options.command, options.input)
        self._source = open_source(options.input, self._template)
        self._left_over = LeftOver(options.stop.left_over)
        self._saving = Saving(
            self._left_over, self._source, patience=options.stop.drain + options.stop.grace
        )
        self._outlet = Outlet(display)
        self._outputs = Outputs(
            options.output,
            self._outlet,
            numbered=options.stop.journal is not None,
            label=self._template.label,
            on_lost=self._lose,
            on_unread=self._end_unread,
        )
        self._gate = Gate(options.pace.workers, options.pace.conditions)
        self._failures = Failures()
        self._closed = trio.Event()  # no further line is submitted
        file = options.input.file
        self._typed = file is not None and os.isatty(file.fileno())  # at a terminal
        self._tally = Tally()
        self._halted = False  # because of how commands have ended
        self._problem = ""  # with the input or the left-over file
        self._unread = False  # whether the output has lost its reader
        self._alone = False  # whether the stop that begins now ends no other command

    async def main(self) -> int:
        """Run all commands; return the exit status."""
        pace, stop = self._options.pace, self._options.stop
        started = trio.current_time()
        async with (
            open_backlog(
                self._options,
                self._source,
                workers=lambda: self._gate.limit,
                keep=self._keep,
                on_problem=self._end_unwritten,
            ) as self._backlog,
            open_children(self._guardian) as children,
            open_job_queue(
                self._work,
                workers=pace.workers,
                strategy=pace.strategy,
                failures="collect",
                grace=stop.grace,
                on_end=self._note,
            ) as queue,
            obey_signals(queue, stop, self._say) as seen,
            trio.open_nursery() as nursery,
        ):
            self._queue = queue
            self._commands = Commands(
                children,
                self._template,
                self._options.process,
                self._outputs,
                on_done=self._end_done,
                on_broken_pipe=self._end_unread,
            )
            self._attempts = self._open_attempts(self._commands)
            self._control = Control(queue, self._gate, self._attempts, self._files)
            with queue.watch_phases(self._begin_stop), self._saving.hear_interrupts(queue):
                nursery.start_soon(self._display.run, self._control if self._has_keys else None)
                nursery.start_soon(self._show_progress)
                nursery.start_soon(self._name_stuck, seen)
                nursery.start_soon(self._backlog.record)
                nursery.start_soon(self._feed)
                nursery.start_soon(self._source.count_ahead)
                nursery.start_soon(self._saving.save_early, queue)
                nursery.start_soon(obey_terminal, seen, partial(self._stop, drain=0))
                await self._closed.wait()
                await queue.join()
                await self._finish()
                await self._saving.save()  # here, where signals do no harm
                if self._guardian is not None:
                    grace = stop.grace if self._options.process.reap else None
                    await tell_or_end(children.orphans, self._display.say, grace=grace)
                await self._display.drained()
                nursery.cancel_scope.cancel()
        self._conclude(trio.current_time() - started)
        return self._status(seen)

    @property
    def _has_keys(self) -> bool:
        """Whether keys are for us: not if they are typed as lines, or for who reads our output."""
        return not self._typed and not stat.S_ISFIFO(os.fstat(STDOUT).st_mode)

    def _open_attempts(self, commands: Commands) -> Attempts:
        """Return what tries the command for each item."""
        return Attempts(
            commands.run,
            self._gate,
            self._options.failures,
            title=self._title,
            on_failure=self._fail,
            on_end=self._show_end,
            on_replaced=lambda: self._control.fit(),
        )

    def close(self) -> None:
        """Save what is left over, if that has not been done, and close what is open."""
        self._saving.save_now()
        self._source.close()
        self._outputs.close()
        self._outlet.close()

    # Lines

    async def _feed(self) -> None:
        """Submit items; once the queue is closed, only put the rest aside."""
        backlog = self._backlog
        more = True
        while more and not self._queue.closed:
            more = await backlog.read()
            for item in backlog.take():
                if not await self._submit(item):
                    break
            if backlog.problem:
                self._refuse_input(backlog.problem)
        self._halt_if_due()  # since the total is known now
        self._close()
        if self._left_over.wanted:
            await self._source.put_rest_aside()

    async def _submit(self, item: Item) -> bool:
        """Submit an item; return False if that comes too late, or it cannot be passed on."""
        self._tally.submitted += 1
        self._left_over.add(item)
        self._outputs.order.expect(item.number)
        problem = problem_of(item)
        if problem:
            self._refuse_input(problem)
        try:
            await self._queue.submit(item)
        except Refused:
            pass  # it is among the results
        except ChanClosedError:
            self._tally.submitted -= 1
            self._outputs.order.give_up(item.number)
            self._tally.not_accepted = count_of(item, self._options.input.end)
            return False
        return True

    def _keep(self, item: Item) -> None:
        """Keep an item that has not been submitted, and will be in a later run at the latest."""
        if self._left_over.wanted:
            self._left_over.add(item)

    def _refuse_input(self, problem: str) -> None:
        """Take no more lines; the commands for those taken still run."""
        self._problem = problem
        self._close()

    def _close(self) -> None:
        """Submit no more lines."""
        self._queue.close()
        self._closed.set()

    # Jobs

    async def _work(self, item: Item) -> None:
        """Do the work for one item; the handler of all jobs."""
        try:
            await self._attempts.run(item)
        except CommandFailed as error:
            self._backlog.note_end(item, error.kind, str(error))
            raise
        finally:
            await self._commands.conclude(item)
            await self._backlog.wait_noted(item)

    def _end_done(self, item: Item) -> None:
        """Hear that all is done for an item."""
        self._left_over.remove(item)
        self._backlog.note_end(item, "done")

    def _note(self, job: Job[Item, None]) -> None:
        """Count a job that has ended."""
        self._outputs.order.give_up(job.payload.number)
        kind, why = self._tally.note_end(job)
        if kind != "done":  # which is heard of when the output has been passed on, perhaps later
            self._backlog.note_end(job.payload, kind, why)

    def _show_end(self, attempt: Attempt, kind: str, why: str) -> None:
        """Show how an attempt has ended."""
        attempts = self._options.failures.attempts
        if kind == "done":
            self._tally.done += 1
            self._halt_if_due()
        elif attempts > 1:
            why = f"{why}, attempt {attempt.number} of {attempts}"
        # To make the name of a command takes longer than all the rest here.
        name = attempt.name if kind != "done" or self._display.names_done else ""
        if kind in {"failed", "timed_out"} and attempt.last:
            self._failures.add(describe(kind, attempt.age, name, why))
        else:
            self._failures.pass_by()
        if not self._unread:
            self._display.ended(kind, attempt.age, name, why)

    # The end

    def _begin_stop(self) -> None:
        """Let nothing start any more: the queue has begun to stop."""
        self._attempts.stop()
        self._backlog.stop()
        self._closed.set()

    async def _finish(self) -> None:
        """Pass on the outputs that wait for others that will not come."""
        try:
            await self._outputs.order.finish()
        except BrokenPipeError:
            self._end_unread()

    def _lose(self, problem: OSError) -> None:
        """Hear that an output is lost that was held, and whose command had ended."""
        self._display.say(f"gochan: an output cannot be written: {problem.strerror}")
        self._end_failed()

    def _fail(self, attempt: Attempt) -> None:
        """Hear that a command has failed."""
        if attempt.last:
            self._end_failed()

    def _end_failed(self) -> None:
        """Count a failure, and end the run if there are enough."""
        self._tally.failed += 1
        self._halt_if_due()

    def _halt_if_due(self) -> None:
        """End the run if so many commands have ended that it shall."""
        halt = self._options.failures.halt
        if halt is None or self._halted:
            return
        if halt.reached(self._tally.failed, self._tally.done, self._source.total):
            self._halted = True
            drain = 0 if halt.when == "now" else self._options.stop.drain_after_halt
            self._stop(drain=drain, alone=len(self._attempts.running) == 1)

    def _end_unwritten(self) -> None:
        """End the run because the journal cannot be used any more."""
        self._stop(drain=self._options.stop.drain, alone=not self._attempts.running)

    def _end_unread(self) -> None:
        """End the run because nobody reads what it prints."""
        if not self._unread:
            self._unread = True
            self._stop(drain=0)

    def _stop(self, *, drain: float, alone: bool = False) -> None:
        """Stop the queue; if this ends no other command, there is none to talk about."""
        self._alone = alone
        self._queue.stop_soon(drain=drain, grace=self._options.stop.grace)
        self._alone = False

    def _say(self, line: str) -> None:
        """Announce a phase of a stop."""
        if not self._alone and not self._unread:
            self._display.say(line)

    async def _name_stuck(self, seen: SignalStop) -> None:
        """Name the commands that still run some time after the stop, though they were killed."""
        (report,) = await seen.wait()
        await trio.sleep(_PATIENCE)
        for stuck in report.stuck:
            if stuck.job.state == "running":
                name = self._title(stuck.job.payload)
                line = f"still running after {stuck.job.age:.0f} s: {name}, {stuck.where}"
                self._display.say(printable(line))

    # What is shown

    def _title(self, item: Item) -> str:
        """Return what the command for an item is called."""
        return shortened(self._template.title(item))

    async def _show_progress(self) -> None:
        if self._display.live:
            async for _ in every(_UPDATE):
                self._display.update(self._state())

    def _state(self) -> RunState:
        """Return what is shown while the run goes on."""
        ended = self._tally.ended
        return RunState(
            submitted=self._queue.statistics().submitted,
            ended=ended.total(),
            failed=ended["failed"] + ended["timed_out"],
            running=[
                Running(attempt.item.number, attempt.name, attempt.age)
                for attempt in self._control.running()
            ],
            total=self._source.total,
            workers=self._control.workers,
            phase=self._queue.phase,
            seconds_left=self._queue.seconds_left,
            held=PAUSED
            if self._control.paused
            else self._control.waiting_for or self._backlog.held,
            typed=self._typed and not self._source.ended.is_set(),
        )

    def _conclude(self, seconds: float) -> None:
        """Show the summary."""
        self._display.close()
        if not self._unread:
            self._display.summarize([*self._rows(), ("seconds", f"{seconds:.1f}")], self._notes())
        notes = [*self._saving.notes, *self._backlog.notes()]
        for line in dict.fromkeys([*self._problems, *notes]):
            self._display.say(f"gochan: {line}")

    def _notes(self) -> Iterator[str]:
        """Yield what there is to say beside the figures."""
        yield from self._failures.lines()
        if not self._tally.submitted and self._source.exhausted and not self._backlog.done_before:
            yield "there was nothing to do: the input has no lines"
        if self._undone:
            untried = self._tally.untried or not self._source.exhausted
            yield from hints(self._options, untried=untried, halted=self._halted)

    def _rows(self) -> list[tuple[str, str]]:
        """Return the rows of the summary but for the last."""
        self._queue.audit()
        return self._tally.rows(
            done_before=self._backlog.done_before,
            retried=self._attempts.retried,
            untouched=self._source.untouched,
            unread=self._source.unread,
        )

    def _status(self, seen: SignalStop) -> int:
        if seen.signal is not None:
            return 128 + seen.signal
        if self._problems:
            return 2
        if self._unread:
            return BROKEN_PIPE
        halt = self._options.failures.halt
        if self._halted and halt is not None and halt.what != "fail":
            return 1 if self._tally.failed and halt.what == "done" else 0
        return 1 if self._undone else 0

    @property
    def _problems(self) -> list[str]:
        """What went wrong besides the commands."""
        parts = (self._backlog, self._source, self._saving)
        return [*filter(None, [self._problem, *(part.problem for part in parts)])]

    @property
    def _undone(self) -> bool:
        """Whether any line is not done."""
        return bool(self._left_over) or bool(self._backlog.undone) or not self._source.exhausted

"""A run: a job for each line of input, from the first line to the exit status."""

# Theory of operation
# -------------------
# One task reads lines and submits each as a job; the handler of a job runs the command;
# another task follows the results. A line is done if its command has ended with status 0
# and its output was passed on. Every other line is left over: failed, timed out, refused,
# interrupted, handed back, or never submitted. So each line read is counted exactly once.
#
# A failure (without --keep-going), a signal, and a closed output all end the run in the
# same way: they stop the queue. After that the input is read only to be left over, and
# only if there is a file for it.

from __future__ import annotations

import math
import signal
import sys
from dataclasses import asdict
from typing import Final, final

import trio

from ... import (
    ChanClosedError,
    Job,
    Refused,
    SignalStop,
    every,
    open_job_queue,
    open_signal_chan,
    stop_on_signals,
)
from ._commands import Commands
from ._display import Display
from ._left_over import LeftOver
from ._lines import Line, LineReader
from ._live_display import open_display
from ._options import BROKEN_PIPE, Options

# How many seconds a command may outlive the end of a stop before it is named as stuck.
_PATIENCE: Final = 1.0

# How often the display is updated, in seconds.
_UPDATE: Final = 0.1

# The rows of the summary that count jobs, in order.
_KINDS: Final = (
    "done", "failed", "timed_out", "cancelled", "interrupted", "refused", "dropped", "handed_back"
)  # fmt: skip


def run(options: Options) -> int:
    """Run the command for each line, and return the exit status."""
    # Our parent may have set SIGCHLD to SIG_IGN, so that children are reaped silently.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    display = open_display()
    work = _Run(options, display)
    try:
        return trio.run(work.main)
    finally:
        try:
            display.close()
        finally:
            work.close()


@final
class _Run:
    """One run."""

    def __init__(self, options: Options, display: Display) -> None:
        self._options = options
        self._display = display
        self._lines = LineReader(options.input)
        self._left_over = LeftOver(options.left_over)
        self._commands = Commands(
            options.command,
            display,
            on_failure=self._fail,
            on_broken_pipe=self._end_unread,
        )
        self._submitted = 0  # how many lines
        self._problem = ""  # with the input or the left-over file
        self._unread = False  # whether the output has lost its reader
        self._alone = False  # whether the stop that begins now ends no other command

    async def main(self) -> int:
        """Run all commands; return the exit status."""
        options = self._options
        started = trio.current_time()
        async with (
            open_job_queue(
                self._work,
                workers=options.workers,
                strategy=options.strategy,
                failures="collect",
                grace=options.grace,
            ) as queue,
            stop_on_signals(queue, drain=options.drain, grace=options.grace, say=self._say) as seen,
            trio.open_nursery() as nursery,
        ):
            self._queue = queue
            nursery.start_soon(self._show_progress)
            nursery.start_soon(self._name_stuck, seen)
            nursery.start_soon(self._feed)
            nursery.start_soon(self._watch_terminal, seen)
            async for job in queue.results():
                self._note(job)
            if self._left_over.wanted:
                await self._lines.wait_for_rest()
            self._save()  # here, where signals do no harm
            nursery.cancel_scope.cancel()
        self._conclude(trio.current_time() - started)
        return self._status(seen)

    def close(self) -> None:
        """Save what is left over, if that has not been done, and close what is open."""
        if not self._left_over.saved:
            self._save()
        self._left_over.close()

    def _save(self) -> None:
        self._problem = self._left_over.save(self._lines) or self._problem

    # Lines

    async def _feed(self) -> None:
        """Read lines and submit them; once the queue is closed, only put them aside."""
        more = True
        while more and (not self._queue.closed or self._left_over.wanted):
            more = await self._lines.read()
            if self._lines.problem:
                self._refuse_input(self._lines.problem)
            for line in self._lines.take():
                await self._take(line)
            if not more:
                self._lines.all_taken.set()
        self._queue.close()

    async def _take(self, raw: bytes) -> None:
        """Submit a line, or put it aside."""
        try:
            if not self._queue.closed and await self._submit(raw):
                return
        except ValueError as error:
            where = f"line {self._lines.number} of the input"
            self._refuse_input(f"{where} cannot be passed on: {error}")
        try:
            self._left_over.put_aside(raw)
        except OSError:
            self._lines.put_back(raw)
            raise

    async def _submit(self, raw: bytes) -> bool:
        """Submit a line; return False if the queue was closed before it was accepted."""
        line = Line(self._lines.number, raw.decode(sys.getfilesystemencoding()))
        if "\0" in line.text:
            raise ValueError("it contains a NUL byte")
        self._submitted += 1
        self._left_over.add(line)
        try:
            await self._queue.submit(line, timeout=self._options.timeout)
        except Refused:
            pass  # it is among the results
        except ChanClosedError:
            self._submitted -= 1
            self._left_over.remove(line)
            return False
        return True

    def _refuse_input(self, problem: str) -> None:
        """Take no more lines; the commands for those taken still run."""
        self._problem = problem
        self._queue.close()

    # Jobs

    async def _work(self, line: Line) -> None:
        """Do the work for one line; the handler of all jobs."""
        await self._commands.run(line.text)
        self._left_over.remove(line)

    def _note(self, job: Job[Line, None]) -> None:
        """Show how the command for a line has ended, if it ran."""
        outcome = job.outcome
        assert outcome is not None
        if outcome.ran and not self._unread:
            title = self._commands.title(job.payload.text)
            why = str(outcome.error or outcome.reason)
            self._display.ended(outcome.kind, outcome.ran, title, why)

    # The end

    def _fail(self) -> None:
        """End the run because a command has failed, unless it shall go on."""
        if not self._options.keep_going:
            # If no other command runs, there are none to talk about.
            self._alone = len(self._queue.running()) == 1
            self._stop(drain=self._options.drain)
            self._alone = False

    def _end_unread(self) -> None:
        """End the run because nobody reads what it prints."""
        if not self._unread:
            self._unread = True
            self._display.say("gochan: nobody reads the output any more")
            self._stop(drain=0)

    async def _watch_terminal(self, seen: SignalStop) -> None:
        """End the run on SIGHUP and SIGQUIT, which come from the terminal, unless ignored."""
        numbers = [
            number
            for number in (signal.SIGHUP, signal.SIGQUIT)
            if signal.getsignal(number) == signal.SIG_DFL
        ]
        if not numbers:
            return
        async with open_signal_chan(*numbers) as signals:
            async for number in signals:
                seen.signal = seen.signal or number
                self._stop(drain=0)

    def _stop(self, *, drain: float) -> None:
        self._queue.stop_soon(drain=drain, grace=self._options.grace)

    def _say(self, line: str) -> None:
        """Announce a phase of a stop."""
        if not self._alone:
            self._display.say(line)

    async def _name_stuck(self, seen: SignalStop) -> None:
        """Name the commands that still run some time after the stop, though they were killed."""
        (report,) = await seen.wait()
        await trio.sleep(_PATIENCE)
        for stuck in report.stuck:
            if stuck.job.state == "running":
                self._display.say(
                    f"still running after {stuck.job.age:.0f} s: {stuck.name}, {stuck.where}"
                )

    # What is shown

    async def _show_progress(self) -> None:
        async for _ in every(_UPDATE):
            self._display.update(
                self._queue.statistics(), self._submitted, self._queue.running(), self._phase()
            )

    def _phase(self) -> str:
        """Return the phase of a stop and its time left; nothing if there is no stop."""
        left = self._queue.seconds_left
        if left is None:
            return ""
        if left == math.inf:
            return self._queue.phase
        return f"{self._queue.phase}, {math.ceil(left)} s left"

    def _conclude(self, seconds: float) -> None:
        """Show the summary."""
        self._display.close()
        self._display.summarize([*self._rows(), ("seconds", f"{seconds:.1f}")])
        if self._problem:
            self._display.say(f"gochan: {self._problem}")

    def _rows(self) -> list[tuple[str, str]]:
        """Return the rows of the summary but for the last."""
        counts = asdict(self._queue.audit())
        rows = [(kind.replace("_", " "), counts[kind]) for kind in _KINDS if counts[kind]]
        if self._left_over.never_started:
            rows.append(("never started", self._left_over.never_started))
        if not self._lines.all_taken.is_set():
            rows.append(("rest of the input", "not read"))
        return [(name, str(value)) for name, value in rows]

    def _status(self, seen: SignalStop) -> int:
        if seen.signal is not None:
            return 128 + seen.signal
        if self._problem:
            return 2
        if self._unread:
            return BROKEN_PIPE
        return 1 if self._left_over or not self._lines.all_taken.is_set() else 0

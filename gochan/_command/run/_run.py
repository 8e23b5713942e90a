"""``gochan run``: a worker pool over real processes, one for each line of input."""

# Theory of operation
# -------------------
# One task reads lines and submits each as a job; the handler of a job runs the command;
# another task follows the results. A line is done if its command has ended with status 0
# and its output was passed on. Every other line is left over: failed, timed out, refused,
# interrupted, handed back, or never submitted. So each line read is counted exactly once.
#
# A failure (without --keep-going), a signal, and nobody reading the output all end the run
# in the same way: they stop the queue. After that, what is left of the input is only read
# to be left over, and only if somebody wants the left-over lines.

from __future__ import annotations

import math
import os
import shlex
import shutil
import signal
import stat
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, BinaryIO, Final, final

import trio

from ..._core._errors import ChanClosedError, Refused
from ..._core._signals import open_signal_chan
from ..._core._timers import every
from ..._queue import KINDS, Job, SignalStop, current_job, open_job_queue, stop_on_signals
from ...strategies._strategy import Strategy
from ._child import ChildError, run_child
from ._display import STDERR, STDOUT, Display, open_display

# How long to wait, at the end, for more of an input that is not a file, and for the output
# of a command that was interrupted to be written; and how long for more and more input.
_PATIENCE: Final = 1.0
_LONG_PATIENCE: Final = 10.0

BROKEN_PIPE: Final = 128 + signal.SIGPIPE


@final
@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    command: tuple[str, ...]
    workers: int
    strategy: Strategy[Any]
    timeout: float | None
    keep_going: bool
    input: BinaryIO
    left_over: str | None
    drain: float
    grace: float


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A line of input."""

    number: int
    text: str


class CommandFailed(Exception):
    """A command could not be started, ended with a status that is not 0, or was not heard."""


def run(options: Options) -> int:
    """Run the command for each line, and return the exit status."""
    # Whoever started us may have asked the system to bury children without a word.
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
    """One run, from the first line to the exit status."""

    def __init__(self, options: Options, display: Display) -> None:
        self._options = options
        self._display = display
        self._turn = trio.Lock()  # to write output
        self._number = 0  # of the line read last, as an editor counts
        self._lines = 0  # how many were submitted
        self._undone: dict[int, Line] = {}  # what was read, and is not done yet
        self._rest = _open_scratch()  # lines that were never submitted
        self._rest_lines = 0
        self._pending: deque[bytes] = deque()  # lines that were read, but not looked at
        self._begun = bytearray()  # the part that was read of a line without an end so far
        self._read_all = trio.Event()
        self._bad_input = ""
        self._unheard = False
        self._alone = False  # whether the stop that begins now is due to the only command
        self._saved = False

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
            nursery.start_soon(self._name_stuck)
            nursery.start_soon(self._feed)
            nursery.start_soon(self._watch_terminal, seen)
            async for job in queue.results():
                self._note(job)
            await self._read_on()
            self._save()  # here, where signals do no harm
            nursery.cancel_scope.cancel()
        self._display.close()
        self._display.summarize(self._rows(trio.current_time() - started))
        if self._bad_input:
            self._display.say(f"gochan: {self._bad_input}")
        return self._status(seen)

    def close(self) -> None:
        """Save what is left over, if that could not be done before, and close what is open."""
        if not self._saved:
            self._save()
        self._rest.close()

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

    # Lines

    async def _feed(self) -> None:
        """Read lines and submit them; once the queue is closed, only put them aside."""
        while not self._queue.closed or self._options.left_over is not None:
            chunk = await self._read_chunk()
            *lines, rest = chunk.split(b"\n")
            if lines or not chunk:
                self._pending += [bytes(self._begun) + b"".join(lines[:1]), *lines[1:]]
                self._begun.clear()
            self._begun += rest
            while self._pending:
                self._number += 1
                if line := self._pending.popleft():
                    await self._take(line)
            if not chunk:
                self._read_all.set()
                break
        self._queue.close()

    async def _read_chunk(self) -> bytes:
        """Return what can be read now, ``b""`` at the end."""
        descriptor = self._options.input.fileno()
        read = partial(os.read, descriptor, 1 << 16)
        while True:
            try:
                return await trio.to_thread.run_sync(read, abandon_on_cancel=True)
            except BlockingIOError:  # whoever shares it with us has made it so
                # Tested, but if we are slow to start there is something to read.
                await trio.lowlevel.wait_readable(descriptor)  # pragma: no cover
            except OSError as error:
                self._refuse_input(f"cannot read the input: {error.strerror}")
                return b""

    async def _take(self, raw: bytes) -> None:
        """Submit a line, or put it aside."""
        try:
            if not self._queue.closed and await self._submit(raw):
                return
        except ValueError as error:
            self._refuse_input(f"line {self._number} of the input cannot be passed on: {error}")
        try:
            self._rest.write(raw + b"\n")
        except OSError:
            self._pending.appendleft(raw)
            raise
        self._rest_lines += 1

    async def _submit(self, raw: bytes) -> bool:
        """Return whether a line was submitted, rather than the queue closed meanwhile."""
        line = Line(self._number, raw.decode(sys.getfilesystemencoding()))
        if "\0" in line.text:
            raise ValueError("it contains a NUL byte")
        self._lines += 1
        self._undone[line.number] = line
        try:
            await self._queue.submit(line, timeout=self._options.timeout)
        except Refused:
            pass  # it comes back among the results
        except ChanClosedError:
            self._lines -= 1
            del self._undone[line.number]
            return False
        return True

    def _refuse_input(self, problem: str) -> None:
        """Take no more lines; what has been taken is still done."""
        self._bad_input = problem
        self._queue.close()

    async def _read_on(self) -> None:
        """After the end, give the rest of the input a chance to be put aside."""
        if self._options.left_over is None:
            return
        if self._input_is_a_file():
            await self._read_all.wait()
            return
        with trio.move_on_after(_LONG_PATIENCE):
            number = -1
            while self._number > number and not self._read_all.is_set():
                number = self._number
                with trio.move_on_after(_PATIENCE):
                    await self._read_all.wait()

    def _input_is_a_file(self) -> bool:
        return stat.S_ISREG(os.fstat(self._options.input.fileno()).st_mode)

    # Commands

    async def _work(self, line: Line) -> None:
        """Run the command for one line, and pass its output on; the handler of all jobs."""
        command = fill_in(self._options.command, line.text)
        current_job().name = shlex.join(command)
        with ExitStack() as files:
            try:
                out, err = (files.enter_context(_open_scratch()) for _ in range(2))
                status = await run_child(command, out, err)
            except trio.Cancelled:
                if current_job().cause == "timed_out":
                    self._fail()
                with trio.move_on_after(_PATIENCE, shield=True):
                    await self._pass_on(out, err)
                raise
            except (OSError, ChildError) as error:
                self._fail()
                raise CommandFailed(str(error)) from None
            if status:
                self._fail()
            current_job().lift_timeout()
            await self._pass_on(out, err)
        if status > 0:
            raise CommandFailed(f"exit status {status}")
        if status < 0:
            raise CommandFailed(f"killed by {signal_name(-status)}")
        del self._undone[line.number]

    async def _pass_on(self, out: BinaryIO, err: BinaryIO) -> None:
        """Write what a command has written, all of it at once."""
        async with self._turn:
            for file, descriptor in ((out, STDOUT), (err, STDERR)):
                if not os.fstat(file.fileno()).st_size:
                    continue
                file.seek(0)
                show = partial(self._display.show, file, descriptor)
                try:
                    await trio.to_thread.run_sync(show, abandon_on_cancel=True)
                except BrokenPipeError:
                    self._hear_nothing()
                    raise CommandFailed("nobody reads the output any more") from None
                except OSError as error:
                    self._fail()
                    why = f"its output cannot be written: {error.strerror}"
                    raise CommandFailed(why) from None

    def _hear_nothing(self) -> None:
        """End the run, since nobody reads what it prints."""
        if not self._unheard:
            self._unheard = True
            self._display.say("gochan: nobody reads the output any more")
            self._stop(drain=0)

    # Results

    def _note(self, job: Job[Line, None]) -> None:
        """Take down how a line ended."""
        outcome, line = job.outcome, job.payload
        assert outcome is not None
        if outcome.ran and not self._unheard:
            command = shlex.join(fill_in(self._options.command, line.text))
            why = str(outcome.error or outcome.reason)
            self._display.ended(outcome.kind, outcome.ran, command, why)

    def _fail(self) -> None:
        """End the run because a command has failed, before another one can start."""
        if not self._options.keep_going:
            # If no other command runs there is nothing to say about those that run.
            self._alone = len(self._queue.running()) == 1
            self._stop(drain=self._options.drain)
            self._alone = False

    def _stop(self, *, drain: float) -> None:
        self._queue.stop_soon(drain=drain, grace=self._options.grace)

    def _say(self, line: str) -> None:
        """Say what a stop is at."""
        if not self._alone:
            self._display.say(line)

    async def _name_stuck(self) -> None:
        """Say which commands go on although the stop is over, and they have been killed."""
        report = await self._queue.wait_stopped()
        await trio.sleep(_PATIENCE)
        for stuck in report.stuck:
            if stuck.job.state == "running":
                self._display.say(
                    f"still running after {stuck.job.age:.0f} s: {stuck.name}, {stuck.where}"
                )

    async def _show_progress(self) -> None:
        async for _ in every(0.1):
            self._display.update(
                self._queue.statistics(), self._lines, self._queue.running(), self._phase()
            )

    def _phase(self) -> str:
        """Return what a stop is at, for the live view; nothing if there is none."""
        left = self._queue.seconds_left
        if left is None:
            return ""
        if left == math.inf:
            return self._queue.phase
        return f"{self._queue.phase}, {math.ceil(left)} s left"

    def _rows(self, seconds: float) -> list[tuple[str, str]]:
        """Return the rows of the summary."""
        counts = asdict(self._queue.audit())
        rows = [(kind.replace("_", " "), counts[kind]) for kind in KINDS if counts[kind]]
        if self._rest_lines:
            rows.append(("never started", self._rest_lines))
        if not self._read_all.is_set():
            rows.append(("rest of the input", "not read"))
        rows.append(("seconds", f"{seconds:.1f}"))
        return [(name, str(value)) for name, value in rows]

    def _status(self, seen: SignalStop) -> int:
        undone = self._undone or self._rest_lines or not self._read_all.is_set()
        if seen.signal is not None:
            return 128 + seen.signal
        if self._bad_input:
            return 2
        if self._unheard:
            return BROKEN_PIPE
        return 1 if undone else 0

    def _save(self) -> None:
        """Write every line that was not done, in the order of the input, if that is wanted."""
        self._saved = True
        path = self._options.left_over
        if path is None:
            return
        try:
            with _open_to_replace(path) as file:
                self._write_undone(file)
        except OSError as error:
            self._bad_input = f"cannot write {path}: {error.strerror}"

    def _write_undone(self, file: BinaryIO) -> None:
        file.writelines(os.fsencode(line.text) + b"\n" for line in self._undone.values())
        self._rest.seek(0)
        shutil.copyfileobj(self._rest, file)
        # The rest is there only if the run broke off, or waited for the end in vain.
        file.writelines(line + b"\n" for line in filter(None, self._pending))
        file.write(self._begun)
        if not self._read_all.is_set() and self._input_is_a_file():
            shutil.copyfileobj(self._options.input, file)
        elif self._begun:
            file.write(b"\n")


def _open_scratch() -> BinaryIO:
    """Open a file without a name, and without a buffer, for the output of a command."""
    file: Any = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # the caller closes it
    return file  # type: ignore[no-any-return]


@contextmanager
def _open_to_replace(path: str) -> Iterator[BinaryIO]:
    """Open a file for what shall stand there at the end of the block, but not before."""
    path = os.path.realpath(path)
    if not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    beside: Any
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as beside:
        try:
            yield beside
            shutil.copymode(path, beside.name)
        except BaseException:
            os.unlink(beside.name)
            raise
    os.replace(beside.name, path)


def signal_name(number: int) -> str:
    """Return what a signal is called."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def fill_in(command: Sequence[str], line: str) -> list[str]:
    """Put a line in the place of each ``{}``, or at the end if there is none."""
    if any("{}" in part for part in command):
        return [part.replace("{}", line) for part in command]
    return [*command, line]

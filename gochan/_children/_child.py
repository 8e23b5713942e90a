"""Child processes that do not outlive their jobs, and neither does what they have started."""

# Theory of operation
# -------------------
# A child leads a session of its own, so that Ctrl-C at the terminal reaches us alone, no
# program can ask for a password, and all that the child starts can be ended with it.
#
# If there are more of them than processors, threads start the children, and have the watcher
# wait for their ends. So a child that has started wakes nobody, unless somebody waits for that,
# in order to end it.
#
# Its output comes through pipes, not into files: a program that opens /dev/stdout again would
# empty a file. What it reads is a file in memory, or nothing.
#
# Most children have ended and closed their pipes when we look. All that is to be done then is
# done by the watcher, without waiting. Only what is left needs time: processes that live on in
# the group, and pipes that somebody else holds.

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial
from typing import Final, TypeAlias, final

import trio

from .._queue import cleanup
from ._collected import Collected
from ._guardian import Guardian
from ._orphans import Orphans
from ._pipes import OnOutput, Pipe, Stream, open_pipe
from ._posix_spawn import Files
from ._processors import count_processors
from ._program import ChildError, Program
from ._scratch import open_memory
from ._session import Session
from ._spawning import NOT_STARTED, Spawner
from ._starting import Starter
from ._watcher import open_watcher

# How many seconds the kernel may take to reap processes that were killed, and how often
# we look whether it has.
_REAPING: Final = 1.0
_LOOK: Final = 0.02

# How many seconds a child that belongs to no job has to clean up.
_GRACE: Final = 5.0

# How many children are few: each of them has a processor.
_FEW: Final = count_processors()

# The numbers of the standard files.
_STDOUT: Final = 1
_STDERR: Final = 2

# Where output goes: it is kept; or passed on as it comes; or it goes to where ours goes.
Output: TypeAlias = Collected | OnOutput | None


@asynccontextmanager
async def open_children(guardian: Guardian | None = None) -> AsyncIterator[Children]:
    """Make it possible to run child processes inside the block.

    Args:
        guardian: is told of each; if there is one, all children of this process are ours.
    """
    async with trio.open_nursery() as nursery:
        children = Children(nursery, guardian or Guardian())
        reaping = trio.CancelScope()
        if guardian is not None:
            nursery.start_soon(children.orphans.reap_all, reaping)
        try:
            yield children
        finally:
            children._close()
            reaping.cancel()


@final
class Children:
    """Runs child processes.

    Attributes:
        orphans: processes that they have left behind, whose parent we are now.
    """

    def __init__(self, nursery: trio.Nursery, guardian: Guardian) -> None:
        self._starter = Starter()
        self.orphans: Orphans = Orphans(self._ours, self._starter.still)
        self._guardian = guardian
        self._running: set[Child] = set()
        self._nursery = nursery
        self._token = trio.lowlevel.current_trio_token()
        self._watcher = open_watcher(nursery)
        self._spawner = Spawner()
        self._nothing = os.open(os.devnull, os.O_RDWR)

    @property
    def environment(self) -> dict[bytes, bytes]:
        """The variables that a child is given, unless its program asks for others."""
        return self._spawner.environment

    async def run(self, program: Program, output: Output) -> int:
        """Run a program, and return its exit status, which is negative for a signal.

        Once the child has ended, what it has left in its process group is killed. If this is
        cancelled, the whole session gets TERM, and KILL when the time for cleaning up is over: that
        of the job in which it runs, or 5 seconds.
        Either way, nothing of it is alive when this returns or raises; only a process that has
        left the session goes on.

        Args:
            program: what to run.
            output: what keeps its output; or a function that another task calls with each piece
                of it, during which the program can write only as much as a pipe holds; or
                None, and the program writes to where we do.

        Raises:
            ChildError: the program cannot be started, or its output cannot be kept.
        """
        child = self._start(program, output)
        cancelled: trio.Cancelled | None = None
        try:
            try:
                await child.ended.wait()
            except trio.Cancelled as error:
                cancelled = error
                await child.end_politely()
            finally:
                if cancelled is not None or not child.gone:
                    await child.clear_away(whole=cancelled is not None)
        finally:
            child.close()
            self._running.remove(child)
            self._guardian.leave(child.place)
        if cancelled is not None:
            try:
                raise cancelled
            finally:
                del cancelled
        if child.problem is not None:
            raise child.problem
        if isinstance(output, Collected) and output.problem is not None:
            raise ChildError(f"its output cannot be kept: {output.problem.strerror}")
        return child.status

    def _start(self, program: Program, output: Output) -> Child:
        """Have a program started, and what reads its output."""
        opened: list[int] = []  # by us, for the child alone
        pipes: list[int] = []
        try:
            stdin = self._nothing
            if program.stdin is not None:
                stdin = open_memory(program.stdin)
                opened.append(stdin)
            stdout, stderr = _STDOUT, _STDERR
            if output is not None:
                for _ in range(1 if program.one_pipe else 2):
                    read_end, stderr = open_pipe()
                    pipes.append(read_end)
                    opened.append(stderr)
                stdout = opened[-len(pipes)]
        except OSError as error:
            for descriptor in (*pipes, *opened):
                os.close(descriptor)
            why = f"cannot be started: {error.strerror}"
            raise ChildError(why, NOT_STARTED) from None
        place = self._guardian.expect(program.environment or {})
        child = Child(place, self._read(pipes, output))
        self._running.add(child)
        # Beside few others there is little else to do, and a thread would only cost time.
        aside = len(self._running) > _FEW
        spawn = partial(self._spawn, child, program, (stdin, stdout, stderr), opened, aside=aside)
        if aside:
            self._starter.call_soon(spawn)
        else:
            spawn()
        return child

    def _spawn(
        self, child: Child, program: Program, files: Files, opened: list[int], *, aside: bool
    ) -> None:
        """Start a program, unless nobody wants that any more; perhaps in a thread, aside."""
        problem: BaseException | None = None
        try:
            if child.unwanted:
                raise ChildError("was not started", NOT_STARTED)
            process = self._spawner.spawn(program, files, aside=aside)
            self._guardian.enter(child.place, process)
            child.process = process
            if program.niceness:
                # Its group is there already, and whatever it starts will be as nice.
                with suppress(OSError):  # it has gone
                    os.setpriority(os.PRIO_PGRP, process, program.niceness)
        except BaseException as error:
            problem = error
        for descriptor in opened:  # or the ends of its pipes would not be seen
            os.close(descriptor)
        if problem is None:
            self._watcher.add_process(child.process, child.note_end)
        # Whoever sets `unwanted` looks at `process` after that, so one of the two sees the other.
        if problem is not None or child.unwanted:
            self._token.run_sync_soon(child.note_start, problem)

    def _read(self, descriptors: list[int], output: Output) -> Sequence[Pipe | Stream]:
        """Return what reads from these pipes."""
        numbered = zip(descriptors, (_STDOUT, _STDERR), strict=False)
        if isinstance(output, Collected):
            return [Pipe(each, number, output.write, self._watcher) for each, number in numbered]
        if output is None:
            return []
        streams = [Stream(each, number, output) for each, number in numbered]
        for stream in streams:
            self._nursery.start_soon(stream.run)
        return streams

    def _ours(self) -> list[int]:
        guardian = self._guardian.process
        running = [child.process for child in self._running]
        return running if guardian is None else [*running, guardian]

    def _close(self) -> None:
        """Free what is needed to run children."""
        self._starter.close()
        os.close(self._nothing)
        self._watcher.close()


def _cleaning_up() -> trio.CancelScope:
    """Return the scope in which a child may clean up: that of its job, if there is one."""
    try:
        return cleanup()
    except RuntimeError:
        return trio.move_on_after(_GRACE, shield=True)


@final
class Child:
    """A child process.

    Args:
        place: in the guardian's table.
        pipes: what reads its output.

    Attributes:
        process: its number; 0 until it has started.
        problem: why it could not be started, if so.
        unwanted: whether it need not be started any more.
        status: of its end, negative for a signal.
        ended: set once it has ended, or could not be started.
    """

    def __init__(self, place: int, pipes: Sequence[Pipe | Stream]) -> None:
        self.place = place
        self.process = 0
        self.problem: BaseException | None = None
        self.unwanted = False
        self.status = 0
        self.ended = trio.Event()
        self._started = trio.Event()  # set if it is unwanted
        self._pipes = pipes
        self._pipes_ended = trio.Event()
        self._group_lives = True
        self._being_polite = False
        for pipe in pipes:
            pipe.on_end = self._note_pipe_end
        self._note_pipe_end()  # there may be none

    @property
    def _session(self) -> Session:
        return Session(self.process)

    def note_start(self, problem: BaseException | None) -> None:
        """Hear that it has started, or why not."""
        self._started.set()
        if problem is not None:
            self.problem = problem
            self.ended.set()

    def note_end(self, status: int) -> None:
        """Hear that it has ended, with this status for a wait."""
        self.status = os.waitstatus_to_exitcode(status)
        if not self._being_polite:
            self._group_lives = self._session.signal(signal.SIGKILL, whole=False)
        for pipe in self._pipes:
            pipe.drain()
        self.ended.set()

    def _note_pipe_end(self) -> None:
        if all(pipe.ended for pipe in self._pipes):
            self._pipes_ended.set()

    @property
    def gone(self) -> bool:
        """Whether it has ended, and has left nothing that we would have to wait for."""
        return not self._group_lives and self._pipes_ended.is_set()

    async def end_politely(self) -> None:
        """Send TERM to the session, and wait for its end as long as there is time to clean up."""
        self.unwanted = True
        if not self.process:
            with trio.CancelScope(shield=True):
                await self._started.wait()
            if self.problem is not None:
                return
        self._being_polite = True
        self._session.signal(signal.SIGTERM, whole=True)
        self._session.signal(signal.SIGCONT, whole=True)  # one that is stopped acts on TERM then
        with _cleaning_up():
            await self.ended.wait()
            while self._session.lives(whole=True):  # noqa: ASYNC110  # the system does not tell us
                await trio.sleep(_LOOK)

    async def clear_away(self, *, whole: bool) -> None:
        """Kill the process group or the whole session; wait until it is dead, and for its output.

        Somebody who has left the session may hold the pipes for ever.
        """
        if self.problem is not None:
            return
        with trio.CancelScope(shield=True):
            deadline = trio.current_time() + _REAPING
            with trio.move_on_at(deadline):
                await self._kill(whole=whole)
            with trio.move_on_at(deadline):
                await self._wait_for_pipes()
        for pipe in self._pipes:
            pipe.hurry()
        with trio.move_on_after(_REAPING, shield=True) if whole else nullcontext():
            await self._wait_for_pipes()

    async def _kill(self, *, whole: bool) -> None:
        self._session.signal(signal.SIGKILL, whole=whole)
        await self.ended.wait()
        while self._session.lives(whole=whole):
            await trio.sleep(_LOOK)
            self._session.signal(signal.SIGKILL, whole=whole)  # some may have been forked meanwhile

    async def _wait_for_pipes(self) -> None:
        if not self._pipes_ended.is_set():  # a wait for what is there could be cancelled
            await self._pipes_ended.wait()

    def close(self) -> None:
        """Read no more of its output."""
        for pipe in self._pipes:
            pipe.close()

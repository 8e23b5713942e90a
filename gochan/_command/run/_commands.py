"""The command for one line: how it runs, and where its output goes."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import BinaryIO, Final, TypeAlias, final

import trio

from ... import current_job
from ._child import ChildError, run_child
from ._display import STDERR, STDOUT, Display
from ._scratch import open_scratch

# How many seconds the output of a command that was cancelled may take to be passed on.
_PATIENCE: Final = 1.0

# What a command has written to its standard output and standard error.
_Output: TypeAlias = tuple[BinaryIO, BinaryIO]


class CommandFailed(Exception):
    """A command could not start, or its status was not 0, or its output was not passed on."""


@final
class Commands:
    """Runs a command for each line.

    Args:
        words: the command, as a template for `fill_in`.
        display: shows what the commands write.
        on_failure: called as soon as a command has failed, before another one can start.
        on_broken_pipe: called when nobody reads the output any more.
    """

    def __init__(
        self,
        words: Sequence[str],
        display: Display,
        *,
        on_failure: Callable[[], None],
        on_broken_pipe: Callable[[], None],
    ) -> None:
        self._words = words
        self._display = display
        self._failed = on_failure
        self._broken_pipe = on_broken_pipe
        self._turn = trio.Lock()  # held while the output of one command is written

    def title(self, line: str) -> str:
        """Return the command for a line as one would type it."""
        return shlex.join(fill_in(self._words, line))

    async def run(self, line: str) -> None:
        """Run the command for a line, and pass its output on; the work of a job.

        Raises:
            CommandFailed: the line is not done.
        """
        current_job().name = self.title(line)
        with ExitStack() as files:
            status = await self._run(fill_in(self._words, line), files)
        if status > 0:
            raise CommandFailed(f"exit status {status}")
        if status < 0:
            raise CommandFailed(f"killed by {signal_name(-status)}")

    async def _run(self, command: list[str], files: ExitStack) -> int:
        """Run a command and pass its output on, also if it has failed; return its status."""
        try:
            output = files.enter_context(open_scratch()), files.enter_context(open_scratch())
            status = await run_child(command, *output)
        except trio.Cancelled:
            if current_job().cause == "timed_out":
                self._failed()
            with trio.move_on_after(_PATIENCE, shield=True):
                await self._pass_on(output)
            raise
        except (OSError, ChildError) as error:
            self._failed()
            raise CommandFailed(str(error)) from None
        if status:
            self._failed()
        current_job().lift_timeout()
        await self._pass_on(output)
        return status

    async def _pass_on(self, output: _Output) -> None:
        """Write what a command has written, all of it at once."""
        async with self._turn:
            for file, descriptor in zip(output, (STDOUT, STDERR), strict=True):
                if os.fstat(file.fileno()).st_size:
                    file.seek(0)
                    await self._show(file, descriptor)

    async def _show(self, file: BinaryIO, descriptor: int) -> None:
        show = partial(self._display.show, file, descriptor)
        try:
            await trio.to_thread.run_sync(show, abandon_on_cancel=True)
        except BrokenPipeError:
            self._broken_pipe()
            raise CommandFailed("nobody reads the output any more") from None
        except OSError as error:
            self._failed()
            raise CommandFailed(f"its output cannot be written: {error.strerror}") from None


def fill_in(command: Sequence[str], line: str) -> list[str]:
    """Put a line in the place of each ``{}``, or at the end if there is none."""
    if any("{}" in part for part in command):
        return [part.replace("{}", line) for part in command]
    return [*command, line]


def signal_name(number: int) -> str:
    """Return what a signal is called."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

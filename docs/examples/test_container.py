"""The example for a container, as a real process that gets real signals.

Its jobs read from named pipes. Each goes on until somebody has opened its pipe and closed it again.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import trio

PROGRAM = Path(__file__).with_name("container.py")
LOG = PROGRAM.with_suffix(".out").read_text(encoding="utf-8")


class Container:
    """The program while it runs, and what it has logged."""

    def __init__(self, folder: Path, process: trio.Process) -> None:
        self.folder = folder
        self.log = ""
        self._process = process

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def until(self, text: str) -> None:
        """Read its log until that is there."""
        assert self._process.stdout is not None
        while text not in self.log:
            heard = await self._process.stdout.receive_some()
            assert heard, f"it ended without saying {text!r}, but with:\n{self.log}"
            self.log += heard.decode()

    async def ended(self) -> int:
        """Wait for its end, read the rest of its log, and return its status."""
        assert self._process.stdout is not None
        async for heard in self._process.stdout:
            self.log += heard.decode()
        return await self.status()

    async def status(self) -> int:
        """Wait for its end, and return its status."""
        return await self._process.wait()

    @asynccontextmanager
    async def reading(self, name: str) -> AsyncIterator[None]:
        """Wait until a job reads from that pipe; it is done when the block is left."""
        while True:
            with suppress(OSError):  # as long as nobody reads there
                pipe = os.open(self.folder / name, os.O_WRONLY | os.O_NONBLOCK)
                break
            await trio.sleep(0.002)
        try:
            yield
        finally:
            os.close(pipe)


@asynccontextmanager
async def running(folder: Path, *commands: str, **settings: str) -> AsyncIterator[Container]:
    """Run the program in a folder with some pipes, until it is ready."""
    for name in ("first", "second", "third", "fourth"):
        os.mkfifo(folder / name)
    start = partial(
        trio.run_process,
        [sys.executable, str(PROGRAM), *commands],
        stdout=-1,
        check=False,
        cwd=folder,
        env={**os.environ, **settings},
    )
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            container = Container(folder, await nursery.start(start))
            await container.until("ready\n")
            yield container
            nursery.cancel_scope.cancel()


async def test_what_runs_may_finish_and_the_rest_is_given_back(tmp_path: Path) -> None:
    """Nothing is lost, whatever state it is in. Another SIGTERM changes nothing, SIGINT hastens."""
    commands = [f"cat {name}" for name in ("first", "second", "third", "fourth")]
    async with running(tmp_path, *commands) as container, container.reading("second"):
        async with container.reading("first"):
            container.send(signal.SIGTERM)
            await container.until("given back: cat fourth\n")
            container.send(signal.SIGTERM)
        await container.until("done: cat first\n")
        container.send(signal.SIGINT)
        assert await container.ended() == 0
        assert container.log == LOG


async def test_what_takes_longer_than_the_drain_is_cancelled(tmp_path: Path) -> None:
    """Without anybody's doing anything."""
    async with running(tmp_path, "cat first", DRAIN="0.1") as container:
        async with container.reading("first"):
            container.send(signal.SIGTERM)
            assert await container.ended() == 0
        assert container.log.splitlines()[1:] == [
            "no further job starts, 1 job may finish within 0.1 s; Ctrl-C cancels what runs",
            "cancelling what runs: 1 job, with 5 s to clean up; Ctrl-C gives up on the rest",
            "given back: cat first",
            "interrupted: cat first",
        ]


async def test_what_cannot_be_cancelled_is_named_and_left_behind(tmp_path: Path) -> None:
    """The status tells, and the program ends in time."""
    stubborn = "sh -c 'trap \"\" TERM; cat first'"
    async with running(tmp_path, stubborn, DRAIN="0", GRACE="0.1") as container:
        async with container.reading("first"):
            container.send(signal.SIGTERM)
            await container.until("and is still ")
            assert await container.status() == 1
        await container.ended()
        assert "job 1 (work) has run for" in container.log
        assert "interrupted" not in container.log, "it has waited for its end"


async def test_idle_it_ends_at_once(tmp_path: Path) -> None:
    """A job that fails is logged, and stops nothing else."""
    async with running(tmp_path, "false", "true") as container:
        for line in ("failed: false\n", "done: true\n"):
            await container.until(line)
        container.send(signal.SIGTERM)
        assert await container.ended() == 0
        assert container.log.endswith("\nno further job starts\n")

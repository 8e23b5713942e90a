"""A fleet: processes that share a store, and can be killed, stopped and told to end."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

import trio

from gochan.durable import Store, open_durable_queue, open_store

from .ledger import QUEUE, Ledger, Verdict, compare, facts_in
from .patience import until

ROOT = Path(__file__).parents[3]


class Member:
    """A process of a fleet."""

    def __init__(self, fleet: Fleet, pid: int, role: str) -> None:
        self._fleet = fleet
        self.pid = pid
        self.role = role

    def kill(self) -> None:
        """End it as a crash would."""
        # Nothing that it says after this was said in time.
        os.kill(self.pid, signal.SIGKILL)
        self._fleet.note("killed", of=self.pid)

    def stop(self) -> None:
        """Let it do nothing, without its knowing."""
        os.kill(self.pid, signal.SIGSTOP)
        self._fleet.note("stopped", of=self.pid)

    def go_on(self) -> None:
        """Let it go on as if nothing had been."""
        os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """Tell it to end."""
        os.kill(self.pid, signal.SIGTERM)

    @property
    def lives(self) -> bool:
        """Whether there is such a process."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return True
        return False

    async def gone(self, *, seconds: float = 30.0) -> None:
        """Wait for its end."""
        await until(lambda: not self.lives, seconds=seconds)

    def says(self, what: str) -> bool:
        """Whether it has said so."""
        return any(fact["what"] == what for fact in self.facts)

    @property
    def facts(self) -> list[dict[str, Any]]:
        """What it has said."""
        return [fact for fact in facts_in(self._fleet.folder) if fact["pid"] == self.pid]


class Fleet:
    """Processes that share a store."""

    def __init__(
        self, zygote: trio.Process, folder: Path, address: str, options: dict[str, Any]
    ) -> None:
        self.folder = folder
        self.members: list[Member] = []
        self._zygote = zygote
        self._address = address
        self._options = options
        self._ledger = Ledger(folder)
        self.note = self._ledger.note

    async def start(self, role: str, *, ready: bool = False, **more: Any) -> Member:
        """Start a process; perhaps wait until it is at work."""
        order = {
            "role": role,
            "folder": str(self.folder),
            "address": self._address,
            "options": self._options,
            "more": more,
        }
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        with trio.CancelScope(shield=True):  # or there would be a process that nobody knows of
            await self._zygote.stdin.send_all(json.dumps(order).encode() + b"\n")
            said = b""
            while not said.endswith(b"\n"):
                said += await self._zygote.stdout.receive_some()
            member = Member(self, int(said), role)
            self.members.append(member)
        if ready:
            await until(lambda: member.says("ready"))
        return member

    def alive(self, role: str) -> list[Member]:
        """Return the processes of one role that have not been ended."""
        return [member for member in self.members if member.role == role and member.lives]

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """Open the store here, too."""
        async with open_store(self._address, **self._options) as store:
            yield store

    async def settle(self, *, times: int, again: bool = True, seconds: float = 60.0) -> Verdict:
        """Let no more jobs come, and all end; then compare the ledger with the store."""
        for producer in self.alive("produce"):
            producer.kill()
        if not self.alive("work"):
            await self.start("work")
        async with self.store() as store, open_durable_queue(store, QUEUE) as queue:
            with trio.move_on_after(seconds):
                await queue.join()
        for worker in self.alive("work"):
            worker.terminate()
        await self.all_gone()
        async with self.store() as store:
            verdict = await compare(store, facts_in(self.folder), times=times, again=again)
        verdict.left += self.left_behind()
        return verdict

    async def all_gone(self) -> None:
        """Wait until every process has ended."""
        with suppress(trio.TooSlowError):
            await until(lambda: not any(member.lives for member in self.members), seconds=20)

    def left_behind(self) -> list[str]:
        """Say which processes there are still, and what they have complained of."""
        left = [f"process {member.pid} goes on" for member in self.members if member.lives]
        said = self.folder / "said"
        if said.exists() and said.stat().st_size:
            left.append(said.read_text(errors="replace")[-3000:])
        return left

    def end(self) -> None:
        """End all processes."""
        for member in self.members:
            with suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)


@asynccontextmanager
async def open_fleet(folder: Path, address: str, **options: Any) -> AsyncIterator[Fleet]:
    """Open a fleet on a store; all processes are gone afterwards."""
    facts = folder / "facts"
    facts.mkdir(exist_ok=True)
    zygote = await trio.lowlevel.open_process(
        [sys.executable, "-m", "tests.durable.failures.zygote"],
        stdin=PIPE, stdout=PIPE, cwd=ROOT,
    )  # fmt: skip
    fleet = Fleet(zygote, facts, address, options)
    try:
        yield fleet
    finally:
        with trio.CancelScope(shield=True):
            fleet.end()
            zygote.kill()
            await zygote.wait()
            assert zygote.stdin is not None
            assert zygote.stdout is not None
            await zygote.stdin.aclose()
            await zygote.stdout.aclose()

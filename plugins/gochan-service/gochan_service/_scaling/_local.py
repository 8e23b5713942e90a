"""The provider ``local``: agents are processes of this machine."""

# Theory of operation
# -------------------
# An agent outlives the scaler, which may be killed at any moment, and finds it again: in a folder
# there is a file for each agent, with the number of its process and when that started, as the
# system tells, so that another process of the same number is not taken for it. The agent's own
# process writes it, before it becomes the agent: so there is no moment at which one runs unknown,
# and where it cannot be written, there is no agent.

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, final

from ._providers import AgentPlan, ProviderError, is_of

_NOTE: Final = (
    'if [ -r /proc/$$/stat ]; then cat /proc/$$/stat; else echo $$; fi >"$0" && exec "$@"'
)
_WRITING: Final = 10.0  # seconds that a process has to write its file
_STARTED: Final = 19  # which word after the name of the program says when it started


@asynccontextmanager
async def open_local(plan: AgentPlan) -> AsyncIterator[LocalProvider]:
    """Open the provider; agents go on when it is closed.

    Raises:
        ProviderError: there is no command for jobs, or the folder cannot be made.
    """
    if not plan.command:
        raise ProviderError("the provider 'local' needs the command for jobs: … -- COMMAND")
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProviderError(f"{plan.folder} cannot be made: {error.strerror}") from None
    yield LocalProvider(plan)


@final
class LocalProvider:
    """Starts agents on this machine, and ends them by TERM."""

    def __init__(self, plan: AgentPlan) -> None:
        self._plan = plan
        self._folder = plan.folder.absolute()
        self._children: list[subprocess.Popen[bytes]] = []
        self._new: set[str] = set()  # listed once, so that it is seen if they end at once

    async def create(self, name: str) -> None:
        """Start an agent; what it says is in a file beside that of its process."""
        self._start(name)

    def _start(self, name: str) -> None:
        words = [sys.executable, "-m", "gochan", "agent", *self._arguments(name)]
        try:
            with open(self._folder / f"{name}.log", "ab") as log:
                process = subprocess.Popen(
                    ["/bin/sh", "-c", _NOTE, str(self._file(name)), *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise ProviderError(f"an agent cannot be started: {error.strerror}") from None
        self._children.append(process)
        self._new.add(name)

    def _arguments(self, name: str) -> list[str]:
        plan = self._plan
        command = [*plan.command]
        if "--" not in command:
            command.insert(0, "--")
        return [
            plan.url, "--queue", plan.queue, "--capacity", str(plan.capacity),
            "--label", f"instance={name}", *command,
        ]  # fmt: skip

    async def destroy(self, name: str) -> None:
        """Let an agent end in order, if it is there."""
        process = self._process(name)
        if process:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)

    async def list(self) -> Collection[str]:
        """Return the agents whose processes are alive, and forget the others."""
        try:
            alive = self._alive()
        except OSError as error:
            raise ProviderError(f"agents cannot be listed: {error.strerror}") from None
        # Only now: one that has died meanwhile is forgotten above, and has to be reaped.
        self._children = [child for child in self._children if child.poll() is None]
        new, self._new = self._new, set()
        return new.union(alive)

    def _alive(self) -> Sequence[str]:
        names = [path.stem for path in self._folder.glob(f"{self._plan.prefix}-*.process")]
        alive = []
        for name in names:
            if not is_of(self._plan.prefix, name):
                continue
            if self._process(name) is None:
                self._file(name).unlink(missing_ok=True)
            else:
                alive.append(name)
        return alive

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.process"

    def _process(self, name: str) -> int | None:
        """Return the process of an agent; 0 if it is just being started, ``None`` if it is gone."""
        try:
            noted = self._file(name).read_text()
            if not noted:
                age = time.time() - self._file(name).stat().st_mtime
                return 0 if age < _WRITING else None
        except FileNotFoundError:
            return None
        number = int(noted.split()[0])
        return number if _is_alive(number, noted) else None


def _is_alive(number: int, noted: str) -> bool:
    """Whether the process of this number is the one that was noted."""
    now = _stat_of(number)
    if now is None:
        return not os.path.exists("/proc/self/stat") and _exists(number)
    words, before = now.rpartition(")")[2].split(), noted.rpartition(")")[2].split()
    return words[0] not in "ZX" and words[_STARTED] in before[_STARTED : _STARTED + 1]


def _stat_of(number: int) -> str | None:
    """Return what Linux says of a process, if it is there."""
    try:
        return Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return None


def _exists(number: int) -> bool:
    """Whether there is a process of this number, on a system that tells no more."""
    try:
        os.kill(number, 0)
    except OSError:
        return False
    return True

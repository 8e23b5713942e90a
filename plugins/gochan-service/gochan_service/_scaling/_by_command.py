"""The provider ``command``: agents are started and ended by any command, such as a cloud's."""

# Theory of operation
# -------------------
# A command may leave an agent behind as its own child, in the background. So what it has started
# goes on, and whoever still holds its output then is not waited for.

from __future__ import annotations

import shlex
import subprocess
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final, final

import trio

from ._providers import AgentPlan, ProviderError, is_of

_LONGEST: Final = 300.0  # seconds that a command may take
_LATE: Final = 1.0  # seconds that its output may come after its end
_SHOWN: Final = 200  # characters of what it says
_MUCH: Final = 2**20


@asynccontextmanager
async def open_by_command(plan: AgentPlan) -> AsyncIterator[CommandProvider]:
    """Open the provider.

    Raises:
        ProviderError: a command is missing, or has an open quote.
    """
    for needed in ("create", "destroy"):
        if needed not in plan.options:
            raise ProviderError(f"the provider 'command' needs --{needed} 'COMMAND … {{name}}'")
        if "{name}" not in plan.options[needed]:
            raise ProviderError(f"--{needed} needs the name of the agent: put {{name}} into it")
    for name, text in plan.options.items():
        try:
            shlex.split(text)
        except ValueError as error:
            raise ProviderError(f"--{name} is no command: {error}") from None
    yield CommandProvider(plan)


@final
class CommandProvider:
    """Runs a command for each thing that it is asked for; no shell looks at it."""

    def __init__(self, plan: AgentPlan) -> None:
        self._plan = plan

    async def create(self, name: str) -> None:
        """Run ``create``."""
        await self._run("create", name)

    async def destroy(self, name: str) -> None:
        """Run ``destroy``."""
        await self._run("destroy", name)

    async def list(self) -> Collection[str] | None:
        """Run ``list``, if there is one; each line is a name, and those of others do not count."""
        if "list" not in self._plan.options:
            return None
        lines = (await self._run("list", "")).splitlines()
        return [name for name in map(str.strip, lines) if is_of(self._plan.prefix, name)]

    async def _run(self, what: str, name: str) -> str:
        words = [self._fill_in(word, name) for word in shlex.split(self._plan.options[what])]
        title = shlex.join(words)
        try:
            with trio.fail_after(_LONGEST):
                status, out, errors = await _run(words)
        except OSError as error:
            raise ProviderError(f"{title} cannot be started: {error.strerror}") from None
        except trio.TooSlowError:
            raise ProviderError(f"{title} takes longer than {_LONGEST:g} s") from None
        if status:
            why = " ".join(errors.decode(errors="replace").split())[:_SHOWN]
            raise ProviderError(f"{title} ends with status {status}: {why}")
        return out.decode(errors="replace")

    def _fill_in(self, word: str, name: str) -> str:
        plan = self._plan
        values = {"name": name, "url": plan.url, "queue": plan.queue, "prefix": plan.prefix}
        for place, value in values.items():
            word = word.replace(f"{{{place}}}", value)
        return word


async def _run(words: Sequence[str]) -> tuple[int, bytes, bytes]:
    """Run a command; return its status, and what it has written. If cancelled, it is killed."""
    process = await trio.lowlevel.open_process(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us
    )
    out, errors = bytearray(), bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep, process.stdout, out)
        nursery.start_soon(_keep, process.stderr, errors)
        try:
            await process.wait()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
        nursery.cancel_scope.deadline = trio.current_time() + _LATE
    return process.returncode or 0, bytes(out), bytes(errors)


async def _keep(stream: trio.abc.ReceiveStream | None, kept: bytearray) -> None:
    assert stream is not None
    async with stream:
        while len(kept) < _MUCH and (data := await stream.receive_some()):
            kept += data

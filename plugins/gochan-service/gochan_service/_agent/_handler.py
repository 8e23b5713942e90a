"""What an agent does for a job: it runs the command, and its output is the log."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence

import trio

from gochan.durable import current_job
from gochan.processes import ChildError, Children, Program, fill_in

from .._wire import Part
from ._artefacts import upload
from ._log_stream import LogCourier, Send


class CommandFailed(Exception):
    """The command of a job has not ended with status 0."""


def run_command_for(
    words: Sequence[str],
    children: Children,
    courier: LogCourier,
    send: Send,
    patterns: Sequence[str] = (),
) -> Callable[[object], Awaitable[None]]:
    """Return a handler that runs a command for each payload.

    Args:
        words: the command; without any, the payload is one.
        children: runs it.
        courier: takes what it prints.
        send: takes the files that it has made.
        patterns: which files these are; ``{}`` in them is the payload.
    """
    turn = trio.CapacityLimiter(1)  # on a slow line, all at once would hold up what keeps leases

    async def send_in_turn(parts: Sequence[Part]) -> Sequence[int | None]:
        async with turn:
            return await send(parts)

    async def handler(payload: object) -> None:
        record = current_job().record
        text = text_of(payload)
        command = fill_in(words, text) if words else command_in(payload)
        variables = {**children.environment, b"GOCHAN_JOB": b"%d" % record.id}
        program = Program(command, environment=variables, one_pipe=True)
        log = courier.open(record.id, record.version)

        async def write(_: int, data: bytes) -> bool:
            await log.write(data)
            return True

        try:
            status = await children.run(program, write)
            # Without files there is no wait here: what is done is not cut short by a stop.
            if not status and patterns:
                wanted = [os.fsdecode(fill_in([pattern, "{}"], text)[0]) for pattern in patterns]
                await upload(record.id, record.version, wanted, send_in_turn)
        except ChildError as error:
            raise CommandFailed(str(error)) from None
        finally:
            with trio.CancelScope(shield=True):
                await log.flush()
        if status:
            raise CommandFailed(_why(status))

    return handler


def text_of(payload: object) -> str:
    """Return what a payload is in a command: a text stands for itself, all else is its JSON."""
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)


def command_in(payload: object) -> list[bytes]:
    """Return the command that a payload is: a list of words.

    Raises:
        ValueError: it is none.
    """
    if isinstance(payload, list) and payload and all(isinstance(word, str) for word in payload):
        return [os.fsencode(word) for word in payload]
    raise ValueError("the payload is no command: it has to be a list of words, as in ['ls', '-l']")


def _why(status: int) -> str:
    if status > 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"

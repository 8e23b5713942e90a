"""What an agent does for a job: it runs the command, and its output is the log."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence

import trio

from gochan.durable import current_job

from ._artefacts import upload
from ._log_stream import LogCourier, Send
from ._process import run_process
from ._words import command_in, fill_in


class CommandFailed(Exception):
    """The command of a job has not ended with status 0."""


def run_command_for(
    words: Sequence[str], courier: LogCourier, send: Send, patterns: Sequence[str] = ()
) -> Callable[[object], Awaitable[None]]:
    """Return a handler that runs a command for each payload.

    Args:
        words: the command; without any, the payload is one.
        courier: takes what it prints.
        send: takes the files that it has made.
        patterns: which files these are; ``{}`` in them is the payload.
    """

    async def handler(payload: object) -> None:
        record = current_job().record
        command = fill_in(words, payload) if words else command_in(payload)
        log = courier.open(record.id, record.version)
        try:
            status = await run_process(command, log.write, {"GOCHAN_JOB": str(record.id)})
            if not status:
                wanted = [fill_in([pattern, "{}"], payload)[0] for pattern in patterns]
                await upload(record.id, record.version, wanted, send)
        except OSError as error:
            raise CommandFailed(f"cannot be started: {error.strerror}") from None
        finally:
            with trio.CancelScope(shield=True):
                await log.flush()
        if status:
            raise CommandFailed(_why(status))

    return handler


def _why(status: int) -> str:
    if status > 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"

"""A worker for a container: it runs commands, and shuts down cleanly on SIGTERM.

python container.py 'make film' 'make poster'
"""

from __future__ import annotations

import os
import shlex
import sys

import trio

from gochan import (
    ChanClosedError,
    Job,
    JobQueue,
    cleanup,
    current_job,
    open_job_queue,
    stop_on_signals,
)

DRAIN = float(os.environ.get("DRAIN", "20"))
GRACE = float(os.environ.get("GRACE", "5"))


def log(line: object) -> None:
    """Print a line at once; in a container, standard output is a pipe with a buffer."""
    print(line, flush=True)


async def give_back(command: str) -> None:
    """Give a piece of work back to its source; here, only say so."""
    log(f"given back: {command}")


async def work(command: str) -> None:
    """Do one piece of work."""
    try:
        await trio.run_process(shlex.split(command))
    finally:
        if current_job().cause:  # it was ended early
            with cleanup():
                await give_back(command)


def note_end(job: Job[str, None]) -> None:
    """Log how a job ended."""
    assert job.outcome is not None
    log(f"{job.outcome.kind}: {job.payload}")


async def feed(queue: JobQueue[str, None], commands: list[str]) -> None:
    """Fetch work from its source, no faster than it is done."""
    for command in commands:
        try:
            await queue.submit(command)
        except ChanClosedError:
            await give_back(command)


async def main(commands: list[str]) -> int:
    """Work until SIGTERM; return the exit status."""
    async with (
        open_job_queue(work, workers=2, capacity=1, failures="collect", on_end=note_end) as queue,
        stop_on_signals(queue, drain=DRAIN, grace=GRACE, say=log) as stop,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(feed, queue, commands)
        log("ready")
        (report,) = await stop.wait()
        for job in report.handed_back:
            await give_back(job.payload)
        for stuck in report.stuck:
            log(stuck)
        if report.stuck:
            os._exit(1)  # leaving the block would wait for them until SIGKILL
    return 0


if __name__ == "__main__":
    sys.exit(trio.run(main, sys.argv[1:]))

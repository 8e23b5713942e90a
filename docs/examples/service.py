"""An HTTP service that answers 503 when it is too busy, and says when to come back.

pip install hypercorn starlette    # and gochan, as docs/install.md says
python service.py 127.0.0.1:8000
"""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gochan import ChanClosedError, Job, JobQueue, Refused, open_job_queue, open_signal_chan

STATUS = {"done": 200, "failed": 500, "timed_out": 504}  # otherwise 503


async def work(path: str) -> str:
    """Handle a request; here, only sleep."""
    await trio.sleep(0.1)
    return f"this is {path}\n"


def make_app(queue: JobQueue[str, str]) -> Starlette:
    """Return an application that runs each request as a job."""

    async def answer(request: Request) -> Response:
        try:
            job = queue.submit_nowait(request.url.path, timeout=10)
        except Refused as refused:
            return busy(refused.reason, refused.retry_after)
        except trio.WouldBlock:  # under a strategy that makes submitters wait
            return busy("full", queue.statistics().worst_wait)
        except ChanClosedError:
            return busy("stopping", None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_when_gone, job, request)
            outcome = await job.wait()
            nursery.cancel_scope.cancel()
        if outcome.kind in STATUS:
            text = outcome.value or f"{outcome.kind}\n"
            return PlainTextResponse(text, STATUS[outcome.kind])
        return busy(outcome.reason, queue.statistics().worst_wait)

    async def show_status(request: Request) -> Response:
        return JSONResponse({"phase": queue.phase, **asdict(queue.statistics())})

    return Starlette(routes=[Route("/status", show_status), Route("/{path:path}", answer)])


def busy(reason: str, seconds: float | None) -> Response:
    """Return 503 (Service Unavailable); Retry-After is in whole seconds."""
    after = max(1, math.ceil(seconds or 0))
    return PlainTextResponse(f"{reason}\n", 503, headers={"Retry-After": str(after)})


async def cancel_when_gone(job: Job[str, str], request: Request) -> None:
    """Cancel the job of a client that goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    job.cancel("the client has gone")


async def run_service(
    bind: str = "127.0.0.1:8000",
    handler: Callable[[str], Awaitable[str]] = work,
    workers: int = 4,
    strategy: str = "drop-on-full(20)",
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until SIGINT or SIGTERM; then finish the running requests."""
    config = Config()
    config.bind = [bind]
    async with (
        open_signal_chan(signal.SIGINT, signal.SIGTERM) as signals,
        open_job_queue(handler, workers=workers, strategy=strategy, failures="collect") as queue,
    ):

        async def until_stopped() -> None:
            await signals.receive()
            await queue.stop(drain=20, grace=5)  # from now on, the answer is 503

        app = make_app(queue)
        await serve(app, config, shutdown_trigger=until_stopped, task_status=task_status)


if __name__ == "__main__":
    trio.run(run_service, sys.argv[1])

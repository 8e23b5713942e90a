"""A site that makes large reports in the background: durable jobs, a web process, and workers.

python reports.py serve 127.0.0.1:8000              # the site, with two workers in the same process
python reports.py serve 127.0.0.1:8000 --workers 0  # the site alone
python reports.py work                              # a process of workers, or several

All of them take --store postgresql://user@host/database; by default, the jobs are in reports.db.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from gochan import open_signal_chan, stop_on_signals
from gochan.durable import (
    DurableQueue,
    JobGone,
    JobRecord,
    QueueFull,
    StoreUnavailable,
    current_job,
    open_durable_queue,
    open_store,
)

FOLDER = Path("reports")
STORE = "sqlite:reports.db"

Queue = DurableQueue[dict[str, Any], str]


# The work


async def make_report(order: dict[str, Any]) -> str:
    """Write a report, and return the name of its file: the handler."""
    path = FOLDER / f"{current_job().id}.csv.gz"
    await trio.to_thread.run_sync(write_report, path, order["rows"], order.get("pause", 0.0))
    return path.name


def write_report(path: Path, rows: int, pause: float) -> None:
    """Write it, in a thread. To do so twice does no harm: the whole file replaces the other."""
    FOLDER.mkdir(exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    try:
        with gzip.open(unfinished, "wt", newline="") as file:
            out = csv.writer(file)
            for number in range(rows):
                if number % 1000 == 0:
                    trio.from_thread.check_cancelled()
                    trio.from_thread.run_sync(current_job().progress, number, rows)
                    trio.from_thread.run(trio.sleep, pause)
                out.writerow([number, number * number])
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@asynccontextmanager
async def open_reports(store: str, workers: int = 0, lease: float = 30.0) -> AsyncIterator[Queue]:
    """Open the queue; with workers, also run its jobs."""
    options: dict[str, Any] = {"shared": True} if store.startswith("sqlite:") else {}
    async with (
        open_store(store, **options) as opened,
        open_durable_queue(
            opened,
            "reports",
            make_report if workers else None,
            workers=max(1, workers),
            lease=lease,
            timeout=600,
            capacity=100,
            when_full="refuse",
        ) as queue,
    ):
        yield queue


# The site


def make_app(queue: Queue) -> Starlette:
    """Return the application: reports are ordered, looked at, cancelled and fetched."""

    async def order(request: Request) -> Response:
        wanted = await request.json()
        if not isinstance(wanted.get("rows"), int):
            return JSONResponse({"error": "say how many rows"}, 400)
        key = request.headers.get("idempotency-key")
        try:
            job = await queue.submit(wanted, key=key, once_for=86_400, wait_for_store=False)
        except (QueueFull, StoreUnavailable) as problem:
            return JSONResponse({"error": str(problem)}, 503, headers={"Retry-After": "10"})
        place = f"/reports/{job.id}"
        return JSONResponse({"id": job.id, "new": job.created}, 202, headers={"Location": place})

    async def show(request: Request) -> Response:
        job = queue.job(request.path_params["id"])
        try:
            with trio.move_on_after(float(request.query_params.get("wait", 0))):
                await job.wait()
            return JSONResponse(describe(await job.record()))
        except JobGone as gone:
            return JSONResponse({"error": str(gone)}, 404)

    async def cancel(request: Request) -> Response:
        known = await queue.job(request.path_params["id"]).cancel("the client does not want it")
        return Response(status_code=202 if known else 404)

    async def fetch(request: Request) -> Response:
        path = FOLDER / f"{request.path_params['id']}.csv.gz"
        return FileResponse(path) if path.exists() else Response(status_code=404)

    async def show_status(request: Request) -> Response:
        return JSONResponse(asdict(await queue.statistics()))

    return Starlette(
        routes=[
            Route("/reports", order, methods=["POST"]),
            Route("/reports/{id:int}", show),
            Route("/reports/{id:int}", cancel, methods=["DELETE"]),
            Route("/reports/{id:int}/file", fetch),
            Route("/status", show_status),
        ]
    )


def describe(record: JobRecord) -> dict[str, Any]:
    """Say what a client may know of a job."""
    done, total = record.progress or (0, None)
    return {
        "state": record.kind or record.state,
        "done": round(done / total, 3) if total else None,
        "attempt": record.attempt,
        "error": record.error,
    }


async def run_site(bind: str, queue: Queue, *, workers: int) -> None:
    """Serve until SIGTERM or SIGINT. With workers, their jobs get twenty seconds to end."""
    config = Config()
    config.bind = [bind]
    app: Any = make_app(queue)
    if workers:
        async with stop_on_signals(queue) as stop:
            await serve(app, config, shutdown_trigger=stop.wait)
    else:
        async with open_signal_chan(signal.SIGTERM, signal.SIGINT) as signals:
            await serve(app, config, shutdown_trigger=signals.receive)


async def main(arguments: argparse.Namespace) -> None:
    """Run one of the processes."""
    async with open_reports(arguments.store, arguments.workers, arguments.lease) as queue:
        if arguments.command == "serve":
            await run_site(arguments.bind, queue, workers=arguments.workers)
        else:
            async with stop_on_signals(queue) as stop:
                print("ready", flush=True)
                await stop.wait()


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("serve", "work"):
        command = commands.add_parser(name)
        if name == "serve":
            command.add_argument("bind")
        command.add_argument("--store", default=STORE)
        command.add_argument("--workers", type=int, default=2)
        command.add_argument("--lease", type=float, default=30.0)
    return parser.parse_args()


if __name__ == "__main__":
    logging.basicConfig()  # so that it is seen why a job failed
    trio.run(main, parse())

"""The example service, with real requests to a real server on a port of this machine."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from .service import busy, run_service, work


class Gate:
    """A handler that lets nothing through until somebody opens it."""

    def __init__(self) -> None:
        self.opened = trio.Event()
        self.cancelled: list[str] = []

    async def __call__(self, path: str) -> str:
        try:
            await self.opened.wait()
        except trio.Cancelled:
            self.cancelled.append(path)
            raise
        if path == "/broken":
            raise ValueError(path)
        return path


@asynccontextmanager
async def serving(
    handler: Any, *, stop: bool = True, **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Run the service as it is meant to be, and stop it as it is meant to be stopped."""
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            start = partial(run_service, "127.0.0.1:0", handler, workers=1, **options)
            (url,) = await nursery.start(start)
            async with httpx.AsyncClient(base_url=url, timeout=20) as client:
                yield client
            if stop:
                signal.raise_signal(signal.SIGTERM)


async def until(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """Ask for the status until it shows that."""
    while True:
        status: dict[str, Any] = (await client.get("/status")).json()
        if wanted.items() <= status.items():
            return status
        await trio.sleep(0.002)


async def test_a_full_queue_answers_with_the_time_to_come_back() -> None:
    """503 with Retry-After. Admitted requests get their answers, and so do those that come back."""
    gate = Gate()
    answers = {}
    async with serving(gate, strategy="drop-on-full(2)") as client:

        async def get(path: str) -> None:
            answers[path] = await client.get(path)

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(get, f"/{number}")
            await until(client, running=1, waiting=2)
            for _ in range(3):
                refused = await client.get("/late")
                assert (refused.status_code, refused.text) == (503, "full\n")
                assert refused.headers["retry-after"] == "3"
            assert not answers
            gate.opened.set()
        assert {path: (a.status_code, a.text) for path, a in answers.items()} == {
            path: (200, path) for path in ("/0", "/1", "/2")
        }
        await until(client, running=0, waiting=0, done=3, refused=3)
        recovered = await client.get("/late")
        assert (recovered.status_code, recovered.text) == (200, "/late")
        assert "retry-after" not in recovered.headers


async def test_no_request_waits_for_room() -> None:
    """Under a strategy that would have it wait, it is told to come back, too."""
    gate = Gate()
    async with serving(gate, strategy="block(1)") as client, trio.open_nursery() as nursery:
        for number in range(2):
            nursery.start_soon(client.get, f"/{number}")
        await until(client, running=1, waiting=1)
        refused = await client.get("/late")
        assert (refused.status_code, refused.text) == (503, "full\n")
        assert refused.headers["retry-after"] == "1"
        gate.opened.set()


async def test_a_request_that_has_waited_too_long_gets_an_answer_too() -> None:
    """CoDel admits every request, but lets none wait too long."""
    gate = Gate()
    answers = {}
    async with serving(gate, strategy="codel(0.02)") as client:

        async def get(path: str) -> None:
            answers[path] = await client.get(path)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(get, "/first")
            await until(client, running=1)
            nursery.start_soon(get, "/second")
            await until(client, waiting=1)
            await trio.sleep(0.05)
            gate.opened.set()
        assert answers["/first"].status_code == 200
        assert (answers["/second"].status_code, answers["/second"].text) == (503, "waited\n")
        assert int(answers["/second"].headers["retry-after"]) >= 1
        assert (await client.get("/third")).status_code == 200


async def test_a_job_that_fails_is_an_error_of_the_server() -> None:
    """500, and the service goes on."""
    gate = Gate()
    gate.opened.set()
    async with serving(gate) as client:
        assert (await client.get("/broken")).status_code == 500
        assert (await client.get("/sound")).status_code == 200


async def test_a_client_that_goes_away_takes_its_job_with_it() -> None:
    """Nobody would get the answer."""
    gate = Gate()
    async with serving(gate) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.get, "/impatient")
            await until(client, running=1)
            nursery.cancel_scope.cancel()
        await until(client, running=0, cancelled=1)
        assert gate.cancelled == ["/impatient"]


async def test_while_it_stops_it_finishes_what_is_under_way_and_accepts_nothing_new() -> None:
    """New requests are told so; to send them elsewhere is up to the load balancer."""
    gate = Gate()
    answers = {}
    async with serving(gate, stop=False) as client:

        async def get(path: str) -> None:
            answers[path] = await client.get(path)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(get, "/under-way")
            await until(client, running=1)
            signal.raise_signal(signal.SIGTERM)
            await until(client, phase="drain")
            late = await client.get("/late")
            assert (late.status_code, late.text) == (503, "stopping\n")
            assert late.headers["retry-after"] == "1"
            gate.opened.set()
        assert answers["/under-way"].status_code == 200


@pytest.mark.parametrize(
    ("seconds", "header"), [(None, "1"), (0.0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2")]
)
def test_retry_after_is_in_whole_seconds_and_never_too_early(
    seconds: float | None, header: str
) -> None:
    """As RFC 9110 has it."""
    assert busy("full", seconds).headers["retry-after"] == header


async def test_the_work_is_work() -> None:
    """Even in an example."""
    assert await work("/here") == "this is /here\n"


def test_as_a_program_it_serves_until_it_is_told_to_stop() -> None:
    """And then ends well."""
    program = Path(__file__).with_name("service.py")
    command = [sys.executable, str(program), "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        try:
            url = re.search(r"http://[\d.:]+", service.stderr.readline())
            assert url
            assert httpx.get(url[0] + "/there").text == "this is /there\n"
        finally:
            service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0

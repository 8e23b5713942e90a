"""How soon an agent hears of a job, and the child process of a job of its cancel."""

from __future__ import annotations

import re
import socket
import sys
import time
from typing import Self

import httpx
import trio
from gochan_service import open_agent

from gochan.durable import open_durable_queue

from ._fleet import Figures, Fleet, open_fleet
from ._latencies import latencies

# Says that it has begun, and then when its SIGTERM has come.
_CHILD = """
import signal, socket, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
said = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
said.connect(("127.0.0.1", int(sys.argv[1])))
said.send(b"0")
signal.sigwait([signal.SIGTERM])
said.send(b"%d" % time.monotonic_ns())
"""


def _ear() -> socket.socket:
    """Return a socket at which is heard when things happen."""
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("127.0.0.1", 0))
    ear.settimeout(30)
    return ear


def cancel(n: int) -> Figures:
    """Cancel jobs in the page; return how late their processes have their SIGTERM."""
    with open_fleet() as fleet, _ear() as ear:
        port = str(ear.getsockname()[1])
        fleet.place.agent("--capacity", "2", "--", sys.executable, "-IS", "-c", _CHILD, port)
        with _Page(fleet) as page:
            late: list[float] = []
            for number in range(1, n + 1):
                fleet.place.submit(number)
                ear.recv(100)
                time.sleep(0.05 + number * 0.37 % 0.1)
                begun = time.monotonic_ns()
                page.cancel(number)
                late.append((int(ear.recv(100)) - begun) / 1e9)
    return latencies(late)


class _Page:
    """The page, as a browser has it."""

    def __init__(self, fleet: Fleet) -> None:
        self._client = httpx.Client(base_url=fleet.url, trust_env=False)
        self._token = fleet.place.secrets["GOCHAN_TOKEN"]

    def __enter__(self) -> Self:
        self._client.post("/login", data={"token": self._token}, follow_redirects=True)
        found = re.search('name="csrf" value="([^"]+)"', self._client.get("/").text)
        assert found is not None
        self._csrf = found[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def cancel(self, id: int) -> None:
        """Press the button of a job."""
        answer = self._client.post(f"/jobs/{id}/cancel", data={"csrf": self._csrf, "reason": ""})
        assert answer.status_code == 303


def be_quick(url: str, secret: str, port: int) -> None:
    """Be an agent that says when it calls its handler."""
    said = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    said.connect(("127.0.0.1", port))

    async def handle(payload: object) -> None:
        said.send(b"%d" % time.monotonic_ns())

    async def main() -> None:
        async with open_agent(url, "q", handle, secret=secret):
            print("ready", flush=True)
            await trio.sleep_forever()

    trio.run(main)


def pick_up(n: int) -> Figures:
    """Submit jobs one by one; return how late an idle agent calls its handler."""
    with open_fleet() as fleet, _ear() as ear:
        fleet.start("quick agent", ear.getsockname()[1])

        async def main() -> list[float]:
            late: list[float] = []
            async with fleet.open_store() as store, open_durable_queue(store, "q") as queue:
                for number in range(n):
                    await trio.sleep(0.05 + number * 0.37 % 0.1)
                    begun = time.monotonic_ns()
                    await queue.submit(number)
                    heard = await trio.to_thread.run_sync(ear.recv, 100)
                    late.append((int(heard) - begun) / 1e9)
            return late

        return latencies(trio.run(main))

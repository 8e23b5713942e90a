"""The example of a site with durable jobs: real processes, requests, signals and databases."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

PROGRAM = Path(__file__).with_name("reports.py")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'reports.db'}"
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return new_database()


class Running:
    """One of the processes of the example."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def first_line(self, *, error: bool = False) -> str:
        file = self.process.stderr if error else self.process.stdout
        assert file is not None
        return file.readline()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


@contextmanager
def site(folder: Path, store: str, *options: str) -> Iterator[httpx.Client]:
    """Run the site, and ask it."""
    running = Running(folder, "serve", "127.0.0.1:0", "--store", store, *options)
    try:
        url = re.search(r"http://[\d.:]+", running.first_line(error=True))
        assert url
        with httpx.Client(base_url=url[0], timeout=30) as client:
            yield client
    finally:
        status = running.end()
    assert status == 0


@contextmanager
def worker(folder: Path, store: str, *options: str) -> Iterator[Running]:
    """Run a process of workers."""
    running = Running(folder, "work", "--store", store, *options)
    try:
        assert running.first_line() == "ready\n"
        yield running
    finally:
        if running.process.poll() is None:
            running.end()


def order(client: httpx.Client, rows: int, pause: float = 0.0, **headers: str) -> Any:
    answer = client.post("/reports", json={"rows": rows, "pause": pause}, headers=headers)
    assert answer.status_code == 202
    return answer.json()


def until(client: httpx.Client, number: int, state: str) -> Any:
    """Look at a report until it is in that state."""
    for _ in range(3000):
        found = client.get(f"/reports/{number}", params={"wait": 0.01}).json()
        if found["state"] == state:
            return found
    raise AssertionError(found)


def test_a_site_with_workers_in_it(tmp_path: Path) -> None:
    """One process and one file: a report is ordered, looked at, fetched; or cancelled."""
    with site(tmp_path, "sqlite:reports.db") as client:
        first = order(client, 3000, **{"Idempotency-Key": "a"})
        assert first == {"id": 1, "new": True}
        again = order(client, 3000, **{"Idempotency-Key": "a"})
        assert again == {"id": 1, "new": False}
        found = client.get("/reports/1", params={"wait": 20}).json()
        assert (found["state"], found["attempt"]) == ("done", 1)
        file = gzip.decompress(client.get("/reports/1/file").content).decode()
        assert file.splitlines()[-1] == "2999,8994001"

        long = order(client, 10_000_000, 0.01)["id"]
        until(client, long, "running")
        assert client.get(f"/reports/{long}/file").status_code == 404
        assert client.delete(f"/reports/{long}").status_code == 202
        assert until(client, long, "cancelled")["error"] == "the client does not want it"

        assert client.get("/reports/99").status_code == 404
        assert client.post("/reports", json={}).status_code == 400
        counts = client.get("/status").json()
        assert (counts["stored"], counts["done"], counts["cancelled"]) == (2, 1, 1)
    assert sorted(os.listdir(tmp_path / "reports")) == ["1.csv.gz"]


@pytest.mark.slow
def test_a_deploy_costs_no_attempt(tmp_path: Path, store: str) -> None:
    """A worker that is told to end gives its job back, and the next one takes it up."""
    with site(tmp_path, store, "--workers", "0") as client:
        with worker(tmp_path, store) as old:
            number = order(client, 50_000, 0.05)["id"]
            until(client, number, "running")
            old.process.send_signal(signal.SIGTERM)
            assert "1 job may finish within 20 s" in old.first_line(error=True)
            old.process.send_signal(signal.SIGINT)  # we are in a hurry
            old.process.communicate(timeout=30)
            assert old.process.returncode == 0
        assert client.get(f"/reports/{number}").json()["state"] == "waiting"
        with worker(tmp_path, store):
            assert until(client, number, "done")["attempt"] == 1


@pytest.mark.slow
def test_a_worker_that_dies_costs_one(tmp_path: Path, store: str) -> None:
    """Its job runs again when the lease is over."""
    with site(tmp_path, store, "--workers", "0") as client:
        with worker(tmp_path, store, "--lease", "1") as old:
            number = order(client, 50_000, 0.02)["id"]
            until(client, number, "running")
            while client.get(f"/reports/{number}").json()["done"] is None:
                pass  # once there is progress, the start is marked as well
            old.end(signal.SIGKILL)
        with worker(tmp_path, store):
            assert until(client, number, "done")["attempt"] == 2


def test_too_many_are_refused(tmp_path: Path) -> None:
    """With the time to come back."""
    with site(tmp_path, "sqlite:reports.db", "--workers", "0") as client:
        for _ in range(100):
            order(client, 1)
        full = client.post("/reports", json={"rows": 1})
        assert (full.status_code, full.headers["Retry-After"]) == (503, "10")
        assert full.json() == {"error": "queue 'reports' is full: 100 jobs wait"}

"""The examples of transactions, on both kinds of databases, as real processes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).parent


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'shop.db'}"
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return new_database()


def test_an_order_and_its_job_in_one_transaction_of_sqlalchemy(address: str) -> None:
    """What fails leaves neither; what is done is done once."""
    url = address.replace("sqlite:", "sqlite:///").replace("postgresql:", "postgresql+psycopg:")
    program = [sys.executable, "-W", "error", str(HERE / "orders_sqlalchemy.py"), url]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.stderr, ended.stdout.splitlines()) == (
        "",
        [
            "rolled back: an order needs a customer",
            "mailed ann",
            "1 job was stored",
            "1 order is mailed",
        ],
    )


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """Run the Django example as long as the block lasts, and yield the first line it prints."""
    program = [sys.executable, str(HERE / "orders_django.py"), *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(20)
    assert status in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_a_view_of_django_stores_a_job_and_a_worker_runs_it(address: str) -> None:
    """The site and the worker are two processes; each view has its transaction."""
    with running("serve", address) as site, running("work", address) as ready:
        assert re.fullmatch(r"http://[\d.:]+", site)
        assert ready == "ready"
        with httpx.Client(base_url=site, timeout=20) as client:
            placed = client.post("/order?customer=ann")
            assert placed.status_code == 201
            assert client.post("/order?customer=nobody").status_code == 400
            order = placed.json()["order"]
            for _ in range(1000):
                if client.get(f"/order/{order}").json() == {"mailed": True}:
                    break
                time.sleep(0.01)
            else:
                raise AssertionError("no mail was sent")
            assert client.get(f"/order/{order + 1}").status_code == 404

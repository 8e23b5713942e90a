"""What tests of the commands for durable queues share: a store, handlers, and what is in it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from gochan.durable import DurableQueue, Store, open_durable_queue, open_store

from ..processes import Ended

T = TypeVar("T")

HANDLERS = """
import trio
from gochan.durable import current_job

async def send(payload):
    if payload == "bad":
        raise ValueError("no such person")
    if payload == "slow":
        await trio.sleep(1000)
    return {"sent": payload}

async def again(payload):
    raise OSError("try again")

def plain(payload):
    pass

class Sender:
    async def __call__(self, payload):
        return payload

sender = Sender()
number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a module of handlers; forgotten afterwards."""
    (tmp_path / "shop.py").write_text(HANDLERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    return tmp_path


def in_store(address: str, action: Callable[[Store], Awaitable[T]], **options: Any) -> T:
    """Open a store in this process, do something with it, and return what that returns."""

    async def main() -> T:
        async with open_store(address, **options) as store:
            return await action(store)

    return trio.run(main)


async def nobody(payload: object) -> object:
    """A handler that only returns, or fails if that is what it is told."""
    if payload == "bad":
        raise ValueError("no such person")
    return payload


def fill(
    address: str, *payloads: object, queue: str = "mails", run: bool = False, **options: Any
) -> None:
    """Store jobs, and run them if wanted."""

    async def action(store: Store) -> None:
        handler = nobody if run else None
        found: DurableQueue[Any, Any]
        async with open_durable_queue(store, queue, handler) as found:
            await found.submit_many(payloads, **options)
            if run:
                await found.join()

    in_store(address, action)


def complaint(ended: Ended) -> str:
    """Return the one line that says what is wrong."""
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.err.splitlines()
    assert line.startswith("gochan: ")
    return line

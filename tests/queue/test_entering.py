"""Blocks that are entered in a way that cannot work: the error says what to write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
import trio

from gochan import open_job_queue
from gochan.durable import open_durable_queue, open_store


async def work(payload: object) -> object:
    return payload


def open_a_durable_queue() -> Any:
    return open_durable_queue(Mock(), "numbers", work)


OPENINGS: dict[str, tuple[Callable[[], Any], str, list[str]]] = {
    "open_job_queue": (
        lambda: open_job_queue(work),
        "queue",
        ["submit", "try_submit", "close", "results", "map", "stop"],
    ),
    "open_durable_queue": (open_a_durable_queue, "queue", ["submit", "jobs", "stop"]),
    "open_store": (lambda: open_store("memory:"), "store", ["claim", "enqueue"]),
}


@pytest.fixture(params=OPENINGS)
def call(request: pytest.FixtureRequest) -> str:
    """What opens something."""
    return request.param


def way_out(call: str) -> str:
    noun = OPENINGS[call][1]
    return rf"write `async with {call}\(\.\.\.\) as {noun}:` and use {noun} inside"


async def test_what_was_not_entered_has_no_methods(call: str) -> None:
    """They are there inside the block."""
    make, _, names = OPENINGS[call]
    opening = make()
    for name in names:
        with pytest.raises(AttributeError, match=f"there is no {name} yet: .*{way_out(call)}"):
            getattr(opening, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'sumbit'$"):
        _ = opening.sumbit


async def test_opening_can_neither_be_awaited_nor_entered_without_async(call: str) -> None:
    """Each error has the way out."""
    opening = OPENINGS[call][0]()
    with pytest.raises(TypeError, match=way_out(call)):
        await opening
    with pytest.raises(TypeError, match=way_out(call)), opening:
        pytest.fail("it was entered")


def test_under_asyncio_the_error_says_how_to_start_the_program(call: str) -> None:
    """Instead of one from somewhere inside trio."""

    async def main() -> None:
        async with OPENINGS[call][0]():
            pytest.fail("it was entered")

    with pytest.raises(RuntimeError, match=r"here, but asyncio does; .* trio\.run\(main\)"):
        asyncio.run(main())


def test_outside_any_run_the_error_says_so() -> None:
    """As in a coroutine that somebody drives by hand."""
    entering = open_job_queue(work).__aenter__()
    with pytest.raises(RuntimeError, match=r"no trio runs here; start the program"):
        entering.send(None)  # type: ignore[attr-defined]


async def test_an_opening_is_entered_once() -> None:
    """A second block would be another queue, with the strategy of the first."""
    opening = open_job_queue(work)
    async with opening as queue:
        assert await (await queue.submit(3)).result() == 3
    with pytest.raises(ValueError, match="already serves"):
        async with opening:
            pytest.fail("it was entered")
    await trio.lowlevel.checkpoint()

"""Opening a queue in a way that cannot work: the error says what to write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import trio

from gochan import open_job_queue


async def work(payload: object) -> object:
    return payload


WAY_OUT = r"write `async with open_job_queue\(\.\.\.\) as queue:`"


@pytest.mark.parametrize("name", ["submit", "try_submit", "close", "results", "map", "stop"])
async def test_a_queue_that_was_not_entered_has_no_methods(name: str) -> None:
    """They are there inside the block."""
    opening: Any = open_job_queue(work)
    with pytest.raises(AttributeError, match=f"there is no {name} yet: .*{WAY_OUT}"):
        getattr(opening, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'sumbit'$"):
        _ = opening.sumbit


async def test_opening_can_neither_be_awaited_nor_entered_without_async() -> None:
    """Each error has the way out."""
    opening: Any = open_job_queue(work)
    with pytest.raises(TypeError, match=WAY_OUT):
        await opening
    with pytest.raises(TypeError, match=WAY_OUT), opening:
        pytest.fail("it was entered")


def test_under_asyncio_the_error_says_how_to_start_the_program() -> None:
    """Instead of one from somewhere inside trio."""

    async def main() -> None:
        async with open_job_queue(work):
            pytest.fail("it was entered")

    with pytest.raises(RuntimeError, match=r"here, but asyncio does; .* trio\.run\(main\)"):
        asyncio.run(main())


def test_outside_any_run_the_error_says_so() -> None:
    """As in a coroutine that somebody drives by hand."""
    entering = open_job_queue(work).__aenter__()
    with pytest.raises(RuntimeError, match=r"no trio runs here; start the program"):
        entering.send(None)  # type: ignore[attr-defined]


async def test_arguments_are_checked_at_the_call() -> None:
    """Not only when the block is entered."""
    with pytest.raises(ValueError, match="workers"):
        open_job_queue(work, workers=0)
    with pytest.raises(ValueError, match="grace"):
        open_job_queue(work, grace=-1)


async def test_an_opening_is_entered_once() -> None:
    """A second block would be another queue, with the strategy of the first."""
    opening = open_job_queue(work)
    async with opening as queue:
        assert await (await queue.submit(3)).result() == 3
    with pytest.raises(ValueError, match="already serves"):
        async with opening:
            pytest.fail("it was entered")
    await trio.lowlevel.checkpoint()

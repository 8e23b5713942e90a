"""Handlers: what can be one, and what is said about what cannot."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from types import coroutine
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gochan import JobFailed, open_job_queue
from gochan._queue._handlers import check_handler

from ..lines import stable

pytestmark = pytest.mark.usefixtures("both_modes")


async def work(payload: object) -> object:
    await trio.lowlevel.checkpoint()
    return payload


def generate(payload: object) -> Iterator[object]:
    yield payload


async def generate_async(payload: object) -> AsyncIterator[object]:
    yield payload


@coroutine
def old_style(payload: object) -> Any:
    yield from work(payload).__await__()
    return payload


class Made:
    """A class that is not async, though its instances are."""

    def __init__(self, payload: object) -> None:
        pass

    async def __call__(self) -> None:
        """Do nothing."""


class Caller:
    """What is called as an async function."""

    async def __call__(self, payload: object) -> object:
        return await work(payload)

    async def method(self, payload: object) -> object:
        return await work(payload)

    def plain(self, payload: object) -> Awaitable[object]:
        return work(payload)

    def lazy(self, payload: object) -> None:
        """Do nothing that could be awaited."""


class Promise:
    """What can be awaited, though it is no coroutine."""

    def __init__(self, payload: object) -> None:
        self.payload = payload

    def __await__(self) -> Any:
        return work(self.payload).__await__()


@pytest.mark.parametrize(
    "handler",
    [
        work,
        functools.partial(work),
        lambda payload: work(payload),
        functools.partial(lambda payload: work(payload)),
        Caller(),
        functools.partial(Caller()),
        Caller().method,
        Caller().plain,
        old_style,
        Promise,
    ],
    ids=stable,
)
async def test_whatever_returns_something_to_await_is_a_handler(
    handler: Any, autojump_clock: MockClock
) -> None:
    """Functions, partial ones, methods, callable objects, classes."""
    async with open_job_queue(handler) as queue:
        job = await queue.submit("payload")
        assert await job.result() == "payload"


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (print, "print"),
        (time.sleep, "sleep"),
        ([].append, "append"),
        (functools.partial(print), "print"),
        (generate, "generate"),
        (generate_async, "generate_async"),
        (int, "int"),
        (dict, "dict"),
        (Made, "Made"),
    ],
    ids=stable,
)
async def test_what_is_certainly_not_async_is_rejected_before_it_runs(
    handler: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, with what to write instead, and before the block."""
    with pytest.raises(TypeError, match=rf"^handler {name} is not async; write async def"):
        open_job_queue(handler)
    assert capsys.readouterr().out == ""


def test_compiled_functions_of_others_may_be_async(monkeypatch: pytest.MonkeyPatch) -> None:
    """They look like Python's own; so does a method of an async generator."""
    check_handler(generate_async(1).asend)
    monkeypatch.setattr(sys, "stdlib_module_names", frozenset())
    check_handler(print)


@pytest.mark.parametrize(
    ("handler", "returned"),
    [
        (lambda payload: payload * 2, "6"),
        (Caller().lazy, "None"),
        (lambda payload: generate(payload), "<generator object"),
    ],
)
async def test_a_function_that_turns_out_not_to_be_async_fails_its_first_job(
    handler: Any, returned: str, autojump_clock: MockClock
) -> None:
    """With an error that names it, and what it returned."""
    with pytest.raises(JobFailed) as caught:
        async with open_job_queue(handler) as queue:
            jobs = [queue.submit_nowait(3) for _ in range(2)]
            await trio.sleep_forever()
    assert isinstance(caught.value.__cause__, TypeError)
    text = str(caught.value.__cause__)
    assert text.startswith("handler ")
    assert f"is not async: it returned {returned}" in text
    assert [job.outcome.kind for job in jobs if job.outcome] == ["failed", "handed_back"]

"""Where a task is: its stack, those of its children, and the threads it waits for."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.lowlevel import Task
from trio.testing import wait_all_tasks_blocked

from gochan import Chan, open_job_queue
from gochan._queue._stacks import find


async def look(function: Callable[..., Awaitable[Any]], *arguments: Any) -> tuple[str, list[str]]:
    """Start a task, let it go as far as it can, and return where it is."""
    started: list[Task] = []

    async def begin() -> None:
        started.append(trio.lowlevel.current_task())
        await function(*arguments)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(begin, name="the task")
        await wait_all_tasks_blocked(0.01)
        found = find(started[0])
        nursery.cancel_scope.cancel()
    return found


async def sleep_inside() -> None:
    await inner()


async def inner() -> None:
    await trio.sleep_forever()


async def test_the_stack_goes_down_to_what_is_awaited_last() -> None:
    """Outermost call first; the place is the innermost one outside the libraries."""
    where, lines = await look(sleep_inside)
    text = "\n".join(lines)
    assert where == f"in inner (test_stacks.py, line {inner.__code__.co_firstlineno + 1})"
    assert text.index("await function(*arguments)") < text.index("await inner()")
    assert text.index("await inner()") < text.index("await trio.sleep_forever()")
    assert text.index("in inner") < text.index("in sleep_forever")
    assert all(line == line.rstrip("\n") for line in lines)


async def test_an_async_generator_and_a_channel_are_looked_through() -> None:
    """Whatever is awaited, as far as trio can see through it."""

    async def numbers() -> AsyncIterator[int]:
        await Chan[int]().receive()
        yield 1

    async def consume() -> None:
        async for _ in numbers():
            pass

    where, lines = await look(consume)
    assert where.startswith(f"in {numbers.__qualname__} (")
    assert "await Chan[int]().receive()" in "\n".join(lines)


async def test_the_tasks_of_a_nursery_are_where_the_task_is() -> None:
    """With their names and stacks, and those of their own nurseries."""

    async def branch(depth: int) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(depth):
                nursery.start_soon(sleep_inside, name="leaf")
            if depth > 1:
                nursery.start_soon(branch, depth - 1, name=f"branch {depth - 1}")

    where, lines = await look(branch, 2)
    assert where.startswith("in inner (")
    assert where.count("in ") == 1  # said once, though three of them are there
    headings = [line for line in lines if "in its task" in line]
    assert headings == [
        "  in its task branch 1:",
        "    in its task leaf:",
        "  in its task leaf:",
        "  in its task leaf:",
    ]
    assert sum("await trio.sleep_forever()" in line for line in lines) == 3


async def test_of_very_many_tasks_only_some_are_listed() -> None:
    """And the rest is counted."""

    async def crowd() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(trio.sleep_forever)

    _, lines = await look(crowd)
    assert lines[-1] == "and 81 more tasks"
    assert sum("in its task" in line for line in lines) == 19


class Waiting:
    """Something to call in a thread that is no function."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def __call__(self) -> None:
        self.event.wait()


@pytest.mark.parametrize("how", ["method", "partial", "object"])
async def test_a_thread_is_named_with_what_it_runs(how: str) -> None:
    """The usual reason why a task takes no notice of being cancelled."""
    go_on = threading.Event()
    run = {"method": go_on.wait, "partial": partial(go_on.wait, 9), "object": Waiting(go_on)}[how]
    name = "Waiting" if how == "object" else "threading.Event.wait"

    async def work() -> None:
        await trio.to_thread.run_sync(run)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, name="work")
        await wait_all_tasks_blocked(0.01)
        (task,) = nursery.child_tasks
        where, lines = find(task)
        go_on.set()
    assert where.startswith("waiting for a thread that runs ")
    assert where.endswith(name)
    assert lines[-1] == f"  [{where}, which cannot be cancelled]"
    assert any("await trio.to_thread.run_sync(run)" in line for line in lines)


async def test_a_thread_that_calls_back_is_still_named() -> None:
    """The task is where the thread has sent it, and the thread waits for that."""

    def call_back() -> None:
        trio.from_thread.run(inner)

    where, lines = await look(partial(trio.to_thread.run_sync, call_back))
    assert where.endswith("call_back")
    assert any("await trio.sleep_forever()" in line for line in lines)


async def test_a_worker_of_a_queue_is_where_its_handler_is() -> None:
    """How gochan calls the handler is left out."""

    @asynccontextmanager
    async def resource() -> AsyncIterator[None]:
        yield

    async def handle(_: object) -> None:
        async with resource():
            await inner()

    async with open_job_queue(handle) as queue:
        job = await queue.submit(None)
        await wait_all_tasks_blocked()
        where, lines = find(queue._ledger.running[job])
        job.cancel()
    assert where.startswith("in inner (")
    assert f"in {handle.__name__}" in lines[0]
    assert not any("_workers.py" in line for line in lines)


async def test_a_task_that_has_not_begun_is_about_to() -> None:
    """Then there is no place yet but the first line of its function."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inner, name="inner")
        (task,) = nursery.child_tasks
        where, _ = find(task)
        nursery.cancel_scope.cancel()
    assert where == f"in inner (test_stacks.py, line {inner.__code__.co_firstlineno})"


async def test_a_task_that_only_waits_for_a_library_is_in_the_library() -> None:
    """There is no other place."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        await wait_all_tasks_blocked()
        (task,) = nursery.child_tasks
        where, _ = find(task)
        nursery.cancel_scope.cancel()
    assert "(_traps.py, line " in where


async def test_of_a_task_that_has_ended_there_is_nothing_to_tell() -> None:
    """It is nowhere."""
    task = trio.lowlevel.current_task()

    async def end() -> None:
        nonlocal task
        task = trio.lowlevel.current_task()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(end)
    assert find(task) == ("nowhere", [])

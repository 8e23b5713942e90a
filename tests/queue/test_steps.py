"""The context of a job: its own, on whatever worker and in however many steps it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from types import coroutine
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Chan, current_job, open_job_queue
from gochan._queue._steps import Steps

from ..work import open_audited

pytestmark = pytest.mark.usefixtures("both_modes")

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


async def test_what_a_job_sets_is_gone_with_it(autojump_clock: MockClock) -> None:
    """The next job on the same worker does not see it, however either of them ends."""
    seen = []

    async def handle(how: str) -> None:
        seen.append(tenant.get())
        tenant.set(how)
        if how in ("sleeps", "fails late"):
            await trio.sleep(1)
        assert tenant.get() == how
        if how.startswith("fails"):
            raise ValueError

    async with open_audited(handle, failures="collect") as queue:
        for how in ("returns", "fails", "sleeps", "fails late", "returns"):
            await queue.submit(how)
    assert seen == ["nobody"] * 5
    assert tenant.get() == "nobody"


async def test_a_job_runs_in_the_context_in_which_it_was_submitted(
    autojump_clock: MockClock,
) -> None:
    """As it was at that moment, whichever worker runs the job, and however it was submitted."""
    seen = {}

    async def handle(number: int) -> None:
        await trio.lowlevel.checkpoint()
        seen[number] = tenant.get()

    async def submit(number: int) -> None:
        tenant.set(f"tenant {number}")
        if number % 3 == 0:
            await queue.submit(number)
        elif number % 3 == 1:
            queue.submit_nowait(number)
        else:
            queue.try_submit(number)
        tenant.set("nobody any more")

    async with open_audited(handle, workers=2) as queue, trio.open_nursery() as nursery:
        for number in range(9):
            nursery.start_soon(submit, number)
    assert seen == {number: f"tenant {number}" for number in range(9)}


async def test_tasks_and_threads_of_a_handler_have_the_context_of_its_job() -> None:
    """So has what threads call back; and `current_job` works in all of them."""
    seen = []

    def look() -> None:
        seen.append((tenant.get(), current_job().id))

    async def look_from_task() -> None:
        await trio.lowlevel.checkpoint()
        look()

    def look_from_thread() -> None:
        look()
        trio.from_thread.run_sync(look)
        trio.from_thread.run(look_from_task)

    async def handle(_: object) -> None:
        tenant.set("mine")
        await trio.lowlevel.checkpoint()
        look()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look_from_task)
        await trio.to_thread.run_sync(look_from_thread)

    async with open_job_queue(handle) as queue:
        await queue.submit(None)
        await queue.submit(None)
    assert seen == [("mine", 1)] * 5 + [("mine", 2)] * 5


async def test_jobs_that_jobs_submit_inherit_from_them(autojump_clock: MockClock) -> None:
    """All but the current job, which is their own."""
    seen = []

    async def handle(depth: int) -> None:
        seen.append((tenant.get(), current_job().payload))
        tenant.set(f"of {depth}")
        if depth < 3:
            queue.submit_nowait(depth + 1)

    async with open_audited(handle) as queue:
        await queue.submit(0)
        await queue.join()
    assert seen == [("nobody", 0), ("of 0", 1), ("of 1", 2), ("of 2", 3)]


async def test_hooks_run_in_no_context_of_a_job(autojump_clock: MockClock) -> None:
    """They belong to the queue."""
    seen = []

    def look(_: object) -> None:
        seen.append(tenant.get())
        with pytest.raises(RuntimeError, match="handler"):
            current_job()

    async def handle(_: object) -> None:
        tenant.set("mine")
        await trio.sleep(1)

    async with open_audited(handle, on_start=look, on_end=look) as queue:
        await queue.submit(None)
    assert seen == ["nobody"] * 2


async def test_a_cancelled_handler_cleans_up_in_its_context(autojump_clock: MockClock) -> None:
    """What is thrown into a handler is a step as well."""
    seen = []

    async def handle(_: object) -> None:
        tenant.set("mine")
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            seen.append((tenant.get(), current_job().cause))

    async with open_audited(handle) as queue:
        await queue.submit(None, timeout=1)
    assert seen == [("mine", "timed_out")]


async def test_trio_sees_through_to_the_handler(autojump_clock: MockClock) -> None:
    """Down to what it waits for."""

    async def inner() -> None:
        await Chan[None]().receive()

    async def handle(_: object) -> None:
        await trio.sleep(1)
        await inner()

    async with open_job_queue(handle) as queue:
        job = await queue.submit(None)
        await trio.sleep(2)
        await wait_all_tasks_blocked()
        task = queue._ledger.running[job]
        names = [frame.f_code.co_name for frame, _ in task.iter_await_frames()]
        job.cancel()
    assert names[-5:-1] == ["_handle", "handle", "inner", "receive"]


@coroutine
def exchange(value: object) -> Any:
    return (yield value)


async def talk(log: list[object]) -> str:
    log.append((tenant.get(), await exchange(1)))
    tenant.set("mine")
    try:
        log.append(await exchange(2))
    except KeyError as error:
        log.append(error.args)
    log.append((tenant.get(), await exchange(3)))
    return "result"


def begin(log: list[object]) -> tuple[Steps[str], Callable[[], Any]]:
    """Start ``talk`` in a context, and return its further steps, and what that context has."""
    context = copy_context()
    context.run(tenant.set, "theirs")
    talking = talk(log)
    steps: Steps[str] = Steps(context.run, talking, context.run(talking.send, None))
    return steps, lambda: context.run(tenant.get)


def test_steps_are_those_of_the_coroutine() -> None:
    """What is sent and thrown arrives in it, and what it returns comes out."""
    log: list[object] = []
    steps, there = begin(log)
    assert next(steps.__await__()) == 1
    assert steps.send("a") == 2
    assert there() == "mine"
    assert steps.throw(KeyError("b")) == 3
    with pytest.raises(StopIteration) as caught:
        next(steps)
    assert caught.value.value == "result"
    assert log == [("theirs", "a"), ("b",), ("mine", None)]
    assert steps.cr_frame is None


def test_steps_can_be_closed() -> None:
    """As the coroutine."""
    steps, _ = begin([])
    assert steps.cr_frame is not None
    assert steps.cr_await is not None
    steps.close()
    assert steps.cr_frame is None

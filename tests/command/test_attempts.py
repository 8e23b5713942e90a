"""The attempts for an item: how often, when, and how long."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Job, JobQueue, open_job_queue
from gochan._command.run import _attempts
from gochan._command.run._attempt import Attempt, CommandFailed, TimedOut
from gochan._command.run._attempts import Attempts
from gochan._command.run._control import Control
from gochan._command.run._options import FailureOptions
from gochan._command.run.files import OpenFiles
from gochan._command.run.items._item import Item
from gochan._command.run.pace._gate import Gate
from gochan._command.run.pace._time_limit import TimeLimit


class Bench:
    """Attempts of commands that take some seconds, and succeed from one attempt on.

    Attributes:
        control: of them.
        seen: what happened: the second, the number of the item, and what.
    """

    def __init__(
        self, queue: JobQueue[Item, None], attempts: Attempts, control: Control, seen: list[str]
    ) -> None:
        self.queue = queue
        self.attempts = attempts
        self.control = control
        self.seen = seen
        self.jobs: list[Job[Item, None]] = []

    async def submit(self, count: int) -> None:
        for _ in range(count):
            number = len(self.jobs) + 1
            self.jobs.append(await self.queue.submit(Item(number, (b"%d" % number,), number)))

    async def kinds(self) -> list[str]:
        """Wait for the end of all jobs, and return how they have ended."""
        outcomes = [await job.wait() for job in self.jobs]
        return [getattr(outcome.error, "kind", outcome.kind) for outcome in outcomes]


@asynccontextmanager
async def bench(
    workers: int,
    *,
    attempts: int = 1,
    delay: float = 0.0,
    limit: TimeLimit | None = None,
    seconds: float = 10.0,
    good: Callable[[Attempt], bool] = lambda attempt: True,
    slow: Callable[[Attempt], bool] = lambda attempt: False,
) -> AsyncIterator[Bench]:
    """Open a bench; ``good`` says whether an attempt succeeds, ``slow`` whether it hangs."""
    seen: list[str] = []
    start = trio.current_time()

    def note(attempt: Attempt, what: str, why: str = "") -> None:
        now = trio.current_time() - start
        words = [f"{now:g}:", attempt.name, what, *([why] if why else [])]
        seen.append(" ".join(words))

    async def run(attempt: Attempt) -> None:
        note(attempt, f"starts {attempt.number}{' (last)' if attempt.last else ''}")
        await trio.sleep(math.inf if slow(attempt) else seconds)
        if not good(attempt):
            attempt.note_failure()
            attempt.note_failure()  # only the first one counts
            raise CommandFailed("exit status 1")
        attempt.lift_timeout()

    gate = Gate(workers)
    tries = Attempts(
        run,
        gate,
        FailureOptions(attempts, delay, limit or TimeLimit(), None),
        title=lambda item: f"item {item.number}",
        on_failure=lambda attempt: note(attempt, "fails"),
        on_end=note,
        on_replaced=lambda: control.fit(),
    )
    async with open_job_queue(tries.run, workers=workers, failures="collect") as queue:
        control = Control(queue, gate, tries, OpenFiles())
        with queue.watch_phases(tries.stop):
            yield Bench(queue, tries, control, seen)


async def test_a_command_that_succeeds_is_run_once(autojump_clock: MockClock) -> None:
    async with bench(1, attempts=3) as work:
        await work.submit(2)
        assert await work.kinds() == ["done", "done"]
    assert work.seen == [
        "0: item 1 starts 1", "10: item 1 done", "10: item 2 starts 1", "20: item 2 done"
    ]  # fmt: skip
    assert work.attempts.retried == 0


async def test_a_command_that_fails_is_tried_again(autojump_clock: MockClock) -> None:
    """At once, and before others start, until it succeeds or has been tried often enough."""
    async with bench(1, attempts=3, good=lambda one: one.number > one.item.number) as work:
        await work.submit(3)
        assert await work.kinds() == ["done", "done", "failed"]
    assert work.seen == [
        "0: item 1 starts 1", "10: item 1 fails", "10: item 1 failed exit status 1",
        "10: item 1 starts 2", "20: item 1 done",
        "20: item 2 starts 1", "30: item 2 fails", "30: item 2 failed exit status 1",
        "30: item 2 starts 2", "40: item 2 fails", "40: item 2 failed exit status 1",
        "40: item 2 starts 3 (last)", "50: item 2 done",
        "50: item 3 starts 1", "60: item 3 fails", "60: item 3 failed exit status 1",
        "60: item 3 starts 2", "70: item 3 fails", "70: item 3 failed exit status 1",
        "70: item 3 starts 3 (last)", "80: item 3 fails", "80: item 3 failed exit status 1",
    ]  # fmt: skip
    assert work.attempts.retried == 5


async def test_a_command_that_ends_as_its_time_is_up_has_timed_out(
    autojump_clock: MockClock,
) -> None:
    """It was told to end already, so that is true, whatever it does next."""

    async def command(attempt: Attempt) -> None:
        await trio.sleep(3)
        attempt.limit(2)
        attempt.lift_timeout()
        await trio.lowlevel.checkpoint()
        raise AssertionError("it goes on")

    job: Any = None
    attempt = Attempt(
        Item(1, (b"x",), 1), job, 1,
        is_last=lambda: True, may_time_out=True, on_failure=lambda _: None, title=lambda _: "x",
    )  # fmt: skip
    with pytest.raises(TimedOut, match="it ran longer than 2 s"):
        await attempt.run(command)


async def test_between_attempts_others_run(autojump_clock: MockClock) -> None:
    """And never more than may. Whoever is tried again goes first."""
    async with bench(
        1, attempts=2, delay=5, good=lambda one: one.item.number > 1 or one.last
    ) as work:
        await work.submit(3)
        assert await work.kinds() == ["done", "done", "done"]
    assert [line for line in work.seen if "start" in line] == [
        "0: item 1 starts 1", "10: item 2 starts 1", "20: item 1 starts 2 (last)",
        "30: item 3 starts 1",
    ]  # fmt: skip


async def test_a_command_that_takes_too_long_is_tried_again(autojump_clock: MockClock) -> None:
    """Each attempt has the whole time, and the wait between them takes nothing from it."""
    async with bench(1, attempts=2, delay=5, limit=TimeLimit(3)) as work:
        await work.submit(1)
        assert await work.kinds() == ["timed_out"]
    why = "timed_out it ran longer than 3 s"
    assert work.seen == [
        "0: item 1 starts 1", "3: item 1 fails", f"3: item 1 {why}",
        "8: item 1 starts 2 (last)", "11: item 1 fails", f"11: item 1 {why}",
    ]  # fmt: skip


async def test_a_command_that_ends_in_time_is_not_ended(autojump_clock: MockClock) -> None:
    async with bench(1, limit=TimeLimit(10.5)) as work:
        await work.submit(1)
        assert await work.kinds() == ["done"]


async def test_a_stop_ends_the_wait_for_another_attempt(autojump_clock: MockClock) -> None:
    """It has failed. What never started is handed back."""
    async with bench(1, attempts=9, delay=1000, good=lambda one: one.item.number > 1) as work:
        await work.submit(3)
        await trio.sleep(15)
        work.queue.stop_soon(drain=math.inf)
        assert await work.kinds() == ["failed", "done", "handed_back"]
        assert trio.current_time() - work.queue._opened == 20


async def test_a_stop_turns_away_who_waits_at_the_gate(autojump_clock: MockClock) -> None:
    """Its command has never started, so it is handed back, too."""
    async with bench(2) as work:
        work.control.pause()
        await work.submit(3)
        await wait_all_tasks_blocked()
        assert work.control.waiting_for == "paused"
        work.queue.stop_soon(drain=math.inf)
        assert await work.kinds() == ["handed_back"] * 3
    assert work.seen == []


async def test_a_command_that_fails_during_a_stop_is_not_tried_again(
    autojump_clock: MockClock,
) -> None:
    async with bench(1, attempts=9, good=lambda one: False) as work:
        await work.submit(1)
        await trio.sleep(5)
        work.queue.stop_soon(drain=math.inf)
        assert await work.kinds() == ["failed"]
    assert work.attempts.retried == 0


async def test_a_command_that_is_cancelled_is_not_tried_again(autojump_clock: MockClock) -> None:
    async with bench(1, attempts=9) as work:
        await work.submit(2)
        await trio.sleep(5)
        (attempt,) = work.control.running()
        assert (attempt.name, attempt.age) == ("item 1", 5)
        work.control.cancel(attempt.item.number)
        assert await work.kinds() == ["cancelled", "done"]
    assert work.seen[1] == "5: item 1 cancelled it was cancelled by hand"


async def test_the_number_of_workers_can_be_changed(autojump_clock: MockClock) -> None:
    """Commands that run go on; there is always one worker at least."""
    async with bench(1) as work:
        await work.submit(8)
        await trio.sleep(5)
        work.control.resize(3)
        await trio.sleep(1)
        assert len(work.control.running()) == work.control.workers == 3
        work.control.resize(0)
        assert len(work.control.running()) == 3
        assert work.control.workers == 1
        await trio.sleep(10)
        assert len(work.control.running()) == 1
        work.control.pause()
        await trio.sleep(100)
        assert (work.control.running(), work.control.paused) == ((), True)
        work.control.resume()
        assert await work.kinds() == ["done"] * 8


async def test_a_limit_that_adapts_holds_for_those_that_run_already(
    autojump_clock: MockClock,
) -> None:
    """Item 1 hangs from the start, and is ended at twice the median of those that are done."""
    async with bench(
        2, limit=TimeLimit(percent=200), seconds=10, slow=lambda one: one.item.number == 1
    ) as work:
        await work.submit(5)
        assert await work.kinds() == ["timed_out", *["done"] * 4]
    assert "30: item 1 timed_out it ran longer than 20 s" in work.seen


async def test_only_so_many_workers_are_replaced(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After that, a worker waits together with its job."""
    monkeypatch.setattr(_attempts, "_MOST_REPLACED", 1)
    async with bench(1, attempts=2, delay=100, good=lambda one: one.last) as work:
        await work.submit(3)
        assert await work.kinds() == ["done"] * 3
    starts = [line for line in work.seen if "starts 1" in line]
    assert starts == ["0: item 1 starts 1", "10: item 2 starts 1", "130: item 3 starts 1"]

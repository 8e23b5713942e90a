"""One stop: its deadlines, how jobs that are stuck are described, and the report."""

from __future__ import annotations

import math
import threading
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import StopReport, current_job, open_job_queue, stop_all
from gochan._queue._cleanups import Cleanups
from gochan._queue._countdown import Countdown
from gochan._queue._stop import check_plan

from ..lines import stable
from ..work import insist, open_audited, perform, sleep

pytestmark = pytest.mark.usefixtures("both_modes")


# The report


async def test_a_stuck_job_is_reported_with_its_name_its_age_and_its_place(
    autojump_clock: MockClock,
) -> None:
    """At the moment of the report, however it ends later."""

    async def dig(_: object) -> None:
        await trio.sleep(2)
        await ignore_everything()

    async def ignore_everything() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    async with open_job_queue(dig) as queue:
        await trio.sleep(5)
        job = await queue.submit(None)
        await trio.sleep(3)
        report = await queue.stop(drain=7, grace=2)
    (stuck,) = report.stuck
    assert (stuck.job, stuck.name, stuck.age) == (job, "job 1 (dig)", 12)
    assert stuck.where.startswith(f"in {ignore_everything.__qualname__} (test_stop.py, line ")
    assert any("await ignore_everything()" in line for line in stuck.stack)
    assert any("await trio.sleep(100)" in line for line in stuck.stack)
    assert str(stuck).splitlines() == [
        f"job 1 (dig) has run for 12 s, and is still {stuck.where}",
        *(f"  {line}" for line in stuck.stack),
    ]
    assert str(report).splitlines() == [
        "stopped in 9 s (quiet 0 s, drain 7 s, cancel 2 s, release 0 s): "
        "0 ended by themselves, 0 interrupted, 0 handed back, 1 stuck",
        *str(stuck).splitlines(),
    ]
    assert job.outcome is not None
    assert job.outcome.kind == "done"


async def test_a_job_stuck_in_a_thread_is_reported_as_such(autojump_clock: MockClock) -> None:
    """With the name of what the thread runs; also if it is a task of the handler that waits."""
    go_on = threading.Event()

    async def wait_for_thread() -> None:
        await trio.to_thread.run_sync(go_on.wait)

    async def wait_in_a_task() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_thread, name="the one that waits")

    async with open_job_queue(perform, workers=2) as queue:
        for work in (wait_for_thread, wait_in_a_task):
            await queue.submit(work)
        await wait_all_tasks_blocked(0.01)
        report = await queue.stop(drain=1, grace=1)
        go_on.set()
    in_order = sorted(report.stuck, key=lambda one: one.job.id)
    assert [one.where for one in in_order] == [
        "waiting for a thread that runs threading.Event.wait"
    ] * 2
    assert any("the one that waits" in line for line in in_order[1].stack)
    assert all("which cannot be cancelled" in one.stack[-1] for one in report.stuck)


async def test_an_unknown_place_does_not_hold_up_the_report(
    autojump_clock: MockClock,
) -> None:
    """It is said why."""

    class Odd:
        def __getattr__(self, name: str) -> str:
            if name == "__qualname__":
                raise ZeroDivisionError
            raise AttributeError

        def __call__(self) -> None:
            go_on.wait()

    go_on = threading.Event()

    async def work() -> None:
        await trio.to_thread.run_sync(Odd())

    async with open_job_queue(perform) as queue:
        await queue.submit(work)
        await wait_all_tasks_blocked(0.01)
        report = await queue.stop(drain=0, grace=0)
        go_on.set()
    assert "ZeroDivisionError" in report.stuck[0].where
    assert report.stuck[0].stack == ()


async def test_a_job_may_be_called_what_it_likes(autojump_clock: MockClock) -> None:
    """Its name at the moment of the report is told."""

    async def rename() -> None:
        current_job().name = "the big one"
        await insist(10)()

    async with open_audited() as queue:
        await queue.submit(rename)
        await wait_all_tasks_blocked()
        report = await queue.stop(drain=1, grace=0)
    assert str(report.stuck[0]).startswith("the big one has run for 1 s, and is still in ")


async def test_a_report_counts_every_job_of_the_stop(autojump_clock: MockClock) -> None:
    """As a string, too."""
    async with open_audited(workers=2) as queue:
        jobs = [await queue.submit(sleep(seconds)) for seconds in (1, 9, 9, 9, 9)]
        await trio.sleep(0.5)
        report = await queue.stop(drain=2, grace=1)
    assert (report.done, report.interrupted) == ((jobs[0],), (jobs[1],))
    assert report.handed_back == tuple(jobs[2:])
    assert str(report).endswith(": 1 ended by themselves, 1 interrupted, 3 handed back, 0 stuck")


def test_a_report_is_a_value() -> None:
    """It cannot be changed."""
    report = StopReport((), (), (), (), {"quiet": 0.5, "drain": 0.25})
    assert str(report).startswith("stopped in 0.75 s (quiet 0.5 s, drain 0.25 s): 0 ended")
    with pytest.raises(FrozenInstanceError):
        report.stuck = ()  # type: ignore[misc]


async def test_the_report_of_a_queue_with_a_name_says_which_queue_it_was(
    autojump_clock: MockClock,
) -> None:
    """So the reports of several can be told apart; without a name it is as short as it can be."""
    async with (
        open_job_queue(trio.sleep, name="naps") as queue,
        open_job_queue(trio.sleep) as other,
    ):
        report, nameless = await stop_all(queue, other)
    assert (report.name, nameless.name) == ("naps", None)
    assert str(report).startswith("job queue 'naps' stopped in 0 s")
    assert str(nameless).startswith("stopped in 0 s")


# Deadlines


async def test_the_hard_deadline_is_the_end_of_drain_and_grace(autojump_clock: MockClock) -> None:
    """It can only come nearer, and takes the scopes for cleaning up with it."""
    cleanups = Cleanups(9)
    countdown = Countdown(cleanups)
    countdown.hasten(20, 5)
    scope = cleanups.open()
    assert (countdown.drain_end, countdown.hard_end, countdown.seconds_left()) == (20, 25, 20)
    countdown.hasten(30, 30)
    assert (countdown.drain_end, countdown.hard_end) == (20, 25)
    countdown.hasten(10, 2)
    assert (countdown.drain_end, countdown.hard_end, scope.deadline) == (10, 12, 12)
    countdown.end_by(50)
    assert scope.deadline == 12
    await countdown.wait(trio.sleep_forever, countdown.drain_end)
    assert trio.current_time() == 10
    assert countdown.seconds_left() == 2
    countdown.skip()
    await countdown.wait(trio.sleep_forever, countdown.hard_end)
    assert trio.current_time() == 10


async def test_a_phase_that_is_cancelled_is_over(autojump_clock: MockClock) -> None:
    """The next one can wait all the same."""
    countdown = Countdown(Cleanups(9))
    countdown.hasten(20, 5)
    with trio.move_on_after(1):
        await countdown.wait(trio.sleep_forever, countdown.drain_end)
    assert (countdown.draining, countdown.seconds_left()) == (False, 24)
    await countdown.wait(trio.sleep_forever, 3)
    assert trio.current_time() == 3


@pytest.mark.parametrize("seconds", [0, 0.5, 3, math.inf])
def test_a_plan_may_take_any_time(seconds: float) -> None:
    """None at all, or for ever."""
    assert check_plan(seconds, seconds, "queued") == (seconds, seconds, "queued")


@pytest.mark.parametrize(
    ("plan", "error", "words"),
    [
        ((-1, 1, "running"), ValueError, "drain must be >= 0"),
        ((2**2000, 1, "running"), ValueError, "drain must be >= 0 and within the range of a float"),
        ((1, 2**2000, "queued"), ValueError, "grace must be >= 0 and within the range of a float"),
        ((math.nan, 1, "running"), ValueError, "drain must be >= 0"),
        ((True, 1, "running"), TypeError, "drain must be a number of seconds"),
        ((None, 1, "running"), TypeError, "drain must be a number of seconds"),
        ((1, -math.inf, "running"), ValueError, "grace must be >= 0"),
        ((1, "1", "running"), TypeError, "grace must be a number of seconds"),
        ((1, 1, "all"), ValueError, 'finish must be "running" or "queued"'),
        ((1, 1, None), ValueError, 'finish must be "running" or "queued"'),
    ],
    ids=stable,
)
def test_a_plan_that_makes_no_sense_is_rejected(
    plan: Any, error: type[Exception], words: str
) -> None:
    """The error names the argument."""
    with pytest.raises(error, match=f"^{words}"):
        check_plan(*plan)


async def test_a_stop_that_lets_jobs_start_may_be_hastened_and_go_on_doing_so(
    autojump_clock: MockClock,
) -> None:
    """Asked again to finish what is queued, it has less time for the same."""
    async with open_job_queue(trio.sleep, workers=1) as queue:
        jobs = [await queue.submit(1), await queue.submit(2)]
        queue.stop_soon(drain=100, finish="queued")
        queue.stop_soon(drain=10, finish="queued")
        assert queue.seconds_left == 10
        report = await queue.stop(finish="queued")
    assert [job.outcome and job.outcome.kind for job in jobs] == ["done", "done"]
    assert len(report.done) == 2

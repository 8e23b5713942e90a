"""Stopping: the phases of a stop, room to clean up, and signals that stop a queue."""

from __future__ import annotations

import math
import signal
import sys
import threading
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import (
    ChanClosedError,
    JobFailed,
    StopReport,
    cleanup,
    current_job,
    open_job_queue,
    stop_all,
    stop_on_signals,
    strategy,
)
from gochan.strategies import Strategy

from ..benchmarks.no_job_after_stop import play_all
from ..processes import start, wait_until
from ..work import auditing, fail, insist, kinds, open_audited, perform, sleep, tidy_up

pytestmark = pytest.mark.usefixtures("both_modes")

INT, TERM = signal.SIGINT, signal.SIGTERM
ALL = ["block", "drop-on-full", "priority-cancel", "drop-oldest"]


@pytest.fixture(autouse=True)
def default_handlers() -> Any:
    """Whatever the process that runs the tests does about signals."""
    earlier = {number: signal.getsignal(number) for number in (INT, TERM)}
    signal.signal(INT, signal.default_int_handler)
    signal.signal(TERM, signal.SIG_DFL)
    yield
    for number, handler in earlier.items():
        signal.signal(number, handler)


async def clean_up(seconds: float) -> None:
    """Go on for ever; when cancelled, take so long to put things in order, if allowed."""
    try:
        await trio.sleep_forever()
    finally:
        with cleanup():
            await trio.sleep(seconds)


def cleaner(seconds: float) -> Any:
    return lambda: clean_up(seconds)


# Phases


@pytest.mark.parametrize("name", ALL)
async def test_a_stop_goes_through_its_phases(name: str, autojump_clock: MockClock) -> None:
    """What ends in time is done, what does not is interrupted, what never ran is handed back."""
    begin = trio.current_time()
    phases: list[tuple[str, float]] = []

    async def watch(queue: Any) -> None:
        while queue.phase != "report":
            if not phases or phases[-1][0] != queue.phase:
                phases.append((queue.phase, trio.current_time() - begin))
            await trio.sleep(0.5)

    async with open_audited(workers=2, strategy=name, capacity=9) as queue:
        quick, long = await queue.submit(sleep(3)), await queue.submit(cleaner(1))
        waiting = [await queue.submit(fail(KeyError())) for _ in range(3)]
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, queue)
            await trio.sleep(0.75)
            report = await queue.stop(drain=5, grace=2)
        assert trio.current_time() - begin >= 6.75
        assert kinds(quick, long, *waiting) == ["done", "interrupted", *["handed_back"] * 3]
        assert report == StopReport((quick,), (long,), tuple(waiting), (), report.seconds)
        assert report.seconds == {"quiet": 0, "drain": 5, "cancel": 1, "release": 0}
        assert queue.phase == "report"
    assert phases == [("run", 0), ("drain", 1), ("cancel", 6)]


async def test_a_stop_may_finish_what_is_queued(autojump_clock: MockClock) -> None:
    """As far as the drain lasts."""
    async with open_audited(workers=1) as queue:
        jobs = [await queue.submit(sleep(2)) for _ in range(4)]
        await wait_all_tasks_blocked()
        report = await queue.stop(drain=5, grace=1, finish="queued")
    assert kinds(*jobs) == ["done", "done", "interrupted", "handed_back"]
    assert (report.done, report.handed_back) == ((jobs[0], jobs[1]), (jobs[3],))


async def test_a_stop_of_an_idle_queue_takes_no_time(autojump_clock: MockClock) -> None:
    """There is nothing to wait for; and the block ends, too."""
    begin = trio.current_time()
    async with open_audited(workers=3) as queue:
        assert await queue.stop() == await queue.stop()
        with pytest.raises(ChanClosedError) as caught:
            await queue.submit(sleep())
        assert callable(caught.value.value)
    assert trio.current_time() == begin


@pytest.mark.parametrize(("drain", "grace"), [(0, 0), (3, 0), (0, 3), (20, 5)])
async def test_a_stop_returns_in_time_whatever_jobs_do(
    drain: float, grace: float, autojump_clock: MockClock
) -> None:
    """One that ignores its cancellation is listed as stuck."""
    async with open_audited(workers=2) as queue:
        stuck = await queue.submit(insist(1000))
        cut_off = await queue.submit(cleaner(1000))
        await wait_all_tasks_blocked()
        begin = trio.current_time()
        report = await queue.stop(drain=drain, grace=grace)
        assert trio.current_time() - begin == drain + grace
        assert [one.job for one in report.stuck] == [stuck]
        assert report.interrupted == (cut_off,)
        assert kinds(stuck, cut_off) == ["running", "interrupted"]
    assert kinds(stuck) == ["done"]


async def test_a_second_call_can_only_hasten_a_stop(autojump_clock: MockClock) -> None:
    """Both return the same report."""
    reports: list[StopReport] = []
    async with open_audited(workers=1) as queue:
        job = await queue.submit(sleep(100))
        await wait_all_tasks_blocked()
        begin = trio.current_time()

        async def stop(drain: float, grace: float) -> None:
            reports.append(await queue.stop(drain=drain, grace=grace))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop, 50, 5)
            await trio.sleep(1)
            nursery.start_soon(stop, 90, 9)
            await trio.sleep(1)
            nursery.start_soon(stop, 10, 1)
        assert trio.current_time() - begin == 12
    assert reports[0] is reports[1] is reports[2]
    assert kinds(job) == ["interrupted"]


async def test_a_second_call_may_release_what_the_first_would_finish(
    autojump_clock: MockClock,
) -> None:
    """No further job starts from then on."""
    async with open_audited(workers=1) as queue:
        jobs = [await queue.submit(sleep(2)) for _ in range(3)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: queue.stop(finish="queued"))
            await trio.sleep(3)
            nursery.start_soon(queue.stop)
    assert kinds(*jobs) == ["done", "done", "handed_back"]


async def test_a_call_while_jobs_are_being_cancelled_brings_the_end_forward(
    autojump_clock: MockClock,
) -> None:
    """The wait for jobs that ignore it ends at the new deadline, not at the old one."""
    async with open_audited() as queue:
        await queue.submit(insist(100))
        await wait_all_tasks_blocked()
        queue.stop_soon(drain=0, grace=10)
        await trio.sleep(1)
        assert (queue.phase, queue.seconds_left) == ("cancel", 9)
        report = await queue.stop(drain=0, grace=1)
        assert trio.current_time() == 2
        assert (len(report.stuck), report.seconds["cancel"]) == (1, 2)


async def test_a_stop_takes_twenty_seconds_and_five_more_by_default(
    autojump_clock: MockClock,
) -> None:
    """Whether anybody waits for it or not."""
    async with open_audited() as queue:
        await queue.submit(insist(100))
        await wait_all_tasks_blocked()
        queue.stop_soon()
        assert queue.seconds_left == 20
        queue.hasten()
        await wait_all_tasks_blocked()
        assert (queue.phase, queue.seconds_left) == ("cancel", 5)
        await queue.wait_stopped()
        assert trio.current_time() == 5


async def test_what_cleans_up_when_the_last_phase_is_skipped_is_cut_short(
    autojump_clock: MockClock,
) -> None:
    """It ends at once, rather than being stuck."""
    async with open_audited() as queue:
        job = await queue.submit(cleaner(8))
        await wait_all_tasks_blocked()
        queue.stop_soon(drain=0, grace=10)
        await trio.sleep(1)
        assert queue.phase == "cancel"
        queue.hasten()
        report = await queue.wait_stopped()
        assert (report.interrupted, report.stuck) == ((job,), ())
        assert trio.current_time() == 1


async def test_a_call_that_finishes_what_runs_hastens_one_that_finishes_what_is_queued(
    autojump_clock: MockClock,
) -> None:
    """What waits is handed back at once, and the stop is over when the running job is."""
    async with open_audited(sleep_for) as queue:
        jobs = [await queue.submit(2) for _ in range(3)]
        await trio.sleep(0.5)
        queue.stop_soon(finish="queued")
        await trio.sleep(0.5)
        assert kinds(*jobs) == ["running", "waiting", "waiting"]
        queue.stop_soon()
        assert kinds(*jobs) == ["running", "handed_back", "handed_back"]
        await queue.stop()
        assert trio.current_time() == 2
    assert kinds(*jobs) == ["done", "handed_back", "handed_back"]


async def test_a_stop_goes_on_if_the_call_is_cancelled(autojump_clock: MockClock) -> None:
    """A later caller gets the report."""
    async with open_audited(workers=1) as queue:
        job = await queue.submit(sleep(100))
        await wait_all_tasks_blocked()
        begin = trio.current_time()
        with trio.move_on_after(1):
            await queue.stop(drain=3, grace=1)
        report = await queue.stop()
        assert trio.current_time() - begin == 3
    assert report.interrupted == (job,)


async def test_a_stop_after_the_end_reports_at_once(autojump_clock: MockClock) -> None:
    """The queue has been left, so nothing remains to be stopped."""
    async with open_audited(workers=1) as queue:
        await queue.submit(sleep())
    assert await queue.stop() == StopReport((), (), (), (), {"quiet": 0})
    assert queue.phase == "report"


async def test_a_stop_is_over_when_its_block_is_cancelled(autojump_clock: MockClock) -> None:
    """A task that waits outside the block gets the report."""
    reports: list[StopReport] = []
    with trio.fail_after(100):
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                async with open_job_queue(sleep_for, workers=1) as queue:
                    job = await queue.submit(50)
                    await wait_all_tasks_blocked()

                    async def stop() -> None:
                        reports.append(await queue.stop())

                    nursery.start_soon(stop)
                    await wait_all_tasks_blocked()
                    scope.cancel()
    assert len(reports) == 1
    assert kinds(job) == ["cancelled"]
    queue.audit()


async def sleep_for(seconds: float) -> None:
    await trio.sleep(seconds)


async def test_each_hastening_ends_one_phase(autojump_clock: MockClock) -> None:
    """Before a stop and after it, there is nothing to hasten."""
    async with open_audited(workers=1) as queue:
        job = await queue.submit(tidy_up(1000))
        queue.hasten()
        await wait_all_tasks_blocked()
        assert queue.phase == "run"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.stop)
            await wait_all_tasks_blocked()
            assert queue.phase == "drain"
            queue.hasten()
            await wait_all_tasks_blocked()
            assert (queue.phase, job.cause) == ("cancel", "interrupted")
            queue.hasten()
        assert queue.phase == "report"
        queue.hasten()


async def test_hastening_at_once_ends_the_drain(autojump_clock: MockClock) -> None:
    """Also before the first phase has begun to wait."""
    async with open_audited(workers=1) as queue:
        await queue.submit(sleep(1000))
        await wait_all_tasks_blocked()
        begin = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.stop)
            while queue.phase == "run":
                await trio.lowlevel.checkpoint()
            queue.hasten()
        assert trio.current_time() == begin


async def test_no_job_starts_after_a_stop(autojump_clock: MockClock) -> None:
    """In any schedule, under every strategy, whichever task stops it, not even one that is in the
    hand of a worker. ``python tests/benchmarks/no_job_after_stop.py`` plays 100,000."""
    counts = await play_all(0, 300)
    assert counts["started after the stop"] == 0
    assert counts["in hand"] > 10
    assert counts["waiting"] > 50


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"drain": -1}, ValueError),
        ({"drain": math.nan}, ValueError),
        ({"drain": "1"}, TypeError),
        ({"grace": -1}, ValueError),
        ({"grace": True}, TypeError),
        ({"finish": "all"}, ValueError),
    ],
    ids=repr,
)
async def test_bad_arguments_stop_nothing(
    options: dict[str, Any], error: type[Exception], autojump_clock: MockClock
) -> None:
    """The error names the argument."""
    async with open_audited(workers=1) as queue:
        with pytest.raises(error, match=f"^{next(iter(options))} must be "):
            await queue.stop(**options)
        assert (queue.phase, queue.closed) == ("run", False)


async def test_how_long_a_phase_may_last_can_be_seen(autojump_clock: MockClock) -> None:
    """From the beginning of a stop to its end; and then the report."""
    async with open_audited(workers=1) as queue:
        await queue.submit(insist(100))
        await wait_all_tasks_blocked()
        assert (queue.seconds_left, queue.report) == (None, None)
        queue.stop_soon(drain=4, grace=3)
        assert (queue.phase, queue.seconds_left) == ("quiet", 4)
        seen = []
        for _ in range(8):
            await trio.sleep(0.5)
            seen.append((queue.phase, queue.seconds_left))
            await trio.sleep(0.5)
        assert seen == [
            *(("drain", 3.5 - passed) for passed in range(4)),
            *(("cancel", 2.5 - passed) for passed in range(3)),
            ("report", None),
        ]
        assert queue.report is await queue.stop()


async def test_a_stop_can_be_begun_without_waiting(autojump_clock: MockClock) -> None:
    """By a job, for instance, which would wait for itself; and hastened in the same way."""

    async def stop() -> None:
        queue.stop_soon(drain=20)
        assert (queue.phase, queue.closed) == ("quiet", True)
        await trio.sleep(5)

    async with open_audited(workers=1) as queue:
        # At once, since a submit may let other tasks run, and the first job closes the queue.
        jobs = [queue.submit_nowait(stop), queue.submit_nowait(sleep(1))]
        await jobs[0].wait()
        assert trio.current_time() == 5
    assert kinds(*jobs) == ["done", "handed_back"]


async def test_a_job_that_waits_for_the_stop_waits_for_itself(autojump_clock: MockClock) -> None:
    """Until its time is up; the stop is still in time."""

    async def stop() -> None:
        await queue.stop(drain=3, grace=1)

    async with open_audited(workers=1) as queue:
        job = await queue.submit(stop)
    assert kinds(job) == ["interrupted"]
    assert trio.current_time() == 3


@pytest.mark.parametrize("finish", ["running", "queued"])
@pytest.mark.parametrize("work", [sleep(50), insist(50)], ids=["sleep", "insist"])
async def test_a_stop_reports_in_time_although_its_queue_is_cancelled(
    finish: Any, work: Any, autojump_clock: MockClock
) -> None:
    """For tasks that wait outside the block, whatever the jobs do."""
    reports: list[tuple[float, StopReport]] = []

    async def stop() -> None:
        report = await queue.stop(drain=20, grace=4, finish=finish)
        reports.append((trio.current_time(), report))

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(2) as scope:
            async with open_job_queue(perform, workers=1) as queue:
                jobs = [await queue.submit(work) for _ in range(2)]
                await trio.sleep(1)
                nursery.start_soon(stop)
                await trio.sleep_forever()
    assert scope.cancelled_caught
    stubborn = kinds(*jobs) == ["done", "handed_back"]
    assert stubborn or kinds(*jobs) == ["cancelled", "handed_back"]
    ((moment, report),) = reports
    assert moment == (6 if stubborn else 2)
    assert [stuck.job for stuck in report.stuck] == ([jobs[0]] if stubborn else [])
    assert report.handed_back == (jobs[1],)


async def test_a_stop_called_as_the_last_worker_goes_still_reports(
    autojump_clock: MockClock,
) -> None:
    """The block is about to be left, and has no room for another task."""
    reports = 0

    async def stop(steps: int) -> None:
        nonlocal reports
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        await queue.stop(drain=5)
        reports += 1

    for steps in range(12):
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + 100
            async with open_job_queue(perform, workers=1) as queue:
                nursery.start_soon(stop, steps)
    assert reports == 12


@pytest.mark.parametrize("who", ["strategy", "on_end", "cleanup"])
async def test_a_stop_reports_in_time_whatever_else_goes_wrong(
    who: str, autojump_clock: MockClock
) -> None:
    """The strategy, a hook, or code that is to clean up."""
    reports: list[StopReport] = []

    class Broken(Strategy[Any]):
        def close(self) -> list[Any]:
            if who == "strategy":
                raise ZeroDivisionError
            return []

    def on_end(_: object) -> None:
        if who == "on_end":
            raise ZeroDivisionError

    async def clean_up_for_ever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with cleanup():
                if who == "cleanup":
                    await trio.sleep_forever()

    async def stop() -> None:
        began = trio.current_time()
        reports.append(await queue.stop(drain=2, grace=3))
        assert trio.current_time() <= began + 5

    async with auditing() as auditor, trio.open_nursery() as nursery:
        expected = trio.CancelScope() if who == "cleanup" else pytest.raises(ZeroDivisionError)
        with expected:
            async with open_job_queue(
                perform, workers=1, strategy=Broken(9), on_end=on_end
            ) as queue:
                auditor.queue = queue
                jobs = [await queue.submit(clean_up_for_ever) for _ in range(2)]
                await trio.sleep(1)
                nursery.start_soon(stop)
                await queue.join()
                await trio.sleep(1)
    (report,) = reports
    assert report.stuck == ()
    assert kinds(*jobs) == ["cancelled" if who == "strategy" else "interrupted", "handed_back"]


@pytest.mark.parametrize("phase", ["drain", "cancel"])
async def test_jobs_can_be_cancelled_while_the_queue_stops(
    phase: str, autojump_clock: MockClock
) -> None:
    """In the drain that ends them; later the stop has done so already."""
    async with open_audited(workers=1) as queue:
        job = await queue.submit(tidy_up(1))
        await wait_all_tasks_blocked()
        queue.stop_soon(drain=5, grace=5)
        await trio.sleep(1 if phase == "drain" else 5.5)
        assert queue.phase == phase
        job.cancel("by hand")
        report = await queue.stop()
    assert kinds(job) == ["cancelled" if phase == "drain" else "interrupted"]
    assert report.done == ((job,) if phase == "drain" else ())
    assert report.interrupted == (() if phase == "drain" else (job,))


async def test_a_job_that_fails_during_a_stop_is_heard_as_ever(autojump_clock: MockClock) -> None:
    """By default it ends the queue and comes out of the block."""
    with pytest.raises(JobFailed):
        async with open_audited(workers=2) as queue:
            jobs = [await queue.submit(work) for work in (fail(KeyError(), after=2), sleep(9))]
            await wait_all_tasks_blocked()
            await queue.stop()
    assert kinds(*jobs) == ["failed", "cancelled"]
    assert queue.report is not None
    assert queue.report.done == tuple(jobs)


async def test_other_threads_cannot_stop_a_queue() -> None:
    """The error says what to do."""
    async with open_job_queue(perform) as queue:
        for action in (queue.stop_soon, queue.hasten, queue.close):
            with pytest.raises(RuntimeError, match=r"inside trio\.run"):
                await trio.to_thread.run_sync(action)
        assert (queue.phase, queue.closed) == ("run", False)


# Several queues


async def test_several_queues_are_stopped_side_by_side(autojump_clock: MockClock) -> None:
    """All are quiet at once, each has all of the time, and one deadline holds for all."""
    async with (
        open_audited() as slow,
        open_job_queue(perform) as quick,
        open_job_queue(perform) as idle,
    ):
        stuck = await slow.submit(insist(1000))
        done, waiting = await quick.submit(sleep(6)), await quick.submit(sleep(1))
        await trio.sleep(1)
        phases: list[tuple[str, ...]] = []

        async def watch() -> None:
            while slow.phase == "run":
                await trio.lowlevel.checkpoint()
            for _ in range(4):
                phases.append(tuple(queue.phase for queue in (slow, quick, idle)))
                assert all(queue.closed for queue in (slow, quick, idle))
                await trio.sleep(4)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            reports = await stop_all(slow, quick, idle, drain=10, grace=3)
            assert trio.current_time() == 14
    assert "run" not in phases[0]
    assert phases[1:] == [
        ("drain", "drain", "report"),
        ("drain", "report", "report"),
        ("cancel", "report", "report"),
    ]
    assert [one.job for one in reports[0].stuck] == [stuck]
    assert (reports[1].done, reports[1].handed_back) == ((done,), (waiting,))
    assert reports == (slow.report, quick.report, idle.report)


async def test_queues_that_stop_or_have_ended_can_be_stopped_with_others(
    autojump_clock: MockClock,
) -> None:
    """One that stops already is hastened; the same one may be given twice."""
    async with open_job_queue(perform) as over:
        pass
    async with open_job_queue(perform) as stopped, open_job_queue(perform) as stopping:
        await stopped.stop()
        job = await stopping.submit(sleep(100))
        await wait_all_tasks_blocked()
        stopping.stop_soon(drain=50)
        reports = await stop_all(over, stopped, stopping, stopping, drain=3, grace=1)
        assert trio.current_time() == 3
    assert (reports[0].done, reports[1].done) == ((), ())
    assert reports[2] is reports[3]
    assert kinds(job) == ["interrupted"]
    assert await stop_all() == ()


async def test_stops_go_on_if_the_call_for_all_is_cancelled(autojump_clock: MockClock) -> None:
    """Also if it was cancelled before."""
    async with open_job_queue(perform) as first, open_job_queue(perform) as second:
        with trio.CancelScope() as scope:
            scope.cancel()
            await stop_all(first, second)
        assert scope.cancelled_caught
        assert (first.closed, second.closed) == (True, True)


@pytest.mark.parametrize(
    ("options", "error"), [({"drain": math.nan}, ValueError), ({"finish": ""}, ValueError)]
)
async def test_bad_arguments_stop_none_of_the_queues(
    options: dict[str, Any], error: type[Exception]
) -> None:
    """Neither do things that are no queues."""
    async with open_job_queue(perform) as queue:
        for call in (stop_all, stop_on_signals):
            with pytest.raises(error):
                await enter_or_call(call, queue, **options)
            with pytest.raises(TypeError, match=f"{call.__name__} takes job queues, not 5"):
                await enter_or_call(call, queue, 5)
        with pytest.raises(TypeError, match="at least one queue"):
            await enter_or_call(stop_on_signals)
        with pytest.raises(TypeError, match="say must be a function"):
            await enter_or_call(stop_on_signals, queue, say="loudly")
        assert queue.phase == "run"


async def enter_or_call(call: Any, *arguments: Any, **options: Any) -> None:
    result = call(*arguments, **options)
    if hasattr(result, "__aenter__"):
        async with result:
            pytest.fail("it was entered")
    await result


# Cleaning up


async def test_cleaning_up_is_shielded_but_not_for_ever(autojump_clock: MockClock) -> None:
    """Outside a stop, for the grace of the queue."""
    async with open_audited(workers=2, grace=3) as queue:
        in_time, too_long = await queue.submit(cleaner(2)), await queue.submit(cleaner(4))
        await wait_all_tasks_blocked()
        begin = trio.current_time()
        in_time.cancel()
        await in_time.wait()
        assert trio.current_time() - begin == 2
        too_long.cancel()
        await too_long.wait()
        assert trio.current_time() - begin == 5
    assert kinds(in_time, too_long) == ["cancelled", "cancelled"]


@pytest.mark.parametrize(
    ("options", "seconds"), [({}, 5), ({"grace": 0.5}, 0.5), ({"grace": 20}, 20)]
)
async def test_cleaning_up_outside_a_stop_lasts_as_long_as_the_grace_of_the_queue(
    options: dict[str, Any], seconds: float, autojump_clock: MockClock
) -> None:
    """By default five seconds."""
    async with open_audited(**options) as queue:
        job = await queue.submit(cleaner(100))
        await wait_all_tasks_blocked()
        job.cancel()
        await job.wait()
        assert trio.current_time() == seconds


async def test_a_stop_has_a_drain_and_a_grace_by_default(autojump_clock: MockClock) -> None:
    """Twenty seconds and five."""
    async with open_audited() as queue:
        await queue.submit(insist(100))
        await wait_all_tasks_blocked()
        report = await queue.stop()
        assert (report.seconds["drain"], report.seconds["cancel"]) == (20, 5)


async def test_in_a_stop_cleaning_up_lasts_until_the_hard_deadline(
    autojump_clock: MockClock,
) -> None:
    """Whatever the grace of the queue, and also if it has begun before."""
    async with open_audited(workers=2, grace=100) as queue:
        before, after = await queue.submit(cleaner(50)), await queue.submit(cleaner(50))
        await wait_all_tasks_blocked()
        begin = trio.current_time()
        before.cancel()
        await trio.sleep(1)
        report = await queue.stop(drain=2, grace=7)
        assert trio.current_time() - begin == 10
        assert (report.interrupted, report.stuck) == ((after,), ())
    assert kinds(before, after) == ["cancelled", "interrupted"]


async def test_there_is_nothing_to_clean_up_outside_a_handler() -> None:
    """The error says so."""
    with pytest.raises(RuntimeError, match="inside a job's handler"):
        cleanup()


# Signals


async def test_signals_stop_a_queue(autojump_clock: MockClock) -> None:
    """The first begins, each further SIGINT goes one phase on, further SIGTERMs do nothing."""
    said: list[str] = []
    async with (
        open_audited(workers=1) as queue,
        stop_on_signals(queue, drain=30, grace=10, say=said.append) as seen,
    ):
        job, waiting = await queue.submit(insist(1000)), await queue.submit(sleep())
        await wait_all_tasks_blocked()
        for number, phase in [
            (TERM, "drain"),
            (TERM, "drain"),
            (INT, "cancel"),
            (TERM, "cancel"),
            (INT, "report"),
            (INT, "report"),
        ]:
            signal.raise_signal(number)
            await wait_all_tasks_blocked(0.01)
            assert queue.phase == phase
        assert seen.signal == TERM
        assert kinds(job, waiting) == ["running", "handed_back"]
    assert said == [
        "no further job starts, 1 job may finish within 30 s; Ctrl-C cancels what runs",
        "cancelling what runs: 1 job, with 10 s to clean up; Ctrl-C gives up on the rest",
        "giving up on what still runs: 1 job",
    ]


@pytest.mark.parametrize("number", [INT, TERM])
async def test_a_signal_hastens_a_stop_that_has_begun_otherwise(
    number: int, autojump_clock: MockClock
) -> None:
    """A SIGINT does; a SIGTERM asks for what is happening anyway. Either is noted."""
    async with open_audited(workers=1) as queue, stop_on_signals(queue, say=lambda _: 0) as seen:
        await queue.submit(insist(9))
        async with trio.open_nursery() as nursery:
            await wait_all_tasks_blocked()
            nursery.start_soon(queue.stop)
            await wait_all_tasks_blocked()
            signal.raise_signal(number)
            await wait_all_tasks_blocked(0.01)
            assert queue.phase == ("cancel" if number == INT else "drain")
            assert seen.signal == number


async def test_two_signals_at_once_are_two(autojump_clock: MockClock) -> None:
    """The second does not wait until the first has come into force."""
    async with open_audited(workers=1) as queue, stop_on_signals(queue, say=lambda _: 0):
        job = await queue.submit(insist(9))
        await wait_all_tasks_blocked()
        signal.raise_signal(INT)
        signal.raise_signal(INT)
        await wait_all_tasks_blocked(0.01)
        assert (queue.phase, job.cause) == ("cancel", "interrupted")


async def test_without_a_signal_nothing_is_stopped(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """And afterwards signals mean what they meant before."""
    before = [signal.getsignal(INT), signal.getsignal(TERM)]
    async with open_audited(workers=1) as queue:
        async with stop_on_signals(queue) as seen:
            job = await queue.submit(sleep(1))
        assert [signal.getsignal(INT), signal.getsignal(TERM)] == before
        assert not queue.closed
    assert (seen.signal, kinds(job)) == (None, ["done"])
    assert capsys.readouterr().err == ""


async def test_by_default_standard_error_tells_what_happens(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each signal that does something."""
    async with open_audited(workers=2) as queue, stop_on_signals(queue, drain=1.5):
        for _ in range(2):
            await queue.submit(sleep(1))
        await wait_all_tasks_blocked()
        signal.raise_signal(TERM)
        await queue.join()
    assert capsys.readouterr().err == (
        "no further job starts, 2 jobs may finish within 1.5 s; Ctrl-C cancels what runs\n"
    )


async def test_signals_stop_several_queues_in_step(autojump_clock: MockClock) -> None:
    """What is said is about all of them, when the last one has got there."""
    said: list[str] = []
    async with (
        open_audited(workers=2) as first,
        open_job_queue(perform, workers=1) as second,
        stop_on_signals(first, second, drain=30, grace=10, say=said.append),
    ):
        for queue, seconds in [(first, 5), (first, 1000), (second, 1000)]:
            await queue.submit(insist(seconds))
        await wait_all_tasks_blocked()
        for phase in ("drain", "cancel", "report"):
            signal.raise_signal(INT)
            await wait_all_tasks_blocked(0.01)
            assert (first.phase, second.phase) == (phase, phase)
            await trio.sleep(6)
    assert said == [
        "no further job starts, 3 jobs may finish within 30 s; Ctrl-C cancels what runs",
        "cancelling what runs: 2 jobs, with 10 s to clean up; Ctrl-C gives up on the rest",
        "giving up on what still runs: 2 jobs",
    ]


async def test_a_sigint_hastens_those_that_have_come_least_far(autojump_clock: MockClock) -> None:
    """So that nobody's time to clean up is cut short by what another one needs."""
    said: list[str] = []
    async with (
        open_audited(workers=1) as first,
        open_job_queue(perform, workers=1) as second,
        stop_on_signals(first, second, drain=30, grace=10, say=said.append),
    ):
        jobs = [await queue.submit(tidy_up(5)) for queue in (first, second)]
        await wait_all_tasks_blocked()
        first.stop_soon(drain=0, grace=8)
        await wait_all_tasks_blocked(0.01)
        assert (first.phase, second.phase) == ("cancel", "run")
        assert said == []
        for _ in range(2):
            signal.raise_signal(INT)
            await wait_all_tasks_blocked(0.01)
        assert (first.phase, second.phase) == ("cancel", "cancel")
        await trio.sleep(6)
    assert kinds(*jobs) == ["interrupted", "interrupted"]
    assert said == [
        "no further job starts, 2 jobs may finish within 30 s; Ctrl-C cancels what runs",
        "cancelling what runs: 2 jobs, with 10 s to clean up; Ctrl-C gives up on the rest",
    ]


async def test_queues_that_have_ended_do_not_keep_signals_from_the_others(
    autojump_clock: MockClock,
) -> None:
    """Or from anybody, if all of them have."""
    async with open_job_queue(perform) as over, open_job_queue(perform) as stopped:
        await stopped.stop()
    async with stop_on_signals(over, stopped, say=str) as seen:
        signal.raise_signal(TERM)
        await wait_all_tasks_blocked(0.01)
        assert (seen.signal, over.phase) == (TERM, "report")
    async with open_audited() as queue, stop_on_signals(over, queue, stopped, say=str):
        signal.raise_signal(TERM)
        await wait_all_tasks_blocked(0.01)
        assert queue.closed


async def test_signals_are_heard_while_a_queue_is_being_cancelled(
    autojump_clock: MockClock,
) -> None:
    """It may take its time, and somebody may lose patience with that."""
    with trio.move_on_after(1):
        async with open_audited() as queue, stop_on_signals(queue, say=str):
            job = await queue.submit(insist(100))
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
                signal.raise_signal(INT)
                await wait_all_tasks_blocked(0.01)
                assert queue.phase != "run"
                signal.raise_signal(INT)
                await wait_all_tasks_blocked(0.01)
                signal.raise_signal(INT)
                await wait_all_tasks_blocked(0.01)
                assert queue.report is not None
                assert [stuck.job for stuck in queue.report.stuck] == [job]
    assert kinds(job) == ["done"]


async def test_each_phase_of_a_stop_is_announced_however_it_began(
    autojump_clock: MockClock,
) -> None:
    """And whether by a signal or by time it goes on."""
    said: list[str] = []
    async with open_audited(workers=1) as queue, stop_on_signals(queue, say=said.append):
        await queue.submit(insist(100))
        await wait_all_tasks_blocked()
        await queue.stop(drain=0.25, grace=7)
    assert said == [
        "no further job starts, 1 job may finish within 0.2 s; Ctrl-C cancels what runs",
        "cancelling what runs: 1 job, with 7 s to clean up; Ctrl-C gives up on the rest",
        "giving up on what still runs: 1 job",
    ]


@pytest.mark.parametrize(
    ("options", "running", "line"),
    [
        ({}, 0, "no further job starts"),
        ({"drain": 0}, 1, "no further job starts"),
        (
            {"drain": math.inf},
            1,
            "no further job starts, 1 job may finish; Ctrl-C cancels what runs",
        ),
        (
            {"drain": 5, "finish": "queued"},
            3,
            "no further job is accepted, 3 jobs may finish within 5 s; Ctrl-C cancels what runs",
        ),
    ],
)
async def test_what_is_said_first_suits_the_plan(
    options: dict[str, Any], running: int, line: str, autojump_clock: MockClock
) -> None:
    """Without jobs or without time, the line does not mention them."""
    said: list[str] = []
    async with open_audited() as queue, stop_on_signals(queue, **options, say=said.append):
        for _ in range(running):
            await queue.submit(sleep(1))
        await wait_all_tasks_blocked()
        signal.raise_signal(TERM)
        await wait_all_tasks_blocked(0.01)
        assert queue.closed
    assert said[0] == line


async def test_jobs_may_have_any_time_to_clean_up(autojump_clock: MockClock) -> None:
    """It is said so, and until a further Ctrl-C they have it."""
    said: list[str] = []
    async with open_audited() as queue, stop_on_signals(queue, say=said.append):
        job = await queue.submit(tidy_up(1000))
        await wait_all_tasks_blocked()
        await queue.stop(drain=1, grace=math.inf)
        assert kinds(job) == ["interrupted"]
    assert said[1:] == [
        "cancelling what runs: 1 job, with any time to clean up; Ctrl-C gives up on the rest"
    ]


async def test_by_default_stuck_jobs_are_named_in_the_end(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their stacks, since the reader wonders why the program does not end."""
    async with open_audited(workers=1) as queue, stop_on_signals(queue, drain=2, grace=1):
        await queue.submit(insist(100))
        await wait_all_tasks_blocked()
        signal.raise_signal(TERM)
        await trio.sleep(10)
        assert queue.report is not None
    lines = capsys.readouterr().err.splitlines()
    assert lines[2:] == [
        "giving up on what still runs: 1 job",
        *str(queue.report.stuck[0]).split("\n"),
    ]


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
async def test_a_failure_to_say_something_ends_the_queue(
    error: type[BaseException], autojump_clock: MockClock
) -> None:
    """Its error comes out of the block of the queue, and the stop goes on."""

    def say(_: str) -> None:
        raise error

    with pytest.raises(error):
        async with open_audited(workers=1) as queue, stop_on_signals(queue, say=say):
            job = await queue.submit(sleep(100))
            await wait_all_tasks_blocked()
            signal.raise_signal(TERM)
            await trio.sleep_forever()
    assert kinds(job) == ["cancelled"]
    assert queue.report is not None


async def test_a_program_can_serve_until_it_is_stopped(autojump_clock: MockClock) -> None:
    """And then has the reports, of all queues."""
    async with (
        open_audited() as first,
        open_job_queue(perform) as second,
        stop_on_signals(first, second, drain=3, say=str) as stop,
        trio.open_nursery() as nursery,
    ):
        job = await second.submit(sleep(99))

        async def terminate() -> None:
            await trio.sleep(5)
            signal.raise_signal(TERM)

        nursery.start_soon(terminate)
        reports = await stop.wait()
        assert trio.current_time() == 8
    assert reports == (first.report, second.report)
    assert reports[1].interrupted == (job,)


PROGRAM = """
import sys, trio, gochan

async def work(seconds):
    if seconds > 5:
        with trio.CancelScope(shield=True):
            await trio.sleep(seconds)
    try:
        await trio.sleep(seconds)
    except trio.Cancelled:
        with gochan.cleanup():
            await trio.sleep(0.05)
        print("cleaned up", flush=True)
        raise

async def main():
    with trio.CancelScope() as scope:
        async with (
            gochan.open_job_queue(work, workers=2) as first,
            gochan.open_job_queue(work) as second,
            gochan.stop_on_signals(first, second, drain=DRAIN, grace=GRACE) as stop,
        ):
            for queue, seconds in [(first, 4), (second, 3), (second, 3), JOB]:
                await queue.submit(seconds)
            print("ready", flush=True)
            reports = await stop.wait()
            print(*(len(r.interrupted) for r in reports), *(len(r.stuck) for r in reports))
            if any(report.stuck for report in reports):
                sys.stdout.flush()
                import os
                os._exit(70)
    print("ended with", stop.signal)

trio.run(main)
"""


@pytest.mark.parametrize("first", [INT, TERM])
def test_a_real_program_ends_in_time_on_one_real_signal(first: int) -> None:
    """Further SIGTERMs change nothing."""
    program = PROGRAM.replace("DRAIN", "0.3").replace("GRACE", "10").replace("JOB", "(first, 4)")
    with start(command=(sys.executable, "-c", program)) as running:
        wait_until(lambda: running.out == b"ready\n", "the program to begin")
        running.signal(first)
        running.expect("no further job starts")
        running.signal(TERM)
        ended = running.ended()
    assert ended.status == 0
    assert ended.out == b"ready\n" + b"cleaned up\n" * 3 + b"2 1 0 0\nended with %d\n" % first
    assert ended.err.splitlines() == [
        "no further job starts, 3 jobs may finish within 0.3 s; Ctrl-C cancels what runs",
        "cancelling what runs: 3 jobs, with 10 s to clean up; Ctrl-C gives up on the rest",
    ]


def test_three_real_interrupts_are_enough_for_a_real_program() -> None:
    """Whatever its jobs do; those that are stuck are named, and the library does not exit."""
    program = PROGRAM.replace("DRAIN", "600").replace("GRACE", "600").replace("JOB", "(first, 900)")
    with start(command=(sys.executable, "-c", program)) as running:
        wait_until(lambda: running.out == b"ready\n", "the program to begin")
        for line in ("no further job starts", "cancelling what runs", "giving up"):
            running.signal(INT)
            running.expect(line)
        ended = running.ended()
    assert ended.status == 70
    assert ended.out == b"ready\n" + b"cleaned up\n" * 2 + b"1 1 1 0\n"
    assert "job 2 (work) has run for " in ended.err
    assert "and is still in work (<string>, line " in ended.err


def test_outside_the_main_thread_there_are_no_signals() -> None:
    """Only the main one is given any by Python."""
    errors: list[str] = []

    async def main() -> None:
        async with open_job_queue(sleep_for, strategy=strategy("block", capacity=1)) as queue:
            with pytest.raises(RuntimeError) as caught:
                async with stop_on_signals(queue):
                    raise AssertionError
            errors.append(str(caught.value))

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    thread.join()
    assert "main thread" in errors[0]


async def test_a_handler_can_tell_a_stop_from_a_cancel(autojump_clock: MockClock) -> None:
    """The cause is there before the cancellation arrives."""
    causes: list[Any] = []

    async def handle(_: object) -> None:
        try:
            await trio.sleep_forever()
        finally:
            causes.append(current_job().cause)

    async with open_job_queue(handle, workers=2) as queue:
        first = await queue.submit(1)
        await queue.submit(2)
        await wait_all_tasks_blocked()
        first.cancel()
        await first.wait()
        await queue.stop(drain=1)
    assert causes == ["cancelled", "interrupted"]

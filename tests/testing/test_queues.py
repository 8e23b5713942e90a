"""What users' tests of durable queues are made of: the fixture, and what is asserted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan.durable import (
    Codec,
    HandlerError,
    JobGone,
    Retry,
    RetryLater,
    Ticket,
    Worker,
    current_job,
    open_durable_queue,
    open_store,
    periodic,
)
from gochan.testing import (
    OpenTestQueue,
    _until_idle,
    open_test_queue,
    outcome_of,
    run_until_idle,
    submitted,
)

pytest_plugins = ["pytester"]

HOUR = 3600.0
DAY = 86_400.0
Y2K = datetime(2000, 1, 1, tzinfo=UTC)


async def double(number: int) -> int:
    return 2 * number


async def sleep(seconds: float) -> float:
    await trio.sleep(seconds)
    return seconds


@pytest.fixture(params=["memory", "sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path}/jobs.db"


def lines_of(caught: pytest.ExceptionInfo[AssertionError]) -> list[str]:
    return str(caught.value).splitlines()


# The fixture


async def test_the_fixture_opens_a_queue(
    durable_queue: OpenTestQueue, autojump_clock: MockClock
) -> None:
    """With a store of its own, inside the test."""
    assert durable_queue is open_test_queue
    async with durable_queue(double) as queue:
        assert (queue.name, queue.store.address) == ("test", "memory:")
        job = await queue.submit(21)
        await run_until_idle(queue)
        assert (await outcome_of(queue, job)).value == 42


async def test_the_life_of_a_job_takes_no_time(address: str, autojump_clock: MockClock) -> None:
    """Retries of hours come after the exact time."""
    times: list[float] = []

    async def call_bank(order: int) -> str:
        times.append(trio.current_time())
        if current_job().attempt < 4:
            raise OSError("closed")
        return f"paid {order}"

    retry = Retry(first=6 * HOUR, most=DAY, jitter=0)
    async with open_test_queue(call_bank, store=address, retry=retry) as queue:
        job = await queue.submit(7)
        await run_until_idle(queue)
        assert times == pytest.approx([0, 6 * HOUR, 18 * HOUR, 42 * HOUR])
        assert (await outcome_of(queue, job)).value == "paid 7"


async def test_waits_are_exact_unless_another_retry_is_said(autojump_clock: MockClock) -> None:
    """A test can say when an attempt has to come."""
    times: list[float] = []

    async def fail(_: object) -> None:
        times.append(trio.current_time())
        raise OSError

    async with open_test_queue(fail) as queue:
        await queue.submit(None)
        await run_until_idle(queue)
    assert times == pytest.approx([0, 1, 3, 7, 15])


async def test_months_of_cron(address: str, autojump_clock: MockClock) -> None:
    """Each tick has its job, which is kept however long ago it ended."""

    async def report(_: str) -> None:
        pass

    async with (
        open_test_queue(report, store=address) as queue,
        periodic(queue, "0 6 1 * *", "monthly"),
    ):
        await trio.sleep(365 * DAY)
        await run_until_idle(queue)
        assert len(await submitted(queue, payload="monthly", kind="done")) == 12
        (after,) = await submitted(queue, state="scheduled")
        assert after.run_at is not None
        assert (after.run_at.day, after.run_at.hour) == (1, 6)


async def test_a_lost_lease_is_waited_for(address: str, autojump_clock: MockClock) -> None:
    """As when a worker has died: the job runs again when its lease has ended."""
    async with open_test_queue(store=address) as queue:
        job = await queue.submit(3)
        (record,) = await queue.store.claim("test", 1, Worker("dead"), HOUR)
        await queue.store.start([Ticket(record.id, record.version)])
        async with open_durable_queue(queue.store, "test", double):
            await run_until_idle(queue)
        assert trio.current_time() == pytest.approx(HOUR, abs=60)
        assert (await outcome_of(queue, job)).value == 6
        assert (await job.record()).crashes == 1


async def test_several_queues_on_one_store(address: str, autojump_clock: MockClock) -> None:
    """Jobs of one submit jobs of the other, which take a while."""

    async def order(number: int) -> None:
        await mails.submit(f"order {number}", delay=HOUR)

    sent: list[str] = []

    async def send(mail: str) -> None:
        sent.append(mail)

    async with (
        open_test_queue(send, "mails", store=address) as mails,
        open_test_queue(order, "orders", store=mails.store) as orders,
    ):
        await orders.submit_many([1, 2])
        await run_until_idle(orders)
        assert sent == []
        await run_until_idle(orders, mails)
        assert sorted(sent) == ["order 1", "order 2"]


async def test_one_of_several_queues_is_enough_to_go_on(autojump_clock: MockClock) -> None:
    """The others have nothing to do."""
    async with (
        open_test_queue(sleep, "slow") as slow,
        open_test_queue(double, "quick", store=slow.store) as quick,
    ):
        await slow.submit(9)
        await run_until_idle(quick)
        assert trio.current_time() < 1
        await run_until_idle(quick, slow)
        assert trio.current_time() == 9


async def test_a_tick_that_waits_is_one_job_among_others(autojump_clock: MockClock) -> None:
    """Only the tick that is still to come does not count."""
    async with (
        open_test_queue(double) as queue,
        periodic(queue, "0 * * * *", 1, catch_up="none"),
    ):
        await queue.pause()
        await wait_all_tasks_blocked()
        (tick,) = await submitted(queue)
        assert tick.run_at is not None
        await trio.sleep(tick.run_at.timestamp() - queue.store.now() + 1)
        await submitted(queue, state="waiting", count=1)
        await run_until_idle(queue)
        await submitted(queue, kind="dropped", count=1)


async def test_an_open_store_keeps_its_own_rules(autojump_clock: MockClock) -> None:
    """Another part of the program may have opened the queue before."""
    async with (
        open_store("memory:") as store,
        open_durable_queue(store, "mails"),
        open_test_queue(double, "mails", store=store) as queue,
    ):
        job = await queue.submit(1)
        await run_until_idle(queue)
        await trio.sleep(2 * DAY)
        with pytest.raises(JobGone):
            await job.record()


async def test_the_books_are_audited(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not after an error, which would be hidden."""
    audits = 0

    async def audit(queue: str) -> None:
        nonlocal audits
        audits += 1
        raise AssertionError("wrong")

    with pytest.raises(AssertionError, match="wrong"):
        async with open_test_queue(double) as queue:
            monkeypatch.setattr(queue.store, "audit", audit)
    with pytest.raises(KeyError):
        async with open_test_queue() as queue:
            monkeypatch.setattr(queue.store, "audit", audit)
            raise KeyError
    assert audits == 1


# What was submitted


async def test_jobs_are_found_by_what_is_said_of_them(address: str) -> None:
    """The oldest first, in real time, too."""
    async with open_test_queue(store=address) as queue:
        await queue.submit({"image": 7, "size": [1, 2]}, key="image-7")
        await queue.submit({"image": 8, "size": [3, 4]}, priority=2)
        await queue.submit({"image": 9, "size": [3, 4]}, delay=HOUR)
        assert [one.id for one in await submitted(queue)] == [1, 2, 3]
        (one,) = await submitted(queue, payload={"size": [1, 2], "image": 7}, key="image-7")
        assert one.id == 1
        assert [one.id for one in await submitted(queue, state="waiting", count=2)] == [1, 2]
        (one,) = await submitted(queue, payload={"image": ANY, "size": ANY}, priority=2)
        assert one.id == 2
        (one,) = await submitted(queue, payload={"image": 9, "size": (3, 4)})
        assert one.run_at is not None
        assert one.run_at - one.submitted == timedelta(hours=1)
        assert await submitted(queue, group="tenant-a", count=0) == []


async def test_what_was_not_submitted_is_told_with_what_was(autojump_clock: MockClock) -> None:
    """In one line for each job."""
    async with open_test_queue(double) as queue:
        with pytest.raises(AssertionError) as caught:
            await submitted(queue)
        assert lines_of(caught) == ["no job of queue 'test': nothing was submitted to it"]
        await queue.submit(1, key="one")
        await run_until_idle(queue)
        await queue.submit(2, delay=1, group="a")
        with pytest.raises(AssertionError) as caught:
            await submitted(queue, payload=2, group="b")
        assert lines_of(caught) == [
            "no job of queue 'test' has payload=2, group='b'; these were submitted:",
            "  job 1: payload=1, state='ended', kind='done', key='one', group=None",
            "  job 2: payload=2, state='scheduled', group='a'",
        ]
        with pytest.raises(AssertionError) as caught:
            await submitted(queue, count=0, key="one")
        assert lines_of(caught)[0] == (
            "1 job of queue 'test' has key='one', where there should be none; these were submitted:"
        )
        with pytest.raises(AssertionError) as caught:
            await submitted(queue, count=3, attempt=ANY)
        assert lines_of(caught)[0] == (
            "2 jobs of queue 'test' have attempt=<ANY>, where there should be 3; "
            "these were submitted:"
        )


async def test_long_lists_and_payloads_are_shortened() -> None:
    """A message is to be read."""
    async with open_test_queue() as queue:
        await queue.submit_many(["x" * 1000] * 600)
        assert len(await submitted(queue)) == 600
        with pytest.raises(AssertionError) as caught:
            await submitted(queue, payload="y")
        _, *listed, rest = lines_of(caught)
        assert len(listed) == 20
        assert {len(line) for line in listed} < {*range(200, 260)}
        assert rest == "  and 580 more"


async def test_payloads_that_cannot_be_decoded_are_bytes() -> None:
    """Jobs of another program, with another codec."""

    class Shout:
        name = "shout"

        def encode(self, thing: str) -> bytes:
            return thing.upper().encode()

        def decode(self, data: bytes) -> str:
            return data.decode()

    codec: Codec = Shout()
    async with (
        open_test_queue() as queue,
        open_durable_queue(queue.store, "test", codec=codec) as loud,
    ):
        await loud.submit("hello")
        (one,) = await submitted(queue, payload=b"HELLO")
        assert one.codec == "shout"
        assert await submitted(loud, payload="hello") == [one]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("prioritty", "a JobRecord has no field 'prioritty'; did you mean 'priority'?"),
        ("xyz", "a JobRecord has no field 'xyz'; it has: id, queue, state, kind, "),
    ],
)
async def test_a_field_that_records_do_not_have(field: str, text: str) -> None:
    """Such a test could not fail, or not pass."""
    async with open_test_queue() as queue:
        with pytest.raises(TypeError) as caught:
            await submitted(queue, **{field: 1})  # type: ignore[arg-type]
        assert str(caught.value).startswith(text)
        with pytest.raises(ValueError, match="count must be"):
            await submitted(queue, count=-1)


# What can never be


async def never(*queues: Any, **options: Any) -> list[str]:
    """Return what is said about queues that do not become idle."""
    with pytest.raises(AssertionError) as caught:
        await run_until_idle(*queues, **options)
    return lines_of(caught)


async def test_a_queue_that_is_paused(address: str, autojump_clock: MockClock) -> None:
    """No time passes: nothing would change."""
    async with open_test_queue(double, store=address) as queue:
        await queue.pause()
        await queue.submit(1)
        assert await never(queue) == [
            "queue 'test' will never be idle:",
            "  job 1 of 'test' (waiting): Queue 'test' is paused. It is the next one.",
        ]
        assert trio.current_time() == 0
        await queue.resume()
        await run_until_idle(queue)


async def test_a_queue_without_a_handler(address: str, autojump_clock: MockClock) -> None:
    """What waits for its time is awaited, in vain."""
    async with open_test_queue(store=address) as queue:
        await queue.submit(1, delay=HOUR)
        told = await never(queue)
        assert told[0] == "queue 'test' will never be idle:"
        assert told[2:] == ["queue 'test' was opened without a handler"]
        assert trio.current_time() == pytest.approx(HOUR, abs=1)


async def test_a_queue_that_was_stopped(autojump_clock: MockClock) -> None:
    """What waits stays in the store."""
    async with (
        open_test_queue(double) as queue,
        open_test_queue(name="other") as other,
    ):
        await queue.stop()
        await queue.submit(1)
        assert (await never(queue, other))[2:] == ["queue 'test' was stopped"]


async def test_jobs_for_other_workers_and_after_them(
    address: str, autojump_clock: MockClock
) -> None:
    """Those that run meanwhile are run; two queues are told apart."""
    async with (
        open_test_queue(double, "a", store=address) as a,
        open_test_queue(double, "b", store=a.store) as b,
    ):
        one = await a.submit(1, labels={"gpu": "yes"})
        await b.submit(2, after=[one])
        three = await b.submit(3, delay=HOUR)
        assert await never(a, b) == [
            "queues 'a', 'b' will never be idle:",
            "  job 1 of 'a' (waiting): It is only for workers with gpu=yes. It is the next one.",
            "  job 2 of 'b' (scheduled): 1 other job has to end first.",
        ]
        assert (await three.record()).kind == "done"


async def test_many_jobs_are_not_all_told(autojump_clock: MockClock) -> None:
    """The first ten are enough to see."""
    async with open_test_queue() as queue:
        await queue.submit_many(range(150))
        assert len(told := await never(queue)) == 13
        assert told[1].startswith("  job 1 of 'test' (waiting)")
        assert told[11] == "  and 140 more"


async def test_a_handler_that_does_not_end(autojump_clock: MockClock) -> None:
    """A day of virtual time without any change is enough."""
    async with open_test_queue(sleep, timeout=None, lease=HOUR) as queue:
        job = await queue.submit(3 * DAY)
        told = await never(queue)
        assert told[0] == (
            "queue 'test' is not idle, and a job has run for a day without a change:"
        )
        assert told[1].startswith("  job 1 of 'test' (running): It runs on ")
        assert told[2:] == ["if that is as it should be, say how long it may take: within=SECONDS"]
        assert trio.current_time() == pytest.approx(DAY, abs=1)
        await run_until_idle(queue, within=3 * DAY)
        assert (await outcome_of(queue, job)).value == 3 * DAY


async def test_a_day_begins_anew_with_each_change(autojump_clock: MockClock) -> None:
    """Something happens, so it may come to an end."""
    async with open_test_queue(sleep, timeout=None, lease=HOUR) as queue:
        await queue.submit(1.8 * DAY)
        await queue.submit(1, delay=0.9 * DAY)
        await run_until_idle(queue)


async def test_jobs_without_end(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit to changes, unless a time is said."""
    assert _until_idle._MOST_CHANGES == 10_000
    monkeypatch.setattr(_until_idle, "_MOST_CHANGES", 50)

    async def again(_: object) -> None:
        raise RetryLater(1, count=False)

    async with open_test_queue(again) as queue:
        await queue.submit(None)
        assert (await never(queue))[0] == "queue 'test' is not idle after 50 changes:"
        assert trio.current_time() == pytest.approx(50, abs=1)
        assert (await never(queue, within=100))[0] == "queue 'test' is not idle after 100 s:"
        assert (await queue.job(1).record()).attempt == 0


async def test_jobs_that_end_at_once_are_one_change(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test may have thousands of them."""
    monkeypatch.setattr(_until_idle, "_MOST_CHANGES", 50)
    async with open_test_queue(double) as queue:
        await queue.submit_many(range(1000))
        await run_until_idle(queue)


async def test_expiry_is_waited_for(address: str, autojump_clock: MockClock) -> None:
    """It ends a job that waits for a worker who never comes."""
    async with open_test_queue(double, store=address) as queue:
        job = await queue.submit(1, labels={"gpu": "yes"}, expires=HOUR)
        assert (await outcome_of(queue, job)).kind == "dropped"
        await run_until_idle(queue)
        assert trio.current_time() == pytest.approx(HOUR, abs=1)


async def test_a_queue_to_wait_for_is_needed() -> None:
    """And a sensible limit."""
    with pytest.raises(TypeError, match="needs a queue"):
        await run_until_idle()
    async with open_test_queue() as queue:
        with pytest.raises(ValueError, match="within"):
            await run_until_idle(queue, within=-1)


# The outcome of one job


async def test_the_outcome_of_a_job_however_it_is_named(
    address: str, autojump_clock: MockClock
) -> None:
    """By itself, by its record, by its number; others need not end."""

    async def fail(_: object) -> None:
        raise ValueError("no")

    async with open_test_queue(fail, store=address, retry=Retry(max_attempts=1)) as queue:
        job = await queue.submit(1)
        await queue.submit(2, machine="elsewhere")
        (record, _) = await submitted(queue)
        for name in (job, record, job.id):
            outcome = await outcome_of(queue, name)
            assert outcome.kind == "failed"
            assert isinstance(outcome.error, HandlerError)
            assert str(outcome.error) == "ValueError: no"


async def test_a_job_that_never_ends(autojump_clock: MockClock) -> None:
    """It is told why; and one that waits for another is waited for as long as that may end."""
    async with open_test_queue(sleep) as queue:
        pinned = await queue.submit(1, machine="elsewhere")
        later = await queue.submit(2, delay=HOUR)
        held = await queue.submit(3, after=[later])
        assert (await outcome_of(queue, held)).kind == "done"
        lost = await queue.submit(4, after=[pinned], delay=HOUR)
        for job, reason in (
            (pinned, "job 1 of 'test' (waiting): It is only for the machine 'elsewhere'."),
            (lost, "job 4 of 'test' (scheduled): 1 other job has to end first."),
        ):
            with pytest.raises(AssertionError) as caught:
                await outcome_of(queue, job)
            assert lines_of(caught)[0] == f"job {job.id} of queue 'test' will never end:"
            assert lines_of(caught)[1].strip().startswith(reason)
        assert trio.current_time() < HOUR + 6
        with pytest.raises(AssertionError, match="job 5 of queue 'test' has not ended after 1 s"):
            await outcome_of(queue, await queue.submit(9), within=1)
        with pytest.raises(JobGone):
            await outcome_of(queue, 99)


# Without virtual time


async def test_in_real_time_what_is_due_is_run(address: str) -> None:
    """A store in a file uses its threads there."""
    async with open_test_queue(double, store=address, retry=Retry(first=0.01)) as queue:
        job = await queue.submit(1)
        later = await queue.submit(2, delay=0.05)
        await run_until_idle(queue)
        assert (await outcome_of(queue, job)).value == 2
        assert (await outcome_of(queue, later)).value == 4


async def test_in_real_time_nobody_waits_for_hours() -> None:
    """It is said what is missing."""
    async with open_test_queue(double) as queue:
        job = await queue.submit(1, delay=2 * HOUR)
        told = await never(queue)
        assert told[0] == "queue 'test' will not be idle soon:"
        assert told[1].startswith("  job 1 of 'test' (scheduled): It can start at ")
        assert told[2:] == [
            "this test runs in real time; with pytest-trio's fixture autojump_clock as an argument "
            "of the test, hours pass at once"
        ]
        assert (await never(queue, within=0.01))[0] == "queue 'test' is not idle after 0.01 s:"
        with pytest.raises(AssertionError, match="job 1 of queue 'test' will not end soon"):
            await outcome_of(queue, job)
        await job.cancel()


async def test_in_real_time_a_standstill_is_told_after_a_second() -> None:
    """A thread may be at work, so it takes a while to be sure."""

    async def in_a_thread(number: int) -> int:
        return await trio.to_thread.run_sync(lambda: number + 1)

    async with open_test_queue(in_a_thread) as queue:
        await queue.submit(1)
        await run_until_idle(queue)
        await queue.pause()
        await queue.submit(2)
        assert (await never(queue))[0] == "queue 'test' will never be idle:"


async def test_a_clock_that_stands_still(mock_clock: MockClock) -> None:
    """What is due at once is run; nothing else ever is."""
    async with open_test_queue(double) as queue:
        await queue.submit(1)
        await run_until_idle(queue)
        await queue.submit(2, delay=1)
        assert (await never(queue))[2:] == [
            "the clock of this test stands still; with pytest-trio's fixture autojump_clock as an "
            "argument of the test, hours pass at once"
        ]


# In a project of a user's


def test_the_fixture_is_there_once_gochan_is_installed(pytester: pytest.Pytester) -> None:
    """With nothing but pytest-trio; a failure shows what the handler raised."""
    pytester.makeini("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    pytester.makepyfile("""
        from gochan.testing import outcome_of, run_until_idle, submitted

        async def shrink(image):
            return image["size"] // 2

        async def test_good(durable_queue, autojump_clock):
            async with durable_queue(shrink) as queue:
                await queue.submit({"size": 8}, delay=86_400)
                await run_until_idle(queue)
                await submitted(queue, payload={"size": 8}, kind="done")

        async def test_bad(durable_queue, autojump_clock):
            async with durable_queue(shrink) as queue:
                job = await queue.submit({"colour": 8})
                assert (await outcome_of(queue, job)).value == 4

        async def test_stuck(durable_queue, autojump_clock):
            async with durable_queue(shrink) as queue:
                await queue.pause()
                await queue.submit({"size": 8})
                await run_until_idle(queue)
    """)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*where None = Failed(error=HandlerError(*",
            "*job 1 of queue 'test' failed on attempt 1 of 5, *",
            '*return image?"size"? // 2',
            "*AssertionError: queue 'test' will never be idle:",
            "*Queue 'test' is paused.*",
        ]
    )
    result.stdout.no_fnmatch_line("*_until_idle.py*")

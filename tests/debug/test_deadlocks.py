"""`gochan.debug.detect_deadlocks`: an error when all tasks wait for one another, and only then.

Some of these are tests of Go's runtime and of its package synctest, rewritten.
"""

from __future__ import annotations

import contextlib
import functools
import math
import re
import signal
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import (
    Chan,
    JobQueue,
    Selector,
    WaitGroup,
    after,
    at,
    every,
    merge,
    open_job_queue,
    open_signal_chan,
    select,
)
from gochan._core import SLOT
from gochan.debug import DeadlockError, detect_deadlocks
from gochan.strategies import Block

Function = Callable[[], Awaitable[object]]


def run(function: Function, *, autojump: bool = True) -> Any:
    """Run ``function``, under virtual time unless told otherwise."""
    clock = MockClock(autojump_threshold=0) if autojump else None

    async def main() -> object:
        return await function()

    return trio.run(main, clock=clock)


def deadlock(function: Function, **options: bool) -> DeadlockError:
    """Run ``function`` in a block; return the error with which that ends."""

    async def main() -> DeadlockError:
        with pytest.raises(DeadlockError) as caught, detect_deadlocks():
            await function()
        return caught.value

    found: DeadlockError = run(main, **options)
    return found


async def in_tasks(*functions: Function) -> None:
    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(function)


def call_soon(function: Callable[[], object]) -> None:
    """Make the run call it soon, in a way that shows nobody could do so."""
    queue: Any = trio.lowlevel.current_trio_token()._reentry_queue
    threading.Timer(0.03, queue.run_sync_soon, (function,)).start()


# What is a deadlock


@pytest.mark.parametrize("autojump", [True, False])
def test_simple_deadlock(autojump: bool) -> None:
    """The main task waits for what nobody does. With either clock, and without delay."""
    error = deadlock(Chan[None](name="c").receive, autojump=autojump)
    (wait,) = error.report.waits
    assert wait.wants == "receive from channel 'c'"
    first, *_ = str(error).splitlines()
    assert first == "all tasks are asleep, and none is left to wake another"


def test_select_without_cases_is_a_deadlock() -> None:
    """``select {}`` counts."""
    assert "select without any case" in str(deadlock(select))


def test_the_message_names_tasks_channels_and_places() -> None:
    """And says what nobody will do any more, as far as that is certain."""
    numbers, results, stop = Chan[int](1, name="numbers"), Chan[int](name="results"), Chan[None]()

    async def produce() -> None:
        for number in range(5):
            await numbers.send(number)

    async def consume() -> None:
        await select(results.on_receive(), stop.on_close())

    line = consume.__code__.co_firstlineno + 1
    group = WaitGroup()
    group.add()
    error = deadlock(functools.partial(in_tasks, produce, consume, group.wait))
    lines = [line.strip() for line in str(error).splitlines()]
    stop_title = f"channel {id(stop):#x}"
    assert lines[1].startswith(
        "tests.debug.test_deadlocks.test_the_message_names_tasks_channels_and_"
    )
    assert lines[1].endswith(
        f"send 1 to channel 'numbers', in {produce.__qualname__} "
        f"(test_deadlocks.py, line {line - 3})"
    )
    assert lines[2].endswith(
        f"select over receive from channel 'results', close of {stop_title}, "
        f"in {consume.__qualname__} (test_deadlocks.py, line {line})"
    )
    assert lines[3].startswith(
        "gochan._core._wait_group.WaitGroup.wait: end of <gochan.WaitGroup: 1"
    )
    assert lines[4:] == [
        "channel 'numbers': open, 1/1 buffered, 1 sending, 0 receiving",
        "channel 'results': open, 0/0 buffered, 0 sending, 1 receiving",
        f"{stop_title}: open, 0/0 buffered, 0 sending, 0 receiving",
        "nobody is left to receive from channel 'numbers'",
        "nobody is left to send to or close channel 'results'",
        f"nobody is left to close {stop_title}",
        "nobody is left to finish <gochan.WaitGroup: 1 under way, 1 waiting>",
    ]


def test_a_select_does_not_meet_itself() -> None:
    """Both sides wait at the channel, and it is one task."""
    channel = Chan[int](name="c")
    error = deadlock(functools.partial(select, channel.on_send(1), channel.on_receive()))
    assert "nobody is left to meet those who wait at channel 'c'" in str(error)


async def hold_lock() -> None:
    lock = trio.Lock()
    await lock.acquire()
    await in_tasks(lock.acquire)


async def wait_for_condition() -> None:
    condition = trio.Condition()
    async with condition:
        await condition.wait()


async def take_two_tokens() -> None:
    limiter = trio.CapacityLimiter(1)
    await limiter.acquire()
    await limiter.acquire_on_behalf_of("another")


async def park() -> None:
    await trio.lowlevel.ParkingLot().park()


async def send_to_trio() -> None:
    sender, receiver = trio.open_memory_channel[int](0)
    with receiver:
        await sender.send(1)


async def receive_from_trio() -> None:
    sender, receiver = trio.open_memory_channel[int](0)
    with sender:
        await receiver.receive()


async def wait_in_background() -> None:
    await in_tasks(trio.sleep_forever)


async def sleep_until_infinity() -> None:
    await trio.sleep(math.inf)


async def wait_shielded() -> None:
    with trio.CancelScope(deadline=math.inf):
        await trio.Event().wait()


@pytest.mark.parametrize(
    ("function", "wants"),
    [
        (trio.sleep_forever, "trio.sleep_forever"),
        (sleep_until_infinity, "trio.sleep_forever"),
        (trio.Event().wait, "trio.Event.wait"),
        (wait_shielded, "trio.Event.wait"),
        (trio.Semaphore(0).acquire, "trio.Semaphore.acquire"),
        (hold_lock, "trio.Lock.acquire"),
        (wait_for_condition, "trio.Condition.wait"),
        (take_two_tokens, "trio.CapacityLimiter.acquire"),
        (park, "trio.ParkingLot.park"),
        (send_to_trio, "trio.MemorySendChannel.send"),
        (receive_from_trio, "trio.MemoryReceiveChannel.receive"),
        (wait_in_background, "trio.sleep_forever"),
    ],
)
def test_what_only_tasks_can_do_counts(function: Function, wants: str) -> None:
    """Those who wait for something of trio's are named, too, but for parents of nurseries."""
    error = deadlock(functools.partial(in_tasks, function, Chan[None](name="c").receive))
    assert {wait.wants for wait in error.report.waits} == {wants, "receive from channel 'c'"}
    assert re.match(r"DeadlockError\(gochan\.\S*\.receive: receive from chan", repr(error))
    assert wants in repr(error)


def test_a_deadlock_without_gochan_is_not_ours() -> None:
    """Somebody has to wait in gochan; what else all may wait for, here is not known."""
    event = trio.Event()

    async def main() -> None:
        with detect_deadlocks():
            call_soon(event.set)
            await in_tasks(event.wait, event.wait)

    run(main, autojump=False)


def test_an_idle_job_queue_whose_submitter_waits_is_a_deadlock() -> None:
    """The workers wait for jobs, and who would submit them waits for something else."""

    async def main() -> None:
        async with open_job_queue(trio.sleep, workers=2):
            await Chan[None](name="orders").receive()

    error = deadlock(main)
    assert {wait.wants for wait in error.report.waits} == {
        "receive from channel 'orders'",
        "next job of the job queue of sleep",
    }


def test_jobs_that_submit_to_their_own_full_queue() -> None:
    """The only worker waits for room that only it could make."""

    async def handle(number: int) -> None:
        await queues[0].submit(number + 1)

    queues: list[Any] = []

    async def main() -> None:
        async with open_job_queue(handle, workers=1, capacity=1) as queue:
            queues.append(queue)
            await queue.submit(1)
            await queue.submit(10)
            await queue.join()

    error = deadlock(main)
    assert "submit to the job queue of handle" in str(error)


def test_a_worker_that_waits_for_a_job_behind_it() -> None:
    """Nested jobs on one worker."""

    async def handle(depth: int) -> None:
        if depth:
            await (await queues[0].submit(depth - 1)).wait()

    queues: list[Any] = []

    async def main() -> None:
        async with open_job_queue(handle, workers=1) as queue:
            queues.append(queue)
            await (await queue.submit(1)).wait()

    error = deadlock(main)
    assert [wait.wants for wait in error.report.waits] == [
        "end of job 1 (handle)",
        "end of job 2 (handle)",
    ]


@pytest.mark.parametrize("kind", ["merge", "selector", "send_many", "batches", "bulk"])
def test_every_kind_of_wait_counts(kind: str) -> None:
    """Whatever way a task waits in gochan."""
    channel = Chan[int](name="c")

    async def wait() -> None:
        match kind:
            case "merge":
                await merge(channel).receive()
            case "selector":
                with Selector[str, int]() as selector:
                    selector.add(channel.on_receive(), "c")
                    await selector.select()
            case "send_many":
                await channel.send_many([1])
            case "bulk":
                await channel.send_many([1, 2])
            case "batches":
                await anext(channel.batches(10))

    assert deadlock(wait).report.waits[0].things == (channel,)
    channel.check()


# Go: runtime and synctest


def test_go_init_deadlock_and_goexit_deadlock() -> None:
    """One task ends, the other waits: nobody is left."""
    channel = Chan[None]()

    async def ends() -> None:
        pass

    deadlock(functools.partial(in_tasks, ends, channel.receive))


def test_go_netpoll_deadlock_is_none_while_io_is_pending() -> None:
    """A task that reads from a socket may be woken from outside."""
    ours, theirs = trio.socket.socketpair()

    async def read() -> None:
        await ours.recv(1)
        channel.close()

    async def write() -> None:
        await trio.sleep(5)
        await theirs.send(b"x")

    channel = Chan[None]()

    async def main() -> None:
        with ours, theirs, detect_deadlocks():
            await in_tasks(read, write, channel.receive_ok)

    run(main)


def test_go_synctest_deadlock_root() -> None:
    """The first task waits."""
    deadlock(select)


def test_go_synctest_deadlock_child() -> None:
    """A child waits, and the first task for that one."""
    deadlock(functools.partial(in_tasks, select))


def test_go_synctest_deadlock_ticker_is_none() -> None:
    """A ticker goes on and on, so something happens every second."""
    ticks: list[float] = []

    async def main() -> None:
        ticker = every(1)
        with trio.move_on_after(5.5), detect_deadlocks():
            while True:
                ticks.append(await anext(ticker))

    run(main)
    assert len(ticks) == 5


def test_go_a_stopped_ticker_is_a_deadlock() -> None:
    """No more ticks, and nothing else."""

    async def main() -> None:
        ticker = every(1)
        ticker.stop()
        await select(ticker.on_tick())

    assert "next tick of <gochan.Ticker" in str(deadlock(main))


# What is none


async def take_tick() -> None:
    await anext(every(5))


@pytest.mark.parametrize(
    "wait",
    [
        functools.partial(select, Chan[None]().on_receive(), after(5)),
        functools.partial(select, Chan[None]().on_receive(), at(5)),
        functools.partial(trio.sleep, 5),
        take_tick,
    ],
)
def test_time_may_wake_somebody(wait: Function) -> None:
    """A timer is pending, or a task sleeps for a while."""
    channel = Chan[None]()

    async def main() -> None:
        async def then_close() -> None:
            await wait()
            channel.close()

        with detect_deadlocks():
            await in_tasks(then_close, channel.receive_ok)

    run(main)


def test_a_time_limit_is_no_deadlock() -> None:
    """Of the task, of a task around it, or of a job."""

    async def main() -> None:
        with detect_deadlocks():
            with trio.move_on_after(5) as scope:
                await Chan[None]().receive()
            assert scope.cancelled_caught
            async with open_job_queue(lambda channel: channel.receive()) as queue:
                job = await queue.submit(Chan[None](), timeout=5)
                assert (await job.wait()).kind == "timed_out"

    run(main)


def test_real_time_is_no_deadlock_either() -> None:
    """With the clock of the system, which trio asks how long it may wait."""

    async def main() -> None:
        with detect_deadlocks():
            await select(Chan[None]().on_receive(), after(0.01))

    run(main, autojump=False)


def test_a_timer_that_never_comes_is_a_deadlock() -> None:
    """After an infinite time nothing happens."""
    deadlock(functools.partial(select, after(math.inf), Chan[None]().on_receive()))


def test_a_task_in_a_thread_may_go_on() -> None:
    """As long as the thread runs; after that all may be asleep."""
    channel, go_on = Chan[None](name="c"), threading.Event()

    async def work() -> None:
        await trio.to_thread.run_sync(go_on.wait)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            nursery.start_soon(channel.receive)
            with trio.move_on_after(0.05):
                await trio.sleep_forever()
            go_on.set()

    error = deadlock(main, autojump=False)
    assert len(error.report.waits) == 1


def test_a_thread_with_the_token_may_come_in() -> None:
    """From outside of all tasks."""
    channel = Chan[int]()
    threads: list[threading.Thread] = []

    async def main() -> int:
        token = trio.lowlevel.current_trio_token()
        may_send = threading.Event()

        def send(token: trio.lowlevel.TrioToken) -> None:
            may_send.wait()
            trio.from_thread.run(channel.send, 7, trio_token=token)

        threads.append(threading.Thread(target=send, args=(token,)))
        threads[0].start()
        del token
        with detect_deadlocks():
            trio.lowlevel.spawn_system_task(allow, may_send)
            return await channel.receive()

    async def allow(may_send: threading.Event) -> None:
        with trio.move_on_after(0.05):
            await trio.sleep_forever()
        may_send.set()

    assert run(main, autojump=False) == 7
    threads[0].join()  # not inside the run, which has to end the send


class Keeper:
    token: object = None


@pytest.mark.parametrize("how", ["reference", "weak reference", "method"])
def test_a_thread_that_holds_the_token_may_wake_a_task(how: str) -> None:
    """Even if nobody ever does."""

    async def main() -> None:
        token = trio.lowlevel.current_trio_token()
        keeper = Keeper()
        keeper.token = {
            "reference": token,
            "weak reference": weakref.ref(token),
            "method": token.run_sync_soon,
        }[how]
        del token
        with detect_deadlocks():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(Chan[None]().receive)
                for _ in range(3):  # let it look often
                    with trio.CancelScope() as scope:
                        nursery.start_soon(pass_on, scope)
                        await trio.sleep_forever()
                keeper.token = None
                with pytest.raises(trio.Cancelled):
                    await trio.sleep_forever()
                raised.append(True)
                await trio.lowlevel.checkpoint()

    async def pass_on(scope: trio.CancelScope) -> None:
        with trio.move_on_after(0.01):
            await trio.sleep_forever()
        scope.cancel()

    raised: list[bool] = []
    with pytest.raises(DeadlockError):
        run(main, autojump=False)
    assert raised == [True]


@pytest.mark.parametrize("autojump", [True, False])
def test_the_token_may_be_let_go_of_unnoticed(autojump: bool) -> None:
    """By a thread, while all are asleep; then it is a deadlock, and soon found."""
    held: list[trio.lowlevel.TrioToken] = []

    async def main() -> None:
        held.append(trio.lowlevel.current_trio_token())
        with detect_deadlocks():  # when this is left, it looks no more; the next block does
            async with trio.open_nursery() as nursery:
                nursery.start_soon(Chan[None]().receive)
                with trio.CancelScope() as scope:
                    threading.Timer(0.03, held[0].run_sync_soon, (scope.cancel,)).start()
                    await trio.sleep_forever()
                nursery.cancel_scope.cancel()
        threading.Timer(0.05, held.clear).start()
        await Chan[None]().receive()

    deadlock(main, autojump=autojump)


def test_a_signal_may_come_in() -> None:
    """Through `open_signal_chan`, and through trio's own way."""
    channel = Chan[None]()

    async def main() -> None:
        with detect_deadlocks():
            async with open_signal_chan(signal.SIGALRM) as signals:
                signal.setitimer(signal.ITIMER_REAL, 0.05)
                await signals.receive()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.receive_ok)
                with trio.open_signal_receiver(signal.SIGALRM) as received:
                    signal.setitimer(signal.ITIMER_REAL, 0.05)
                    await anext(received)
                channel.close()

    run(main, autojump=False)


@pytest.fixture
def no_handlers() -> Iterator[None]:
    """Puts back what handles these signals."""
    earlier = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, earlier)


@pytest.mark.usefixtures("no_handlers")
@pytest.mark.parametrize("how", ["at once", "by the token", "a callable without a module"])
def test_a_handler_of_a_signal_may_do_anything(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """It runs in the thread of the run, and finds the token by itself."""
    channel = Chan[int](1)
    values = iter([7])

    def send(*_: object) -> None:
        if how == "by the token":
            trio.lowlevel.current_trio_token().run_sync_soon(channel.send_nowait, next(values))
        else:
            channel.send_nowait(next(values))

    async def main() -> int:
        odd = type("Sends", (), {"__call__": send, "__module__": None})()
        signal.signal(signal.SIGALRM, odd if how == "a callable without a module" else send)
        with detect_deadlocks():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            return await channel.receive()

    assert run(main, autojump=False) == 7
    assert not caplog.records  # of an instrument that has failed


@pytest.mark.usefixtures("no_handlers")
def test_handlers_that_cannot_come_in_do_not_count() -> None:
    """Such as one that is to end the test; and in another thread, Python runs none."""

    def handle(*_: object) -> None: ...

    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    deadlock(select)
    signal.signal(signal.SIGALRM, handle)
    thread = threading.Thread(target=deadlock, args=(select,))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    handle.__module__ = "pytest_timeout"
    signal.signal(signal.SIGALRM, handle)
    deadlock(select)


@pytest.mark.parametrize("hook", ["before_io_wait", "after_io_wait"])
def test_another_instrument_may_do_anything_when_all_sleep(hook: str) -> None:
    """As long as it is there."""
    channel = Chan[None]()
    rests = 0

    def act(self: object, timeout: float) -> None:
        nonlocal rests
        rests += 1
        if rests == 20:
            channel.close()

    instrument = type("Acts", (trio.abc.Instrument,), {hook: act})()

    async def main() -> None:
        trio.lowlevel.add_instrument(instrument)
        with detect_deadlocks():
            await channel.receive_ok()
            trio.lowlevel.remove_instrument(instrument)
            with pytest.raises(trio.Cancelled):
                await select()
            await trio.lowlevel.checkpoint()

    with pytest.raises(DeadlockError):
        run(main)
    assert rests >= 20


def test_a_process_may_end() -> None:
    """The operating system tells when."""
    channel = Chan[None]()

    async def wait() -> None:
        await trio.run_process([sys.executable, "-c", "import time; time.sleep(0.1)"])
        channel.close()

    async def main() -> None:
        with detect_deadlocks():
            await in_tasks(wait, channel.receive_ok)

    run(main, autojump=False)


def test_a_sleep_of_an_unknown_kind_may_end() -> None:
    """A task that sleeps by trio's lowest function knows why; we do not."""
    sleeping: list[trio.lowlevel.Task] = []

    async def sleep(here: list[trio.lowlevel.Task]) -> None:
        here.append(trio.lowlevel.current_task())
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)

    async def main() -> None:
        channel = Chan[None]()
        with detect_deadlocks():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.receive_ok)
                call_soon(lambda: trio.lowlevel.reschedule(sleeping[0]))
                await sleep(sleeping)
                channel.close()

    run(main, autojump=False)


def test_a_queue_of_trios_that_the_system_fills_may_wake_somebody() -> None:
    """Trio parks those who wait there, but on some systems it fills it when events come."""
    with pytest.warns(trio.TrioDeprecationWarning):
        queue = trio.lowlevel.UnboundedQueue[int]()

    async def main() -> None:
        channel = Chan[None]()
        with detect_deadlocks():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.receive_ok)
                call_soon(lambda: queue.put_nowait(1))
                await queue.get_batch()
                channel.close()

    run(main, autojump=False)


def test_a_call_that_is_on_its_way_may_wake_somebody() -> None:
    """Its caller need not have the token any more."""
    channel = Chan[None]()

    async def main() -> None:
        with detect_deadlocks():
            trio.lowlevel.current_trio_token().run_sync_soon(channel.close)
            await channel.receive_ok()

    run(main)


def test_wait_all_tasks_blocked_goes_on_by_itself() -> None:
    """It waits for just that: that all are asleep."""

    async def main() -> None:
        channel = Chan[None]()
        with detect_deadlocks():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.receive)
                await wait_all_tasks_blocked(0.01)
                await channel.send(None)

    run(main, autojump=False)


def test_in_guest_mode_the_host_may_do_anything() -> None:
    """So nothing is ever raised."""
    todo: list[Callable[[], object]] = []
    ended: list[Any] = []
    channel = Chan[None]()

    async def main() -> None:
        with detect_deadlocks():
            await channel.receive_ok()

    trio.lowlevel.start_guest_run(
        main, run_sync_soon_threadsafe=todo.append, done_callback=ended.append
    )
    idle = 0
    while not ended:
        if todo:
            todo.pop(0)()
        elif idle < 1000:
            idle += 1
            threading.Event().wait(0.0001)
        else:
            channel.close()
    ended[0].unwrap()


# How it ends


def test_the_block_is_cancelled_and_raises() -> None:
    """Its tasks clean up as they always do; the run goes on after it."""
    done: list[str] = []

    async def wait() -> None:
        try:
            await Chan[None]().receive()
        finally:
            done.append("cleaned up")

    async def main() -> None:
        with pytest.raises(DeadlockError) as caught, detect_deadlocks():
            await in_tasks(wait, wait)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        await trio.sleep(1)
        done.append("went on")

    run(main)
    assert done == ["cleaned up", "cleaned up", "went on"]


def test_the_last_entered_block_raises() -> None:
    """When they are nested, and when they are in several tasks."""
    channel, order = Chan[None](), []

    async def block(name: str) -> None:
        try:
            with detect_deadlocks():
                await channel.receive()
        except DeadlockError:
            order.append(name)

    async def main() -> None:
        with detect_deadlocks():
            await block("nested")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(block, "first")
            await wait_all_tasks_blocked()
            nursery.start_soon(block, "second")

    run(main)
    assert order == ["nested", "second", "first"]


def test_what_else_was_raised_is_not_hidden() -> None:
    """Both are in a group."""

    async def wait() -> None:
        try:
            await Chan[None](name="c").receive()
        finally:
            raise ValueError("while cleaning up")

    async def main() -> None:
        with detect_deadlocks():
            await wait()

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    first, second = caught.value.exceptions
    assert isinstance(first, DeadlockError)
    assert str(second) == "while cleaning up"


def test_errors_from_before_pass_through() -> None:
    """A block in which no deadlock was found raises what it raises."""

    async def main() -> None:
        with detect_deadlocks():
            raise KeyError("mine")

    with pytest.raises(KeyError):
        run(main)


def test_a_cancellation_from_outside_makes_room_for_the_error() -> None:
    """It would say less."""

    async def main() -> None:
        with trio.CancelScope() as scope:
            try:
                with detect_deadlocks():
                    await wait(scope)
            except DeadlockError:
                raised.append(True)
                raise

    async def wait(scope: trio.CancelScope) -> None:
        try:
            await Chan[None]().receive()
        finally:
            scope.cancel()
            await trio.lowlevel.checkpoint()

    raised: list[bool] = []
    with pytest.raises(DeadlockError):
        run(main)
    assert raised == [True]


def test_a_block_that_swallows_the_cancellation_still_has_a_deadlock() -> None:
    """The block is left normally, and raises."""

    async def main() -> None:
        with detect_deadlocks(), contextlib.suppress(trio.Cancelled):
            await Chan[None]().receive()

    with pytest.raises(DeadlockError):
        run(main)


def leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in leaves(part)]
    return [error]


def test_a_deadlock_behind_a_shield_is_raised_where_it_is() -> None:
    """Nothing can cancel these waits, and they would never end."""
    first, second = Chan[None](name="first"), Chan[None](name="second")

    async def wait() -> None:
        try:
            await first.receive()
        finally:
            with trio.CancelScope(shield=True):
                await trio.Event().wait()

    async def main() -> None:
        with detect_deadlocks():
            await in_tasks(wait, functools.partial(shielded, second))

    async def shielded(channel: Chan[None]) -> None:
        with trio.CancelScope(shield=True):
            await in_tasks(functools.partial(channel.send, None))

    with pytest.raises(BaseExceptionGroup) as caught:
        run(main)
    found = leaves(caught.value)
    assert all(isinstance(error, DeadlockError) for error in found)
    assert len({*map(id, found)}) == 2
    again = found[-1]
    assert isinstance(again, DeadlockError)
    assert {wait.wants for wait in again.report.waits} == {
        "trio.Event.wait",
        "send None to channel 'second'",
    }
    first.check()
    second.check()


def test_every_further_rest_is_reported() -> None:
    """However often a task waits again."""
    caught: list[DeadlockError] = []
    channel = Chan[None]()

    async def main() -> None:
        with detect_deadlocks(), trio.CancelScope(shield=True):
            for _ in range(3):
                try:
                    await channel.receive()
                except DeadlockError as error:
                    caught.append(error)

    with pytest.raises(DeadlockError):
        run(main)
    assert len({*map(id, caught)}) == 3
    channel.check()


def test_tasks_around_the_block_are_left_alone() -> None:
    """A task that waits behind a shield outside the block is not interrupted."""
    channel, got = Chan[int](), []

    async def outside() -> None:
        with trio.CancelScope(shield=True):
            got.append(await channel.receive())

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outside)
            try:
                with detect_deadlocks(), trio.CancelScope(shield=True):
                    await channel.receive()
            except* DeadlockError:
                await channel.send(7)

    run(main)
    assert got == [7]


# Using it


def test_it_has_to_be_entered_by_a_task() -> None:
    """The error says so."""
    with pytest.raises(RuntimeError, match="must be entered by a task"), detect_deadlocks():
        pass


async def test_nothing_stays_behind() -> None:
    """The instrument is there only while a block is entered."""

    def instruments() -> int:
        runner: Any = trio.lowlevel.current_task()._runner
        return sum(map(len, runner.instruments.values()))

    before = instruments()
    for _ in range(3):
        with detect_deadlocks():
            with detect_deadlocks():
                assert instruments() > before
            assert instruments() > before
        assert instruments() == before


async def test_it_looks_closely_only_when_all_are_asleep(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """A program at work does not pay for it."""
    looks = 0

    def count(task: object) -> Any:
        nonlocal looks
        looks += 1
        raise AssertionError

    monkeypatch.setattr("gochan.debug._watch.examine", count)
    with detect_deadlocks():
        for _ in range(10):
            await trio.lowlevel.checkpoint()
            await trio.sleep(1)
    assert looks == 0


def test_the_error_says_where_channels_were_made() -> None:
    """Those that were made in a block; nothing is noted down outside."""
    early = Chan[None](name="early")

    async def main() -> None:
        with detect_deadlocks():
            late = Chan[None](name="late")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(early.receive)
                nursery.start_soon(late.receive)

    with pytest.raises(DeadlockError) as caught:
        trio.run(main)
    line = main.__code__.co_firstlineno + 2
    made = f"made in {main.__qualname__} (test_deadlocks.py, line {line})"
    assert f"  channel 'late' was {made}\n" in str(caught.value)
    assert str(caught.value).count("was made") == 1
    assert SLOT.on_made is None


def test_the_error_says_where_a_channel_with_a_strategy_was_made() -> None:
    """By the program, however many layers are between."""

    async def main() -> None:
        with detect_deadlocks():
            await Chan[None](strategy=Block(2), name="orders").receive()

    with pytest.raises(DeadlockError) as caught:
        trio.run(main)
    line = main.__code__.co_firstlineno + 2
    made = f"made in {main.__qualname__} (test_deadlocks.py, line {line})"
    assert f"  channel 'orders' was {made}\n" in str(caught.value)


async def submit_too_much(queue: JobQueue[int, None]) -> None:
    """Its own handler waits for room that only the handler could make."""
    await queue.submit(1)
    await queue.submit(2)
    await queue.submit(3)


def test_a_deadlock_names_each_job_queue_and_where_it_was_opened() -> None:
    """Once, although both a worker and a submitter wait there."""
    queues: list[JobQueue[int, None]] = []

    async def handle(number: int) -> None:
        await submit_too_much(queues[0])

    async def main() -> None:
        with detect_deadlocks():
            async with open_job_queue(handle, name="pages", capacity=1) as queue:
                queues.append(queue)
                async with open_job_queue(trio.sleep, name="naps", workers=2):
                    await submit_too_much(queue)

    with pytest.raises(DeadlockError) as caught:
        trio.run(main)
    text, line = str(caught.value), main.__code__.co_firstlineno + 2
    place = f"in {main.__qualname__} (test_deadlocks.py, line {line})"
    assert f"  job queue 'pages' was opened {place}" in text
    assert "worker of pages: submit to job queue 'pages', in submit_too_much" in text
    assert "worker of naps: next job of job queue 'naps' (2 times)" in text
    assert text.count("was opened") == 2
    assert text.count("was made") == 0


def test_a_stop_under_way_is_named_after_its_queue() -> None:
    """Also while no task of the program waits for its end."""

    async def handle(_: None) -> None:
        await trio.Event().wait()

    async def main() -> None:
        async with open_job_queue(handle, name="pages") as queue:
            await queue.submit(None)
            await wait_all_tasks_blocked()
            queue.stop_soon(drain=math.inf)

    text = str(deadlock(main))
    assert "  stop of pages: stop of job queue 'pages'\n" in text
    assert "  job queue 'pages' was opened in " in text


def test_blocks_that_overlap_note_down_births_until_the_last_one_ends() -> None:
    """Also those of several runs."""

    async def main() -> None:
        with detect_deadlocks():
            with detect_deadlocks():
                assert SLOT.on_made is not None
            assert SLOT.on_made is not None
        assert SLOT.on_made is None

    trio.run(main)


async def test_a_failure_of_its_own_does_not_show_in_the_block(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Trio logs it, and goes on without the instrument."""

    def fail(task: object) -> Any:
        raise ValueError("of its own")

    monkeypatch.setattr("gochan.debug._watch.examine", fail)
    with detect_deadlocks():
        await wait_all_tasks_blocked()
    assert "of its own" in caplog.text


def test_it_works_after_threads_have_come_and_gone() -> None:
    """They leave no reference to the token behind."""

    async def main() -> None:
        await trio.to_thread.run_sync(trio.from_thread.run_sync, trio.current_time)
        async with open_signal_chan(signal.SIGUSR1):
            pass
        await Chan[None]().receive()

    deadlock(main)


# Random programs


@st.composite
def programs(draw: st.DrawFn) -> list[list[tuple[str, int]]]:
    """Return tasks, each a list of operations on some of three channels."""
    operation = st.tuples(st.sampled_from(["send", "receive", "close", "sleep"]), st.integers(0, 2))
    return draw(st.lists(st.lists(operation, max_size=4), min_size=1, max_size=4))


def rests(program: list[list[tuple[str, int]]], capacities: list[int]) -> set[bool]:
    """Return, for all orders in which these steps can be taken, whether somebody is left waiting.

    A small model: a channel is how many values it holds, and whether it is closed.
    """
    outcomes: set[bool] = set()
    seen: set[Any] = set()
    todo = [((0,) * len(program), (0,) * 3, (False,) * 3)]
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        steps, held, closed = state
        following: list[Any] = []
        for me, at_me in enumerate(steps):
            if at_me == len(program[me]):
                continue
            what, where = program[me][at_me]
            on = tuple(step + (task == me) for task, step in enumerate(steps))
            if what == "sleep":
                following.append((on, held, closed))
            elif what == "close":
                now = tuple(was or channel == where for channel, was in enumerate(closed))
                following.append((on, held, now))
            elif closed[where] and (what == "send" or not held[where]):
                end = tuple(
                    len(program[me]) if task == me else step for task, step in enumerate(steps)
                )
                following.append((end, held, closed))  # by an error
            elif what == "send" and held[where] < capacities[where]:
                more = tuple(n + (channel == where) for channel, n in enumerate(held))
                following.append((on, more, closed))
            elif what == "receive" and held[where]:
                less = tuple(n - (channel == where) for channel, n in enumerate(held))
                following.append((on, less, closed))
            elif what == "send":
                for other, at_other in enumerate(steps):
                    if program[other][at_other : at_other + 1] == [("receive", where)]:
                        both = tuple(
                            step + (task in (me, other)) for task, step in enumerate(steps)
                        )
                        following.append((both, held, closed))
        if not following:
            outcomes.add(any(at < len(list_) for at, list_ in zip(steps, program, strict=True)))
        todo += following
    return outcomes


@settings(deadline=None, max_examples=300)
@given(program=programs(), capacities=st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_random_programs_have_a_deadlock_if_a_model_has_one(
    program: list[list[tuple[str, int]]], capacities: list[int]
) -> None:
    """One of the ends that the model can come to; and never is a task left without an error."""
    channels = [Chan[int](capacity) for capacity in capacities]
    ended = 0

    async def play(steps: list[tuple[str, int]]) -> None:
        nonlocal ended
        try:
            for what, where in steps:
                match what:
                    case "send":
                        await channels[where].send(1)
                    case "receive":
                        await channels[where].receive()
                    case "close":
                        channels[where].close()
                    case _:
                        await trio.sleep(1)
        except (trio.ClosedResourceError, trio.EndOfChannel):
            pass
        ended += 1

    async def main() -> bool:
        found = None
        try:
            with detect_deadlocks():
                await in_tasks(*(functools.partial(play, steps) for steps in program))
        except DeadlockError as error:
            found = error
        waiting = 0 if found is None else len(found.report.waits)
        assert ended + waiting == len(program)
        return found is not None

    assert run(main) in rests(program, capacities)

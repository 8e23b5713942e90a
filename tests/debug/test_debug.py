"""`gochan.debug`: who waits, for what, and where."""

from __future__ import annotations

import functools
import gc
import math
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import gochan_trace
import pytest
import trio
from gochan_trace import trace
from trio.testing import wait_all_tasks_blocked

import gochan.debug
from gochan import (
    Chan,
    Selector,
    WaitGroup,
    after,
    at,
    default,
    every,
    merge,
    open_job_queue,
    select,
    stop_on_signals,
)
from gochan._core import NEVER
from gochan.debug import Report, Wait, detect_deadlocks, report
from gochan.strategies import Empty, Strategy

Function = Callable[[], Awaitable[object]]


async def look(*functions: Function) -> Report:
    """Start tasks, let them go as far as they can, and report."""
    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(function)
        await wait_all_tasks_blocked(0.001)
        found = report()
        nursery.cancel_scope.cancel()
    return found


async def look_at(function: Function) -> Wait:
    """Report on the only task that waits."""
    (wait,) = (await look(function)).waits
    return wait


# What is said

jobs = Chan[Any](name="jobs")
full = Chan[Any](1, name="full")
leave = Chan[None](name="quit")
full.send_nowait("first")


async def send_many() -> None:
    await full.send_many(["a", "b", "c"])


async def send_one() -> None:
    await full.send(3)


async def iterate() -> None:
    async for _ in jobs:
        pass


async def iterate_over_the_end() -> None:
    async for _ in jobs.receiver:
        pass


async def iterate_over_batches() -> None:
    async for _ in jobs.batches(10):
        pass


async def select_with_names() -> None:
    await select(job=jobs.on_receive(), quit=leave.on_close(), never=None)


async def select_with_numbers() -> None:
    await select(jobs.on_receive_ok(), full.on_send(7), after(5), at(math.inf))


async def select_among_many() -> None:
    await select(*(Chan[None](name=f"{i}").on_receive() for i in range(10)))


async def wait_with_selector() -> None:
    with Selector[object, Any](name="hub") as selector:
        selector.add(jobs.on_receive(), "job")
        selector.add(leave.on_close(), 4)
        await selector.select()


async def iterate_over_selector() -> None:
    with Selector[object, Any]() as selector:
        selector.add(jobs.on_receive(), ("job", 1))
        async for _ in selector:
            pass


async def iterate_over_merged() -> None:
    async for _ in merge(jobs, leave):
        pass


async def wait_for_group() -> None:
    group = WaitGroup()
    group.add(2)
    await group.wait()


async def iterate_over_ticks() -> None:
    async for _ in every(10):
        pass


async def await_tick() -> None:
    await select(every(10).on_tick())


@pytest.mark.parametrize("watch", [nullcontext, trace, detect_deadlocks])
@pytest.mark.parametrize(
    ("function", "wants"),
    [
        (jobs.receive, "receive from channel 'jobs'"),
        (jobs.receive_ok, "receive from channel 'jobs'"),
        (functools.partial(jobs.receiver.receive), "receive from channel 'jobs'"),
        (functools.partial(jobs.receive_many, 5), "receive from channel 'jobs'"),
        (iterate, "receive from channel 'jobs'"),
        (iterate_over_the_end, "receive from channel 'jobs'"),
        (iterate_over_batches, "receive from channel 'jobs'"),
        (functools.partial(full.send, 3), "send 3 to channel 'full'"),
        (send_one, "send 3 to channel 'full'"),
        (functools.partial(jobs.sender.send, "x"), "send 'x' to channel 'jobs'"),
        (functools.partial(full.send_many, [5]), "send 5 to channel 'full'"),
        (send_many, "send 3 values to channel 'full', next 'a'"),
        (select, "select without any case"),
        (functools.partial(select, None, None), "select without any case"),
        (functools.partial(select, jobs.on_receive()), "receive from channel 'jobs'"),
        (functools.partial(select, leave.on_close()), "close of channel 'quit'"),
        (
            select_with_names,
            "select over job: receive from channel 'jobs', quit: close of channel 'quit'",
        ),
        (
            select_with_numbers,
            "select over receive from channel 'jobs', send 7 to channel 'full', after 5 s, at inf",
        ),
        (
            wait_with_selector,
            "selector 'hub' over job: receive from channel 'jobs', 4: close of channel 'quit'",
        ),
        (iterate_over_merged, "receive from <gochan.MergedChan of 2 channels>"),
        (wait_for_group, "end of <gochan.WaitGroup: 2 under way, 1 waiting>"),
    ],
)
async def test_what_a_task_waits_for_is_said_in_words(
    function: Function,
    wants: str,
    watch: Callable[[], AbstractContextManager[object]],
    autojump_clock: trio.testing.MockClock,
) -> None:
    """In the words of the call, with the name of the channel; also while it is traced."""
    with watch():
        assert (await look_at(function)).wants == wants


@pytest.mark.parametrize("function", [iterate_over_ticks, await_tick])
async def test_a_ticker_is_waited_for(function: Function, autojump_clock: object) -> None:
    """It goes by its own name, and is found among the things."""
    wait = await look_at(function)
    assert wait.wants.startswith("next tick of <gochan.Ticker every 10 s, next at ")
    assert [type(thing).__name__ for thing in wait.things] == ["Ticker"]


async def test_a_long_select_is_cut(autojump_clock: object) -> None:
    """Eight cases are named, and the others are counted."""
    wait = await look_at(select_among_many)
    assert wait.wants.endswith("receive from channel '7' and 2 more")
    assert len(wait.things) == 10


async def test_a_label_that_is_no_string_is_shown_as_it_is(autojump_clock: object) -> None:
    """And a selector without a name by its number."""
    wait = await look_at(iterate_over_selector)
    assert wait.wants.startswith("selector 0x")
    assert wait.wants.endswith(" over ('job', 1): receive from channel 'jobs'")


async def test_a_channel_without_a_name_goes_by_its_address() -> None:
    """The same that its ``repr`` has."""
    channel = Chan[None]()
    wait = await look_at(channel.receive)
    assert wait.wants == f"receive from channel {id(channel):#x}"


class Fails:
    def __repr__(self) -> str:
        raise ValueError


class Lines:
    def __repr__(self) -> str:
        return "one \ntwo"


async def test_values_are_shortened_and_may_have_a_broken_repr() -> None:
    """A report is for when things go wrong."""
    assert len((await look_at(functools.partial(jobs.send, "x" * 1000))).wants) < 100
    assert (await look_at(functools.partial(jobs.send, Fails()))).wants.startswith(
        "send <Fails instance at 0x"
    )
    wait = await look_at(functools.partial(jobs.send, SimpleNamespace(table=Lines())))
    assert wait.wants == "send namespace(table=one  two) to channel 'jobs'"
    array = type("array", (Lines,), {"__module__": "array"})  # not the one of that module
    wait = await look_at(functools.partial(jobs.send, array()))
    assert wait.wants == "send one  two to channel 'jobs'"


async def test_cases_have_a_repr() -> None:
    """They say what they do in the same words."""
    assert repr(jobs.on_receive()) == "<gochan.Case: receive from channel 'jobs'>"
    assert repr(jobs.on_receive_ok()) == "<gochan.Case: receive from channel 'jobs'>"
    assert repr(jobs.on_send(1)) == "<gochan.Case: send 1 to channel 'jobs'>"
    assert repr(jobs.on_close()) == "<gochan.Case: close of channel 'jobs'>"
    assert repr(after(2.5)) == "<gochan.Case: after 2.5 s>"
    assert repr(at(7)) == "<gochan.Case: at 7>"
    assert repr(default(3)) == "<gochan.Case: default>"
    assert repr(NEVER) == "<gochan.Case: nothing>"  # which None stands for
    assert "end of <gochan.WaitGroup" in repr(WaitGroup().on_done())
    assert "next tick of <gochan.Ticker" in repr(every(3).on_tick())


class Late(Strategy[str]):
    """Gives out everything a minute after the run began."""

    def take(self, now: float) -> str:
        if now < 60:
            raise Empty
        return super().take(now)

    def next_change(self, now: float) -> float | None:
        return 60 if self.items and now < 60 else None


async def test_a_wait_at_a_strategy_with_an_alarm_is_found(autojump_clock: object) -> None:
    """It is one of another kind inside."""
    channel = Chan[str](strategy=Late(5), name="late")
    channel.send_nowait("x")
    wait = await look_at(channel.receive)
    assert wait.wants == "receive from channel 'late'"
    assert wait.things == (channel,)
    channel.send_nowait("y")
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(channel.receive)


# Job queues


async def test_what_is_waited_for_at_a_job_queue(autojump_clock: object) -> None:
    """Each by what the user has called, not by what happens inside."""

    async def handle(payload: str) -> None:
        if payload == "receive":
            await jobs.receive()
        await trio.sleep(100)

    async with open_job_queue(handle, workers=2, capacity=0) as queue:
        first = await queue.submit("sleep")
        await wait_all_tasks_blocked(0.001)
        (idle,) = report().waits
        assert str(idle) == "worker of handle: next job of the job queue of handle"
        second = await queue.submit("receive")
        found = await look(
            first.wait, queue.join, functools.partial(queue.submit, "third"), second.wait
        )
        assert {wait.wants: wait.things for wait in found.waits} == {
            "receive from channel 'jobs'": (jobs,),
            "end of job 1 (handle)": (first,),
            "end of job 2 (handle)": (second,),
            "end of all jobs of the job queue of handle": (queue,),
            "submit to the job queue of handle": (queue,),
        }
        found = await look(functools.partial(queue.stop, drain=10, grace=10))
        assert "stop of the job queue of handle" in [wait.wants for wait in found.waits]
        second.cancel()


async def test_the_end_of_the_block_of_a_job_queue_is_waited_for(autojump_clock: object) -> None:
    """Though inside that is the end of a nursery."""
    found: list[Report] = []

    async def handle(_: None) -> None:
        await trio.sleep(1)
        found.append(report())

    async def block() -> None:
        async with open_job_queue(handle) as queue:
            await queue.submit(None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(block)
    (wait,) = found[0].waits
    assert wait.wants == "end of all jobs of the job queue of handle"
    assert wait.function == block.__qualname__


async def test_a_job_is_where_its_handler_is(autojump_clock: object) -> None:
    """Even if that is a function of gochan's; the worker around it does not count."""
    async with open_job_queue(jobs.send) as queue:
        await queue.submit("x")
        await wait_all_tasks_blocked(0.001)
        (wait,) = report().waits
        assert wait.wants == "send 'x' to channel 'jobs'"
        assert wait.where == ""
        assert await jobs.receive() == "x"


async def test_a_program_that_waits_for_signals_waits_in_gochan() -> None:
    """`stop_on_signals` receives them from a channel."""
    async with open_job_queue(trio.sleep) as queue, stop_on_signals(queue) as stop:
        found = await look(stop.wait)
    assert {
        "receive from channel 'signals'",
        "stop of the job queue of sleep",
        "next job of the job queue of sleep",
    } == {wait.wants for wait in found.waits}


# Where


async def inner() -> None:
    await select_with_names()


async def test_the_place_is_the_innermost_of_the_users() -> None:
    """With the file, the line and the function; the task is there, too."""
    wait = await look_at(inner)
    line = select_with_names.__code__.co_firstlineno + 1
    assert (wait.file, wait.line, wait.function) == (__file__, line, "select_with_names")
    assert wait.where == f"in select_with_names (test_debug.py, line {line})"
    assert wait.name == wait.task.name == f"{__name__}.inner"
    assert str(wait) == f"{__name__}.inner: {wait.wants}, {wait.where}"
    assert wait.things == (jobs, leave)


async def test_a_task_that_is_all_gochans_has_no_place() -> None:
    """Then its line says only what it waits for."""
    wait = await look_at(jobs.receive)
    assert (wait.file, wait.line, wait.function, wait.where) == (None, None, None, "")
    assert str(wait) == "gochan._core._receiving.Receiving.receive: receive from channel 'jobs'"


# Which tasks are in a report


async def test_others_are_left_out() -> None:
    """Tasks that wait for something else, and those that can go on already."""

    async def in_trio() -> None:
        await trio.Event().wait()

    async def in_nursery() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)

    channel = Chan[int]()
    sleep = functools.partial(
        trio.lowlevel.wait_task_rescheduled, lambda _: trio.lowlevel.Abort.SUCCEEDED
    )
    park = trio.lowlevel.ParkingLot().park
    assert (await look(in_trio, in_nursery, trio.sleep_forever, sleep, park)).waits == ()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.receive)
        nursery.start_soon(functools.partial(select, channel.on_receive()))
        nursery.start_soon(functools.partial(channel.receive_many, 1))
        await wait_all_tasks_blocked()
        assert len(report().waits) == 3
        channel.send_nowait(1)
        channel.send_nowait(1)
        assert len(report().waits) == 1
        nursery.cancel_scope.cancel()
        assert report().waits == ()


async def test_the_task_that_asks_is_not_in_it() -> None:
    """It runs, though it has come through functions that wait."""
    channel = Chan[None](1, on_drop=lambda *_: seen.append(report()))
    seen: list[Report] = []
    channel.send_nowait(None)
    with channel.receiver:
        pass
    assert seen[0].waits == ()


async def test_system_tasks_are_in_it() -> None:
    """They are tasks of the run."""
    task = trio.lowlevel.spawn_system_task(jobs.receive)
    await wait_all_tasks_blocked()
    assert [wait.task for wait in report().waits] == [task]
    await jobs.send(None)


async def test_parents_come_before_children_and_older_before_younger() -> None:
    """So that a report can be compared with the one before."""

    async def family(number: int) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(jobs.receive, name=f"child of {number}")
            await jobs.receive()

    functions = [functools.partial(family, number) for number in range(20)]
    names = [wait.name for wait in (await look(*functions)).waits]
    assert names[20:] == [f"child of {number}" for number in range(20)]
    assert all("family" in name for name in names[:20])


# The report as a string


async def test_nobody_waits() -> None:
    """The string says so."""
    assert str(await look()) == "no task to report"


async def test_the_string_has_a_line_for_each_task_and_each_channel() -> None:
    """The same line is written once."""
    found = await look(
        jobs.receive, jobs.receive, jobs.receive, functools.partial(full.send, 2), leave.receive
    )
    assert str(found) == textwrap.dedent(
        """\
        gochan._core._receiving.Receiving.receive: receive from channel 'jobs' (3 times)
        gochan._core._sending.Sending.send: send 2 to channel 'full'
        gochan._core._receiving.Receiving.receive: receive from channel 'quit'
        channel 'jobs': open, 0/0 buffered, 0 sending, 3 receiving
        channel 'full': open, 1/1 buffered, 1 sending, 0 receiving
        channel 'quit': open, 0/0 buffered, 0 sending, 1 receiving"""
    )
    assert [*found.channels] == [jobs, full, leave]
    assert found.channels[jobs].tasks_waiting_receive == 3


async def test_a_report_stays_as_it_was() -> None:
    """What happens afterwards does not change it."""
    found = await look(jobs.receive)
    text = str(found)
    assert "1 receiving" in text
    assert jobs.statistics().tasks_waiting_receive == 0
    assert str(found) == text


# From where it can be asked


def test_outside_of_a_run_it_says_what_to_do() -> None:
    """Rather than what is missing inside trio."""
    with pytest.raises(
        RuntimeError, match=r"report\(\) looks .* none; call it .* trio\.from_thread"
    ):
        report()


async def test_an_instrument_can_ask() -> None:
    """While no task runs."""

    class Asks(trio.abc.Instrument):
        def before_io_wait(self, timeout: float) -> None:
            found.append(report())

    found: list[Report] = []
    asks = Asks()
    trio.lowlevel.add_instrument(asks)
    try:
        await look(jobs.receive)
    finally:
        trio.lowlevel.remove_instrument(asks)
    assert "receive from channel 'jobs'" in [wait.wants for one in found for wait in one.waits]


def test_an_instrument_can_ask_before_there_are_tasks() -> None:
    """Then nobody waits."""

    class Asks(trio.abc.Instrument):
        def before_run(self) -> None:
            found.append(report())

    found: list[Report] = []
    trio.run(trio.lowlevel.checkpoint, instruments=[Asks()])
    assert found[0].waits == ()


async def test_a_thread_can_ask_by_way_of_trio() -> None:
    """As the error says that it should."""
    wait = None

    def ask() -> None:
        nonlocal wait
        (wait,) = trio.from_thread.run_sync(report).waits

    async with trio.open_nursery() as nursery:
        nursery.start_soon(jobs.receive)
        await trio.to_thread.run_sync(ask)
        nursery.cancel_scope.cancel()
    assert wait is not None
    assert wait.wants == "receive from channel 'jobs'"


PROGRAM = """
import os, signal, sys, trio.testing, gochan.debug
from gochan import Chan

def show(*_):
    print(gochan.debug.report(), flush=True)

async def wait(channel):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell)
        await channel.receive()

async def tell():
    await trio.testing.wait_all_tasks_blocked()
    os.write(1, b"ready\\n")  # the handler may strike before this returns
    await trio.sleep(60)

signal.signal(signal.SIGUSR1, show)
trio.run(wait, Chan(name="stuck"))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs SIGUSR1")
def test_a_signal_handler_can_ask() -> None:
    """While the program sleeps in its run; the program goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGUSR1)
        line = child.stdout.readline()
        child.kill()
    assert line == "__main__.wait: receive from channel 'stuck', in wait (<string>, line 11)\n"


async def test_a_signal_handler_can_ask_while_a_task_runs() -> None:
    """The handler strikes between any two steps of it."""
    found: list[Report] = []
    earlier = signal.signal(signal.SIGALRM, lambda *_: found.append(report()))
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(jobs.receive)
            await wait_all_tasks_blocked()
            signal.raise_signal(signal.SIGALRM)
            nursery.cancel_scope.cancel()
    finally:
        signal.signal(signal.SIGALRM, earlier)
    assert [wait.wants for wait in found[0].waits] == ["receive from channel 'jobs'"]


# What it costs


async def test_nothing_is_kept_alive_by_having_looked() -> None:
    """Neither values nor channels, while the tasks that were looked at go on."""

    class Value:
        pass

    async def send() -> None:
        await channel.send(Value())
        await trio.sleep_forever()

    channel = Chan[Value]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        assert len(report().waits) == 1
        value = weakref.ref(channel.receive_nowait())
        await wait_all_tasks_blocked()
        gc.collect()
        assert value() is None
        nursery.cancel_scope.cancel()


async def test_a_worker_keeps_no_job_that_was_looked_at(autojump_clock: object) -> None:
    """Its frame lives as long as the queue."""
    async with open_job_queue(trio.sleep) as queue:
        job = weakref.ref(await queue.submit(1))
        await wait_all_tasks_blocked(0.001)
        report()
        await trio.sleep(2)
        report()
        await queue.submit(1)
        await trio.sleep(2)
        gc.collect()
        assert job() is None


def test_other_runs_are_not_looked_at() -> None:
    """One thread, one run, one report."""
    ready, done = threading.Event(), threading.Event()

    async def other() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Chan[None]().receive)
            await wait_all_tasks_blocked()
            ready.set()
            await trio.to_thread.run_sync(done.wait)
            nursery.cancel_scope.cancel()

    thread = threading.Thread(target=trio.run, args=(other,))
    thread.start()
    ready.wait()

    async def ask() -> Report:
        return report()

    assert trio.run(ask).waits == ()
    done.set()
    thread.join()


def test_gochan_does_not_import_it() -> None:
    """Who does not ask does not pay."""
    check = "import sys, gochan; print([m for m in sys.modules if m.startswith('gochan.debug')])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert gochan.debug.__all__


MOVED = ["Trace", "TraceEvent", "Transfer", "trace"]


@pytest.mark.parametrize("name", MOVED)
def test_what_has_moved_is_found_where_it_was(name: str) -> None:
    """As long as the distribution that has it now is installed."""
    assert getattr(gochan.debug, name) is getattr(gochan_trace, name)
    assert name not in gochan.debug.__all__


@pytest.mark.parametrize("name", MOVED)
def test_what_has_moved_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same words, however it is asked for."""
    monkeypatch.setitem(sys.modules, "gochan_trace", None)
    for program in (f"gochan.debug.{name}", f"from gochan.debug import {name}"):
        with pytest.raises(ImportError, match=r"pip install \./plugins/gochan-trace") as caught:
            exec(program, {"gochan": gochan})
        assert f"gochan_trace.{name}" in str(caught.value)


def test_what_was_never_there_is_missing() -> None:
    """With the error of any other module."""
    with pytest.raises(AttributeError, match=r"'gochan\.debug' has no attribute 'tracer'"):
        gochan.debug.tracer  # type: ignore[attr-defined]  # noqa: B018

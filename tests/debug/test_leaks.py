"""`gochan.debug.leaks`: tasks that wait for what nobody can do who can still do anything.

Most of these are patterns of Go's goroutine leak profile, and blocking bugs of well-known Go
programs as they are collected in GoBench (GoKer), each rewritten as a few small tasks. The
programs return what must be reported; the tasks that must not be are what makes them hard.
"""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from weakref import WeakValueDictionary

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import (
    Chan,
    Selector,
    WaitGroup,
    after,
    every,
    open_job_queue,
    select,
)
from gochan.debug import leaks

# A program starts tasks and forgets all that it has made; it returns what leaks.
Program = Callable[[trio.Nursery], list[str]]
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function
    return function


async def find(start: Program) -> tuple[list[str], list[str]]:
    """Run a program until it rests; return what was found, and what should be."""
    async with trio.open_nursery() as nursery:
        expected = start(nursery)
        await wait_all_tasks_blocked(0.001)
        found = leaks()
        nursery.cancel_scope.cancel()
    return sorted(wait.wants for wait in found.waits), sorted(expected)


async def receive(channel: Chan[object]) -> None:
    await channel.receive()


async def receive_all(channel: Chan[object]) -> None:
    async for _ in channel:
        pass


async def send(channel: Chan[object], *values: object) -> None:
    for value in values:
        await channel.send(value)


async def work_long(*_: object) -> None:
    """Keep hold of things, and go on by itself."""
    await trio.sleep(80_000)


# Go's tests of the profile: simple ones


@program
def go_nil_receive(nursery: trio.Nursery) -> list[str]:
    """A case that is ``None`` never happens."""
    nursery.start_soon(select, None)
    return ["select without any case"]


@program
def go_nil_send(nursery: trio.Nursery) -> list[str]:
    """Nor do several."""
    nursery.start_soon(select, None, None)
    return ["select without any case"]


@program
def go_chan_receive(nursery: trio.Nursery) -> list[str]:
    """Nobody sends, and nobody can."""
    nursery.start_soon(receive, Chan[object](name="c"))
    return ["receive from channel 'c'"]


@program
def go_chan_send(nursery: trio.Nursery) -> list[str]:
    """Nobody receives, and nobody can."""
    nursery.start_soon(send, Chan[object](name="c"), 1)
    return ["send 1 to channel 'c'"]


@program
def go_select(nursery: trio.Nursery) -> list[str]:
    """None of its channels is known to anybody else."""
    nursery.start_soon(select, Chan[int](name="a").on_receive(), Chan[int](name="b").on_send(1))
    return ["select over receive from channel 'a', send 1 to channel 'b'"]


@program
def go_select_no_cases(nursery: trio.Nursery) -> list[str]:
    """It waits for nothing."""
    nursery.start_soon(select)
    return ["select without any case"]


@program
def go_wait_group(nursery: trio.Nursery) -> list[str]:
    """The task that should have called ``done`` has gone."""
    group = WaitGroup()
    group.add()
    nursery.start_soon(group.wait)
    return ["end of <gochan.WaitGroup: 1 under way, 1 waiting>"]


@program
def go_cond(nursery: trio.Nursery) -> list[str]:
    """A wait in trio leaks, too; what it holds is reported if that waits in gochan."""
    channel = Chan[object](name="c")

    async def wait(channel: Chan[object]) -> None:
        condition = trio.Condition()
        async with condition:
            await condition.wait()
        await channel.send(1)

    nursery.start_soon(wait, channel)
    nursery.start_soon(receive, channel)
    return ["receive from channel 'c'"]


@program
def go_mutex(nursery: trio.Nursery) -> list[str]:
    """Two tasks wait for a lock whose owner waits at a channel that only they know."""
    channel, lock = Chan[object](name="c"), trio.Lock()

    async def own(channel: Chan[object], lock: trio.Lock) -> None:
        async with lock:
            await channel.receive()

    async def want(channel: Chan[object], lock: trio.Lock) -> None:
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        async with lock:
            await channel.send(1)

    nursery.start_soon(own, channel, lock)
    nursery.start_soon(want, channel, lock)
    return ["receive from channel 'c'"]


@program
def go_mixed(nursery: trio.Nursery) -> list[str]:
    """One waits for a group, and those of the group for that one."""
    group, channel = WaitGroup(), Chan[object](name="c")
    group.add()

    async def first(group: WaitGroup, channel: Chan[object]) -> None:
        await group.wait()
        await channel.send(1)

    async def second(group: WaitGroup, channel: Chan[object]) -> None:
        await channel.receive()
        group.done()

    nursery.start_soon(first, group, channel)
    nursery.start_soon(second, group, channel)
    return ["end of <gochan.WaitGroup: 1 under way, 1 waiting>", "receive from channel 'c'"]


GLOBAL = Chan[object](name="global")


@program
def go_no_leak_global(nursery: trio.Nursery) -> list[str]:
    """Anybody may use a global one."""
    nursery.start_soon(receive, GLOBAL)
    nursery.start_soon(select, None, GLOBAL.on_receive())
    return []


# Go's tests of the profile: patterns


@program
def go_no_close_range(nursery: trio.Nursery) -> list[str]:
    """Workers iterate over a channel that its sender forgot to close."""
    channel = Chan[object](name="list")

    async def produce(channel: Chan[object]) -> None:
        for item in range(5):
            await channel.send(item)

    nursery.start_soon(produce, channel)
    for _ in range(3):
        nursery.start_soon(receive_all, channel)
    return ["receive from channel 'list'"] * 3


class Service:
    """Has to be stopped, says its contract."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.todo, self.stopped = Chan[object](name="todo"), Chan[None](name="stopped")
        nursery.start_soon(self.serve, self.todo, self.stopped)

    @staticmethod
    async def serve(todo: Chan[object], stopped: Chan[None]) -> None:
        await select(todo.on_receive(), stopped.on_close())


@program
def go_method_contract_violation(nursery: trio.Nursery) -> list[str]:
    """The object was dropped without being stopped."""
    Service(nursery)
    return ["select over receive from channel 'todo', close of channel 'stopped'"]


@program
def go_method_contract_still_to_be_kept(nursery: trio.Nursery) -> list[str]:
    """Somebody has the object, and may stop it."""
    nursery.start_soon(work_long, Service(nursery))
    return []


@program
def go_double_send(nursery: trio.Nursery) -> list[str]:
    """A missing ``return`` after the error was sent."""
    results = Chan[object](name="results")

    async def work(results: Chan[object]) -> None:
        await results.send("error")
        await results.send(None)

    nursery.start_soon(work, results)
    nursery.start_soon(receive, results)
    return ["send None to channel 'results'"]


@program
def go_early_return(nursery: trio.Nursery) -> list[str]:
    """The caller returned before the work was done."""

    async def order(nursery: trio.Nursery) -> None:
        nursery.start_soon(send, Chan[object](name="result"), 1)

    nursery.start_soon(order, nursery)
    return ["send 1 to channel 'result'"]


@program
def go_n_cast_leak(nursery: trio.Nursery) -> list[str]:
    """Many are asked, the first answer is taken, and the others are left with theirs."""
    answers = Chan[object](name="answers")
    for _ in range(4):
        nursery.start_soon(send, answers, "it")
    nursery.start_soon(receive, answers)
    return ["send 'it' to channel 'answers'"] * 3


@program
def go_timeout(nursery: trio.Nursery) -> list[str]:
    """The answer comes after the one who asked has given up."""

    async def ask(nursery: trio.Nursery) -> None:
        answer = Chan[object](name="answer")
        nursery.start_soon(send, answer, 1)
        await select(after(0.0), answer.on_close(priority=-1))

    nursery.start_soon(ask, nursery)
    return ["send 1 to channel 'answer'"]


@program
def go_timeout_with_room(nursery: trio.Nursery) -> list[str]:
    """With room for it, nobody has to wait."""
    nursery.start_soon(send, Chan[object](1), 1)
    return []


async def pass_on(left: Chan[object], right: Chan[object]) -> None:
    await left.send(await right.receive())


def chain(nursery: trio.Nursery) -> tuple[Chan[object], Chan[object]]:
    left = first = Chan[object](name="link")
    for _ in range(20):
        right = Chan[object](name="link")
        nursery.start_soon(pass_on, left, right)
        left = right
    return first, left


@program
def go_daisy_chain(nursery: trio.Nursery) -> list[str]:
    """Twenty tasks, each waiting for the next, and the last for nobody."""
    chain(nursery)
    return ["receive from channel 'link'"] * 20


@program
def go_daisy_chain_with_a_head(nursery: trio.Nursery) -> list[str]:
    """If one who can go on holds the last link, all twenty can go on, one after the other."""
    _, last = chain(nursery)
    nursery.start_soon(work_long, last)
    return []


@program
def go_daisy_chain_held_by_the_wrong_end(nursery: trio.Nursery) -> list[str]:
    """To hold the other end wakes the first, not those behind it: they do not wait there."""
    first, _ = chain(nursery)
    nursery.start_soon(work_long, first)
    return ["receive from channel 'link'"] * 20


# GoKer: communication


@program
def goker_cockroach_2448(nursery: trio.Nursery) -> list[str]:
    """Two event loops, each of which hands an event to the other before it receives."""
    one, two = Chan[object](name="one"), Chan[object](name="two")

    async def loop(mine: Chan[object], other: Chan[object]) -> None:
        while True:
            await other.send("event")
            await mine.receive()

    nursery.start_soon(loop, one, two)
    nursery.start_soon(loop, two, one)
    return ["send 'event' to channel 'one'", "send 'event' to channel 'two'"]


@program
def goker_cockroach_24808(nursery: trio.Nursery) -> list[str]:
    """It is nudged into its own channel, which is full, before it begins to receive."""
    nudges = Chan[object](1, name="nudges")
    nudges.send_nowait("suggestion")

    async def start(nudges: Chan[object]) -> None:
        await nudges.send("start")
        async for _ in nudges:
            pass

    nursery.start_soon(start, nudges)
    return ["send 'start' to channel 'nudges'"]


@program
def goker_cockroach_18101(nursery: trio.Nursery) -> list[str]:
    """The consumer stops at the first error; the producer does not look for that."""
    ready = Chan[object](1, name="ready")

    async def import_until_error(ready: Chan[object]) -> None:
        await ready.receive()

    nursery.start_soon(import_until_error, ready)
    nursery.start_soon(send, ready, 1, 2, 3)
    return ["send 3 to channel 'ready'"]


@program
def goker_cockroach_35931(nursery: trio.Nursery) -> list[str]:
    """Rows are pushed into a buffer that nobody reads any more, since the flow was cancelled."""
    rows = Chan[object](2, name="rows")
    nursery.start_soon(send, rows, 1, 2, 3)
    return ["send 3 to channel 'rows'"]


@program
def goker_etcd_6857(nursery: trio.Nursery) -> list[str]:
    """A request for the status does not look whether the loop that answers has been stopped."""
    requests, stop = Chan[object](name="requests"), Chan[None]()

    async def loop(requests: Chan[object], stop: Chan[None]) -> None:
        await select(stop.on_close(priority=1), requests.on_receive())

    stop.close()
    nursery.start_soon(loop, requests, stop)
    nursery.start_soon(send, requests, "status")
    # Which of the two comes first decides; a stop has priority.
    return ["send 'status' to channel 'requests'"]


@program
def goker_grpc_660(nursery: trio.Nursery) -> list[str]:
    """Workers report at the end of the benchmark to one who has returned at the first error."""
    done = Chan[object](name="done")
    for _ in range(3):
        nursery.start_soon(send, done, True)
    nursery.start_soon(receive, done)
    return ["send True to channel 'done'"] * 2


@program
def goker_grpc_1424(nursery: trio.Nursery) -> list[str]:
    """The one who waits for the first address returns early, and closes nothing."""
    first_address = Chan[object](name="first address")

    async def dial(addresses: list[str], first_address: Chan[object]) -> None:
        if not addresses:
            return
        first_address.close()

    nursery.start_soon(dial, [], first_address)
    nursery.start_soon(receive_all, first_address)
    return ["receive from channel 'first address'"]


@program
def goker_istio_17860(nursery: trio.Nursery) -> list[str]:
    """The agent has terminated; the process that it watched wants to report its exit."""
    statuses = Chan[object](name="statuses")

    async def run_agent(statuses: Chan[object], terminate: Chan[None]) -> None:
        await select(terminate.on_close(priority=1), statuses.on_receive())

    terminate = Chan[None]()
    terminate.close()
    nursery.start_soon(run_agent, statuses, terminate)
    nursery.start_soon(send, statuses, "exit")
    return ["send 'exit' to channel 'statuses'"]


@program
def goker_kubernetes_5316(nursery: trio.Nursery) -> list[str]:
    """A request is given up after a time limit; its handler sends the result, or an error."""
    result, error = Chan[object](name="result"), Chan[object](name="error")

    async def finish(result: Chan[object], error: Chan[object]) -> None:
        await select(result.on_receive(), error.on_receive(), after(0, priority=1))

    nursery.start_soon(finish, result, error)
    nursery.start_soon(send, error, "failed")
    return ["send 'failed' to channel 'error'"]


@program
def goker_kubernetes_25331(nursery: trio.Nursery) -> list[str]:
    """A watch sends its error where nobody looks after it was stopped."""
    errors, results = Chan[object](name="errors"), Chan[object](name="results")

    async def watch(errors: Chan[object], results: Chan[object]) -> None:
        await errors.send("cancelled")
        results.close()

    nursery.start_soon(watch, errors, results)
    nursery.start_soon(receive_all, results)
    return ["receive from channel 'results'", "send 'cancelled' to channel 'errors'"]


@program
def goker_kubernetes_70277(nursery: trio.Nursery) -> list[str]:
    """A poller ticks into a channel until it is told to stop, and the waiter only returns."""

    async def poll(ticks: Chan[object], done: Chan[None]) -> None:
        while True:
            await select(done.on_close(), ticks.on_send("tick"))

    async def wait_for(ticks: Chan[object], done: Chan[None]) -> None:
        await ticks.receive()

    ticks, done = Chan[object](name="ticks"), Chan[None](name="done")
    nursery.start_soon(poll, ticks, done)
    nursery.start_soon(wait_for, ticks, done)
    return ["select over close of channel 'done', send 'tick' to channel 'ticks'"]


@program
def goker_moby_21233(nursery: trio.Nursery) -> list[str]:
    """Progress is read until the pull is done; another writer has more to say."""
    progress = Chan[object](name="progress")
    nursery.start_soon(send, progress, "layer", "layer")
    nursery.start_soon(receive, progress)
    return ["send 'layer' to channel 'progress'"]


@program
def goker_moby_33781(nursery: trio.Nursery) -> list[str]:
    """The monitor is told to stop by a send, and has left by itself."""
    stop = Chan[object](name="stop")

    async def monitor(stop: Chan[object]) -> None:
        await select(stop.on_receive(), after(0, priority=1))

    async def stop_monitor(stop: Chan[object]) -> None:
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        await stop.send(None)

    nursery.start_soon(monitor, stop)
    nursery.start_soon(stop_monitor, stop)
    return ["send None to channel 'stop'"]


@program
def goker_syncthing_5795(nursery: trio.Nursery) -> list[str]:
    """Closing waits for the loop, which itself has called close."""
    closed, loop_ended = Chan[None](name="closed"), Chan[None](name="loop ended")

    async def loop(closed: Chan[None], loop_ended: Chan[None]) -> None:
        with loop_ended:
            closed.close()
            await select(loop_ended.on_close())

    nursery.start_soon(loop, closed, loop_ended)
    return ["close of channel 'loop ended'"]


# GoKer: mixed


@program
def goker_kubernetes_6632(nursery: trio.Nursery) -> list[str]:
    """Who holds the lock sends to one who wants the lock."""
    lock, reset = trio.Lock(), Chan[object](name="reset")

    async def write_frame(lock: trio.Lock, reset: Chan[object]) -> None:
        async with lock:
            await reset.send("error")

    async def monitor(lock: trio.Lock, reset: Chan[object]) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        async with lock:
            await reset.receive()

    nursery.start_soon(write_frame, lock, reset)
    nursery.start_soon(monitor, lock, reset)
    return ["send 'error' to channel 'reset'"]


@program
def goker_kubernetes_1321(nursery: trio.Nursery) -> list[str]:
    """A mux sends under its lock to a watcher, which takes the lock to stop."""
    lock, watched = trio.Lock(), Chan[object](name="watched")

    async def distribute(lock: trio.Lock, watched: Chan[object]) -> None:
        async with lock:
            await watched.send("change")

    async def stop(lock: trio.Lock, watched: Chan[object]) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        async with lock:
            watched.close()

    nursery.start_soon(distribute, lock, watched)
    nursery.start_soon(stop, lock, watched)
    return ["send 'change' to channel 'watched'"]


@program
def goker_moby_28462(nursery: trio.Nursery) -> list[str]:
    """Stopping sends under the lock that the monitor takes between two looks."""
    lock, stop = trio.Lock(), Chan[object](name="stop")

    async def stop_monitor(lock: trio.Lock, stop: Chan[object]) -> None:
        async with lock:
            await stop.send(None)

    async def monitor(lock: trio.Lock, stop: Chan[object]) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        async with lock:
            pass
        await stop.receive()

    nursery.start_soon(stop_monitor, lock, stop)
    nursery.start_soon(monitor, lock, stop)
    return ["send None to channel 'stop'"]


@program
def goker_serving_2137(nursery: trio.Nursery) -> list[str]:
    """Two requests have a permit each, and both want what the other will let go."""
    first, second = Chan[object](name="first"), Chan[object](name="second")

    async def request(mine: Chan[object], other: Chan[object]) -> None:
        await other.receive()
        mine.close()

    nursery.start_soon(request, first, second)
    nursery.start_soon(request, second, first)
    return ["receive from channel 'first'", "receive from channel 'second'"]


# What trio adds


@program
def trio_held_by_one_who_waits_at_a_leak(nursery: trio.Nursery) -> list[str]:
    """A stuck task cannot wake others, whatever it holds."""
    stuck, held = Chan[object](name="stuck"), Chan[object](name="held")

    async def hold(stuck: Chan[object], held: Chan[object]) -> None:
        await stuck.receive()
        await held.send(1)

    nursery.start_soon(hold, stuck, held)
    nursery.start_soon(receive, held)
    return ["receive from channel 'held'", "receive from channel 'stuck'"]


@program
def trio_held_by_one_who_sleeps(nursery: trio.Nursery) -> list[str]:
    """Time will wake it, and then it may send."""
    held = Chan[object]()
    nursery.start_soon(work_long, held)
    nursery.start_soon(receive, held)
    return []


@program
def trio_held_by_a_chain_of_waits(nursery: trio.Nursery) -> list[str]:
    """A reaches B, B reaches C: all can go on."""
    b, c = Chan[object](), Chan[object]()

    async def middle(b: Chan[object], c: Chan[object]) -> None:
        await b.receive()
        await c.send(1)

    nursery.start_soon(work_long, b)
    nursery.start_soon(middle, b, c)
    nursery.start_soon(receive, c)
    return []


@program
def trio_time_limit(nursery: trio.Nursery) -> list[str]:
    """A wait under a limit ends, and so does one with a timer or a ticker."""

    async def limited() -> None:
        with trio.move_on_after(100):
            await Chan[None]().receive()

    async def iterate() -> None:
        async for _ in every(10):
            pass

    nursery.start_soon(limited)
    nursery.start_soon(select, Chan[None]().on_receive(), after(100))
    nursery.start_soon(iterate)
    return []


@program
def trio_nursery_of_one_who_goes_on(nursery: trio.Nursery) -> list[str]:
    """Its parent waits for it, and may send after that."""
    channel = Chan[object]()

    async def parent(channel: Chan[object]) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(work_long)
        await channel.send(1)

    nursery.start_soon(parent, channel)
    nursery.start_soon(receive, channel)
    return []


@program
def trio_nursery_of_one_who_leaked(nursery: trio.Nursery) -> list[str]:
    """Then the parent is stuck, too, and every task that waits for it."""
    channel = Chan[object](name="after the nursery")

    async def parent(channel: Chan[object]) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(receive, Chan[object](name="inner"))
        await channel.send(1)

    nursery.start_soon(parent, channel)
    nursery.start_soon(receive, channel)
    return ["receive from channel 'after the nursery'", "receive from channel 'inner'"]


@program
def trio_memory_channel(nursery: trio.Nursery) -> list[str]:
    """The two ends know each other: one who holds a sending end can wake the receiver."""
    sender, receiver = trio.open_memory_channel[int](0)
    channel, other = Chan[object](), Chan[object](name="other")

    async def relay(receiver: trio.MemoryReceiveChannel[int], channel: Chan[object]) -> None:
        await receiver.receive()
        await channel.send(1)

    nursery.start_soon(relay, receiver, channel)
    nursery.start_soon(work_long, sender)
    nursery.start_soon(receive, channel)
    nursery.start_soon(relay, trio.open_memory_channel[int](0)[1], other)
    nursery.start_soon(receive, other)
    return ["receive from channel 'other'"]


@program
def trio_selector(nursery: trio.Nursery) -> list[str]:
    """One channel that can be reached is enough."""

    async def wait(*channels: Chan[object]) -> None:
        with Selector[int, object]() as selector:
            for number, channel in enumerate(channels):
                selector.add(channel.on_receive(), number)
            await selector.select()

    nursery.start_soon(wait, GLOBAL, Chan[object](name="hidden"))
    return []


@program
def trio_used_places(nursery: trio.Nursery) -> list[str]:
    """What earlier waits have left behind does not count as a way to a channel."""

    async def use(channel: Chan[object]) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(receive, channel)
            for _ in range(3):
                await trio.lowlevel.checkpoint()
            await channel.send(1)
        nursery.start_soon(select, channel.on_receive())

    nursery.start_soon(use, Chan[object](name="c"))
    return ["receive from channel 'c'"]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[list[str], list[str]]]:
    """Run all programs in a process of their own, as the search takes long where much is known."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", __file__],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_leaks_and_what_does_not(
    name: str, outcomes: dict[str, tuple[list[str], list[str]]]
) -> None:
    """Exactly these; see the program."""
    found, expected = outcomes[name]
    assert found == expected


async def test_what_the_running_task_holds_can_be_woken() -> None:
    """It is the one that asks."""
    held = Chan[object]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive, held)
        await wait_all_tasks_blocked()
        assert leaks().waits == ()
        del held
        assert len(leaks().waits) == 1
        nursery.cancel_scope.cancel()


async def test_what_a_context_variable_or_a_signal_handler_holds_can_be_woken() -> None:
    """They are not seen from any module."""
    held = Chan[object]()
    earlier = signal.signal(signal.SIGUSR1, functools.partial(lambda channel, *_: None, held))
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive, held)
            del held
            await wait_all_tasks_blocked()
            assert leaks().waits == ()
            signal.signal(signal.SIGUSR1, earlier)
            assert len(leaks().waits) == 1
            nursery.cancel_scope.cancel()
    finally:
        signal.signal(signal.SIGUSR1, earlier)


async def test_what_another_thread_holds_can_be_woken() -> None:
    """In a variable of a function that runs there."""
    go_on = threading.Event()

    def hold(held: list[object]) -> None:
        channel = held.pop()
        go_on.wait()
        del channel

    held: list[object] = []

    def start(nursery: trio.Nursery) -> threading.Thread:
        channel = Chan[object]()
        held.append(channel)
        nursery.start_soon(receive, channel)
        thread = threading.Thread(target=hold, args=(held,))
        thread.start()
        return thread

    async with trio.open_nursery() as nursery:
        thread = start(nursery)
        await wait_all_tasks_blocked()
        assert leaks().waits == ()
        go_on.set()
        thread.join()
        assert len(leaks().waits) == 1
        nursery.cancel_scope.cancel()


async def test_what_is_known_weakly_can_be_woken() -> None:
    """As in a register of channels by their names: each is there as long as somebody waits."""
    register: WeakValueDictionary[str, Chan[object]] = WeakValueDictionary()

    def start(nursery: trio.Nursery) -> None:
        channel = Chan[object]()
        register["news"] = channel
        nursery.start_soon(receive, channel)

    async with trio.open_nursery() as nursery:
        start(nursery)
        await wait_all_tasks_blocked()
        assert leaks().waits == ()
        assert "news" in register
        register.clear()
        assert len(leaks().waits) == 1
        nursery.cancel_scope.cancel()


def test_go_select_no_cases_in_the_main_task() -> None:
    """There it means to wait for a signal, and the tasks in the background go on."""
    found: list[object] = []

    async def ask(scope: trio.CancelScope) -> None:
        await wait_all_tasks_blocked()
        found.extend(leaks().waits)
        scope.cancel()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, nursery.cancel_scope)
            await select()

    trio.run(main)
    assert found == []


async def test_workers_of_a_queue_that_somebody_has_have_not_leaked(
    autojump_clock: MockClock,
) -> None:
    """Nor those who wait for a job, as long as that can go on."""

    async def handle(_: None) -> None:
        await trio.sleep(10)

    async def watch(nursery: trio.Nursery) -> None:
        async with open_job_queue(handle, workers=2) as queue:
            job = await queue.submit(None)
            nursery.start_soon(job.wait)
            nursery.start_soon(queue.join)
            await trio.sleep(5)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, nursery)
        await trio.sleep(1)
        assert leaks().waits == ()


async def test_channels_are_in_the_report() -> None:
    """As in every report."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive, Chan[object](name="lost"))
        await wait_all_tasks_blocked()
        found = leaks()
        nursery.cancel_scope.cancel()
    assert "channel 'lost': open, 0/0 buffered, 0 sending, 1 receiving" in str(found)


def test_outside_of_a_run_it_says_what_to_do() -> None:
    """As a report does."""
    with pytest.raises(RuntimeError, match=r"debug\.leaks\(\) looks"):
        leaks()


if __name__ == "__main__":
    results = {
        name: trio.run(find, start, clock=MockClock(autojump_threshold=0))
        for name, start in PROGRAMS.items()
    }
    print(json.dumps(results))

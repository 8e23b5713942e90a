"""`gochan.debug.observe`: which observer is told what."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Chan, open_job_queue
from gochan._core import SLOT
from gochan.debug import Look, Observer, Operation, describe, look, observe


class Values(Observer):
    """Keeps the values of all operations that begin."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def begins(self, operation: Operation) -> None:
        self.seen += operation.values


@pytest.mark.parametrize("wrong", [None, Observer, print, "observer"])
def test_an_observer_is_an_observer(wrong: Any) -> None:
    """And nothing has changed if it is not."""
    with pytest.raises(TypeError, match=r"must be a gochan\.debug\.Observer, not"), observe(wrong):
        pass
    assert SLOT.observer is None


def test_observers_nest() -> None:
    """Each is told what happens in its block; the last one that leaves empties the slot."""
    channel, outer, inner = Chan[int](9), Values(), Values()
    with pytest.raises(ZeroDivisionError), observe(outer):
        channel.send_nowait(1)
        with observe(inner), observe(inner):
            channel.send_nowait(2)
        channel.send_nowait(3)
        raise ZeroDivisionError
    channel.send_nowait(4)
    assert outer.seen == [1, 2, 3]
    assert inner.seen == [2, 2]
    assert SLOT.observer is None


def test_an_observer_is_told_about_its_thread_alone() -> None:
    """In any order of blocks."""
    here, there = Values(), Values()

    def other() -> None:
        with observe(there):
            Chan[int](1).send_nowait(2)
            inside.set()
            leave.wait(10)
        Chan[int](1).send_nowait(3)

    inside, leave = threading.Event(), threading.Event()
    thread = threading.Thread(target=other)
    with observe(here):
        thread.start()
        inside.wait(10)
        Chan[int](1).send_nowait(1)
    Chan[int](1).send_nowait(0)
    assert SLOT.observer is not None
    leave.set()
    thread.join()
    assert (here.seen, there.seen) == ([1], [2])
    assert SLOT.observer is None


def test_looking() -> None:
    """At a channel, as an observer is told about it and as a program knows it."""
    channel = Chan[int](3, name="numbers")
    channel.send_nowait(1)
    assert look(channel) == look(channel._state) == Look("channel", "numbers", 3, 1)


def test_words_for_cases() -> None:
    """With names that the caller gives; what is no case never happens."""
    channel = Chan[int](name="numbers")
    names: dict[object, str] = {channel._state: "N"}
    assert describe(channel.on_send(1), names.__getitem__) == "send to N"
    assert describe(channel.on_receive(), names.__getitem__) == "receive from N"
    assert describe(channel.on_close(), names.__getitem__) == "close of N"
    assert describe(None, str) == "never"  # type: ignore[arg-type]


def test_an_operation_has_a_repr() -> None:
    """For who prints one."""
    seen: list[str] = []

    class Printer(Observer):
        def begins(self, operation: Operation) -> None:
            seen.append(repr(operation))

    with observe(Printer()):
        Chan[int](1).send_nowait(1)
    assert seen == ["<gochan.debug.Operation send_nowait>"]


class Lives(Observer):
    """Keeps what it hears of each job, by payload."""

    def __init__(self) -> None:
        self.seen: defaultdict[str, list[str]] = defaultdict(list)

    def submits(self, operation: Operation, job: Any) -> None:
        self.seen[job.payload].append("submits")

    def admits(self, queue: object, job: Any) -> None:
        self.seen[job.payload].append("admits")

    def starts(self, queue: object, job: Any, task: object) -> None:
        self.seen[job.payload].append("starts")

    def finishes(self, queue: object, job: Any, kind: str, reason: str) -> None:
        why = f", {reason}" if reason else ""
        self.seen[job.payload].append(f"finishes: {kind}{why}")


WAYS: dict[str, Any] = {
    "submit": lambda queue, payload: queue.submit(payload),
    "submit_nowait": lambda queue, payload: queue.submit_nowait(payload),
    "try_submit": lambda queue, payload: queue.try_submit(payload),
}


@pytest.mark.parametrize("way", WAYS)
async def test_an_observer_is_told_the_life_of_a_job(way: str, autojump_clock: MockClock) -> None:
    """Each step once and in order, whichever way it is submitted; a reason only if there is one."""
    lives = Lives()

    async def handle(payload: str) -> None:
        if payload == "bad":
            raise LookupError
        await trio.sleep(1)

    with observe(lives):
        async with open_job_queue(handle, workers=1, capacity=9, failures="collect") as queue:
            for payload in ("bad", "good", "late"):
                result = WAYS[way](queue, payload)
                if way == "submit":
                    await result
            await wait_all_tasks_blocked()
            await queue.stop()
    begins = {payload: ["submits", "admits"] for payload in ("bad", "good", "late")}
    assert lives.seen == {
        "bad": [*begins["bad"], "starts", "finishes: failed"],
        "good": [*begins["good"], "starts", "finishes: done"],
        "late": [*begins["late"], "finishes: handed_back, the queue was stopped"],
    }

"""The door for observers: who is told what."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gochan import Chan
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

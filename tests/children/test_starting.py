"""Threads that start children, and what they must not be seen doing."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import trio
import trio.testing

from gochan._children import _child, _posix_spawn, _spawning
from gochan._children._child import Children, open_children
from gochan._children._collected import Collected
from gochan._children._program import ChildError, Program
from gochan._children._starting import Starter

from ..processes import PATIENCE, state_of, wait_until

# How many a starter has.
THREADS = 2


@pytest.fixture
def starter() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    starter.close()


def test_functions_are_called_in_other_threads(starter: Starter) -> None:
    """Of which there are so many that two children can start at the same time."""
    both = threading.Barrier(THREADS + 1, timeout=PATIENCE)
    names: SimpleQueue[str] = SimpleQueue()

    def call() -> None:
        names.put(threading.current_thread().name)
        both.wait()

    for _ in range(THREADS):
        starter.call_soon(call)
    both.wait()
    assert {names.get() for _ in range(THREADS)} == {"gochan-starter"}


def test_nothing_is_called_while_it_is_to_be_still(starter: Starter) -> None:
    """What is being called ends first; the rest comes after the block."""
    begun, may_end, seen = threading.Event(), threading.Event(), list[str]()

    def slow() -> None:
        begun.set()
        may_end.wait(PATIENCE)
        seen.append("slow")

    starter.call_soon(slow)
    assert begun.wait(PATIENCE)
    threading.Timer(0.01, may_end.set).start()
    with starter.still():
        assert seen == ["slow"]
        for number in range(2 * THREADS):
            starter.call_soon(lambda number=number: seen.append(f"{number}"))
        threading.Event().wait(0.01)  # for those who would not keep still
        assert seen == ["slow"]
    starter.close()
    assert sorted(seen) == ["0", "1", "2", "3", "slow"]


def test_without_a_child_there_is_no_thread() -> None:
    """They start with the first."""
    before = threading.active_count()
    starter = Starter()
    assert threading.active_count() == before
    starter.call_soon(lambda: None)
    assert threading.active_count() == before + THREADS
    starter.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("aside", [False, True])
@pytest.mark.parametrize("file", ["missing interpreter", "no first line", "fine"])
def test_both_ways_say_the_same(tmp_path: Path, aside: bool, file: str) -> None:
    """About what starts, and about what does not."""
    first = {"missing interpreter": "#!/no/such/file\n", "no first line": "", "fine": "#!/bin/sh\n"}
    path = tmp_path / "script"
    path.write_text(f"{first[file]}exit 7\n")
    path.chmod(0o700)
    spawner = _spawning.Spawner()
    program = Program([os.fsencode(path)])
    if file == "missing interpreter":
        with pytest.raises(ChildError, match="its interpreter is missing") as caught:
            spawner.spawn(program, (0, 1, 2), aside=aside)
        assert caught.value.status == 126
    else:
        process = spawner.spawn(program, (0, 1, 2), aside=aside)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7


@pytest.mark.parametrize("spawn", [_posix_spawn.spawn_holding, _posix_spawn.find_releasing()])
def test_a_child_has_a_session_its_files_and_the_signals_that_python_ignores(
    spawn: _posix_spawn.Start,
) -> None:
    """Python ignores SIGPIPE, which would not end the child."""
    read_end, write_end = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    script = b'echo "$NAME"; ps -o sid= -p $$; kill -PIPE $$'
    process = spawn(
        b"/bin/sh",
        [b"sh", b"-c", script],
        {b"NAME": b"a=b", b"PATH": os.environb[b"PATH"]},
        (nothing, write_end, nothing),
    )
    os.close(write_end)
    os.close(nothing)
    with open(read_end) as output:
        assert output.read().split() == ["a=b", str(process)]
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGPIPE
    with pytest.raises(ValueError, match="null"):
        spawn(b"/bin/sh", [b"sh", b"a\0b"], {}, (0, 1, 2))


def test_where_the_library_cannot_python_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children start all the same."""
    monkeypatch.setattr(_posix_spawn.sys, "platform", "another")
    assert _posix_spawn.find_releasing() is _posix_spawn.spawn_holding


class Spawning:
    """What is noted of each start, and what it waits for before it returns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.processes: SimpleQueue[int] = SimpleQueue()
        self.may_return = threading.Event()
        spawn = _spawning.Spawner.spawn

        def noted(spawner: Any, *arguments: Any, **options: Any) -> int:
            process = spawn(spawner, *arguments, **options)
            self.processes.put(process)
            self.may_return.wait(PATIENCE)
            return process

        monkeypatch.setattr(_spawning.Spawner, "spawn", noted)
        monkeypatch.setattr(_child, "_FEW", 0)

    async def wait(self) -> int:
        """Wait until a child has been started, and return its number."""
        return await trio.to_thread.run_sync(self.processes.get)


async def test_what_nobody_wants_any_more_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it is cancelled before a thread is free."""
    spawning = Spawning(monkeypatch)
    async with open_children() as children, trio.open_nursery() as nursery:
        with children._starter.still():
            for output in (Collected(), None):
                nursery.start_soon(children.run, Program([b"true"]), output)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()
    assert spawning.processes.empty()


async def test_what_is_just_being_started_is_ended_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it is cancelled before its number is known."""
    spawning = Spawning(monkeypatch)
    async with open_children() as children, trio.open_nursery() as nursery:
        nursery.start_soon(children.run, Program([b"sleep", b"1000"]), Collected())
        process = await spawning.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.testing.wait_all_tasks_blocked()
        assert state_of(process) != "-"
        spawning.may_return.set()
    assert state_of(process) == "-"


async def test_what_is_just_being_started_is_no_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be reaped by others than those who wait for it."""
    spawning = Spawning(monkeypatch)
    statuses = list[int]()

    async def run(children: Children) -> None:
        statuses.append(await children.run(Program([b"sh", b"-c", b"exit 3"]), Collected()))

    async with open_children() as children, trio.open_nursery() as nursery:
        nursery.start_soon(run, children)
        process = await spawning.wait()
        wait_until(lambda: state_of(process) == "Z", "its end")
        threading.Timer(0.01, spawning.may_return.set).start()
        assert process not in children.orphans.alive()
    assert statuses == [3]

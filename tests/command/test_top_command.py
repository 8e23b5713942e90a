"""``gochan top``: on a terminal, with keys and signals, beside a worker; elsewhere, one picture."""

from __future__ import annotations

import json
import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gochan._command.queues._place import Place
from gochan._command.queues.top import Known, look
from gochan._command.queues.top import _known as known_module
from gochan._command.queues.top._deeds import do
from gochan._command.queues.top._live import _Live
from gochan._command.queues.top._panel import Deed
from gochan._command.queues.top._screen import Screen
from gochan.durable import (
    Ending,
    KnownWorker,
    NewJob,
    Store,
    StoreUnavailable,
    Worker,
    open_store,
)

from .. import processes, terminals
from ..processes import Gochan, Running, start
from ..terminals import Terminal
from . import stores
from .stores import complaint, in_store
from .test_keys import STOPPING

gochan = processes.gochan
terminal = terminals.terminal
folder = stores.folder

DB = "sqlite:jobs.db"


async def fill(store: Store) -> None:
    """Store jobs: one is done, two have failed for one reason, one runs, two wait."""
    jobs = [NewJob(queue="shrink", payload=json.dumps(f"./{n}.png").encode()) for n in range(6)]
    await store.enqueue(jobs)
    done, *failed = await store.claim("shrink", 3, Worker("oslo:1"), 3600)
    await store.finish([Ending(done.id, done.version, "done")])
    await store.finish([Ending(one.id, one.version, "failed", error="status 2") for one in failed])
    (runs,) = await store.claim("shrink", 1, Worker("oslo:1"), 3600)
    await store.start([runs.ticket])


@pytest.fixture
def db(folder: Path) -> str:
    """The address of a store with such jobs."""
    in_store(DB, fill)
    return DB


def state_of(number: int) -> str:
    async def ask(store: Store) -> str:
        (record,) = await store.look([number])
        assert record is not None
        return record.kind or record.state

    return in_store(DB, ask, access="read")


@contextmanager
def top(terminal: Terminal, **options: Any) -> Iterator[Running]:
    """Start it on a terminal that controls it."""
    words = ["top", DB, "--interval", "0.1"]
    with start(*words, stdin=terminal.slave, **terminal.files, **options) as running:
        yield running


# What is not a terminal


def test_elsewhere_one_picture_is_printed(db: str, gochan: Gochan) -> None:
    """Without colours, and whole, however long it is."""
    ended = gochan("top", db)
    assert (ended.status, ended.err) == (0, "")
    text = ended.out.decode()
    for words in ("sqlite:jobs.db", "1 job running, 2 waiting", "oslo:1", "2x shrink", "status 2"):
        assert words in text
    assert "\x1b" not in text
    assert "keys" not in text


def test_json_has_all_that_is_known(db: str, gochan: Gochan) -> None:
    """With the names of the records."""
    found = json.loads(gochan("top", "--at", db, "--json").out)
    assert [*found] == [
        "address", "now", "queues", "running", "waiting", "ended", "workers"
    ]  # fmt: skip
    assert found["queues"]["shrink"]["failed"] == 2
    assert [job["payload"] for job in found["running"]] == ["./3.png"]
    assert [job["id"] for job in found["waiting"]] == [5, 6]
    assert [job["error"] for job in found["ended"]] == ["status 2"] * 2


def test_what_is_wrong_is_said_before_the_view(folder: Path, gochan: Gochan) -> None:
    """A store that is not there, and an interval that makes no sense."""
    assert "there is no such file" in complaint(gochan("top", DB))
    assert "--interval" in complaint(gochan("top", DB, "--interval", "0"))


# On a terminal


def test_a_terminal_shows_the_store_and_is_as_it_was_afterwards(
    db: str, terminal: Terminal
) -> None:
    """Keys choose rows; q ends it, with status 0."""
    before = termios.tcgetattr(terminal.slave)
    with top(terminal) as running:
        terminal.expect("1 job running, 2 waiting")
        assert not terminal.cursor_shown
        assert b"\x1b[?1049h" in terminal.seen
        terminal.type(b"\x1b[B")
        terminal.expect("> shrink")
        terminal.type(b"?")
        terminal.expect("c cancel")
        terminal.type(b"q")
        assert running.ended().status == 0
    assert terminal.cursor_shown
    assert terminal.seen.endswith(b"\x1b[?1049l")
    assert termios.tcgetattr(terminal.slave) == before


def test_keys_steer(db: str, terminal: Terminal) -> None:
    """Explain, cancel, run again, pause, resume: the store is changed, and the view shows it."""
    with top(terminal) as running:
        terminal.expect("1 job running")
        terminal.type(b"jj")
        terminal.expect("> +4 shrink")
        terminal.type(b"e")
        terminal.expect("It runs on oslo:1")
        terminal.type(b"c")
        terminal.expect("cancel job 4")
        terminal.type(b"\r")
        terminal.expect("job 4: runs, and its worker is told")
        terminal.expect("cancelling")
        terminal.type(b"j")
        terminal.expect("> +2x shrink")
        terminal.type(b"r\r")
        terminal.expect("2 jobs will run again")
        terminal.type(b"jp")  # the reason has gone, and the next row is chosen
        terminal.expect("queue 'shrink' is paused")
        terminal.expect("shrink.* paused")
        terminal.type(b"p")
        terminal.expect("queue 'shrink' is resumed")
        terminal.type(b"q")
        assert running.ended().status == 0
    assert [state_of(one) for one in (2, 3)] == ["waiting"] * 2


@pytest.mark.slow
def test_the_view_follows_the_size(db: str, terminal: Terminal) -> None:
    """At once; nothing of the old picture stays."""
    with top(terminal):
        terminal.expect("1 job running")
        for columns, lines in ((60, 10), (120, 40), (20, 4), (80, 24)):
            terminal.resize(columns, lines)
            terminal.expect("keys")
            fits = partial(fills, terminal, columns, lines)
            processes.wait_until(fits, "the new size")


def fills(terminal: Terminal, columns: int, lines: int) -> bool:
    """Whether the foot is in the last line, and only there."""
    rows = terminal.screen
    feet = [number for number, row in enumerate(rows) if "keys" in row]
    return feet == [lines - 1] and max(map(len, rows)) <= columns


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_in_order(db: str, terminal: Terminal, number: int) -> None:
    """The terminal is as it was; the status says which."""
    before = termios.tcgetattr(terminal.slave)
    with top(terminal) as running:
        terminal.expect("1 job running")
        running.signal(number)
        assert running.ended().status == 128 + number
    assert terminal.cursor_shown
    assert termios.tcgetattr(terminal.slave) == before


def has_stopped(terminal: Terminal, count: int) -> bool:
    return terminal.read().count(b"stopped") == count


@pytest.mark.slow
def test_it_can_be_stopped_and_goes_on(db: str, terminal: Terminal, folder: Path) -> None:
    """By Ctrl-Z: meanwhile the terminal is as it was."""
    before = termios.tcgetattr(terminal.slave)
    with top(terminal, shell=STOPPING) as running:
        for count in (1, 2):
            terminal.expect("1 job running")
            processes.wait_until(lambda: termios.tcgetattr(terminal.slave) != before, "the keys")
            terminal.type(b"\x1a")
            processes.wait_until(partial(has_stopped, terminal, count), "the stop")
            assert terminal.cursor_shown
            assert termios.tcgetattr(terminal.slave) == before
            (folder / "go").touch()
            processes.wait_until(lambda: not terminal.cursor_shown, "the view")
        terminal.type(b"q")
        terminal.expect("status 0")
        running.ended()


def test_signals_that_were_ignored_at_the_start_stay_so(db: str, terminal: Terminal) -> None:
    """As the shell that started it wants: it cannot be stopped, nor interrupted."""
    with top(terminal, shell='trap "" TSTP INT; exec "$@"') as running:
        terminal.expect("1 job running")
        running.signal(signal.SIGTSTP)
        running.signal(signal.SIGINT)
        terminal.type(b"?")
        terminal.expect("c cancel")
        terminal.type(b"q")
        assert running.ended().status == 0


@pytest.mark.slow
def test_a_terminal_that_goes_away_ends_it(db: str, terminal: Terminal) -> None:
    """Without a traceback, and without a process that stays."""
    with top(terminal) as running:
        terminal.expect("1 job running")
        terminal.hang_up()
        assert running.ended().status in {128 + signal.SIGHUP, -signal.SIGHUP}


@pytest.mark.slow
@pytest.mark.parametrize("colours", [True, False])
def test_colours_unless_they_are_not_wanted(db: str, terminal: Terminal, colours: bool) -> None:
    """By NO_COLOR."""
    variables = {} if colours else {"NO_COLOR": "1"}
    with top(terminal, variables=variables):
        terminal.expect("1 job running")
    assert (b"\x1b[32m" in terminal.seen) == colours


# In this process


async def known_of(store: Store) -> Known:
    await fill(store)
    return await look(store)


async def test_a_store_that_cannot_be_reached_stays_in_view(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was known is shown, with what is wrong; and when it is back, that goes away."""
    problems = [StoreUnavailable("nobody answers")]

    async def statistics(queue: str) -> object:
        if problems:
            raise problems[0]
        return counts

    async with open_store("memory:") as store:
        known = await known_of(store)
        counts = known.queues["shrink"]
        monkeypatch.setattr(store, "statistics", statistics)
        live = _Live(Place(DB, {}, "read"), store, known, terminal.slave, 0.05)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live.run)
            await terminal.shows("nobody answers")
            assert "1 job running" in terminal.screen[0]
            problems.clear()
            await terminal.shows("QUEUES.*\n.*shrink")
            with trio.fail_after(10):
                while "nobody answers" in "\n".join(terminal.screen):  # noqa: ASYNC110
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert terminal.cursor_shown


async def test_a_terminal_that_cannot_be_written_ends_the_view() -> None:
    """Whether a signal says so or not."""
    terminal = Terminal()
    async with open_store("memory:") as store:
        known = await known_of(store)
        live = _Live(Place(DB, {}, "read"), store, known, terminal.slave, 0.05)
        terminal.hang_up()
        with trio.fail_after(10):
            assert await live.run() == 128 + signal.SIGHUP
    terminal.close()


async def test_only_so_much_is_looked_at(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queues in which most goes on are looked into; all are counted."""
    monkeypatch.setattr(known_module, "_QUEUES", 2)
    monkeypatch.setattr(known_module, "_WAITING", 3)
    async with open_store("memory:") as store:
        for number, queue in enumerate("abc"):
            await store.enqueue([NewJob(queue=queue, payload=b"1") for _ in range(number + 3)])
        known = await look(store)
    assert [counts.waiting for counts in known.queues.values()] == [3, 4, 5]
    assert [job.queue for job in known.waiting] == ["b"] * 3 + ["c"] * 3


async def test_a_store_that_knows_who_works_is_asked(autojump_clock: MockClock) -> None:
    """Its workers are lanes, whether they have a job or not."""

    async def workers() -> list[KnownWorker]:
        return [KnownWorker(name="kiel:5")]

    async with open_store("memory:") as store:
        assert (await look(store)).workers == ()
        store.workers = workers  # type: ignore[attr-defined]
        assert [worker.name for worker in (await look(store)).workers] == ["kiel:5"]


def done(deed: Deed, address: str = DB) -> list[str]:
    """Do something; return what is told of it."""
    return [*trio.run(do, Place(address, {}, "read"), deed)]


def test_deeds_tell_what_came_of_them(db: str) -> None:
    """Also that nothing did."""
    assert done(Deed("cancel", (5,))) == ["job 5: cancelled"]
    assert done(Deed("cancel", (5,))) == ["job 5: had ended already"]
    assert done(Deed("retry", (2, 5, 6))) == ["2 jobs will run again; 1 job cannot"]
    assert done(Deed("retry", (3,))) == ["1 job will run again"]
    assert done(Deed("pause", queue="shrink")) == ["queue 'shrink' is paused"]
    assert done(Deed("resume", queue="shrink")) == ["queue 'shrink' is resumed"]
    assert done(Deed("explain", (4,)))[0] == "job 4:"
    assert done(Deed("explain", (99,))) == ["job 99 is not kept any more"]


def test_a_deed_that_cannot_be_done_says_why(folder: Path) -> None:
    """Whether there is no store, or no such store at all."""
    (why,) = done(Deed("cancel", (5,)))
    assert "there is no such file" in why
    (why,) = done(Deed("cancel", (5,)), "nobody:")
    assert "there is no store 'nobody'" in why


async def test_a_picture_that_has_not_changed_is_not_sent(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a slow line, only changes cost anything. A size of nothing is the usual one."""
    rows = [b"one"]
    sizes = []

    def render(size: os.terminal_size) -> list[bytes]:
        sizes.append(size)
        return rows

    screen = Screen(terminal.slave, render)
    screen.leave()
    assert terminal.read() == b""
    async with trio.open_nursery() as nursery:
        screen.enter()
        nursery.start_soon(screen.run)
        await terminal.shows("one")
        seen = terminal.read()
        screen.repaint()
        await trio.sleep(0.2)
        assert terminal.read() == seen
        rows[0] = b"two"
        termios.tcsetwinsize(terminal.slave, (0, 0))
        screen.repaint()
        await terminal.shows("two")
        screen.leave()
        seen = terminal.read()
        rows[0] = b"three"
        screen.repaint()
        await trio.sleep(0.2)
        assert terminal.read() == seen
        nursery.cancel_scope.cancel()
    assert sizes[0] == sizes[-1] == os.terminal_size((80, 24))
    assert terminal.read().endswith(b"\x1b[?1049l")

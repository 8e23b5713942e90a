"""The live view on a terminal, by itself and in a whole run."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
import trio

from gochan._command._descriptors import STDOUT
from gochan._command.run.display import _live_display, _plain_display
from gochan._command.run.display._live_display import LiveDisplay

from .. import processes, terminals
from ..displays import state
from ..processes import (
    CANCELS,
    DRAINS,
    INT,
    ONE,
    TERM,
    numbers,
    sleepers,
    start,
    wait_until,
)
from ..terminals import Terminal

marker = processes.marker
terminal = terminals.terminal


@asynccontextmanager
async def open_live(terminal: Terminal) -> AsyncIterator[LiveDisplay]:
    """Open the display, and let it paint."""
    display = LiveDisplay(terminal.slave)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(display.run)
            await trio.testing.wait_all_tasks_blocked()
            yield display
            await display.drained()
            nursery.cancel_scope.cancel()
    finally:
        display.close()


# The view


async def test_the_view_is_drawn_over_in_its_place(terminal: Terminal) -> None:
    """The cursor is hidden; it waits where the view begins."""
    async with open_live(terminal) as live:
        live.say("hello")
        live.update(state(0, "sleep 1", "sleep 2", total=3))
        await terminal.shows("0/3 jobs")
        hello, *commands, bar = terminal.screen
        assert hello == "hello"
        assert commands == ["    1.0 s sleep 1", "    1.0 s sleep 2"]
        assert bar == f"{'━' * 40}  0/3 jobs  2 running  1 waiting"
        assert not terminal.cursor_shown
        assert terminal.cursor == (0, 1)
        live.update(state(2, "sleep 2", total=3, failed=1))
        await terminal.shows("2/3 jobs")
        assert terminal.screen[1:] == [
            "    1.0 s sleep 2",
            f"{'━' * 40}  2/3 jobs  1 running  1 failed",
        ]
        assert terminal.cursor == (0, 1)


async def test_what_is_said_comes_above_the_view(terminal: Terminal) -> None:
    """In particular commands that failed; those that are done are only counted."""
    async with open_live(terminal) as live:
        live.update(state(2, "a", "b"))
        await terminal.shows("2 running")
        live.say("no [bold]further[/bold] job :smile: \x1b[2J")
        live.ended("done", 1, "good", "")
        live.ended("failed", 1, "bad", "exit status 1")
        live.update(state(4, failed=1))
        await terminal.shows("1 failed")
        said, failed, bar = terminal.screen
        assert said == r"no [bold]further[/bold] job :smile: \x1b[2J"
        assert failed == "failed         1.00 s  bad (exit status 1)"
        assert bar.startswith("4/4+ jobs")


NASTY = [
    b"\x1b[2J\x1b[3J", b"\x1b[H", b"\x1b[5A", b"\x1b[999B", b"\x1b[20;20H", b"\x1b[2;3r",
    b"\x1b[?1049h", b"\x1bc", b"\x1b7\x1b[H", b"\x1b8", b"\x1bM\x1bM\x1bM", b"\x1bD",
    b"\x1b]0;title\x07", b"\x1b]2;title\x1b\\", b"\x1b]8;;http://x\x1b\\", b"\x1bPq#0\x1b\\",
    b"\x1b_Gx\x1b\\", b"\x1b[?25h", b"\x1b[?7h", b"\x1b[4h", b"\x1b[L\x1b[10M",
    b"\x1b[10S\x1b[10T", b"\x0b\x0b", b"\x0c", b"\x0e", b"\x07", b"\x00", b"\x7f", b"\xc2\x9b2J",
    b"\xc2\x9d0;title\x07", b"\xc2\x85\xc2\x8d", b"\xc2\x07\x9b5A", b"\x1b\x07[5A",
    b"\x1b[2\x1b[5A", b"\x1b[", b"\x1b", b"\x1b]", b"\x1b#8", b"\x1b(0", b"\x1b%@", b"\x1b[6n",
    b"\x1b[c",
]  # fmt: skip


async def test_output_of_commands_cannot_touch_the_view(terminal: Terminal) -> None:
    """Nor anything else but the rows above it; it is shown without what a terminal would obey."""
    async with open_live(terminal) as live:
        live.update(state(0, "a"))
        await terminal.shows("1 running")
        for nasty in NASTY:
            await live.show([b"-\n", b"one" + nasty + b"two\n", b"three"], terminal.slave)
            live.say(f"after {nasty!r}")
            await live.show([b"end\n"], terminal.slave)
            await live.drained()
            line, output, three, after, last, command, bar = terminal.screen[-7:]
            assert (line, three, after, last) == ("-", "three", f"after {nasty!r}", "end")
            assert re.fullmatch(r"one[ -~?�]*wo|one", output), nasty
            assert command == "    1.0 s a"
            assert bar.startswith("0/1+ jobs")
            assert terminal.cursor == (0, len(terminal.screen) - 2)
        assert terminal.title == ""
        assert not terminal.cursor_shown


@pytest.mark.parametrize("variable", ["", "1"])
async def test_the_view_has_colours_unless_they_are_not_wanted(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """`NO_COLOR` says so, if it is not empty."""
    monkeypatch.setenv("NO_COLOR", variable)
    async with open_live(terminal) as live:
        live.update(state(1, "a", total=2, failed=1))
        await terminal.shows("1 failed")
        assert (b"\x1b[32m" in terminal.seen) == (not variable)
        assert (b"\x1b[31m  1 failed\x1b[0m" in terminal.seen) == (not variable)


async def test_colours_of_output_stay_but_do_not_leave_it(terminal: Terminal) -> None:
    """What is said below it is as usual; the next piece of the output goes on in its colour."""
    async with open_live(terminal) as live:
        await live.show([b"\x1b[1;31mred\n", b"still\n", b"\x1b[mplain\n"], terminal.slave)
        live.say("said")
        await terminal.shows("said")
        assert terminal.colours("default") == ["plain", "said"]
        assert terminal.colours("red") == ["red", "still"]


async def test_output_of_commands_comes_above_the_view(terminal: Terminal) -> None:
    """Undecodable bytes do no harm, nor does a missing end of line, nor a long line."""
    async with open_live(terminal) as live:
        live.update(state(0, "a"))
        await live.show([b"one\ntwo ", b"[red]"], terminal.slave)
        await live.show([b"three \xff\tx\ry\n"], terminal.slave)
        await live.show([b"z" * 170], terminal.slave)
        await live.show([], terminal.slave)
        await terminal.shows("1 running")
        *output, command, _ = terminal.screen
        assert output == ["one", "two [red]", "yhree � x", "z" * 80, "z" * 80, "z" * 10]
        assert command == "    1.0 s a"


async def test_the_view_stands_on_its_terminal_alone(terminal: Terminal) -> None:
    """Standard output may be a file, a pipe or another terminal."""
    async with open_live(terminal) as live:
        with closing(Terminal()) as other:
            assert live.stands_on(terminal.slave)
            assert not live.stands_on(other.slave)
            assert not live.stands_on(STDOUT)


async def test_after_the_end_only_the_lines_and_the_summary_are_left(terminal: Terminal) -> None:
    """No trace of the live view; the cursor is back. Closing twice does nothing."""
    async with open_live(terminal) as live:
        for step in range(5):
            live.update(state(0, *["a"] * (5 - step)))
            await terminal.shows(f"{5 - step} running")
        live.say("hello")
    live.close()
    live.update(state(5))
    live.summarize([("done", "5"), ("seconds", "1.0")])
    assert terminal.screen == ["hello", "", " done        5", " seconds   1.0"]
    assert terminal.cursor_shown


async def test_frames_are_at_most_ten_in_a_second(terminal: Terminal) -> None:
    """However much changes; a flood of output costs no more frames than it must."""
    async with open_live(terminal) as live:
        for number in range(100):
            live.update(state(number, "a"))
            await live.show([b"%d\n" % number], terminal.slave)
            await trio.sleep(0.003)
        await live.drained()
        assert 3 <= terminal.read().count(b"jobs") <= 10
        assert terminal.screen[-3] == "99"


async def test_a_flood_of_output_waits_for_the_terminal(terminal: Terminal) -> None:
    """So that it need not be kept in memory; and the view is drawn once for many lines."""
    async with open_live(terminal) as live, trio.open_nursery() as nursery:
        live.update(state(0, "a"))
        lines = b"x" * 79 + b"\n"

        @nursery.start_soon
        async def flood() -> None:
            await live.show([lines * 1000] * 10, terminal.slave)

        await trio.testing.wait_all_tasks_blocked(0.1)
        assert nursery.child_tasks
        while nursery.child_tasks:
            terminal.read()
            await trio.sleep(0.001)
        live.update(state(1))
        while b"1/1+ jobs" not in terminal.read():  # noqa: ASYNC110
            await trio.sleep(0.001)
        assert terminal.seen.count(b"jobs") < 15
        assert terminal.seen.count(b"\n") > 10_000


async def test_a_terminal_that_takes_nothing_does_not_block_the_run(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after Ctrl-S: what is said is lost in the end, and the run goes on."""
    monkeypatch.setattr(_live_display, "PATIENCE", 0.1)
    monkeypatch.setattr(_plain_display, "PATIENCE", 0.1)
    live = LiveDisplay(terminal.slave)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(live.run)
        os.set_blocking(terminal.slave, False)
        # The kernel may still make room for a moment, where a blocking write would find too little.
        while select.select([], [terminal.slave], [], 0.2)[1]:
            with suppress(BlockingIOError):
                os.write(terminal.slave, b"\r" * 1000)
        os.set_blocking(terminal.slave, True)
        live.update(state(0, "a"))
        for _ in range(3):
            live.say("hello" * 30000)
        await trio.testing.wait_all_tasks_blocked(0.1)
        await live.drained()
        nursery.cancel_scope.cancel()
    live.close()
    assert "hello" not in "\n".join(terminal.screen)


async def test_a_terminal_that_has_gone_is_an_error_for_output_alone() -> None:
    """The run has to know that it cannot be seen; what is said may be lost."""
    terminal = Terminal()
    async with open_live(terminal) as live:
        live.update(state(0, "a"))
        await terminal.shows("1 running")
        terminal.hang_up()
        await live.show([b"x"], terminal.slave)
        await live.drained()
        with pytest.raises(OSError):
            await live.show([b"x"], terminal.slave)
    terminal.close()


# In a whole run


@pytest.mark.parametrize("columns", ["0", "²", "x"])
def test_a_terminal_of_strange_width_shows_the_output(columns: str) -> None:
    """What the environment says about the width may be wrong."""
    with closing(Terminal()) as terminal:
        with start(
            "run",
            "--",
            "echo",
            lines=b"hello\n",
            stdout=terminal.slave,
            stderr=terminal.slave,
            variables={"COLUMNS": columns},
        ) as running:
            assert running.ended().status == 0
        assert "hello" in terminal.screen


def test_on_a_terminal_progress_is_shown_and_the_summary_remains(
    tmp_path: Path, terminal: Terminal
) -> None:
    """Output and failures come above; of the live view nothing is left in the end."""
    (tmp_path / "script").write_text("""
        case $1 in
            1) echo one;;
            2) exit 5;;
            *) until [ -e go ]; do sleep 0.01; done; echo three;;
        esac
    """)
    arguments = ["run", *ONE, "--keep-going", "--", "sh", "script"]
    files = {"stdout": terminal.slave, "stderr": terminal.slave}
    with start(*arguments, lines=numbers(3), cwd=tmp_path, **files) as running:
        terminal.expect("2/3 jobs  1 running  1 failed")
        assert terminal.screen[0] == "one"
        assert any(row.endswith(" s sh script 3") for row in terminal.screen)
        assert not terminal.cursor_shown
        (tmp_path / "go").touch()
        assert running.ended().status == 1
    rows = [row for row in terminal.screen if row]
    assert rows[0] == "one"
    assert rows[1].startswith("failed ")
    assert rows[1].endswith(" s  sh script 2 (exit status 5)")
    assert rows[-4:-1] == ["three", " done        2", " failed      1"]
    assert rows[-1].startswith(" seconds ")
    assert terminal.cursor_shown


def test_on_a_terminal_the_lines_of_a_file_are_counted_ahead(
    terminal: Terminal, tmp_path: Path
) -> None:
    """However few of them have been read so far."""
    (tmp_path / "script").write_text("until [ -e go$1 ]; do sleep 0.01; done; exit $1")
    options = ["--workers", "2", "--capacity", "1", "--drain", "inf"]
    arguments = ["run", *options, "--", "sh", "script"]
    lines = b"0\n1\n2\n3\n4\n"
    with start(*arguments, lines=lines, cwd=tmp_path, stderr=terminal.slave) as running:
        terminal.expect("0/5 jobs  2 running  3 waiting")
        (tmp_path / "go1").touch()
        terminal.expect("1/5 jobs  1 running  1 failed")
        (tmp_path / "go0").touch()
        running.ended()


def test_on_a_terminal_signals_are_explained(terminal: Terminal, marker: str) -> None:
    """Above the live view, which is gone in the end."""
    with start("run", "--", "sleep", lines=marker.encode(), stderr=terminal.slave) as running:
        terminal.expect("1 running")
        for line in (DRAINS, CANCELS):
            running.signal(INT)
            terminal.expect(line)
        assert running.ended().status == 130
    text = "\n".join(terminal.screen)
    assert "━" not in text
    assert " interrupted     1" in text
    assert terminal.cursor_shown


def test_on_a_terminal_the_phase_of_a_stop_and_the_time_left_are_shown(
    terminal: Terminal, marker: str
) -> None:
    """Beside the count of what runs."""
    arguments = ["run", "--drain", "300", "--grace", "200", "--", "sh", "-c"]
    script = f"trap '' TERM; sleep {marker} & wait; wait"
    with start(*arguments, script, lines=b"a", stderr=terminal.slave) as running:
        terminal.expect("1 running")
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(TERM)
        terminal.expect(r"stopping: what runs may finish, (5:00|4:5\d) min left, Ctrl-C cancels it")
        running.signal(INT)
        terminal.expect(r"stopping: what runs is cancelled, 3:\d\d min left, Ctrl-C kills it")
        running.signal(INT)
        running.ended()


def test_commands_may_go_on_for_any_time_after_ctrl_c(terminal: Terminal, tmp_path: Path) -> None:
    """The live view then names the phase alone, and they end by themselves."""
    go_on = tmp_path / "go on"
    script = f'while [ ! -e "{go_on}" ]; do sleep 0.05; done'
    arguments = ["run", "--drain", "inf", "--grace", "inf", "--", "sh", "-c", script]
    with start(*arguments, lines=b"a", stderr=terminal.slave) as running:
        terminal.expect("1 running")
        running.signal(INT)
        terminal.expect("stopping: what runs may finish, Ctrl-C cancels it")
        go_on.touch()
        assert running.ended().status == 130
    assert " done        1" in "\n".join(terminal.screen)


# Terminals of all sizes

SIZES = [(20, 5), (40, 10), (80, 24), (120, 40), (200, 50), (300, 80)]
BAR = r"\d+/20( jobs)?(  .*)?$"
AGE = r"^ +[\d.:]+ (s|min) "


def looks_right(terminal: Terminal, columns: int, lines: int) -> bool:
    """Check what is shown, if it is a whole frame; return whether a view was there."""
    frames = len(terminal.read())
    screen, (column, top), shown = terminal.screen, terminal.cursor, terminal.cursor_shown
    if len(terminal.seen) > frames or not terminal.seen.endswith(b"\x1b[?7h"):
        return False
    assert column == 0, screen
    assert not shown
    assert re.search(BAR, screen[-1]), screen
    assert len(screen) - top <= max(2, lines // 3), screen
    for row in screen[top:-1]:
        assert re.search(AGE, row) or re.fullmatch(r" +\+[123] more", row), screen
    for row in screen[:top]:
        assert re.match("out|failed|x+$|終+|gochan:|(s  )?sh script|.*exit status", row), (
            row,
            screen,
        )
    return True


@pytest.mark.parametrize("number", range(6), ids=lambda number: "{}x{}".format(*SIZES[number]))
def test_the_view_is_right_in_terminals_of_all_sizes(tmp_path: Path, number: int) -> None:
    """Also after it has changed, and beside output that is longer than the screen."""
    (columns, lines), other = SIZES[number], SIZES[5 - number]
    (tmp_path / "script").write_text("""
        sleep 0.4
        for row in 1 2 3 4 5 6 7; do echo out $1; done
        printf 'out %s%0500d\\n' '' 0 | tr 0 x
        printf '終終\\t\\033[2J\\033[5Aout\\n'
        [ $1 != 7終 ]
    """)
    given = "".join(f"{number}終\n" for number in range(1, 21)).encode()
    frames = 0
    with closing(Terminal(columns, lines)) as terminal:
        arguments = ["run", "--workers", "4", "--keep-going", "--", "sh", "script"]
        with start(*arguments, lines=given, cwd=tmp_path, **terminal.files) as running:
            while running.process.poll() is None:
                frames += looks_right(terminal, columns, lines)
                if frames == 3:
                    frames += 1
                    columns, lines = other
                    terminal.resize(columns, lines)
                    old = terminal.seen.count(b"\x1b[?7l") + 1  # the next may be of the old size
                    while terminal.read().count(b"\x1b[?7l") <= old:
                        time.sleep(0.005)
                time.sleep(0.005)
            assert running.ended().status == 1
        assert frames > 4
        assert terminal.cursor_shown
        assert terminal.screen[-2:][0].split() == ["failed", "1"]
        assert terminal.screen[-1].split()[0] == "seconds"
        assert not [row for row in terminal.screen if re.search(AGE + "sh", row)]
        assert not [row for row in terminal.screen if re.search(BAR, row)]

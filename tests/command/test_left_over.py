"""The lines that were not done: none is lost, and none is both done and left over."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gochan._command.run.files import _replacing
from gochan._command.run.items import _left_over
from gochan._command.run.items._item import Item
from gochan._command.run.items._left_over import LeftOver
from gochan._command.run.items._source import Rest

from .. import processes, terminals
from ..processes import (
    INT,
    ONE,
    TERM,
    Gochan,
    RunLines,
    changed,
    finish,
    numbers,
    sleepers,
    start,
    wait_until,
)
from ..terminals import Terminal

gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker
terminal = terminals.terminal


# Which lines


def test_no_line_is_both_done_and_left_over_and_none_is_lost(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """Those left over come in the order of the input, equal lines as often as they were there."""
    lines = [
        f"{kind} {number % 40}" for number, kind in enumerate(["ok", "bad", "ok", "kill"] * 40)
    ]
    left = tmp_path / "left"
    script = "case $1 in bad*) exit 1;; kill*) kill -9 $$;; esac; echo $1"
    ended = run_lines(
        "\n".join(lines).encode(), "--workers", "3", "--keep-going", "--left-over", left,
        "--", "sh", "-c", script, "sh",
    )  # fmt: skip
    assert left.read_text().splitlines() == [line for line in lines if "ok" not in line]
    assert sorted(ended.out.decode().splitlines()) == sorted(line for line in lines if "ok" in line)


def test_lines_that_were_never_read_are_left_over_too(run_lines: RunLines, tmp_path: Path) -> None:
    """A file is read to its end, however long it is."""
    left = tmp_path / "left"
    lines = b"".join(b"line %d \xc3\xa9\r\n" % number for number in range(30_000))
    ended = run_lines(lines, *ONE, "--capacity", "1", "--left-over", left, "--", "false")
    assert ended.status == 1
    assert left.read_bytes() == lines
    assert sum(map(int, ended.summary.values())) == 30_000


def test_of_a_pipe_what_has_been_written_is_left_over(tmp_path: Path) -> None:
    """We do not wait for the end of something that may have none; the summary says so."""
    left = tmp_path / "left"
    arguments = ["run", *ONE, "--left-over", left, "--", "false"]
    impatient = changed("_command.run.items._reader", "_SILENCE = 0.3")
    with start(*arguments, command=impatient, stdin=subprocess.PIPE) as running:
        running.write(numbers(500) + b"half a li")
        ended = running.ended()
    assert ended.status == 1
    assert left.read_bytes() == numbers(500) + b"half a li\n"
    assert [*ended.summary] == ["failed", "handed back", "never started", "rest of the input"]
    assert ended.summary["rest of the input"] == "not read"
    assert sum(map(int, [*ended.summary.values()][:-1])) == 501


def test_of_a_slow_pipe_everything_is_left_over(tmp_path: Path) -> None:
    """As long as lines keep arriving."""
    left = tmp_path / "left"
    writer = "for i in 1 2 3 4; do echo $i; sleep 0.3; done"
    ended = finish("run", *ONE, "--left-over", left, "--", "false", shell=f'({writer}) | "$@"')
    assert (ended.status, left.read_bytes()) == (1, numbers(4))


@pytest.mark.slow
def test_a_pipe_that_goes_on_and_on_is_given_up(tmp_path: Path) -> None:
    """After ten seconds; what came until then is left over."""
    left = tmp_path / "left"
    writer = "i=0; while :; do i=$((i + 1)); echo $i || exit; sleep 0.5; done"
    arguments = ["run", *ONE, "--left-over", left, "--", "false"]
    with start(*arguments, shell=f'({writer}) | "$@"') as running:
        running.expect("failed ")
        since = time.monotonic()
        ended = running.ended(seconds=60)
    assert 9 <= time.monotonic() - since < 20
    count = len(left.read_bytes().split())
    assert count >= 15
    assert left.read_bytes() == numbers(count)
    assert (ended.status, ended.summary["rest of the input"]) == (1, "not read")


# The file


def test_the_left_over_file_may_be_the_input(gochan: Gochan, tmp_path: Path) -> None:
    """Then the same command line continues a run that was ended early."""
    path = tmp_path / "todo"
    path.write_bytes(numbers(8))
    arguments = ["run", *ONE, "--input", path, "--left-over", path, "--", "sh", "-c"]
    assert gochan(*arguments, "echo $1; test $1 != 3", "sh").out == b"1\n2\n3\n"
    assert path.read_text().split() == ["3", "4", "5", "6", "7", "8"]
    assert gochan(*arguments, "echo $1", "sh").status == 0
    assert path.read_bytes() == b""


def test_without_failures_the_left_over_file_is_empty(run_lines: RunLines, tmp_path: Path) -> None:
    """Whatever it held before."""
    left = tmp_path / "left"
    left.write_text("from before\n")
    assert run_lines(b"a\n", "--left-over", left, "--", "true").status == 0
    assert left.read_bytes() == b""


def test_what_is_left_over_may_go_to_a_device(run_lines: RunLines, terminal: Terminal) -> None:
    """A device cannot be replaced at the end, as a file is."""
    # Not /dev/null: as root, a program with a mistake would replace it.
    device = os.ttyname(terminal.slave)
    ended = run_lines(b"a\n", "--left-over", device, "--", "false")
    assert (ended.status, ended.complaints) == (1, [])
    assert terminal.screen == ["a"]


def test_left_over_lines_that_cannot_be_written_are_a_problem_in_one_line(
    run_lines: RunLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be full by then. The file stays as it was."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_left_over.Content, "write", fail)
    left = tmp_path / "left"
    left.write_text("from before\n")
    ended = run_lines(b"a\n", "--left-over", left, "--", "false")
    assert ended.status == 2
    assert ended.complaints == [f"gochan: cannot write {left}: No space left on device"]
    assert left.read_text() == "from before\n"
    assert sorted(tmp_path.iterdir()) == [left, tmp_path / "lines"]


def test_the_left_over_file_stays_if_there_is_no_room_for_the_lines(tmp_path: Path) -> None:
    """It may be the input, so it is replaced at the end, or not at all. What fits is kept."""
    todo = tmp_path / "todo"
    lines = numbers(200_000)
    todo.write_bytes(lines)
    todo.chmod(0o640)
    arguments = ["run", *ONE, "--input", todo, "--left-over", todo, "--", "false"]
    ended = finish(*arguments, shell='ulimit -f 1000; exec "$@"')
    assert ended.status == 2
    assert todo.read_bytes() == lines
    part = tmp_path / "todo.partial"
    assert sorted(tmp_path.iterdir()) == [todo, part]
    kept = part.read_bytes()
    assert kept.endswith(b"\n")
    assert lines.startswith(kept)
    count = kept.count(b"\n")
    assert count > 10_000
    (complaint,) = ended.complaints
    assert complaint.endswith(f"File too large; {part} has the first {count:,} lines")
    assert finish(*arguments).status == 1
    assert todo.read_bytes() == lines
    assert todo.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("room", [0, 3])
def test_no_line_is_lost_if_there_is_no_room_to_put_it_aside(tmp_path: Path, room: int) -> None:
    """Nor is a part of it kept twice. The left-over file may be on another disk."""
    program = f"""
import errno, io
from gochan._command.run.items import _reader
from gochan.__main__ import main

class Full:
    def __init__(self, file):
        self.file = file
        self.tell, self.fileno, self.close = file.tell, file.fileno, file.close

    def write(self, data):
        free = 1000 + {room} - self.file.tell()
        if not free:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(bytes(data)[:free])

original = _reader.open_scratch
_reader.open_scratch = lambda: Full(original())
main()
"""
    left, began = tmp_path / "left", tmp_path / "began"
    writer = f"echo a; until [ -e {began} ]; do sleep 0.01; done; echo b; seq 30000"
    ended = finish(
        "run", *ONE, "--left-over", left, "--", "sh", "-c", f"touch {began}; exit 1",
        command=(sys.executable, "-c", program), shell=f'({writer}) | "$@"',
    )  # fmt: skip
    assert ended.complaints == [
        "gochan: cannot keep the rest of the input: No space left on device"
    ]
    assert ended.status == 2
    assert left.read_bytes()[:4] == b"a\nb\n"
    assert numbers(30_000).startswith(left.read_bytes()[4:-1])
    assert len(left.read_bytes()) > 1000


@pytest.mark.parametrize("go_on", [0, 3])
def test_what_was_written_when_there_is_no_more_time_is_kept(tmp_path: Path, go_on: int) -> None:
    """Lines in memory are written in any case; the rest of a file may be too long."""
    left, path = tmp_path / "left", tmp_path / "lines"
    left.write_bytes(b"from before\n")
    path.write_bytes(b"".join(b"%07d\n" % number for number in range(4 << 20)))
    left_over = LeftOver(str(left))
    left_over.add(Item(1, (b"undone",), 1))
    asked = iter([True] * go_on)
    with path.open("rb", buffering=0) as file:
        content = left_over.content(Rest([b"held\n"], file, offset=8))
        saved = left_over.save(content, lambda: next(asked, False))
        part = tmp_path / "left.partial"
        lines = part.read_bytes().splitlines()
        count = f"{len(lines):,} lines"
        assert saved.problem == (
            f"cannot write {left}: there was no time; {part} has the first {count}"
        )
        assert lines[:3] == [b"undone", b"held", b"0000001"][: 3 if go_on else 2]
        assert len(lines) == 2 + go_on * (1 << 20)
        assert left.read_bytes() == b"from before\n"
        part.unlink()
        saved = left_over.save(content, lambda: False, keep_part=False)
        assert "there was no time" in saved.problem
        assert sorted(tmp_path.iterdir()) == [left, path]


def test_a_device_that_takes_nothing_is_a_problem(run_lines: RunLines) -> None:
    """In one line. It cannot have a part beside it."""
    ended = run_lines(b"a\n", *ONE, "--left-over", "/dev/full", "false")
    assert ended.status == 2
    assert ended.complaints == ["gochan: cannot write /dev/full: No space left on device"]


def test_a_device_need_not_get_all_that_is_there(tmp_path: Path) -> None:
    """If there is no time."""
    path = tmp_path / "lines"
    path.write_bytes(b"a\n")
    left_over = LeftOver(os.devnull)
    with path.open("rb", buffering=0) as file:
        saved = left_over.save(left_over.content(Rest([], file)), lambda: False)
    assert saved.problem == "/dev/null is not complete"


def test_a_file_that_became_shorter_ends_where_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may change it."""
    left, path = tmp_path / "left", tmp_path / "lines"
    left.touch()
    path.write_bytes(b"a\nb")
    real = os.fstat

    def longer(descriptor: int) -> Any:
        found = real(descriptor)
        size = 1000 if descriptor == file.fileno() else found.st_size
        return os.stat_result((*found[:6], size, *found[7:]))

    with path.open("rb", buffering=0) as file:
        monkeypatch.setattr(os, "fstat", longer)
        left_over = LeftOver(str(left))
        assert left_over.save(left_over.content(Rest([], file))).problem == ""
        monkeypatch.undo()
    assert left.read_bytes() == b"a\nb\n"


def test_the_header_comes_before_the_rest_of_a_file(tmp_path: Path) -> None:
    """And only if there is more than that."""
    left, path = tmp_path / "left", tmp_path / "lines"
    left.touch()
    path.write_bytes(b"h\na\n")
    left_over = LeftOver(str(left))
    with path.open("rb", buffering=0) as file:
        left_over.save(left_over.content(Rest([], file, offset=2, header=b"h\n")))
        assert left.read_bytes() == b"h\na\n"
        left_over.save(left_over.content(Rest([], file, offset=4, header=b"h\n")))
        assert left.read_bytes() == b""
    left_over.save(left_over.content(Rest([], header=b"h\n")))
    assert left.read_bytes() == b""


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_no_other_file_stays_if_one_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Whatever the reason."""

    def fail(*_: object) -> None:
        raise error

    left = tmp_path / "left"
    left.touch()
    left_over = LeftOver(str(left))
    content = left_over.content(Rest([b"a\n"]))
    if isinstance(error, OSError):
        monkeypatch.setattr(os, "replace", fail)
        assert left_over.save(content).problem == f"cannot write {left}: broken"
    else:
        monkeypatch.setattr(_left_over.Content, "write", fail)
        with pytest.raises(KeyboardInterrupt):
            left_over.save(content)
    assert [*tmp_path.iterdir()] == [left]


def test_a_line_that_is_longer_than_all_that_was_written_is_not_kept(tmp_path: Path) -> None:
    """There is no end of it."""
    todo = tmp_path / "todo"
    todo.write_bytes(b"x" * 3_000_000 + b"\n")
    arguments = ["run", *ONE, "--input", todo, "--left-over", todo, "false"]
    ended = finish(*arguments, shell='ulimit -f 4000; exec "$@"')
    assert ended.complaints == [f"gochan: cannot write {todo}: File too large"]
    assert [*tmp_path.iterdir()] == [todo]


def test_many_lines_in_memory_are_written(run_lines: RunLines, tmp_path: Path) -> None:
    """Piece by piece."""
    left = tmp_path / "left"
    lines = [b"%d" % number * 100_000 for number in range(30)]
    ended = run_lines(b"\n".join(lines), *ONE, "--keep-going", "--left-over", left, "false")
    assert ended.status == 1
    assert left.read_bytes().splitlines() == lines


def test_without_a_line_nothing_is_kept_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """Not even its name."""
    left, path = tmp_path / "left", tmp_path / "lines"
    left.touch()
    path.write_bytes(b"a\n")
    left_over = LeftOver(str(left))
    with path.open("rb", buffering=0) as file:
        saved = left_over.save(left_over.content(Rest([], file)), lambda: False)
    assert saved.problem == f"cannot write {left}: there was no time"
    assert sorted(tmp_path.iterdir()) == [left, path]


def test_a_file_that_the_system_cannot_copy_is_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every system can, nor from every file. Other errors are errors."""

    def fail(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    left, path = tmp_path / "left", tmp_path / "lines"
    left.touch()
    path.write_bytes(numbers(300_000))
    monkeypatch.setattr(os, "sendfile", fail)
    with path.open("rb", buffering=0) as file:
        left_over = LeftOver(str(left))
        content = left_over.content(Rest([], file))
        error = errno.EINVAL
        assert left_over.save(content).problem == ""
        assert left.read_bytes() == path.read_bytes()
        error = errno.EIO
        assert left_over.save(content).problem == f"cannot write {left}: Input/output error"


def test_the_new_file_is_like_the_old_one(run_lines: RunLines, tmp_path: Path) -> None:
    """With the same owner and mode, and under the same names, as far as that can be."""
    left, link = tmp_path / "left", tmp_path / "link"
    left.touch()
    left.chmod(0o604)
    link.symlink_to(left)
    if os.geteuid() == 0:
        os.chown(left, 1234, 2345)
    old = left.stat()
    ended = run_lines(b"a\n", *ONE, "--left-over", link, "false")
    new = left.stat()
    assert ended.complaints == []
    assert left.read_bytes() == b"a\n"
    assert link.is_symlink()
    assert (new.st_uid, new.st_gid, new.st_mode) == (old.st_uid, old.st_gid, old.st_mode)


def test_other_names_of_the_old_file_keep_it_and_that_is_said(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """They are links that cannot be replaced together."""
    left = tmp_path / "left"
    left.write_bytes(b"from before\n")
    names = [tmp_path / "one", tmp_path / "two"]
    for number, name in enumerate(names):
        name.hardlink_to(left)
        ended = run_lines(b"a\n", *ONE, "--left-over", left, "false")
        others = "1 other name" if not number else "2 other names"
        assert ended.complaints == [
            f"gochan: {left} is a new file; {others} of the old one keep its content"
        ]
        assert ended.status == 1
        assert name.read_bytes() == b"from before\n"
        assert left.read_bytes() == b"a\n"
        left.unlink()
        left.hardlink_to(name)


def test_an_owner_that_cannot_be_kept_is_said(
    run_lines: RunLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the superuser can give a file away."""

    def fail(*_: object) -> None:
        raise PermissionError

    left = tmp_path / "left"
    left.touch()
    real = os.stat(left)

    def stat_of(path: Any, original: Any = os.stat) -> os.stat_result:
        found: os.stat_result = original(path)
        if path != str(left):
            return found
        return os.stat_result((*found[:4], real.st_uid + 1, *found[5:]))

    monkeypatch.setattr(os, "fchown", fail)
    monkeypatch.setattr(_replacing, "os", SimpleNamespace(**{**vars(os), "stat": stat_of}))
    ended = run_lines(b"a\n", *ONE, "--left-over", left, "false")
    assert ended.complaints == [f"gochan: {left} has another owner or group now, since it is new"]
    assert left.read_bytes() == b"a\n"


def test_a_file_that_could_not_be_replaced_is_refused_at_once(
    run_lines: RunLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since a new file is written beside it."""
    left = tmp_path / "left"
    left.touch()
    monkeypatch.setattr(os, "access", lambda path, _: path != str(tmp_path))
    ended = run_lines(b"a\n", "--left-over", left, "/bin/true")
    assert (ended.status, ended.out) == (2, b"")
    (complaint,) = ended.complaints
    assert complaint.endswith("it is to be replaced, but its folder cannot be written")


# In which form


@pytest.mark.parametrize(
    ("options", "lines", "left"),
    [
        (["--null"], b"a\0b\nc\0\0d", b"b\nc\0d\0"),
        (["-d", ";"], b"a;b;c", b"b;c;"),
        (["--header"], b"h\na\nb\nc\n", b"h\nb\nc\n"),
        (["-n2"], b"a\nx\nb\ny\n\nc\n", b"b\ny\nc\n"),
        (["--capacity", "0"], b"a\nb\nc\nd", b"b\nc\nd\n"),
    ],
)
def test_what_is_left_over_can_be_the_next_input(
    run_lines: RunLines, tmp_path: Path, options: list[str], lines: bytes, left: bytes
) -> None:
    """With the same options."""
    path = tmp_path / "left"
    ended = run_lines(lines, *ONE, *options, "--left-over", path, "sh", "-c", "test $1 = a", "sh")
    assert (ended.status, path.read_bytes()) == (1, left)
    ended = run_lines(left, *ONE, *options, "--left-over", path, "true")
    assert (ended.status, path.read_bytes()) == (0, b"")


# When


def test_the_file_is_written_as_soon_as_a_run_begins_to_end(tmp_path: Path) -> None:
    """With what still runs. Who kills us then loses no line."""
    left, lines = tmp_path / "left", tmp_path / "lines"
    lines.write_bytes(numbers(500_000))
    script = f"touch {tmp_path}/began; until [ -e {tmp_path}/go ]; do sleep 0.02; done"
    arguments = ["run", *ONE, "--input", lines, "--left-over", left, "sh", "-c", script]
    with start(*arguments) as running:
        wait_until((tmp_path / "began").exists, "the first command")
        running.signal(TERM)
        wait_until(lambda: left.exists() and left.read_bytes() == lines.read_bytes(), "the file")
        (tmp_path / "go").touch()
        ended = running.ended()
    assert ended.status == 143
    assert left.read_bytes() == numbers(500_000).removeprefix(b"1\n")
    assert ended.summary["done"] == "1"
    assert sum(map(int, ended.summary.values())) == 500_000
    assert sorted(tmp_path.glob("l*")) == [left, lines]


@pytest.mark.parametrize("source", ["lines", "arguments"])
def test_it_is_written_early_though_all_was_read(tmp_path: Path, source: str) -> None:
    """What waits is in memory only."""
    left = tmp_path / "left"
    script = f"touch {tmp_path}/began; until [ -e {tmp_path}/go ]; do sleep 0.02; done"
    arguments = ["run", *ONE, "--left-over", left, "sh", "-c", script, "sh"]
    more = [":::", *"123"] if source == "arguments" else []
    with start(*arguments, *more, lines=numbers(3)) as running:
        wait_until((tmp_path / "began").exists, "the first command")
        running.signal(INT)
        wait_until(lambda: left.exists() and left.read_bytes() == numbers(3), "the file")
        (tmp_path / "go").touch()
        assert running.ended().status == 130
    assert left.read_bytes() == b"2\n3\n"


def test_a_ctrl_c_after_the_last_command_ends_the_wait_for_a_pipe(tmp_path: Path) -> None:
    """Which would take ten seconds here."""
    left = tmp_path / "left"
    patient = changed("_command.run.items._reader", "_SILENCE = 60")
    arguments = ["run", *ONE, "--left-over", left, "false"]
    with start(*arguments, command=patient, stdin=subprocess.PIPE) as running:
        running.write(b"a\n")
        running.expect("failed ")
        running.write(b"b\n")
        time.sleep(0.2)
        assert running.process.poll() is None
        since = time.monotonic()
        running.signal(INT)
        ended = running.ended()
    assert time.monotonic() - since < 5
    assert ended.summary["rest of the input"] == "not read"
    assert left.read_bytes() == b"a\nb\n"


# Whatever happens


def test_left_over_lines_survive_a_signal_that_comes_late(tmp_path: Path) -> None:
    """When everything has ended, and they are just being written."""
    todo = tmp_path / "todo"
    for number in (INT, TERM):
        todo.write_bytes(numbers(5))
        program = f"""
import os, sys
from gochan._command.run.items import _left_over
from gochan.__main__ import main

def interrupted(*arguments, original=_left_over.LeftOver.save, **options):
    os.kill(os.getpid(), {number})
    return original(*arguments, **options)

_left_over.LeftOver.save = interrupted
main()
"""
        command = (sys.executable, "-c", program)
        arguments = ["run", "--input", todo, "--left-over", todo, "--", "false"]
        ended = finish(*arguments, command=command)
        assert todo.read_bytes() == numbers(5)
        assert ended.status in (1, 128 + number)
        assert "Traceback" not in ended.err


def test_until_it_is_written_there_is_no_file(tmp_path: Path, marker: str) -> None:
    """An empty one would say that all lines are done. Then it is like any new file."""
    left = tmp_path / "left"
    arguments = ["run", "--left-over", left, "--", "sleep"]
    with start(*arguments, lines=f"{marker}\n".encode()) as running:
        wait_until(lambda: sleepers(marker), "the command")
        assert not left.exists()
        running.signal(signal.SIGKILL)
        running.process.wait()
        wait_until(lambda: not sleepers(marker), "its end")
    assert not left.exists()
    mask = os.umask(0o027)
    try:
        assert finish("run", "--left-over", left, "--", "false", lines=b"a\n").status == 1
    finally:
        os.umask(mask)
    assert left.read_bytes() == b"a\n"
    assert left.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("place", ["run._run._lower_workers", "run._run.open_children"])
def test_a_ctrl_c_before_anything_has_begun_loses_no_line(tmp_path: Path, place: str) -> None:
    """However many come: all lines are left over, or there is no file that says otherwise."""
    todo, left = tmp_path / "todo", tmp_path / "left"
    todo.write_bytes(numbers(5))
    module, name = place.rsplit(".", 1)
    program = f"""
import os
import gochan._command._run_command
from gochan._command.{module.rpartition(".")[0]} import {module.rpartition(".")[2]} as module
from gochan._command.run.items import _left_over
from gochan.__main__ import main

def interrupted(*arguments, **options):
    os.kill(os.getpid(), {INT})

def interrupted_again(*arguments, original=_left_over.Content.write, **options):
    interrupted()
    return original(*arguments, **options)

module.{name} = interrupted
_left_over.Content.write = interrupted_again
main()
"""
    arguments = ["run", "--input", todo, "--left-over", left, "--", "false"]
    ended = finish(*arguments, command=(sys.executable, "-c", program))
    assert ended.status == 128 + INT
    if place.endswith("open_children"):
        assert left.read_bytes() == numbers(5)
    else:
        assert not left.exists()


@pytest.mark.parametrize("broken", ["_note", "_show_progress", "display.close"])
def test_left_over_lines_are_written_even_if_we_fail(tmp_path: Path, broken: str) -> None:
    """Whatever is wrong with this program, no line is lost, and none is both done and left."""
    todo, done = tmp_path / "todo", tmp_path / "done"
    todo.write_bytes(numbers(30_000))
    done.touch()
    program = f"""
from gochan._command.run.display import _plain_display
from gochan._command.run import _run
from gochan.__main__ import main

def fail(*_):
    raise ZeroDivisionError

if "{broken}" == "display.close":
    _plain_display.PlainDisplay.close = fail
else:
    _run._Run.{broken} = fail
main()
"""
    arguments = ["run", *ONE, "--input", todo, "--left-over", todo, "--", "sh", "-c"]
    script = f"echo $1 >>{done}; [ $1 != 3 ]"
    ended = finish(*arguments, script, "sh", command=(sys.executable, "-c", program))
    assert "ZeroDivisionError" in ended.err
    left, expected = todo.read_bytes().splitlines(), Counter(numbers(30_000).splitlines())
    lines = Counter([*done.read_bytes().splitlines(), *left])
    assert not expected - lines
    # The last command was begun, and has failed or was interrupted.
    assert (lines - expected).total() <= 1
    assert broken == "_show_progress" or b"1" not in left


def test_lines_are_left_over_although_the_terminal_has_gone(tmp_path: Path, marker: str) -> None:
    """If we are told to outlive it."""
    left = tmp_path / "left"
    arguments = ["run", *ONE, "--left-over", left, "--", "sh", "-c"]
    terminal = Terminal()
    with start(
        *arguments,
        f"sleep {marker}",
        "sh",
        lines=numbers(5),
        stdout=subprocess.DEVNULL,
        stderr=terminal.slave,
        shell='trap "" HUP; exec "$@"',
    ) as running:
        wait_until(lambda: sleepers(marker), "the command")
        terminal.close()
        for process in sleepers(marker):
            os.kill(process, signal.SIGKILL)
        ended = running.ended()
    assert ended.status == 1
    assert left.read_bytes() == numbers(5)

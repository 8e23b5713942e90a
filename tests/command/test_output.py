"""How output is passed on: grouped, tagged, line by line, in order, or not by us at all."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gochan._command._descriptors import STDOUT
from gochan._command.run.display._plain_display import PlainDisplay
from gochan._command.run.output import _held, _order
from gochan._command.run.output._held import Holder
from gochan._command.run.output._order import InOrder
from gochan._command.run.output._outlet import Outlet

from .. import processes
from ..processes import (
    CANCELS,
    DRAINS,
    INT,
    ONE,
    Gochan,
    RunLines,
    finish,
    numbers,
    start,
    wait_until,
)

gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker

SHELL = ("--", "sh", "-c")


# Tags


def test_each_line_begins_with_the_line_of_the_input(run_lines: RunLines) -> None:
    """The last line gets its end. Bytes that are no text go through."""
    script = r'printf "a\n\nb\377"'
    ended = run_lines(b"x y\n\xfe\n", *ONE, "-q", "--tag", *SHELL, script)
    assert ended.out == b"x y\ta\nx y\t\nx y\tb\xff\n\xfe\ta\n\xfe\t\n\xfe\tb\xff\n"


def test_tags_go_to_standard_error_too(run_lines: RunLines) -> None:
    ended = run_lines(b"x\n", "-q", "--tag", *SHELL, "echo err >&2; true")
    assert ended.err == "x\terr\n"


def test_large_outputs_are_tagged_throughout(run_lines: RunLines) -> None:
    """Wherever a piece of it ends."""
    ended = run_lines(b"x\n", "-q", "--tag", *SHELL, "seq 200000")
    assert ended.out.splitlines() == [b"x\t%d" % number for number in range(1, 200001)]


def test_columns_have_spaces_between_them_in_a_tag(gochan: Gochan) -> None:
    """Lines of a batch, too. A block has no line, so its number is there."""
    options = ("run", "-q", "-k", "--tag")
    assert gochan(*options, "echo", "{2}", ":::", "a", ":::", "1", "2").out == b"a 1\t1\na 2\t2\n"
    assert gochan(*options, "-n2", "echo", ":::", "a", "b", "c").out == b"a b\ta b\nc\tc\n"
    ended = finish(*options, "--pipe", "--block", "4", "wc", "-l", lines=numbers(4))
    assert ended.out == b"1\t2\n2\t2\n"


# Line by line


def test_whole_lines_come_while_commands_run(tmp_path: Path) -> None:
    """What has begun comes with its end."""
    go = tmp_path / "go"
    script = f"printf 'one\ntw'; until [ -e {go} ]; do sleep 0.01; done; echo o; printf three"
    with start("run", "--line-buffer", *SHELL, script, lines=b"x\n") as running:
        wait_until(lambda: running.out, "the first line")
        assert running.out == b"one\n"
        go.touch()
        assert running.ended().out == b"one\ntwo\nthree\n"


def test_lines_of_several_commands_do_not_mix(run_lines: RunLines) -> None:
    """Even if they are longer than what is read at a time."""
    line = 200_000
    script = f"for x in 1 2 3; do head -c {line} /dev/zero | tr '\\0' $1; echo; done"
    ended = run_lines(b"a\nb\nc\n", "--workers", "3", "-q", "--lb", *SHELL, script, "sh")
    lines = sorted(ended.out.splitlines())
    assert lines == [letter * line for letter in (b"a", b"b", b"c") for _ in range(3)]


def test_lines_can_be_tagged_as_they_come(run_lines: RunLines) -> None:
    ended = run_lines(b"x\n", "-q", "--lb", "--tag", *SHELL, r'printf "a\n\nb\nc"; echo e >&2')
    assert (ended.out, ended.err) == (b"x\ta\nx\t\nx\tb\nx\tc\n", "x\te\n")


def test_a_very_long_line_takes_little_memory(tmp_path: Path) -> None:
    """It is kept on disk until its end comes."""
    script = "head -c 60000000 /dev/zero; echo"
    arguments = ["run", "-q", "--lb", *SHELL, script]
    limited = 'ulimit -v 110000; exec "$@" | wc -c'
    ended = finish(*arguments, lines=b"x\n", shell=limited)
    assert (ended.out.strip(), ended.err) == (b"60000001", "")


def test_a_slow_reader_of_lines_gets_everything() -> None:
    """The commands have to wait."""
    arguments = ["run", "-q", "--lb", "-j2", *SHELL, "seq 50000"]
    with start(*arguments, lines=numbers(2), stdout=subprocess.PIPE) as running:
        time.sleep(0.3)
        assert running.process.stdout is not None
        lines = running.process.stdout.read().splitlines()
        assert running.ended().status == 0
    assert sorted(lines) == sorted(b"%d" % number for number in range(1, 50001) for _ in "ab")


@pytest.mark.parametrize("output", ["yes", "yes | tr '\\n' -"])
def test_output_that_cannot_be_kept_is_a_failure(tmp_path: Path, output: str) -> None:
    """Lines that wait for their turn, or a line that does not end."""
    script = f"""
        if [ $1 = 1 ]; then until [ -e {tmp_path}/go ]; do sleep 0.01; done; exit; fi
        trap 'touch {tmp_path}/go' EXIT
        {output} | head -c 3000000
    """
    arguments = ["run", "-j2", "-k", "--lb", "--keep-going", *SHELL, script, "sh"]
    ended = finish(*arguments, lines=numbers(2), shell='ulimit -f 1000; exec "$@"')
    assert (ended.status, ended.summary) == (1, {"done": "1", "failed": "1"})
    assert "its output cannot be written: File too large" in ended.err


def test_a_line_that_has_begun_comes_though_the_command_is_cut_off(marker: str) -> None:
    """With its end."""
    script = f"printf begun; exec sleep {marker}"
    with start("run", "--lb", "--drain", "0", *SHELL, script, lines=b"x\n") as running:
        wait_until(lambda: processes.sleepers(marker), "the command")
        running.signal(processes.TERM)
        assert running.ended().out == b"begun\n"


# Ungrouped


def test_ungrouped_commands_have_our_own_files(run_lines: RunLines) -> None:
    """Nothing is kept, and nothing is added."""
    ended = run_lines(
        b"x\n", "-q", "-u", *SHELL, "printf out; printf err >&2; ls -l /proc/self/fd/1"
    )
    assert ended.out.startswith(b"out")
    assert b"pipe:" not in ended.out
    assert ended.err == "err"


# In order


def test_outputs_come_in_the_order_of_the_input(run_lines: RunLines, tmp_path: Path) -> None:
    """Though the first command ends last."""
    script = f"""
        case $1 in
            1) until [ -e {tmp_path}/5 ]; do sleep 0.01; done;;
            2) echo no >&2; exit 1;;
        esac
        echo $1; touch {tmp_path}/$1
    """
    ended = run_lines(numbers(6), "--workers", "2", "-q", "-k", "--keep-going", *SHELL, script, "s")
    assert ended.out == b"1\n3\n4\n5\n6\n"
    assert "no\n" in ended.err


def test_outputs_that_wait_are_held_on_disk(
    run_lines: RunLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once they are many; and even then they may be large."""
    monkeypatch.setattr(_held, "_IN_MEMORY", 100)
    script = f"""
        if [ $1 = 1 ]; then until [ -e {tmp_path}/9 ]; do sleep 0.01; done; fi
        seq $1 20000; touch {tmp_path}/$1
    """
    ended = run_lines(numbers(12), "--workers", "3", "-q", "-k", *SHELL, script, "sh")
    assert [*map(int, ended.out.split())] == [
        number for first in range(1, 13) for number in range(first, 20001)
    ]


def test_no_more_than_some_outputs_are_held(
    run_lines: RunLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then commands wait for the one that all wait for."""
    monkeypatch.setattr(_order, "_MOST", 2)
    script = f"""
        echo $1 >>{tmp_path}/started
        if [ $1 = 1 ]; then
            until grep -q 4 {tmp_path}/started; do sleep 0.01; done
            sleep 0.1
            cat {tmp_path}/started
        fi
    """
    ended = run_lines(numbers(9), "--workers", "2", "-q", "-k", *SHELL, script, "sh")
    assert (ended.status, sorted(ended.out.split())) == (0, numbers(4).split())


def test_what_ended_is_printed_though_earlier_commands_were_interrupted(tmp_path: Path) -> None:
    """Their lines are done, and are not left over."""
    left = tmp_path / "left"
    script = "echo $1; if [ $1 = 1 ]; then sleep 100; fi"
    with start(
        "run", "-j2", "-k", "--left-over", left, *SHELL, script, "sh", lines=numbers(4)
    ) as running:
        running.expect(" sh 4\n")
        for said in (DRAINS, CANCELS):
            running.signal(INT)
            running.expect(said)
        ended = running.ended()
    assert (ended.status, ended.out) == (130, numbers(4))
    assert left.read_bytes() == b"1\n"


def test_in_order_the_lines_of_the_first_command_come_while_it_runs(tmp_path: Path) -> None:
    """Then what the next one has said meanwhile, and so on."""
    script = f"""
        echo $1a; touch {tmp_path}/$1a
        until [ -e {tmp_path}/go$1 ]; do sleep 0.01; done
        echo $1b >&2; printf $1c; touch {tmp_path}/$1c
    """
    with start(
        "run", "-j3", "-q", "-k", "--lb", "--tag", *SHELL, script, "sh", lines=numbers(3)
    ) as running:
        wait_until((tmp_path / "2a").exists, "the second command")
        wait_until(lambda: running.out == b"1\t1a\n", "the first line")
        (tmp_path / "go3").touch()
        wait_until((tmp_path / "3c").exists, "the third command")
        (tmp_path / "go1").touch()
        wait_until(lambda: running.out == b"1\t1a\n1\t1c\n2\t2a\n", "the second one's turn")
        (tmp_path / "go2").touch()
        ended = running.ended()
    assert ended.out == b"1\t1a\n1\t1c\n2\t2a\n2\t2c\n3\t3a\n3\t3c\n"
    assert ended.err == "1\t1b\n2\t2b\n3\t3b\n"


def test_lines_that_wait_for_their_turn_may_be_many(run_lines: RunLines, tmp_path: Path) -> None:
    """And more may come while they are written."""
    script = f"""
        seq 100000
        if [ $1 = 1 ]; then until [ -e {tmp_path}/2 ]; do sleep 0.01; done; fi
        touch {tmp_path}/$1
        seq 100000
    """
    ended = run_lines(numbers(3), "-j3", "-q", "-k", "--lb", *SHELL, script, "sh")
    assert ended.out == 6 * numbers(100000)


def test_lines_that_a_strategy_refuses_hold_up_nobody(
    run_lines: RunLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their outputs are not waited for."""
    monkeypatch.setattr(_order, "_MOST", 2)
    ended = run_lines(
        numbers(30), *ONE, "-k", "--strategy", "drop-on-full", "--capacity", "1", "--", "echo"
    )
    done = int(ended.summary["done"])
    assert done + int(ended.summary["refused"]) == 30
    got = [*map(int, ended.out.split())]
    assert got == sorted(got)
    assert len(got) == done


def test_outputs_that_were_held_and_cannot_be_written_are_not_done(tmp_path: Path) -> None:
    """Their lines are left over, with that of the command that ended last."""
    left = tmp_path / "left"
    script = f"""
        if [ $1 = 1 ]; then until [ -e {tmp_path}/3 ]; do sleep 0.01; done; sleep 0.1; exit; fi
        touch {tmp_path}/$1; echo $1
    """
    arguments = ["run", "-j2", "-k", "--keep-going", "--left-over", left, *SHELL, script, "sh"]
    ended = finish(*arguments, lines=numbers(3), shell='exec "$@" >/dev/full')
    assert ended.status == 1
    assert left.read_bytes() == b"2\n3\n"
    assert ended.complaints == ["gochan: an output cannot be written: No space left on device"] * 2


@pytest.fixture
def written() -> list[bytes]:
    """What an order has written; ``b"fail"`` cannot be written."""
    return []


@pytest.fixture
def in_order(written: list[bytes]) -> InOrder:
    """An order that expects 1, 2 and 3, and that holds two outputs."""

    async def write(chunks: Iterable[bytes], descriptor: int) -> None:
        text = b"".join(chunks)
        await trio.lowlevel.checkpoint()
        if text == b"fail":
            raise OSError("full")
        written.append(text)

    order = InOrder(write, lambda error: written.append(str(error).encode()))
    for number in (1, 2, 3):
        order.expect(number)
    return order


async def test_what_is_given_up_is_not_waited_for(in_order: InOrder, written: list[bytes]) -> None:
    """By those that come later. It may be given up twice, or after it has come."""
    await in_order.pass_on(2, [(1, [b"two"])], lambda: in_order.give_up(2))
    in_order.give_up(1)
    in_order.give_up(1)
    assert written == []
    await in_order.pass_on(3, [(1, [b"three"])], lambda: None)
    assert written == [b"two", b"three"]


async def test_who_waits_goes_on_when_the_first_is_given_up(
    in_order: InOrder, written: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room again then."""
    monkeypatch.setattr(_order, "_MOST", 1)
    await in_order.pass_on(3, [(1, [b"three"])], lambda: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(in_order.pass_on, 2, [(1, [b"two"])], lambda: None)
        await wait_all_tasks_blocked()
        assert written == []
        in_order.give_up(1)
    assert written == [b"two", b"three"]


async def test_what_was_held_is_dropped_once_it_is_written(
    in_order: InOrder, written: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or cannot be written, which is told."""
    dropped: list[object] = []
    monkeypatch.setattr(Holder, "drop", lambda _, held: dropped.append(held))
    done: list[int] = []
    await in_order.pass_on(3, [(1, [b"three"])], lambda: done.append(3))
    await in_order.pass_on(2, [(1, [b"fail"])], lambda: done.append(2))
    await in_order.pass_on(1, [(1, [b"one"])], lambda: done.append(1))
    assert written == [b"one", b"full", b"three"]
    assert dropped == [b"fail", b"three"]
    assert done == [1, 3]


async def test_parts_that_were_kept_come_first_even_if_the_one_before_was_broken_off(
    in_order: InOrder, written: list[bytes]
) -> None:
    """And so could not pass them on."""
    in_order.begin(1, list)
    in_order.begin(2, lambda: nullcontext([(1, [b"kept"])]))
    assert await in_order.write(1, [b"one"], 1)
    assert not await in_order.write(2, [b"new"], 1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await in_order.pass_on(1, [(1, [b"end"])], lambda: None)
    assert await in_order.write(2, [b"new"], 1)
    assert written == [b"one", b"kept", b"new"]


def test_the_holder_forgets_what_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory can be used again, and its file is emptied when nothing is in it."""
    monkeypatch.setattr(_held, "_IN_MEMORY", 4)
    holder = Holder()
    small = holder.hold([b"12", b"3"])
    large = holder.hold([b"4", b"56", b"789"])
    assert [b"".join(holder.read(each)) for each in (small, large)] == [b"123", b"456789"]
    assert large == (0, 6)
    holder.drop(small)
    assert holder.hold([b"abcd"]) == b"abcd"
    holder.drop(large)
    assert holder.hold([b"x" * 10]) == (0, 10)
    holder.close()


# Cost


async def test_only_large_outputs_let_others_run_meanwhile(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """Though they go to a file, which never blocks."""
    with closing(Outlet(PlainDisplay())) as outlet:
        with trio.testing.assert_no_checkpoints():
            await outlet.write([b"small"], STDOUT)
        with trio.testing.assert_checkpoints():
            await outlet.write([b"lar", b"ge"], STDOUT)
    assert capfdbinary.readouterr().out == b"smalllarge"


# Attempts

FLAKY = """
    echo try >>tries
    echo try $(wc -l <tries); printf rest
    [ $(wc -l <tries) = 3 ]
"""


@pytest.mark.parametrize(
    ("option", "out"),
    [
        ("--tag", b"x\ttry 3\nx\trest\n"),
        ("-k", b"try 3\nrest"),
        ("-u", b"try 1\nresttry 2\nresttry 3\nrest"),
        ("--lb", b"try 1\ntry 2\ntry 3\nrest\n"),
    ],
)
def test_only_the_last_attempt_is_printed(
    run_lines: RunLines, tmp_path: Path, option: str, out: bytes
) -> None:
    """Unless output is printed as it comes."""
    options = ("-q", "--retries", "5", "--cwd", tmp_path, "--joblog", tmp_path / "log", option)
    assert run_lines(b"x\n", *options, *SHELL, FLAKY).out == out
    assert len((tmp_path / "log").read_text().splitlines()) == 2


def test_only_the_last_attempt_is_in_the_results(run_lines: RunLines, tmp_path: Path) -> None:
    """It replaces those before it."""
    options = ("-q", "--retries", "5", "--cwd", tmp_path, "--results", tmp_path)
    run_lines(b"x\n", *options, *SHELL, FLAKY)
    assert (tmp_path / "x" / "stdout").read_text() == "try 3\nrest"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["x"]


def test_the_last_attempt_is_printed_though_there_should_have_been_others(tmp_path: Path) -> None:
    """The run was stopped meanwhile."""
    log, results = tmp_path / "log", tmp_path / "results"
    options = ("--retries", "9", "--delay", "1000", "--joblog", log, "--results", results)
    script = "echo try; exit 3"
    with start("run", *options, *SHELL, script, lines=b"x\n") as running:
        running.expect("exit status 3")
        assert running.out == b""
        running.signal(INT)
        ended = running.ended()
    assert ended.out == b"try\n"
    assert (results / "x" / "status").read_text() == "3\n"
    assert len(log.read_text().splitlines()) == 2


def test_an_attempt_that_took_too_long_is_not_printed_if_there_is_another(
    run_lines: RunLines, tmp_path: Path
) -> None:
    script = "echo $$; [ -e again ] || { touch again; exec sleep 100; }"
    options = ("-q", "--retries", "2", "--timeout", "0.5", "--cwd", tmp_path)
    assert len(run_lines(b"x\n", *options, *SHELL, script).out.splitlines()) == 1


# Less


def test_quiet_says_only_what_failed(run_lines: RunLines) -> None:
    """And nothing at all if nothing did."""
    ended = run_lines(b"0\n3\n", *ONE, "--quiet", *SHELL, "echo $1; exit $1", "sh")
    assert ended.out == b"0\n3\n"
    (line,) = ended.err.splitlines()
    assert line.startswith("failed")
    assert run_lines(b"0\n", "-q", "--", "true").err == ""


# Readers that go away


@pytest.mark.parametrize("option", ["--tag", "-k", "--lb", "-u", "--json"])
def test_all_ends_quietly_when_nobody_reads_any_more(tmp_path: Path, option: str) -> None:
    """Whatever passes the output on; and long before all lines are done."""
    script = "echo $1 | tee -a begun; [ $1 != 1 ] || exec sleep 0.3; seq 100000"
    ended = finish(
        "run", "-j3", "-q", option, *SHELL, script, "sh",
        lines=numbers(1000), shell='{ "$@"; echo $? >&2; } | head -1', cwd=tmp_path,
    )  # fmt: skip
    assert len(ended.out.splitlines()) == 1
    assert ended.err == "141\n"
    assert len((tmp_path / "begun").read_text().splitlines()) < 900


@pytest.mark.parametrize(
    ("mode", "script"),
    [("--lb", "echo a; sleep 0.3; echo b; exec sleep {marker}"), ("-u", "exec yes")],
)
def test_commands_that_never_end_do_so_when_nobody_reads_any_more(
    mode: str, script: str, marker: str
) -> None:
    """When one of them writes once more, all of them end."""
    command = (*SHELL, script.format(marker=marker))
    ended = finish(
        "run", "-q", "-j2", mode, *command, "sh", lines=numbers(2), shell='"$@" | head -1'
    )
    assert (len(ended.out.splitlines()), ended.err) == (1, "")


def test_an_endless_command_ends_when_its_lines_cannot_be_written() -> None:
    """As it would if it had the full disk itself."""
    ended = finish("run", "-q", "--lb", "--", "yes", lines=b"x\n", shell='exec "$@" >/dev/full')
    assert ended.status == 1
    assert "its output cannot be written: No space left on device" in ended.err


def test_nobody_needs_to_read_standard_error() -> None:
    """What commands write there is lost, and nothing else."""
    script = "echo a; echo b >&2; echo c"
    ended = finish("run", *SHELL, script, lines=b"x\n", shell='exec "$@" 2>/dev/full')
    assert (ended.status, ended.out) == (0, b"a\nc\n")


def test_outputs_wait_for_one_another() -> None:
    """While a reader is slow."""
    arguments = ["run", "-q", "-j4", "-w4", *SHELL, "seq 30000"]
    with start(*arguments, lines=numbers(4), stdout=subprocess.PIPE) as running:
        time.sleep(0.5)
        assert running.process.stdout is not None
        assert running.process.stdout.read() == 4 * numbers(30000)
        assert running.ended().status == 0


def test_an_ungrouped_command_that_fails_for_another_reason_fails() -> None:
    """Its output was read."""
    ended = finish("run", "-u", *SHELL, "exit 1", lines=b"x\n", shell='"$@" | cat')
    assert "failed" in ended.err


@pytest.mark.parametrize("option", ["--lb", "--tag", "--json"])
def test_a_full_disk_is_a_failure(option: str) -> None:
    """Also when lines are passed on as they come."""
    arguments = ["run", "-q", option, *SHELL, "seq 100000; echo end"]
    ended = finish(*arguments, lines=b"x\n", shell='exec "$@" >/dev/full')
    assert ended.status == 1
    assert "its output cannot be written: No space left on device" in ended.err


# What does not go together


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("-u --tag", "--ungroup cannot go with --tag: what is not grouped goes past us"),
        ("-u -k", "--ungroup cannot go with --keep-order: what is not grouped goes past us"),
        ("-u --lb", "--ungroup cannot go with --line-buffer: what is not grouped goes past us"),
        ("-u --json", "--ungroup cannot go with --json: what is not grouped goes past us"),
        ("-u --results x", "--ungroup cannot go with --results: what is not grouped goes past us"),
        ("--json --tag", "--json cannot go with --tag: the objects have the line"),
        ("--json --lb", "--json cannot go with --line-buffer: the objects have the whole output"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    gochan: Gochan, tmp_path: Path, options: str, complaint: str
) -> None:
    """Nothing is run, and nothing is made."""
    os.chdir(tmp_path)
    ended = gochan("run", *options.split(), "--", "touch", "ran")
    assert (ended.status, ended.complaints) == (2, [f"gochan: {complaint}"])
    assert [*tmp_path.iterdir()] == []

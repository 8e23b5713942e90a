"""``gochan run --journal``: the same command again goes on where it was."""

from __future__ import annotations

import json
import random
import re
import shlex
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from gochan._command.run.journal import _journal

from .. import processes, terminals
from ..processes import (
    ONE,
    TERM,
    Gochan,
    RunLines,
    Running,
    changed,
    finish,
    numbers,
    start,
    wait_until,
)
from ..terminals import Terminal

terminal = terminals.terminal
gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def counts(gochan: Gochan, journal: Path) -> list[str]:
    """Return the counts of a journal, as `gochan jobs` shows them: columns, then numbers."""
    lines = gochan("jobs", journal).out.decode().splitlines()
    return [*lines[0].split()[1:], *lines[2].split()[1:]]


FAILS = ("sh", "-c", 'echo "$1"; case "$1" in *3*) exit 1; esac', "sh")


# Going on


def test_what_is_done_is_not_done_again(run_lines: RunLines, journal: Path) -> None:
    """Without any option but the journal. New lines at the end of the input are done, too."""
    for count, out in ((5, numbers(5)), (5, b""), (7, b"6\n7\n"), (7, b"")):
        ended = run_lines(numbers(count), *ONE, "--journal", journal, "--", "echo")
        assert (ended.status, ended.out) == (0, out)
    assert ended.summary == {"done before": "7"}
    assert ended.complaints == []


def test_a_run_that_ends_early_goes_on_where_it_was(run_lines: RunLines, journal: Path) -> None:
    """Lines that failed are not tried again, and the status says that there are some."""
    options = (*ONE, "--journal", journal, "--", *FAILS)
    ended = run_lines(numbers(5), *options)
    assert (ended.status, ended.out) == (1, numbers(3))
    assert ended.complaints == [
        "gochan: the journal has 2 more to do; the same command again goes on there",
        "gochan: the journal has 1 that failed; the same command with --retry-failed tries again",
    ]
    ended = run_lines(numbers(5), *options)
    assert (ended.status, ended.out) == (1, b"4\n5\n")
    ended = run_lines(numbers(5), *options)
    assert (ended.status, ended.out) == (1, b"")


def test_lines_that_failed_are_tried_again_if_asked(
    run_lines: RunLines, journal: Path, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    script = f"echo $1; [ $1 -lt 3 ] || [ -e {flag} ]"
    options = (*ONE, "--keep-going", "--journal", journal)
    command = ("--", "sh", "-c", script, "sh")
    assert run_lines(numbers(4), *options, *command).status == 1
    ended = run_lines(numbers(4), *options, "--retry-failed", *command)
    assert (ended.status, ended.out) == (1, b"3\n4\n")
    flag.touch()
    ended = run_lines(numbers(5), *options, "--retry-failed", *command)
    assert (ended.status, ended.out) == (0, b"3\n4\n5\n")


def test_other_options_may_change(run_lines: RunLines, journal: Path) -> None:
    """Those that do not make the commands: workers, limits, and what is printed."""
    run_lines(numbers(3), *ONE, "--journal", journal, "--", "echo")
    ended = run_lines(
        numbers(4), "-j3", "--journal", journal, "--timeout", "9", "--tag", "--", "echo"
    )
    assert (ended.status, ended.out) == (0, b"4\t4\n")


def test_a_run_without_input_does_what_is_left(run_lines: RunLines, journal: Path) -> None:
    """For a pipe whose other end is not there any more."""
    options = (*ONE, "--journal", journal, "--", *FAILS)
    run_lines(numbers(5), *options)
    ended = run_lines(b"", *options)
    assert (ended.status, ended.out) == (1, b"4\n5\n")


def test_arguments_of_the_command_line_are_lines_as_well(gochan: Gochan, journal: Path) -> None:
    options = ("run", *ONE, "--journal", journal, "--keep-going", "--", *FAILS, ":::", "1", "3")
    assert gochan(*options).out == b"1\n3\n"
    ended = gochan(*options, "4")
    assert (ended.status, ended.out) == (1, b"4\n")


def test_batches_go_on_although_the_last_one_was_short(run_lines: RunLines, journal: Path) -> None:
    """What follows is a batch of its own."""
    options = (*ONE, "-n", "3", "--journal", journal, "--", "echo")
    assert run_lines(numbers(4), *options).out == b"1 2 3\n4\n"
    assert run_lines(numbers(9), *options).out == b"5 6\n7 8 9\n"
    assert run_lines(numbers(9), *options).out == b""


def test_blocks_go_on_although_they_are_cut_elsewhere(run_lines: RunLines, journal: Path) -> None:
    options = (*ONE, "--pipe", "--block", "6", "--journal", journal, "--", "sh", "-c", "cat; echo")
    assert run_lines(numbers(4), *options).out.split() == b"1 2 3 4".split()
    assert run_lines(numbers(9), *options).out.split() == b"5 6 7 8 9".split()
    ended = run_lines(numbers(8) + b"x\n", *options)
    assert ended.complaints[0].startswith("gochan: line 9 of the input is 'x', and in the journal")


def test_bytes_come_back_as_they_were(run_lines: RunLines, journal: Path) -> None:
    """Also those that are no text. Empty lines count as in an editor."""
    lines = b"\xff\xfe\n\n  two\\n \xc3\xa9\n\n" + '\U0001f388 {} "x"\n'.encode()
    options = (*ONE, "--journal", journal, "--", "printf", "%s\\n")
    assert run_lines(lines, *options).out == lines.replace(b"\n\n", b"\n")
    ended = run_lines(lines + b"more\n", *options)
    assert (ended.status, ended.out) == (0, b"more\n")
    ended = run_lines(lines.replace(b"x", b"y"), *options)
    assert ended.complaints[0].startswith("gochan: line 5 of the input is ")


def test_retries_and_time_limits_work_as_ever(run_lines: RunLines, journal: Path) -> None:
    ended = run_lines(
        b"0\n9\n", *ONE, "--journal", journal, "--keep-going", "--retries", "2", "--timeout",
        "0.2", "--", "sleep",
    )  # fmt: skip
    assert ended.summary == {"done": "1", "timed out": "1", "retried": "1"}
    assert ended.status == 1


def test_the_journal_can_be_looked_at(run_lines: RunLines, gochan: Gochan, journal: Path) -> None:
    """By the commands for stores, which need no more than the name of the file."""
    run_lines(numbers(5), *ONE, "--journal", journal, "--", *FAILS)
    assert counts(gochan, journal) == [
        "SCHEDULED", "WAITING", "RUNNING", "DONE", "FAILED", "0", "2", "0", "2", "1"
    ]  # fmt: skip
    shown = gochan("jobs", journal, "--kind", "failed").out.decode()
    assert '{"line": "3", "number": 3}' in shown
    assert "exit status 1" in shown


def test_what_is_left_over_is_what_has_not_been_done(
    run_lines: RunLines, journal: Path, tmp_path: Path
) -> None:
    """Also what was stored and not started, in this run or the one before."""
    left = tmp_path / "left"
    options = (*ONE, "--journal", journal, "--left-over", left, "--", *FAILS)
    for count, expected in ((5, b"3\n4\n5\n"), (14, b"13\n14\n"), (14, b"")):
        run_lines(numbers(count), *options)
        assert left.read_bytes() == expected


def test_a_strategy_may_turn_lines_away(run_lines: RunLines, gochan: Gochan, journal: Path) -> None:
    """They are dropped from the journal, too, and can be tried again."""
    options = (*ONE, "--strategy", "drop-on-full", "--capacity", "0", "--journal", journal)
    ended = run_lines(numbers(20), *options, "--", "sh", "-c", "sleep 0.05", "sh")
    assert ended.status == 1
    columns = counts(gochan, journal)
    assert columns[3:5] == ["DONE", "DROPPED"]
    assert int(columns[-1]) > 0
    assert int(columns[-1]) + int(columns[-2]) == 20


def test_only_so_many_lines_are_stored_ahead(
    run_lines: RunLines, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So neither memory nor the file grow with the input while a run has hardly begun."""
    monkeypatch.setattr(_journal, "_AHEAD", 4)
    monkeypatch.setattr(_journal, "_PAGE", 3)
    options = (*ONE, "--journal", journal, "--", "sh", "-c", "echo $1; [ $1 != 2 ]", "sh")
    ended = run_lines(numbers(50), *options)
    assert (ended.status, ended.out) == (1, numbers(2))
    (more,) = re.findall(r"the journal has (\d+) more to do", ended.err)
    assert int(more) < 12
    ended = run_lines(numbers(50), *options)
    assert ended.out == b"".join(b"%d\n" % number for number in range(3, 51))


# Refusing


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (b"1\nx\n3\n", "line 2 of the input is 'x', and in the journal it is '2'"),
        (b"1\n2\n", "the input ends before line 3, and the journal goes on"),
        (b"0\n1\n2\n3\n", "line 1 of the input is '0', and in the journal it is '1'"),
    ],
)
def test_another_input_is_refused(
    run_lines: RunLines, journal: Path, lines: bytes, words: str
) -> None:
    """Before anything runs."""
    run_lines(numbers(3), *ONE, "--journal", journal, "--", *FAILS)
    ended = run_lines(lines, *ONE, "--journal", journal, "--", *FAILS)
    assert (ended.status, ended.out) == (2, b"")
    (complaint,) = ended.complaints
    assert words in complaint


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (["--", "echo", "a b"], ["--", "echo", "a", "b"], "its command is echo 'a b', and now it"),
        (["--", "echo"], ["--shell", "--", "echo"], "its shell is false, and now it is true"),
        (
            ["--shell", "--", "echo"],
            ["--bash", "--", "echo"],
            "its shell is true, and now it is bash",
        ),
        (
            ["-C,", "--", "echo"],
            ["--csv", "--", "echo"],
            "its column separator is ,, and now it is CSV ,",
        ),
        (["-n2", "--", "echo"], ["-n3", "--", "echo"], "its batch is 2, and now it is 3"),
        (["--", "echo"], ["--cwd", "/", "--", "echo"], "its folder is none, and now it is /"),
        (
            ["--", "echo"],
            ["--env", "A=1", "--", "echo"],
            'its environment is {}, and now it is {"A',
        ),
    ],
)
def test_another_command_is_refused(
    run_lines: RunLines, journal: Path, first: list[str], second: list[str], words: str
) -> None:
    run_lines(numbers(2), "--journal", journal, *first)
    ended = run_lines(numbers(3), "--journal", journal, *second)
    assert (ended.status, ended.out) == (2, b"")
    (complaint,) = ended.complaints
    assert words in complaint


def test_another_header_is_refused(run_lines: RunLines, journal: Path) -> None:
    """It says which column is meant."""
    options = ("--header", "--columns", ",", "--journal", journal, "--", "echo", "{a}")
    assert run_lines(b"a,b\n1,2\n", *options).out == b"1\n"
    ended = run_lines(b"b,a\n1,2\n", *options)
    assert ended.complaints == ["gochan: the header of the input is not that of the journal"]


def test_a_journal_serves_one_run_at_a_time(journal: Path, marker: str) -> None:
    with start("run", "--journal", journal, "--", "sleep", lines=f"{marker}\n".encode()) as first:
        wait_until(lambda: processes.sleepers(marker), "the command")
        second = finish("run", "--journal", journal, "--", "sleep", lines=b"0\n")
        assert second.status == 2
        assert second.complaints == [
            f"gochan: another gochan run uses the journal {journal} now; "
            "wait for its end, or stop it"
        ]
        first.signal(processes.INT)
        first.expect(processes.DRAINS)
        first.signal(processes.INT)
        assert first.ended().status == 130


def test_files_that_are_no_journals(run_lines: RunLines, tmp_path: Path, journal: Path) -> None:
    """They stay as they are."""
    text = tmp_path / "text"
    text.write_text("no database, but long enough to be none for sure\n" * 100)
    database = tmp_path / "database"
    sqlite3.connect(database).execute("CREATE TABLE t(x)").connection.close()
    for path, words in (
        (text, "is no journal: file is not a database"),
        (database, "is a database, but no journal of gochan run"),
        (tmp_path, "cannot be opened: Is a directory"),
        (tmp_path / "no" / "journal", "cannot be opened: No such file or directory"),
    ):
        before = path.read_bytes() if path.is_file() else None
        ended = run_lines(numbers(1), "--journal", path, "--", "echo")
        assert (ended.status, ended.out) == (2, b"")
        assert words in ended.complaints[0]
        assert before is None or path.read_bytes() == before


def test_options_that_make_no_sense(run_lines: RunLines) -> None:
    assert "name it with --journal" in run_lines(b"", "--retry-failed", "--", "true").err
    assert "- is no file" in run_lines(b"", "--journal", "-", "--", "true").err


def test_a_line_that_cannot_be_passed_on(run_lines: RunLines, journal: Path) -> None:
    """It is not stored, so that it can be put right."""
    options = (*ONE, "--journal", journal, "--", "echo")
    ended = run_lines(b"1\n\0\n3\n", *options)
    assert ended.status == 2
    assert "line 2 of the input cannot be passed on" in ended.complaints[0]
    ended = run_lines(numbers(3), *options)
    assert (ended.status, ended.out) == (0, numbers(3))


def test_a_journal_from_which_somebody_has_taken_rows(
    run_lines: RunLines, gochan: Gochan, journal: Path
) -> None:
    run_lines(numbers(3), *ONE, "--keep-going", "--journal", journal, "--", *FAILS)
    assert gochan("purge", journal, "run", "--kind", "done").status == 0
    ended = run_lines(numbers(3), *ONE, "--journal", journal, "--", *FAILS)
    assert ended.status == 2
    assert "item 1 is missing from the journal" in ended.complaints[0]


# Ends that nobody has planned


def test_a_signal_gives_back_what_runs(journal: Path, tmp_path: Path) -> None:
    """It is run again. So are lines that were stored and never started, from a pipe as well."""
    script = f"touch {tmp_path}/ready$1; echo $1; [ -e {tmp_path}/go ] || exec sleep 100"
    options = ("run", "-j2", "--drain", "0", "--journal", journal, "--", "sh", "-c", script, "sh")
    with start(*options, lines=numbers(9)) as running:
        wait_until((tmp_path / "ready2").exists, "the second command")
        running.signal(TERM)
        ended = running.ended()
    assert ended.status == 128 + TERM
    assert "the journal has 9 more to do" in ended.err
    (tmp_path / "go").touch()
    again = finish(*options, lines=b"")
    assert again.status == 0
    assert sorted(again.out.split()) == numbers(9).split()


def test_a_journal_that_somebody_has_paused(
    run_lines: RunLines, gochan: Gochan, journal: Path
) -> None:
    """Nothing would start, so the run says how to go on."""
    options = (*ONE, "--journal", journal, "--", "echo")
    run_lines(numbers(3), *options)
    gochan("pause", journal, "run")
    ended = run_lines(numbers(5), *options)
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.complaints
    assert line.endswith(f"is paused; 'gochan resume {journal} run' lets it go on")
    gochan("resume", journal, "run")
    assert run_lines(numbers(5), *options).out == b"4\n5\n"


def change(journal: Path, statement: str) -> None:
    """Change a journal that a run has open, as another process can with a newer SQLite."""
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute(statement)


def test_a_run_whose_queue_is_paused_waits(
    journal: Path, tmp_path: Path, terminal: Terminal
) -> None:
    """And says so; it goes on when the queue is resumed."""
    script = f"touch {tmp_path}/ready; until [ -e {tmp_path}/go ]; do sleep 0.01; done"
    options = ("run", *ONE, "--journal", journal, "--", "sh", "-c", script)
    with start(*options, lines=numbers(3), **terminal.files) as running:
        wait_until((tmp_path / "ready").exists, "the first command")
        change(journal, "UPDATE gochan_queue SET paused = 1")
        (tmp_path / "go").touch()
        terminal.expect("paused in the journal; 'gochan resume' lets it go on")
        change(journal, "UPDATE gochan_queue SET paused = 0")
        assert running.ended().status == 0
    terminal.expect("done +3")


def forbid(journal: Path, before: int, after: int) -> None:
    """Let no row go from one state to another."""
    connection = sqlite3.connect(journal)
    connection.execute(
        f"CREATE TRIGGER forbidden BEFORE UPDATE OF state ON gochan_job "
        f"WHEN OLD.state = {before} AND NEW.state = {after} "
        "AND CAST(OLD.payload AS TEXT) LIKE '%number%' "
        "BEGIN SELECT RAISE(ABORT, 'it is forbidden'); END"
    )
    connection.close()


WAITING, RUNNING, ENDED = 1, 2, 3


@pytest.mark.parametrize(
    ("before", "after", "out"),
    [
        pytest.param(WAITING, RUNNING, b"", id="claim"),
        pytest.param(RUNNING, ENDED, b"3\n", id="end"),
    ],
)
def test_a_journal_that_cannot_be_written_any_more_ends_the_run(
    run_lines: RunLines, journal: Path, before: int, after: int, out: bytes
) -> None:
    """With an error that says so, whatever could not be written."""
    options = (*ONE, "--journal", journal, "--", *FAILS)
    assert run_lines(b"3\n3\n4\n", *options).status == 1
    forbid(journal, before, after)
    ended = run_lines(b"3\n3\n4\n", *options)
    assert (ended.status, ended.out) == (2, out)
    assert any("it is forbidden" in line for line in ended.complaints)


def test_what_was_interrupted_and_cannot_be_given_back_is_an_error(
    run_lines: RunLines, journal: Path
) -> None:
    """The next run does so."""
    script = "[ $1 = 3 ] && exit 1; exec sleep 100"
    options = ("-j2", "--drain", "0", "--journal", journal, "--", "sh", "-c", script, "sh")
    assert run_lines(b"3\n4\n", *options).status == 1
    forbid(journal, RUNNING, WAITING)
    ended = run_lines(b"3\n4\n3\n", *options)
    assert ended.status == 2
    assert any("it is forbidden" in line for line in ended.complaints)


def test_a_journal_that_cannot_be_opened_again_is_an_error(journal: Path) -> None:
    """What ran when the run was killed cannot be given back."""
    script = "kill -9 $PPID; sleep 100"
    command = ("run", *ONE, "--journal", journal, "--", "sh", "-c", script)
    assert finish(*command, lines=b"a\n").status == -signal.SIGKILL
    forbid(journal, RUNNING, WAITING)
    ended = finish(*command, lines=b"a\n")
    assert ended.status == 2
    assert f"the journal {journal} cannot be used" in ended.complaints[0]


def test_a_folder_in_which_nothing_can_be_written(run_lines: RunLines, journal: Path) -> None:
    """SQLite makes files beside the journal."""
    Path(f"{journal}-wal").mkdir()
    ended = run_lines(b"a\n", "--journal", journal, "--", "true")
    assert ended.status == 2
    assert f"the journal {journal} cannot be" in ended.complaints[0]


def test_an_input_that_cannot_be_read(run_lines: RunLines, journal: Path, tmp_path: Path) -> None:
    """What was stored is there, and the same command goes on once it can be read."""
    ended = run_lines(b"", "--journal", journal, "--", "echo", "::::", tmp_path)
    assert ended.status == 2


def test_an_input_that_breaks_off(gochan: Gochan, journal: Path) -> None:
    """As above, if the input can be opened, but not be read."""
    ended = gochan("run", "--journal", journal, "--input", "/proc/self/mem", "--", "true")
    assert ended.status == 2
    assert "gochan: cannot read the input: Input/output error" in ended.complaints


def hears(running: Running, number: int) -> bool:
    """Return whether a process has a handler for this signal."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_a_run_may_be_stopped_while_its_input_is_compared(
    run_lines: RunLines, journal: Path
) -> None:
    """Then nothing is said about lines that have not come, and the next one goes on."""
    command = ["--journal", str(journal), "--", "true"]
    run_lines(numbers(3), *ONE, *command)
    with start("run", *ONE, *command, stdin=subprocess.PIPE, bufsize=0) as running:
        running.write(b"1\n")
        wait_until(lambda: hears(running, TERM), "the handler")
        time.sleep(0.1)  # until it compares; it may also be a little earlier
        running.signal(TERM)
        ended = running.ended()
    assert ended.status == 128 + TERM
    assert ended.complaints == []
    assert run_lines(numbers(4), *ONE, *command).summary == {"done before": "3", "done": "1"}


def progress_in(journal: Path) -> list[object]:
    listed = finish("jobs", f"sqlite:{journal}", "--queue", "runs", "--json").out
    return [row["progress"] for row in json.loads(listed or b'{"jobs": []}')["jobs"]]


def test_how_much_there_is_to_do_is_what_was_stored(journal: Path, tmp_path: Path) -> None:
    """Also for a run without input, which a signal ends before all is done."""
    script = f"[ $1 = 1 ] || {{ touch {tmp_path}/ready; exec sleep 100; }}"
    options = ("run", *ONE, "--drain", "0", "--journal", journal, "--", "sh", "-c", script, "sh")
    command = changed("_command.run.journal._run_row", "_OFTEN = 0.01")
    for lines in (numbers(3), b""):
        with start(*options, lines=lines, command=command) as running:
            wait_until((tmp_path / "ready").exists, "the second command")
            wait_until(lambda: progress_in(journal) == [[1.0, 3.0]], "the progress")
            running.signal(TERM)
            running.ended()
        assert progress_in(journal) == [[1.0, 3.0]]
        (tmp_path / "ready").unlink()


def test_how_much_there_is_to_do_may_be_unknown(journal: Path, tmp_path: Path) -> None:
    """As long as more lines may come."""
    with start(
        "run", "--journal", journal, "--", "true",
        command=changed("_command.run.journal._run_row", "_OFTEN = 0.01"),
        stdin=subprocess.PIPE, bufsize=0,
    ) as running:  # fmt: skip
        running.write(b"a\n")
        wait_until(lambda: progress_in(journal) == [[1.0, None]], "the progress")
        running.signal(TERM)
        running.ended()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_no_line_is_lost_when_it_is_killed_again_and_again(
    journal: Path, tmp_path: Path, gochan: Gochan, seed: int
) -> None:
    """And at most as many are run again, each time, as there are workers."""
    lines, workers, kills = 120, 3, 5
    chance = random.Random(seed)
    log = tmp_path / "log"
    log.touch()
    script = f"sleep 0.01; echo $1 >> {shlex.quote(str(log))}"
    options = ("run", f"-j{workers}", "--journal", journal, "--", "sh", "-c", script, "sh")
    for _ in range(kills):
        before = log.stat().st_size
        with start(*options, lines=numbers(lines)) as running:
            wait_until(lambda size=before: log.stat().st_size > size, "a line")
            time.sleep(chance.random() * 0.2)
            running.signal(signal.SIGKILL)
            running.process.wait()
        time.sleep(0.1)  # for commands that outlive it
    ended = finish(*options, lines=numbers(lines))
    assert ended.status == 0
    done = Counter(log.read_text().split())
    assert set(done) == {str(number) for number in range(1, lines + 1)}
    assert sum(done.values()) - lines <= kills * workers
    assert counts(gochan, journal)[3:] == ["DONE", "0", "0", "0", str(lines)]


@pytest.mark.slow
def test_a_line_may_be_killed_any_number_of_times(journal: Path, gochan: Gochan) -> None:
    """It is not the one to blame, so it is not given up, as a durable queue would at some point."""
    script = "kill -9 $PPID; sleep 100"
    for _ in range(22):
        ended = finish("run", *ONE, "--journal", journal, "--", "sh", "-c", script, lines=b"a\nb\n")
        assert ended.status == -signal.SIGKILL
    assert counts(gochan, journal)[3:] == ["0", "1", "1"]


def test_a_full_disk_ends_the_run(journal: Path) -> None:
    """The lines whose ends cannot be written run again."""
    shell = 'ulimit -f 200; exec "$@"'
    lines = b"".join(b"%d %s\n" % (number, b"x" * 500) for number in range(3000))
    ended = finish("run", *ONE, "--journal", journal, "--", "true", lines=lines, shell=shell)
    assert ended.status == 2
    assert any("journal" in line for line in ended.complaints)

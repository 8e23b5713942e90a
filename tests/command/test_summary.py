"""What is said at the end: what failed, what was not done, and how to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from gochan._command.run._tally import Tally

from .. import processes
from ..processes import ONE, TERM, RunLines, numbers, start, wait_until

gochan = processes.gochan
run_lines = processes.run_lines


def last_lines(err: str) -> list[str]:
    """Return what is said after the table."""
    lines = err.splitlines()
    (place,) = [place for place, line in enumerate(lines) if line.startswith(" seconds ")]
    assert lines[place + 1] == ""
    return lines[place + 2 :]


def test_failures_that_are_out_of_sight_are_named_again(run_lines: RunLines) -> None:
    """With their reasons, in their order."""
    options = [*ONE, "--keep-going", "--", "sh", "-c", "[ {} != 3 ] && [ {} != 4 ] || exit {}"]
    title, first, second = last_lines(run_lines(numbers(25), *options).err)
    assert title == "failures:"
    assert first.startswith("failed ")
    assert first.endswith("(exit status 3)")
    assert second.endswith("(exit status 4)")


def test_at_most_twenty_failures_are_named_again(run_lines: RunLines) -> None:
    """And their number."""
    title, *lines = last_lines(run_lines(numbers(23), *ONE, "--keep-going", "--", "false").err)
    assert title == "20 of 23 failures:"
    assert [line.split()[-4] for line in lines] == [str(number) for number in range(1, 21)]


def test_failures_in_sight_are_not_repeated(run_lines: RunLines) -> None:
    """They are right above."""
    ended = run_lines(numbers(20), *ONE, "--keep-going", "--", "false")
    assert last_lines(ended.err) == []
    assert last_lines(run_lines(numbers(100), *ONE, "--", "true").err) == []


def test_attempts_that_are_repeated_are_no_failures(run_lines: RunLines, tmp_path: Path) -> None:
    """Only the last one is."""
    script = f"echo >> {tmp_path}/count; [ $(wc -l < {tmp_path}/count) -ge 3 ]"
    ended = run_lines(numbers(30), *ONE, "--retries", "3", "--", "sh", "-c", script)
    assert ended.summary["retried"] == "2"
    assert last_lines(ended.err) == []


HALTED = "a failure ends the run; --keep-going goes on with the other lines"


def test_where_the_rest_is_is_said(run_lines: RunLines, tmp_path: Path) -> None:
    """The lines that were not done, and what the commands printed."""
    rest, results = tmp_path / "rest", tmp_path / "results"
    options = ["--left-over", rest, "--results", results]
    assert last_lines(run_lines(numbers(3), *ONE, *options, "--", "false").err) == [
        HALTED,
        f"what each command printed is in {results}",
        f"the lines that were not done are in {rest}; --input takes them",
    ]
    assert last_lines(run_lines(numbers(3), *ONE, *options, "--", "true").err) == []


def test_how_to_keep_the_rest_is_said(run_lines: RunLines) -> None:
    """If there are lines that nobody has tried; a failure alone is no reason."""
    hint = "--left-over FILE would keep the lines that were not done, for the next run"
    assert last_lines(run_lines(numbers(3), *ONE, "--", "false").err) == [HALTED, hint]
    assert last_lines(run_lines(numbers(1), *ONE, "--", "false").err) == []


def test_who_wants_the_run_to_end_is_not_told_how_to_go_on(run_lines: RunLines) -> None:
    """A rule was named, or a failure has ended nothing."""
    for rule in ("now,fail=1", "never"):
        lines = last_lines(run_lines(numbers(3), *ONE, "--halt", rule, "--", "false").err)
        assert HALTED not in lines


def test_after_a_failure_words_that_look_like_those_of_a_shell_are_named(
    run_lines: RunLines,
) -> None:
    """They were arguments, as any others."""
    hint = "no shell has seen &&, since none was asked for: say --shell, or --bash"
    assert last_lines(run_lines(b"a\n", "false", "{}", "&&", "b").err) == [hint]
    assert last_lines(run_lines(b"a\n", "true", "{}", "&&", "b").err) == []
    assert last_lines(run_lines(b"a\n", "--shell", "false", "{}", "&&", "true").err) == []


def test_after_a_signal_how_to_keep_the_rest_is_said(tmp_path: Path) -> None:
    """As after a failure."""
    script = "touch started; exec sleep 100"
    arguments = ["run", *ONE, "--drain", "0", "--", "sh", "-c", script]
    with start(*arguments, lines=numbers(2), cwd=tmp_path) as running:
        wait_until((tmp_path / "started").exists, "the command")
        running.signal(TERM)
        (line,) = last_lines(running.ended().err)
    assert line.startswith("--left-over FILE would keep")


@pytest.mark.parametrize("lines", [b"", b"\n\n"])
def test_an_input_without_lines_is_said(run_lines: RunLines, lines: bytes) -> None:
    """Or else a wrong file might not be noticed."""
    ended = run_lines(lines, "--", "true")
    assert ended.status == 0
    assert last_lines(ended.err) == ["there was nothing to do: the input has no lines"]


def test_a_rest_that_was_not_counted_is_no_number() -> None:
    """As of a file that is so long that nobody waits for the count."""
    rows = Tally().rows(done_before=0, retried=0, untouched=None, unread=False)
    assert rows == [("rest of the input", "not counted")]

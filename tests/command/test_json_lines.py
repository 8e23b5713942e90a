"""A JSON object for each command."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from .. import processes
from ..processes import CANCELS, DRAINS, INT, ONE, Ended, RunLines, numbers, start, wait_until

run_lines = processes.run_lines
gochan = processes.gochan

SHELL = ("--", "sh", "-c")


def objects(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_there_is_an_object_for_each_command(run_lines: RunLines) -> None:
    """With all that is known of it."""
    before = time.time()
    script = "echo out $1; echo err >&2; exit $1"
    one, other = objects(run_lines(b"0\n3\n", *ONE, "--json", *SHELL, script, "sh"))
    assert before - 1 <= one.pop("start") <= time.time()
    assert 0 <= one.pop("seconds") < 5
    assert one == {
        "seq": 1,
        "line": "0",
        "command": f"sh -c '{script}' sh 0",
        "host": socket.gethostname(),
        "outcome": "done",
        "status": 0,
        "signal": None,
        "stdout": "out 0\n",
        "stderr": "err\n",
    }
    assert (other["outcome"], other["status"], other["signal"]) == ("failed", 3, None)


def test_an_object_tells_signals_and_time_limits(run_lines: RunLines) -> None:
    """Then there is no exit status."""
    ended = run_lines(
        b"kill -9 $$\nkill -40 $$\nsleep 100\n",
        *(*ONE, "--keep-going", "--timeout", "0.3", "--json", *SHELL, "eval $1", "sh"),
    )
    assert [(each["outcome"], each["status"], each["signal"]) for each in objects(ended)] == [
        ("failed", None, "SIGKILL"),
        ("failed", None, "signal 40"),
        ("timed_out", None, "SIGTERM"),
    ]


def test_bytes_that_are_no_text_can_be_had_back(run_lines: RunLines) -> None:
    """As with names of files in Python. The line is ASCII."""
    output = bytes(range(1, 256))
    escapes = "".join(f"\\0{byte:o}" for byte in output)
    ended = run_lines(b"\xfe \xc3\xa9\n", "--json", *SHELL, f"printf %b '{escapes}'", "sh")
    assert ended.out.isascii()
    (found,) = objects(ended)
    assert os.fsencode(found["stdout"]) == output
    assert os.fsencode(found["line"]) == b"\xfe \xc3\xa9"


def test_a_large_output_is_a_string_too(run_lines: RunLines) -> None:
    """Wherever its pieces end, within a character too."""
    (found,) = objects(run_lines(b"x\n", "--json", *SHELL, "yes é | head -c 1000000"))
    assert os.fsencode(found["stdout"]) == ("é\n".encode() * 400_000)[:1000000]


def test_an_object_comes_as_soon_as_its_command_has_ended(tmp_path: Path) -> None:
    """Nothing is kept back."""
    script = "[ $1 = 1 ] || sleep 100"
    with start("run", *ONE, "--json", *SHELL, script, "sh", lines=numbers(2)) as running:
        wait_until(lambda: running.out.endswith(b"}\n"), "the first object")
        for said in (DRAINS, CANCELS):
            running.signal(INT)
            running.expect(said)
        ended = running.ended()
    assert [each["outcome"] for each in objects(ended)] == ["done", "interrupted"]


def test_objects_can_be_in_order_too(run_lines: RunLines) -> None:
    """With -k."""
    script = "[ $1 != 1 ] || sleep 0.2"
    ended = run_lines(numbers(5), "-j3", "-k", "--json", *SHELL, script, "sh")
    assert [each["seq"] for each in objects(ended)] == [1, 2, 3, 4, 5]


def test_output_that_is_kept_in_folders_is_not_in_the_objects(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """They say where it is."""
    (found,) = objects(run_lines(b"x\n", "--json", "--results", tmp_path, "--", "echo"))
    assert "stdout" not in found
    assert found["results"] == f"{tmp_path}/x"


def test_a_block_has_no_line(run_lines: RunLines) -> None:
    """It is the standard input."""
    (found,) = objects(run_lines(b"x\n", "--json", "--pipe", "--", "cat"))
    assert (found["line"], found["stdout"]) == (None, "x\n")


@pytest.mark.parametrize(
    ("line", "command"), [(b"x" * 200_000, "echo"), (b"a", "echo {2}")], ids=["long", "columns"]
)
def test_a_command_that_cannot_be_made_has_an_object(
    run_lines: RunLines, line: bytes, command: str
) -> None:
    """Because the line is too long, or has too few columns."""
    columns = ("--columns", ",") if "2" in command else ()
    ended = run_lines(line + b"\n", "--json", *columns, "--", *command.split())
    (found,) = objects(ended)
    assert (found["outcome"], found["status"]) == ("failed", 126)
    assert found["line"] == line.decode()


def test_a_command_that_cannot_be_started_has_an_object(run_lines: RunLines) -> None:
    """With the status that a shell would return."""
    (found,) = objects(run_lines(b"/nonexistent\n", "--json", "--", "{}"))
    assert (found["outcome"], found["status"]) == ("failed", 127)

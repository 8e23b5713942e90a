"""The commands, as people type them: real processes of a server, an agent, and a client."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from gochan_service._commands._program import check_program

from .places import GOCHAN, Place, until

pytestmark = pytest.mark.slow


def test_two_commands_are_a_job_server(place: Place) -> None:
    """Jobs are submitted, run, looked at, and their logs printed; both end on SIGTERM."""
    agent = place.agent("--capacity", "2", "--", "echo", "did", "{}")
    out = place.ask("submit", place.url, "q", "--lines", "--wait", lines='"a"\n"b"\n"c"\n')
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["1", "done"], ["2", "done"], ["3", "done"]
    ]  # fmt: skip
    assert place.ask("log", place.url, "2") == "did b\n"
    assert place.state(3) == "done"
    assert agent.end() == 0
    assert place.server.end() == 0
    assert "Traceback" not in agent.said + place.server.said


def test_a_folder_with_a_server_needs_no_secrets(place: Place) -> None:
    """They are in the folder; each line of standard input is a job, and what the command gets."""
    at = {"GOCHAN_URL": place.url}
    agent = place.start("agent", place.url, "--queue", "shrink", "--", "echo", "did", "{}")
    agent.expect("Ctrl-C stops it")
    out = place.ask("submit", "--queue", "shrink", "--wait", lines="./a b.png\n./c.png\n", **at)
    assert [line.split()[:2] for line in out.splitlines()] == [["1", "done"], ["2", "done"]]
    assert place.ask("log", "1", **at) == "did ./a b.png\n"
    assert "shrink" in place.ask("jobs", **at)


@pytest.mark.parametrize("options", [(), ("--once",)])
def test_an_agent_may_start_before_its_server(
    options: tuple[str, ...], place: Place, tmp_path: Path
) -> None:
    """It says so, and works as soon as the server is there; after SIGTERM it ends in order."""
    address = place.url.removeprefix("http://")
    place.submit(1)
    assert place.server.end() == 0
    words = ("agent", place.url, "--queue", "q", *options, "--", "echo", "did")
    agent, other = (place.start(*words, **place.secrets) for _ in range(2))
    for one in (agent, other):
        one.expect("waits for the server, and tries again: http://127.0.0.1")
    assert other.end() == 0
    place.start("serve", "--listen", address).expect("people need")
    agent.expect("Ctrl-C stops it")
    until(lambda: place.state(1) == "done", "the end")
    assert agent.said.count("waits") == 1


def test_an_agent_says_that_its_server_is_away(place: Place) -> None:
    """And that it is back; not how runs end, which the server knows."""
    address = place.url.removeprefix("http://")
    agent = place.agent("--", "false")
    place.submit(1)
    until(lambda: "exit status 1" in place.get("jobs/1").text, "a failure")
    place.server.end(signal.SIGKILL)
    agent.expect(f"gochan: queue 'q' cannot use its store {place.url}, and tries again: ")
    place.start("serve", "--listen", address).expect("people need")
    agent.expect(f"gochan: queue 'q' can use its store {place.url} again, after ")
    assert "exit status 1" not in agent.said


def test_no_agent_waits_for_what_cannot_work(place: Place) -> None:
    """A wrong secret, or an address that is none, has status 2 at once."""
    for url, why in (
        (place.url, "does not accept the secret"),
        ("http://127.0.0.1:port", "the address of a server is like"),
        ("ftp://127.0.0.1", "the address of a server is like"),
        (f"{place.url}/elsewhere", "answers 404"),
    ):
        agent = place.start("agent", url, "--queue", "q", "true", GOCHAN_SECRET="wrong" * 8)
        assert agent.process.wait(60) == 2
        assert why in agent.said
        assert len(agent.said.splitlines()) == 1


def test_an_agent_that_is_ended_gives_its_job_back(place: Place) -> None:
    """The attempt does not count, and another agent does it."""
    first = place.agent("--drain", "0", "--", "sh", "-c", "echo began; sleep 1000")
    place.submit(1)
    until(lambda: "began" in place.get("jobs/1/log").text, "the log")
    assert first.end() == 0
    place.agent("--once", "--", "echo", "done by the second")
    until(lambda: place.state(1) == "done", "the end")
    assert place.get("jobs/1/log").text == "done by the second 1\n"
    assert place.ask("log", place.url, "1", "--run", "1") == "began\n"


def test_nothing_of_an_agent_that_is_killed_goes_on(place: Place) -> None:
    """Its commands are ended, for others will do the jobs again."""
    script = "trap 'touch ended; exit' TERM; touch began; sleep 1000 & wait"
    agent = place.agent("--", "sh", "-c", script)
    place.submit(1)
    until((place.folder / "began").exists, "the start")
    agent.end(signal.SIGKILL)
    until((place.folder / "ended").exists, "the end")


def test_a_log_is_followed_while_the_job_runs(place: Place) -> None:
    """Until it has ended."""
    place.agent("--", "sh", "-c", "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two")
    place.submit(1)
    follower = place.start("log", "-f", place.url, "1", **place.secrets)
    assert follower.process.stdout is not None
    until(lambda: place.state(1) == "running", "the start")
    (place.folder / "go").touch()
    assert follower.process.stdout.read() in (b"one\ntwo\n", b"")
    assert follower.process.wait(30) == 0
    assert place.get("jobs/1/log").text == "one\ntwo\n"


def test_a_terminal_is_not_told_what_to_do(place: Place) -> None:
    """What a log would make it do is shown instead."""
    place.agent("--once", "--", "printf", r"\033[2J\ttab\n\377\n")
    place.submit(1)
    until(lambda: place.state(1) == "done", "the end")
    ours, theirs = pty.openpty()
    subprocess.run(
        [*GOCHAN, "log", place.url, "1"], env={**os.environ, **place.secrets}, stdout=theirs,
        check=True, timeout=60,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with suppress(OSError):
        while chunk := os.read(ours, 1000):
            shown += chunk
    os.close(ours)
    assert b"\x1b" not in shown
    assert b"\\x1b[2J\ttab" in shown.replace(b"        ", b"\t")


@pytest.mark.parametrize(
    "words",
    [
        ("agent", "http://127.0.0.1:1", "--queue", "q"),
        ("serve", "--listen", "127.0.0.1:0", "--agents", "1", "--queue", "q"),
    ],
)
def test_a_command_that_is_not_there_is_told_at_the_start(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """With the status of `gochan run`, before a job is lost to it or a file is made."""
    (tmp_path / "text").touch()
    for command, status, why in (
        ("nosuchprogram", 127, "nosuchprogram: command not found"),
        ("./text", 126, "./text: cannot be executed"),
    ):
        done = subprocess.run(
            [*GOCHAN, *words, "--", command, "{}"], cwd=tmp_path, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (status, f"gochan: {why}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


@pytest.mark.parametrize("command", [(), ("{}",), ("./{/}.sh", "x"), ("sh",)])
def test_a_command_that_may_be_there_is_let_go_on(command: tuple[str, ...]) -> None:
    """Its program is known by the job only, or there."""
    assert check_program(command) == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("agent", "http://127.0.0.1:1", "--queue", "q", "--", "true"), "set GOCHAN_SECRET"),
        (("agent", "http://127.0.0.1:1", "--queue", "q"), "give a command, or let jobs bring"),
        (("agent", "http://h", "--queue", "q", "--any-command", "x"), "give a command, or let"),
        (("agent", "http://h", "--queue", "q", "--label", "x", "true"), "not like NAME=VALUE"),
        (("agent", "--queue", "q", "--", "wc", "-l"), "Invalid value for URL: the address of a"),
        (("agent", "127.0.0.1:1", "--queue", "q", "wc"), "8000, not '127.0.0.1:1'"),
        (("agent", "http://h", "--queue", "q", "wc", "-l"), "'-l'; put -- before the command"),
        (("agent", "http://h", "--quue", "q", "wc"), "Did you mean '--queue'?"),
        (("log", "http://h", "1"), "set GOCHAN_TOKEN"),
        (("log", "http://", "1"), "is like http://"),
        (("log", "--at", "http://", "1"), "is like http://"),
        (("log", "http://h", "1", "2"), "unexpected extra argument (2)"),
        (("log", "http://h", "x"), "'x' is not a valid integer range"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    """With status 2."""
    done = subprocess.run(
        [*GOCHAN, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_job_that_is_not_there_is_named(place: Place) -> None:
    """By the server's own words; so is a server that is not there."""
    for url, why in ((place.url, "there is no job 7"), ("http://127.0.0.1:1", "127.0.0.1:1: ")):
        done = subprocess.run(
            [*GOCHAN, "log", url, "7"], env={**os.environ, **place.secrets}, text=True,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert why in done.stderr

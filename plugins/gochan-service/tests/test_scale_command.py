"""Scaling for real: processes of a server, of a scaler and of agents."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

import click
import pytest
import trio
from gochan_service._commands._scale_command import _leave, scale_command

from gochan import Chan

from .places import Place, Program, until

slow = pytest.mark.slow

QUICK = ("--interval", "0.2", "--min-age", "1")
SCRIPT = "touch began-$1; while [ ! -e go ]; do sleep 0.05; done"
JOB = ("--", "sh", "-c", SCRIPT, "sh")


def scale(place: Place, *words: str) -> Program:
    scaler = place.start("scale", place.url, "--queue", "q", *QUICK, *words, **place.secrets)
    scaler.expect("Ctrl-C stops it")
    return scaler


def agents(place: Place) -> dict[str, int]:
    """Return the local agents that are alive, with their processes."""
    found = {}
    for path in (place.folder / "gochan-agents").glob("*.process"):
        with suppress(ProcessLookupError, ValueError, IndexError, FileNotFoundError):
            number = int(path.read_text().split()[0])
            os.kill(number, 0)
            found[path.stem] = number
    return found


def kill_all(place: Place) -> None:
    for number in agents(place).values():
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def began(place: Place) -> set[str]:
    return {path.name for path in place.folder.glob("began-*")}


@slow
def test_agents_come_with_jobs_and_go_without(place: Place) -> None:
    """To zero and back; nobody is ended at work."""
    scaler = scale(place, "--max", "2", "--target", "0", *JOB)
    try:
        for n in range(3):
            place.submit(n)
        until(lambda: len(began(place)) == 2, "two jobs")
        time.sleep(2)  # old enough to go
        assert len(agents(place)) == 2
        assert "drains" not in scaler.said
        (place.folder / "go").touch()
        until(lambda: all(place.state(n) == "done" for n in (1, 2, 3)), "the jobs")
        until(lambda: not agents(place), "the end of the agents")
        assert place.get("jobs/3").json()["job"]["crashes"] == 0
        place.submit("again")
        until(lambda: "began-again" in began(place), "another agent")
        until(lambda: place.state(4) == "done", "another agent")
        assert scaler.end() == 0
        assert "Traceback" not in scaler.said
    finally:
        kill_all(place)


@slow
def test_killed_agents_and_a_killed_scaler(place: Place) -> None:
    """Agents are replaced; a new scaler finds those of the old one, and ends them if asked to."""
    options = ("--min", "2", "--max", "2")
    scaler = scale(place, *options, *JOB)
    try:
        until(lambda: len(agents(place)) == 2, "two agents")
        first = agents(place)
        name, number = next(iter(first.items()))
        log = place.folder / "gochan-agents" / f"{name}.log"
        until(lambda: "works on" in log.read_text(), "its start")
        os.kill(number, signal.SIGKILL)
        until(lambda: len({*agents(place)} - {name}) == 2, "another one")
        scaler.end(signal.SIGKILL)
        there = agents(place)
        scaler = scale(place, *options, "--at-end", "end", *JOB)
        time.sleep(1)
        assert agents(place) == there
        assert "creates" not in scaler.said
        place.submit(1)
        until(lambda: began(place), "the job")
        scaler.process.send_signal(signal.SIGTERM)
        scaler.expect("ends its agents")
        time.sleep(0.5)
        (place.folder / "go").touch()
        assert scaler.process.wait(60) == 0
        assert agents(place) == {}
        assert place.state(1) == "done"
        assert place.get("jobs/1").json()["job"]["attempt"] == 1
    finally:
        kill_all(place)


@slow
def test_agents_are_left_at_the_end(place: Place) -> None:
    """They are named, and go on."""
    scaler = scale(place, "--min", "1", *JOB)
    try:
        until(lambda: agents(place), "an agent")
        (name,) = agents(place)
        assert scaler.end() == 0
        assert f"leaves {name}" in scaler.said
        assert [*agents(place)] == [name]
    finally:
        kill_all(place)


@slow
def test_any_command_starts_agents(place: Place) -> None:
    """Here a script that stands for that of a cloud."""
    cloud = place.folder / "cloud"
    agent = f"{sys.executable} -m gochan agent {place.url} --queue q --label instance=$2 -- touch"
    cloud.write_text(f"""#!/bin/sh
case $1 in
  create) {agent} </dev/null >/dev/null 2>&1 & echo $! >vm-$2 ;;
  destroy) kill $(cat vm-$2); rm vm-$2 ;;
  list) ls | sed -n s/^vm-//p ;;
esac
""")
    cloud.chmod(cloud.stat().st_mode | stat.S_IXUSR)
    scaler = scale(
        place, "--create", "./cloud create {name}", "--destroy", "./cloud destroy {name}",
        "--list", "./cloud list",
    )  # fmt: skip
    place.submit("made")
    until(lambda: place.state(1) == "done", "the job")
    assert (place.folder / "made").exists()
    until(lambda: not [*place.folder.glob("vm-*")], "the end of the agents")
    assert scaler.end() == 0


class Ending:
    """A scaler whose agents do not end."""

    names = ("q-1", "q-2")

    async def end(self, drain: float) -> list[str]:
        await trio.sleep(drain)
        return []


async def test_a_second_signal_leaves_the_agents(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose jobs are not waited for any longer."""
    signals = Chan[int](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_leave, Ending(), signals, 600.0)
        await trio.sleep(5)
        signals.send_nowait(signal.SIGTERM)
    assert trio.current_time() == 5
    _, last = capsys.readouterr().err.splitlines()
    assert last == "gochan: leaves q-1, q-2"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--set", "size=2", "--create", "x {name}"], "needs --destroy"),
        (["--provider", "moon"], "there is no provider 'moon'"),
        (["--min", "3", "--max", "2"], "min, 3, is more than max, 2"),
        (["--provider", "local"], "needs the command for jobs"),
        (["--create", "x {name}"], "needs --destroy"),
        (["--set", "x"], "is not like NAME=VALUE"),
        (["--prefix", "Über", "--", "x"], "use a-z, 0-9 and hyphens"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], why: str
) -> None:
    """In one line, before anything is started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOCHAN_TOKEN", "gochan_x")
    with pytest.raises(click.UsageError, match=why):
        scale_command.main(["http://127.0.0.1:1", "--queue", "q", *words], standalone_mode=False)


def test_a_token_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said where there is one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOCHAN_TOKEN", raising=False)
    with pytest.raises(click.UsageError, match=r"set GOCHAN_TOKEN .* jobs.db.token"):
        scale_command.main(["http://127.0.0.1:1", "--queue", "q"], standalone_mode=False)


def test_an_address_that_was_left_out_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first word of the command is none, with a token or without."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOCHAN_TOKEN", raising=False)
    with pytest.raises(click.UsageError, match=r"the address of a server is like .* not 'echo'"):
        scale_command.main(["--queue", "q", "--", "echo", "hi"], standalone_mode=False)

"""All in one: a server with agents of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import trio
from gochan_service._commands import _own_agents
from gochan_service._commands._own_agents import OwnAgents, running
from trio.testing import MockClock

from gochan.durable import open_store
from gochan.processes import ChildError, Program

from .places import Place, until


def children_of(process: int) -> list[int]:
    words = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(word) for word in words if not is_guardian(int(word))]


def is_guardian(process: int) -> bool:
    return Path(f"/proc/{process}/comm").read_text() == "gochan-guardian\n"


@contextmanager
def all_in_one(place: Place, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server with two agents in the folder of a place, instead of its own."""
    place.server.end()
    words = ["serve", "--listen", "127.0.0.1:0", "--agents", "2", "--queue", "q", "--", *command]
    place.server = place.start(*words)
    place.server.expect("people:")
    place.url = place.server.said.split(" at ")[1].split()[0]
    yield place.server.process


@pytest.mark.slow
def test_one_command_is_a_service(place: Place) -> None:
    """Jobs run on both agents; one Ctrl-C ends all, after what runs."""
    script = "touch began-$1; while [ ! -e go ]; do sleep 0.05; done; echo did $1"
    with all_in_one(place, "sh", "-c", script, "sh") as server:
        for n in range(2):
            place.submit(n)
        until(lambda: len([*place.folder.glob("began-*")]) == 2, "two jobs")
        agents = children_of(server.pid)
        assert len(agents) == 2
        os.kill(server.pid, signal.SIGINT)
        place.server.expect("stopping")
        (place.folder / "go").touch()
        assert server.wait(60) == 0
    assert not [agent for agent in agents if Path(f"/proc/{agent}").exists()]
    assert trio.run(count_done, place.folder / "jobs.db") == 2
    assert "Traceback" not in place.server.said


@pytest.mark.slow
def test_an_agent_that_is_killed_is_replaced(place: Place) -> None:
    """And if the server is killed, nothing goes on."""
    with all_in_one(place, "echo") as server:
        until(lambda: place.server.said.count("works on") == 2, "two agents")
        first = children_of(server.pid)
        os.kill(first[0], signal.SIGKILL)
        until(lambda: place.server.said.count("works on") == 3, "another agent")
        assert "an agent has ended with status -9; another is started" in place.server.said
        there = children_of(server.pid)
        server.kill()
        server.wait()
        until(lambda: not [one for one in there if is_alive(one)], "the end of all")


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_jobs(place: Place) -> None:
    """Agents and what they run end at once, and the server after them."""
    with all_in_one(place, "sh", "-c", "echo $$ >began-$1; exec sleep 1000", "sh") as server:
        place.submit(1)
        until(lambda: (place.folder / "began-1").exists(), "the job")
        until(lambda: (place.folder / "began-1").read_text(), "its number")
        job = int((place.folder / "began-1").read_text())
        os.kill(server.pid, signal.SIGINT)
        place.server.expect("stopping")
        assert is_alive(job)
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(10) == 1
        until(lambda: not is_alive(job), "the end of the job")
    assert "Traceback" not in place.server.said


async def count_done(path: Path) -> int:
    async with open_store(f"sqlite:{path}") as store:
        return (await store.statistics("q")).done


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_an_agent_that_cannot_run_is_tried_less_and_less_often(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said each time; one that has run for long is started again soon.

    Each has the secret that is good when it starts: a rotation may be why the last one has ended.
    """
    starts: list[float] = []
    secrets: list[bytes] = []

    class Children:
        async def run(self, program: Program, output: None) -> int:
            starts.append(trio.current_time())
            assert program.environment is not None
            secrets.append(program.environment[b"GOCHAN_SECRET"])
            if len(starts) == 1:
                raise ChildError("command not found", 127)
            await trio.sleep(100 if len(starts) == 8 else 0)
            return 1

    monkeypatch.setattr(_own_agents, "open_children", lambda _: Opened(Children()))
    wanted = OwnAgents(1, "q", 4, ["echo", "{}"])
    async with running(wanted, "http://host", lambda: f"secret-{len(starts)}", trio.Event()):
        began = trio.current_time()
        await trio.sleep(260)
    gaps = [round(later - sooner) for sooner, later in pairwise(starts)]
    assert starts[0] == began
    assert secrets == [b"secret-%d" % number for number in range(len(starts))]
    assert gaps == [1, 2, 4, 8, 16, 30, 30, 101, 2, 4, 8, 16, 30]
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "gochan: an agent command not found; another is started",
        "gochan: an agent has ended with status 1; another is started",
    ]
    program = wanted.program("http://host", "secret")
    assert [os.fsdecode(word) for word in program.arguments[1:]] == [
        "-m", "gochan", "agent", "http://host", "--queue", "q", "--capacity", "4",
        "--drain", "15", "--grace", "5", "--", "echo", "{}",
    ]  # fmt: skip


class Opened:
    """What is opened already."""

    def __init__(self, thing: object) -> None:
        self._thing = thing

    async def __aenter__(self) -> object:
        return self._thing

    async def __aexit__(self, *_: object) -> None:
        """Leave it open."""

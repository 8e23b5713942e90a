"""A fleet: real processes of a server and of agents, and people who submit jobs all the time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx
import trio

from gochan.durable import Store, open_store

from .databases import Database
from .ledger import QUEUE, Ledger, Verdict

COMMAND = Path(__file__).with_name("command.sh")

_MARK = "GOCHAN_FLEET"  # a variable that all processes of a fleet inherit, whoever starts them
_SUBMITTERS = 3
_PAUSE = 0.08  # seconds between two jobs of a submitter
_AHEAD = 40  # so many jobs may wait
_SETTLED = 180.0  # seconds within which all jobs have ended
_STOPPED = 27.0  # seconds that a stop in order may take
_LONGEST_PAUSE = 5.0  # seconds between two attempts of an agent to reach the server
_GUARDED = 6.0  # seconds that commands of an agent that was killed may live on


class Program:
    """A command of gochan that runs.

    Attributes:
        name: of an agent, in the ledger.
    """

    def __init__(self, folder: Path, name: str, *words: str, **variables: str) -> None:
        self.name = name
        self._errors = folder / f"{name}.err"
        with open(self._errors, "ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gochan", *words], cwd=folder, stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors,
                env={**os.environ, _MARK: str(folder), "AGENT": name, **variables},
            )  # fmt: skip
        self.pid = self._process.pid

    @property
    def said(self) -> str:
        """What it has said until now."""
        return self._errors.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it is at work."""
        return self.is_alive and ("people:" in self.said or "Ctrl-C stops it" in self.said)

    def send(self, number: int) -> None:
        """Send a signal."""
        if self.is_alive:
            self._process.send_signal(number)

    async def gone(self) -> int:
        """Wait for its end, and return its status."""
        await until(lambda: not self.is_alive, f"the end of {self.name}")
        return self._process.wait()

    async def ready(self) -> bool:
        """Wait until it is at work; return whether it is, or has ended."""
        await until(lambda: self.is_ready or not self.is_alive, f"{self.name} to be ready")
        return self.is_alive


async def until(condition: Callable[[], object], what: str, *, seconds: float = 60.0) -> None:
    """Look again and again until a condition holds.

    Raises:
        AssertionError: it does not.
    """
    with trio.move_on_after(seconds):
        while not condition():  # noqa: ASYNC110  # nobody tells
            await trio.sleep(0.02)
        return
    raise AssertionError(f"waited too long for {what}")


class Fleet:
    """A server, agents, and people.

    Attributes:
        dice: whatever is random.
        ledger: what is known from outside of the store.
        server: that was started last.
        agents: those that are to be alive.
    """

    def __init__(self, folder: Path, address: str, seed: int) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        self.dice = Random(seed)
        self.ledger = Ledger(folder / "ledger")
        self.agents: list[Program] = []
        self.server: Program
        self._folder = folder
        self._address = address
        self._at = f"127.0.0.1:{port}"
        self._url = f"http://{self._at}"
        self._programs: list[Program] = []
        self._submitting = trio.CancelScope()
        self._submitted = 0
        self._unended = 0
        self._left: list[str] = []
        self._client = httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=5)

    # Processes

    def start_server(self) -> None:
        """Start a server on the store, where the last one was."""
        self.server = self._start("serve", "serve", "--store", self._address, "--listen", self._at)

    def _start(self, role: str, *words: str, **variables: str) -> Program:
        name = f"{role}-{len(self._programs)}"
        self._programs.append(Program(self._folder, name, *words, **variables))
        return self._programs[-1]

    async def server_ready(self) -> None:
        """Wait until the server answers.

        Raises:
            AssertionError: it has ended instead.
        """
        assert await self.server.ready(), self.server.said

    def start_agent(self, *, drain: float = 20.0) -> Program:
        """Start an agent."""
        secret = self._secret("secret")
        words = ["agent", self._url, "--queue", QUEUE, "--capacity", "3", "--drain", f"{drain:g}"]
        command = ["--", "sh", str(COMMAND), str(self.ledger.path), "{}"]
        agent = self._start("agent", *words, *command, GOCHAN_SECRET=secret)
        self.agents.append(agent)
        return agent

    def _secret(self, kind: str) -> str:
        (path,) = self._folder.glob(f"*.{kind}")
        return path.read_text().strip()

    def kill_server(self) -> None:
        """End it as a crash would."""
        self.ledger.note_away()
        self.server.send(signal.SIGKILL)

    def kill_agent(self, agent: Program) -> None:
        """End it as a crash would; its guardian has to end its commands."""
        agent.send(signal.SIGKILL)
        self.ledger.killed[agent.name] = self.ledger.now()
        self.agents.remove(agent)

    async def end_agent(self, agent: Program) -> None:
        """Tell it to end, and wait until it has, in order."""
        self.agents.remove(agent)
        self.ledger.told[agent.name] = self.ledger.now()
        agent.send(signal.SIGTERM)
        await self._ended(agent)

    async def end_server(self) -> None:
        """Tell it to end, and wait until it has, in order."""
        self.ledger.note_away()
        self.server.send(signal.SIGTERM)
        await self._ended(self.server)

    async def _ended(self, program: Program) -> None:
        began = trio.current_time()
        status = await program.gone()
        has_begun = program is self.server or "Ctrl-C stops it" in program.said
        if status and has_begun:
            self._left.append(f"{program.name} has ended with {status}: {program.said[-500:]}")
        if trio.current_time() - began > _STOPPED:
            self._left.append(f"{program.name} took {trio.current_time() - began:.0f} s to stop")

    async def replace_what_has_ended(self) -> None:
        """Start other agents for those that have ended by themselves, as systemd would."""
        for agent in [*self.agents]:
            if not agent.is_alive:
                if agent.is_ready or "Ctrl-C stops it" in agent.said:
                    self._left.append(f"{agent.name} has ended by itself: {agent.said[-500:]}")
                self.agents.remove(agent)
                self.start_agent()

    # People

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the server until it answers, and return what."""
        headers = {"authorization": f"Bearer {self._secret('token')}"}
        while True:
            asked = self.ledger.now()
            try:
                answer = await self._client.request(
                    method, f"/api/v1/{path}", json=body, headers=headers
                )
            except httpx.TransportError:
                await trio.sleep(0.05)
                continue
            if answer.status_code == 503:
                await trio.sleep(0.1)
                continue
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
            self.ledger.note_answer(asked)
            return answer.json()

    async def submit_for_ever(self) -> None:
        """Let people submit jobs, and see what becomes of them."""
        with self._submitting:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch)
                for number in range(_SUBMITTERS):
                    nursery.start_soon(self._submit, number)

    async def _submit(self, task: int) -> None:
        while True:
            if self._unended < _AHEAD:
                self._submitted += 1
                seconds = self.dice.choice([0.02, 0.1, 0.1, 0.3, 1.0])
                name = f"{task}-{self._submitted}:{seconds}"
                job = {
                    "queue": QUEUE, "payload": name, "receipt": name, "max_attempts": 1000,
                }  # fmt: skip
                answer = await self.ask("POST", "jobs", job)
                self.ledger.stored[answer["id"]] = name
            await trio.sleep(_PAUSE)

    async def _watch(self) -> None:
        while True:
            await self.look()
            await trio.sleep(0.3)

    async def look(self) -> None:
        """See which jobs have ended, and how; and how many have not."""
        self._unended = await self._unfinished()
        page = await self.ask("GET", f"jobs?queue={QUEUE}&state=ended&limit=200")
        for job in page["jobs"]:
            self.ledger.note_ended(job["id"], job["kind"], job["version"])

    async def cancel_something(self) -> None:
        """Cancel a job that was submitted not long ago."""
        if self.ledger.stored:
            id = self.dice.choice([*self.ledger.stored][-60:])
            await self.ask("POST", f"jobs/{id}/cancel", {})
            self.ledger.cancelled.add(id)

    async def drain(self, agent: Program) -> None:
        """Let an agent have no more jobs, as the server answers; and see that it is so."""
        name = f"{socket.gethostname()}:{agent.pid}"
        with trio.fail_after(30):
            while name not in await self._heard_of():  # noqa: ASYNC110  # it is another process
                await trio.sleep(0.05)
        await self.ask("POST", f"agents/{name}/drain")
        # What it was given before, it may begin and end.
        with trio.fail_after(60):
            while name in await self._workers():  # noqa: ASYNC110
                await trio.sleep(0.1)
        idle = self.ledger.now()
        await trio.sleep(0.5)
        late = [run for run in self.ledger.runs() if run.agent == agent.name and run.begun > idle]
        self._left += [f"{agent.name} was drained, and began {run}" for run in late]

    async def _heard_of(self) -> list[str]:
        return [agent["name"] for agent in (await self.ask("GET", "agents"))["agents"]]

    async def _workers(self) -> set[str]:
        """Return who has been given jobs that have not ended."""
        page = await self.ask("GET", f"jobs?queue={QUEUE}&state=running&limit=200")
        return {job["worker"] for job in page["jobs"]}

    async def works(self) -> None:
        """Wait until what is submitted from now on is run, so that all is well again."""
        newest = max(self.ledger.stored, default=0)
        await until(lambda: max(self.ledger.ended, default=0) > newest, "a job to be run")
        await trio.sleep(_LONGEST_PAUSE)  # so that all agents have asked again, not the lucky ones

    # The end

    async def settle(self, times: int) -> Verdict:
        """Let no more jobs come, and all end; stop all in order, and compare."""
        self._submitting.cancel()
        if not self.server.is_alive:
            self.start_server()
        await self.server_ready()
        await self.replace_what_has_ended()
        with trio.move_on_after(_SETTLED):
            while await self._unfinished():  # noqa: ASYNC110  # as it is another process
                await trio.sleep(0.3)
        for agent in [*self.agents]:
            await agent.ready()
            await self.end_agent(agent)
        lines = await self._logs_that_are_not_whole()
        await self.end_server()
        await self._client.aclose()
        with suppress(AssertionError):
            await until(lambda: not self.alive(), "the end of all", seconds=_GUARDED)
        async with self.store() as store:
            verdict = await self.ledger.compare(store, times)
        verdict.lost += lines
        verdict.left += self._left + [f"{one} is still alive" for one in self.alive()]
        for program in self._programs:
            if "Traceback" in program.said:
                verdict.left.append(f"{program.name} has said: {program.said[-2000:]}")
        return verdict

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """Open the store, past the server."""
        async with open_store(self._address) as store:
            yield store

    async def _unfinished(self) -> int:
        queues = (await self.ask("GET", "queues"))["queues"]
        counts = queues.get(QUEUE, {})
        return sum(counts.get(name, 0) for name in ("scheduled", "waiting", "running"))

    async def _logs_that_are_not_whole(self) -> list[str]:
        """Look into the logs of some jobs that are done."""
        wrong = []
        done = [id for id, (kind, _) in self.ledger.ended.items() if kind == "done"]
        headers = {"authorization": f"Bearer {self._secret('token')}"}
        for id in self.dice.sample(done, min(100, len(done))):
            answer = await self._client.get(f"/api/v1/jobs/{id}/log", headers=headers)
            payload = self.ledger.stored.get(id)
            if answer.text != f"begins {payload}\nends {payload}\n":
                wrong.append(f"the log of job {id} is {answer.text!r}")
        return wrong

    def alive(self) -> list[str]:
        """Return which processes of this fleet there are, whoever has started them."""
        mark = f"{_MARK}={self._folder}".encode()
        there = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    there.append(f"process {process.name} ({words.strip()})")
        return there

    def end(self) -> None:
        """End all processes, whatever they do."""
        for program in self._programs:
            program.send(signal.SIGCONT)
            program.send(signal.SIGKILL)
        for program in self._programs:
            program._process.wait()


@asynccontextmanager
async def open_fleet(
    folder: Path, database: Database | None = None, *, agents: int = 3, seed: int = 1
) -> AsyncIterator[Fleet]:
    """Open a fleet which is at work, on a file by default; all processes are gone afterwards."""
    fleet = Fleet(folder, database.address if database else f"sqlite:{folder}/jobs.db", seed)
    try:
        fleet.start_server()
        await fleet.server_ready()
        for _ in range(agents):
            fleet.start_agent()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fleet.submit_for_ever)
            for agent in fleet.agents:
                await agent.ready()
            yield fleet
            nursery.cancel_scope.cancel()
    finally:
        fleet.end()
        with trio.CancelScope(shield=True):
            await fleet._client.aclose()

"""Several servers on one PostgreSQL: real processes, of which some are killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from .places import GOCHAN, Program, until

pytestmark = pytest.mark.slow

LOOP = 'trap "echo stopped; exit 3" TERM; echo started $0; while :; do sleep 0.05; done'


class Fleet:
    """Two servers, each in a folder of its own, as on two machines; and their clients."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self.store = store
        self.programs: list[Program] = []
        secret = folder / "secret"
        secret.write_text("gochan_agent_of_all_servers_0123456789")
        secret.chmod(0o600)
        self.secret = {"GOCHAN_SECRET": secret.read_text()}
        self.one, self.other = (self._serve(folder / name, secret) for name in ("one", "other"))
        self.people("add", "ada", "--role", "operator")
        self.token = self.people("token", "ada").strip()

    def start(self, folder: Path, *words: str, **variables: str) -> Program:
        folder.mkdir(exist_ok=True)
        self.programs.append(Program(folder, *words, **variables))
        return self.programs[-1]

    def _serve(self, folder: Path, secret: Path) -> tuple[Program, str]:
        server = self.start(
            folder, "serve", "--store", self.store, "--listen", "127.0.0.1:0",
            "--secret-file", str(secret), "--lease", "3",
        )  # fmt: skip
        server.expect("people:")
        return server, server.said.split(" at ")[1].split()[0]

    def agent(self, url: str, *words: str) -> Program:
        agent = self.start(
            self.folder / "agent", "agent", url, "--queue", "q", *words, **self.secret
        )
        agent.expect("Ctrl-C stops it")
        return agent

    def people(self, *words: str) -> str:
        done = subprocess.run(
            [*GOCHAN, "people", "--register", self.store, *words], cwd=self.folder,
            env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, url: str, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.request(
            method, f"{url}/api/v1/{path}", headers=headers, trust_env=False, timeout=30, **options
        )

    def submit(self, url: str, payload: str) -> int:
        answer = self.ask(url, "POST", "jobs", json={"queue": "q", "payload": payload})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def state(self, url: str, id: int) -> str:
        record = self.ask(url, "GET", f"jobs/{id}").json()["job"]
        return str(record["kind"] or record["state"])

    def close(self) -> None:
        for program in self.programs:
            with suppress(ProcessLookupError):
                program.process.kill()
            program.process.wait()
            assert program.process.stdout is not None
            program.process.stdout.close()


@pytest.fixture
def fleet(server: Any, tmp_path: Path) -> Iterator[Fleet]:
    name = f"fleet_{os.getpid()}"
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    address = server.address.rpartition("/")[0] + f"/{name}"
    fleet = Fleet(tmp_path, address)
    try:
        yield fleet
    finally:
        fleet.close()
        with psycopg.connect(server.address, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_servers_of_one_store_are_one_service(fleet: Fleet) -> None:
    """The agent is at one of them, the person at the other; then the first is killed."""
    (one, one_url), (_, other_url) = fleet.one, fleet.other
    agent = fleet.agent(one_url, "--", "sh", "-c", LOOP, "{}")

    # A job that is submitted there runs here; its log is read there, as it grows.
    id = fleet.submit(other_url, "first")
    until(lambda: "started first" in fleet.ask(other_url, "GET", f"jobs/{id}/log").text, "the log")

    # A cancel there ends the process here, at once; what it says then is read there.
    assert fleet.ask(other_url, "POST", f"jobs/{id}/cancel", json={}).json() == {
        "cancel": "signalled"
    }
    until(lambda: fleet.state(other_url, id) == "cancelled", "the cancel")
    assert "stopped" in fleet.ask(other_url, "GET", f"jobs/{id}/log").text

    # A session of one server is a session of the other, and so is its end.
    client = httpx.Client(trust_env=False, timeout=30)
    with client:
        client.post(f"{one_url}/login", data={"token": fleet.token})
        (cookie,) = client.cookies.values()
        there = {"cookie": f"gochan_session={cookie}"}
        page = httpx.get(f"{other_url}/people", headers=there, trust_env=False, timeout=30)
        assert page.status_code == 200
        csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
        form = {"csrf": csrf, "paused": "yes"}
        paused = httpx.post(
            f"{one_url}/queues/q/pause", data=form, headers=there, trust_env=False, timeout=30
        )
        assert paused.headers["location"] == "/queues"
        httpx.post(f"{other_url}/logout", data=form, headers=there, trust_env=False, timeout=30)
        assert httpx.get(f"{one_url}/people", headers=there, trust_env=False).status_code == 303
    assert fleet.ask(one_url, "POST", "queues/q/resume").json() == {"changed": True}

    # An agent of one is known and drained at the other.
    def agents(url: str) -> list[tuple[str, bool]]:
        found = fleet.ask(url, "GET", "agents").json()["agents"]
        return [(agent["name"], agent["draining"]) for agent in found]

    until(lambda: agents(other_url), "the agent")
    ((name, draining),) = agents(other_url)
    assert not draining
    assert fleet.ask(other_url, "POST", f"agents/{name}/drain").status_code == 200
    until(lambda: agents(one_url) == [(name, True)], "the drain")
    waiting = fleet.submit(one_url, "waits")
    assert fleet.ask(other_url, "POST", f"agents/{name}/undrain").status_code == 200
    until(lambda: fleet.state(other_url, waiting) == "running", "the end of the drain")

    # A server that is killed takes nothing with it: not the log, not the people, not the job, which
    # goes to another agent when its own is not heard of any more.
    until(lambda: "started" in fleet.ask(other_url, "GET", f"jobs/{waiting}/log").text, "the log")
    one.process.send_signal(signal.SIGKILL)
    one.process.wait()
    assert "started waits" in fleet.ask(other_url, "GET", f"jobs/{waiting}/log").text
    agent.end(signal.SIGKILL)
    fleet.agent(other_url, "--", "true")
    until(lambda: fleet.state(other_url, waiting) == "done", "another agent")
    deeds = [line.split("\t")[3] for line in fleet.people("audit").splitlines()]
    assert {"add", "token", "session", "submit", "cancel", "pause", "resume"} <= {*deeds}

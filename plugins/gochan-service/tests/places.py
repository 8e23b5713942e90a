"""Real processes of a server, of agents and of clients, in a folder of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

GOCHAN = [sys.executable, "-m", "gochan"]


class Program:
    """A command that runs until it is ended."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        self.errors = folder / f"{words[0]}-{time.monotonic_ns()}.err"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [*GOCHAN, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, env={**os.environ, **variables},
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self.errors.read_text()

    def expect(self, text: str) -> None:
        until(lambda: text in self.said or self.process.poll() is not None, text)
        assert text in self.said, self.said

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what!r}"
        time.sleep(0.02)


class Place:
    """A folder with a server, and what is run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: list[Program] = []
        self.server = self.start("serve", "--listen", "127.0.0.1:0")
        self.server.expect("people need")
        self.url = self.server.said.split(" at ")[1].split()[0]
        self.secrets = {
            "GOCHAN_SECRET": (folder / "jobs.db.secret").read_text().strip(),
            "GOCHAN_TOKEN": (folder / "jobs.db.token").read_text().strip(),
        }

    def start(self, *words: str, **variables: str) -> Program:
        self.programs.append(Program(self.folder, *words, **variables))
        return self.programs[-1]

    def agent(self, *words: str) -> Program:
        agent = self.start("agent", self.url, "--queue", "q", *words, **self.secrets)
        agent.expect("Ctrl-C stops it")
        return agent

    def ask(self, *words: str, lines: str = "", **variables: str) -> str:
        """Run a command, with the secrets, or with these variables instead."""
        done = subprocess.run(
            [*GOCHAN, *words], cwd=self.folder, env={**os.environ, **(variables or self.secrets)},
            input=lines, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, path: str) -> httpx.Response:
        """Ask the server itself, which is much faster than a command."""
        headers = {"authorization": f"Bearer {self.secrets['GOCHAN_TOKEN']}"}
        return httpx.get(f"{self.url}/api/v1/{path}", headers=headers, trust_env=False)

    def state(self, id: int) -> str:
        record = self.get(f"jobs/{id}").json()["job"]
        return str(record["kind"] or record["state"])

    def post(self, path: str, body: object) -> None:
        headers = {"authorization": f"Bearer {self.secrets['GOCHAN_TOKEN']}"}
        url = f"{self.url}/api/v1/{path}"
        httpx.post(url, json=body, headers=headers, trust_env=False, timeout=60).raise_for_status()

    def submit(self, payload: object) -> None:
        self.post("jobs", {"queue": "q", "payload": payload})

    def close(self) -> None:
        for program in self.programs:
            with suppress(ProcessLookupError):
                program.process.kill()
            program.process.wait()
            assert program.process.stdout is not None
            program.process.stdout.close()

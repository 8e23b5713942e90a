"""A server in a folder of its own, and the agents of a row, each a process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

from gochan_service import HttpStore, open_server_store
from places import Place

Figures = dict[str, float]

PROGRAM = Path(__file__).parents[1] / "load.py"


class Fleet:
    """A server, and what is started beside it."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        self._agents: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return self.place.url

    @property
    def server(self) -> int:
        """The number of the server's process."""
        return self.place.server.process.pid

    def open_store(self) -> AbstractAsyncContextManager[HttpStore, bool | None]:
        """Open the store of the server, as a person does."""
        return open_server_store(self.url, token=self.place.secrets["GOCHAN_TOKEN"])

    def start(self, role: str, *arguments: Any) -> subprocess.Popen[bytes]:
        """Start a process that plays a role, and wait until it says that it is ready."""
        secret = self.place.secrets["GOCHAN_SECRET"]
        said = json.dumps([self.url, secret, *arguments])
        words = [sys.executable, str(PROGRAM), "--be", role, said]
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        self._agents.append(process)
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{role} has failed")
        return process

    def end(self) -> None:
        """End everything."""
        for agent in self._agents:
            agent.kill()
            agent.wait()
            assert agent.stdout is not None
            agent.stdout.close()
        self.place.close()


@contextmanager
def open_fleet() -> Iterator[Fleet]:
    """Start a server inside the block, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="gochan-load-", ignore_cleanup_errors=True) as folder:
        fleet = Fleet(Path(folder))
        try:
            yield fleet
        finally:
            fleet.end()

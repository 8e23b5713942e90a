"""A PostgreSQL that can be killed, and a database in it for each failure."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

_NUMBERS = count(1)


@dataclass
class Database:
    """A database of its own, on a server that can be killed.

    Attributes:
        address: of the store.
    """

    address: str
    _server: Any

    def restart(self) -> None:
        """Kill all processes of the server, and start it again on the same data."""
        self._server.kill()
        self._server.start()


class Databases:
    """A server, which is started when it is used first; the stack removes it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._server: Any = None

    def new(self) -> Database:
        """Return a database that nobody has used."""
        if self._server is None:
            self._server = _of_gochan_postgres().Server()
            self._stack.callback(self._server.remove)
            self._server.start()
        name = f"failures_{next(_NUMBERS)}"
        self._server.run(
            "psql", "-h", "127.0.0.1", "-p", str(self._server.port), "-U", "postgres",
            "-c", f"CREATE DATABASE {name}",
        )  # fmt: skip
        base, _, _ = self._server.address.rpartition("/")
        return Database(f"{base}/{name}", self._server)


def _of_gochan_postgres() -> ModuleType:
    path = Path(__file__).parents[3] / "gochan-postgres" / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("gochan_postgres_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

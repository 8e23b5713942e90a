"""A PostgreSQL for tests of servers that share one: that of the tests of gochan-postgres."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from gochan_postgres import Tables
from gochan_postgres._address import Address
from gochan_postgres._connection import Dialect
from gochan_postgres._lane import Connector, Lane
from gochan_postgres._queues import Names

_NUMBERS = count(1)


def _of_gochan_postgres() -> ModuleType:
    path = Path(__file__).parents[2] / "gochan-postgres" / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("gochan_postgres_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start() -> Any:
    """Return a server that runs, and that is to be removed; skip where there is none."""
    server = _of_gochan_postgres().Server("--fsync=off", "--synchronous_commit=off")
    server.start()
    return server


def tables_of(server: Any, name: str, scripts: Sequence[str]) -> Tables:
    """Return tables in a schema of their own."""
    connector = Connector(Address(server.address), Dialect(f"s{next(_NUMBERS)}"), None, 10.0)
    lane = Lane(connector, Names())
    lane.call(lambda connection: connection.script("CREATE SCHEMA {s}"))
    tables = Tables(lane, name)
    tables.migrate(scripts)
    return tables

"""PostgreSQL: the server of the plugin's own tests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

PLUGIN = Path(__file__).parents[3] / "plugins" / "gochan-postgres"
_SCHEMAS = count(1)


@contextmanager
def running_server(*options: str, folder: Path | None = None) -> Iterator[Any]:
    """Run a server, in a folder perhaps, and remove it afterwards."""
    path = PLUGIN / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("gochan_postgres_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    conftest = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = conftest
    spec.loader.exec_module(conftest)
    server = conftest.Server(*options, folder=folder)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def new_schema() -> str:
    """Return the name of a schema that nobody has used."""
    return f"failures_{next(_SCHEMAS)}"

"""What several files of tests start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gochan_service._people import Register
from gochan_service._people._database import Shared
from gochan_service._people._schema import SHARED

from . import postgres
from .places import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    try:
        yield place
    finally:
        place.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A PostgreSQL that runs."""
    server = postgres.start()
    yield server
    server.remove()


@pytest.fixture(params=["in a file", "beside the jobs"])
def register(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Register]:
    """A register, in each of the places where it may be."""
    if request.param == "in a file":
        register = Register(tmp_path / "people")
    else:
        server = request.getfixturevalue("server")
        register = Register(Shared(postgres.tables_of(server, "people", SHARED)))
    yield register
    register.close()

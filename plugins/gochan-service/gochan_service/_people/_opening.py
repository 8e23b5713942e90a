"""The register of a store: in a file beside it, or in its database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gochan.durable import Store

from .._shared import SharedStore
from ._database import Shared
from ._register import Register
from ._schema import SHARED


@asynccontextmanager
async def open_register(store: Store, path: Path) -> AsyncIterator[Register]:
    """Open the register of a store inside the block.

    Args:
        store: where the jobs are. If it offers tables, the register is there.
        path: the file, otherwise.

    Raises:
        RegisterError: the file cannot be used.
        StoreError: the database of the store cannot be used.
    """
    if isinstance(store, SharedStore):
        async with store.open_tables("people", SHARED) as tables:
            yield Register(Shared(tables))
        return
    register = Register(path)
    try:
        yield register
    finally:
        register.close()

"""Using the register of a server from the command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from getpass import getuser
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import trio

from gochan.durable import StoreError, open_store

from .._people import Register, RegisterError, open_register
from .._shared import SharedStore
from ._problems import run

T = TypeVar("T")

_SOURCE: Final = "command line"


def register_beside(store: str) -> Path:
    """Return where the register of a store is that keeps no tables but its own."""
    path = Path(store.partition(":")[2] if store.startswith("sqlite:") else "gochan")
    return path.with_name(f"{path.name}.people")


def here() -> dict[str, Any]:
    """Return what is noted about who uses a command: the name, the time, and where that is."""
    return {"by": getuser(), "at": time.time(), "source": _SOURCE}


def use_register(place: str, use: Callable[[Register], T]) -> T:
    """Use a register, and return what ``use`` returns.

    Args:
        place: its file, or the address of its store.
        use: called with it, in a thread if it is in the database of the store.

    Raises:
        click.UsageError: it is not there, or what is asked of it cannot be done.
    """
    try:
        if place.startswith("sqlite:"):
            return _use_file(register_beside(place), use)
        if "://" in place:
            return _use_shared(place, use)
        return _use_file(Path(place), use)
    except (RegisterError, StoreError) as error:
        raise click.UsageError(str(error)) from None


def _use_file(path: Path, use: Callable[[Register], T]) -> T:
    if not path.exists():
        raise RegisterError(f"there is no register {path}; 'gochan serve' makes it")
    register = Register(path)
    try:
        return use(register)
    finally:
        register.close()


def _use_shared(address: str, use: Callable[[Register], T]) -> T:
    answers: list[T] = []

    async def main() -> None:
        async with open_store(address) as store:
            if not isinstance(store, SharedStore):
                raise RegisterError(
                    f"{store.address} keeps no register; give the file that is beside it"
                )
            async with open_register(store, Path()) as register:
                answers.append(await trio.to_thread.run_sync(partial(use, register)))

    run(main)
    return answers[0]

"""One server for a store in a file: a second one is told where the first is."""

# Theory of operation
# -------------------
# A server holds a lock on a file beside its store as long as it runs, and has written its address
# there. The lock ends with its process, however that ends; the file stays, and is empty after an
# end in order. A second server looks for the lock before it listens or makes anything.
#
# Where files cannot be locked, nothing is noticed here; the store itself is the last guard.

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


def refuse_second(store: str) -> None:
    """Look whether a server of this store runs, and leave no trace.

    Raises:
        OSError: one does.
    """
    path = _path_of(store)
    if path is not None:
        with suppress(FileNotFoundError), open(path, "r+") as file:
            _take(file, store)


@contextmanager
def sole_server(store: str, url: str) -> Iterator[None]:
    """Be the only server of this store inside the block, if the store is in a file.

    Raises:
        OSError: another one runs.
    """
    path = _path_of(store)
    if path is None:
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield  # the store cannot be made there either, and that will be said
        return
    with open(descriptor, "r+") as file:
        _take(file, store)
        file.truncate(0)
        print(url, file=file, flush=True)
        try:
            yield
        finally:
            file.truncate(0)


def _path_of(store: str) -> Path | None:
    """Return the file that is locked; none for stores that may have several servers."""
    scheme, _, path = store.partition(":")
    return Path(f"{path}.server") if scheme == "sqlite" else None


def _take(file: TextIO, store: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        url = file.read().strip()
        at = f" at {url}" if url else ""
        raise OSError(f"a server runs here already: it serves {store}{at}") from None
    except OSError:
        pass  # this file system has no locks

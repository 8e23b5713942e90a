"""Opening a store on SQLite."""

from __future__ import annotations

import math
import os
import sqlite3
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias, final

import trio

from ...strategies import check_bool
from .._bells import Bells
from .._beside import beside
from .._book_store import Desk
from .._clock import StoreClock
from .._errors import StoreError, StoreUnavailable
from .._records import Hint, Migration
from .._store import Store
from ._agreed_time import AgreedTime
from ._connection import Connection, Mode
from ._desk import VERSION, InlineDesk, ThreadDesk, Transactions
from ._file_system import network_file_system_of
from ._library import Library, library_of
from ._neighbours import Neighbours
from ._schema import check, migrate
from ._sole_use import SoleUse
from ._transaction import SqliteStore

_OLDEST: Final = (3, 38, 0)  # RETURNING, STRICT, json_each without a build option
_LOOK: Final = 1.0  # seconds after which it is looked whether another process has written
_AHEAD: Final = 1.0  # seconds that clocks may differ
_PATIENCE: Final = 30.0  # seconds after which a queue looks itself, come what may

Access: TypeAlias = Literal["create", "write", "read"]
_MODES: Final[dict[Access, Mode]] = {"create": "rwc", "write": "rw", "read": "ro"}


@asynccontextmanager
async def open_sqlite_store(
    path: str,
    *,
    synchronous: Literal["full", "normal"] = "full",
    shared: bool = False,
    access: Access = "create",
    library: Literal["sqlite3", "apsw"] = "sqlite3",
) -> AsyncIterator[Store]:
    """Open a store in a file, and close it on the way out.

    Args:
        path: of the file. Its folder must be there.
        synchronous: ``"full"``: what was acknowledged survives a power cut. ``"normal"``: it
            survives the end of the process, but a power cut may cost the last jobs. Either way
            the file stays whole.
        shared: whether several processes may open it although this SQLite is older than 3.51.3,
            and has a bug that can, very rarely, damage a file which two processes write.
        access: ``"create"``: the file is made if it is not there. ``"write"``: it must be there.
            ``"read"``: it must be there, and nothing is written; other processes may write it
            meanwhile, whatever the version of SQLite.
        library: what speaks to SQLite: the standard library, or apsw (the extra ``sqlite``), which
            brings a newer SQLite than most Pythons have. All of a process must use the same one
            for a file, connections of your own included.

    Raises:
        ImportError: apsw is not installed.
        StoreError: the file is no store of ours, or has a newer schema, or another process has
            it open and this SQLite is too old for that.
        StoreUnavailable: it cannot be opened, or cannot be written.

    Warns:
        RuntimeWarning: the file is on a network file system, where it may be damaged.
    """
    if synchronous not in ("full", "normal"):
        raise ValueError(f'synchronous must be "full" or "normal", not {synchronous!r}')
    check_bool("shared", shared)
    if access not in _MODES:
        raise ValueError(f'access must be "create", "write" or "read", not {access!r}')
    if library not in ("sqlite3", "apsw"):
        raise ValueError(f'library must be "sqlite3" or "apsw", not {library!r}')
    file = _File(path, synchronous, access, library_of(library))
    opened = _opened_here(file) if file.clock.virtual else _opened_in_threads(file, shared=shared)
    async with opened as store:
        yield store


@final
class _File:
    """A file that is being opened."""

    def __init__(self, path: str, synchronous: str, access: Access, library: Library) -> None:
        self.path = path
        self.address = f"sqlite:{path}"
        self.library = library
        self.clock = StoreClock()
        self.reads = access == "read"
        self._synchronous = synchronous
        self._mode = _MODES[access]
        self._migration: Migration | None = None
        if not library.is_at_least(_OLDEST):  # pragma: no cover  # no Python >= 3.11 that we know
            raise StoreError(
                f"{self.address} needs SQLite 3.38, and {library.name} has {library.version}"
            )
        problem = self._problem()
        if problem is not None:
            raise StoreUnavailable(f"{self.address} cannot be opened: {problem}")
        network = network_file_system_of(path)
        if network is not None:
            warnings.warn(
                f"{self.address} is on a network file system ({network}), where SQLite can damage "
                "it as soon as two machines use it; put it on a local disk, or use postgresql:",
                RuntimeWarning,
                stacklevel=2,
            )

    def _problem(self) -> str | None:
        """Return what can be seen to be wrong before anything is touched."""
        folder = Path(self.path).parent
        if not folder.is_dir():
            return f"there is no folder {folder}"
        if not os.path.exists(self.path):
            return None if self._mode == "rwc" else "there is no such file"
        if not self.reads and not os.access(self.path, os.W_OK, effective_ids=True):
            return "it may not be written"
        return None

    def connect(self, *, opening: bool = False) -> Connection:
        """Connect to the file; the one who opens it brings tables and clock up to date."""
        try:
            connection = self.library.connect(self.path, self._mode)
            try:
                connection.run("PRAGMA busy_timeout = 5000")
                self._prepare(connection, opening=opening)
                connection.run("PRAGMA busy_timeout = 0")
            except BaseException:
                connection.close()
                raise
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"{self.address} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
                text = f"is no SQLite database: {error}; give the path of another file"
            else:
                text = f"is damaged: {error}; put a copy in its place"
            raise StoreError(f"{self.address} {text}") from error
        return connection

    def _prepare(self, connection: Connection, *, opening: bool) -> None:
        if self.reads:
            check(connection, self.address)
        else:
            connection.value("PRAGMA journal_mode = WAL")
            connection.run(f"PRAGMA synchronous = {self._synchronous}")
        if opening and not self.reads:
            self._migration = migrate(connection, self.address)
            connection.watch(self.path)
        if opening:
            self.clock.reach(AgreedTime(connection).latest())

    def transactions(self, connection: Connection, *, reading: bool = False) -> Transactions:
        """Return what makes transactions by a connection."""
        return Transactions(connection, self.address, self.clock, reading=reading or self.reads)

    def store(self, desk: Desk, bells: Bells, patience: float) -> SqliteStore:
        """Return a store on it."""
        store = SqliteStore(self.address, desk, bells, self.clock, patience, self.library)
        store.migration = self._migration
        return store


@asynccontextmanager
async def _opened_here(file: _File) -> AsyncIterator[Store]:
    """Open a store without a thread, in virtual time."""
    connection, bells = file.connect(opening=True), Bells()
    desk = InlineDesk(file.transactions(connection), bells, connection.close)
    store = file.store(desk, bells, math.inf)
    try:
        yield store
    finally:
        with trio.CancelScope(shield=True):
            await store.aclose()


@asynccontextmanager
async def _opened_in_threads(file: _File, *, shared: bool) -> AsyncIterator[Store]:
    """Open a store with its threads, and its neighbours in other processes."""
    with SoleUse(file.path, file.address, file.library, reads=file.reads, shared=shared):
        writing, reading = await trio.to_thread.run_sync(_connect_twice, file)
        bells, neighbours = Bells(), Neighbours(file.path)
        if not file.reads:
            neighbours.move_in()
        desk = ThreadDesk(
            file.address,
            file.transactions(writing),
            file.transactions(reading, reading=True),
            bells.ring,
            neighbours.ring,
            partial(_close, writing, reading),
        )
        store = file.store(desk, bells, _PATIENCE)
        try:
            async with beside(
                partial(neighbours.hear, bells),
                partial(_look_for_changes, file, desk, bells, await _version(desk)),
            ):
                yield store
        finally:
            with trio.CancelScope(shield=True):
                await store.aclose()
            neighbours.move_out()


def _connect_twice(file: _File) -> tuple[Connection, Connection]:
    """Return a connection that writes, and one that reads."""
    writing = file.connect(opening=True)
    try:
        return writing, file.connect()
    except BaseException:
        writing.close()
        raise


async def _version(desk: Desk) -> int | None:
    """Return what changes when another process has written, if that can be known now."""
    try:
        return int(await desk(VERSION))
    except StoreUnavailable:
        return None


async def _look_for_changes(file: _File, desk: Desk, bells: Bells, seen: int | None) -> None:
    """Ring for what other processes have written, in case their bells were lost; for ever."""
    timed = None  # the version whose time we have
    while True:
        version = await _version(desk)
        try:
            ahead = file.clock.ahead > _AHEAD and not file.reads
            if ahead or version != timed:
                file.clock.reach(await desk("keep_time", ahead))
                timed = version
        except StoreUnavailable:
            pass  # it is looked at again, and others are told, too
        if version is not None:
            if seen not in (None, version):
                bells.ring({queue: [Hint("changed")] for queue in bells.queues})
            seen = version
        await trio.sleep(_LOOK)


def _close(writing: Connection, reading: Connection) -> None:
    """Close the connections; the one that writes last, so that it can tidy up."""
    reading.close()
    try:
        writing.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:  # pragma: no cover  # somebody else reads, and will tidy up
        pass
    finally:
        writing.close()

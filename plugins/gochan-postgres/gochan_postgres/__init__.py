"""A store for gochan's durable queues on PostgreSQL."""

# All plugins are loaded to find one; psycopg is imported only when a store is opened.
#
# The files, from the bottom up: each uses only those above it.
#
#   _address         addresses of servers, checked, and shown without passwords
#   _connection      one connection to a server
#   _rows            rows, and the records that they are
#   _schema          the tables, and how a database gets the newest ones
#   _queues          their numbers, settings, counts and bells
#   _new_rows        jobs as PostgreSQL can store them
#   _works           what becomes of jobs in a transaction
#   _reviving        jobs that have ended run again
#   _ending          jobs whose run is over, and jobs that end without one
#   _careful         jobs that are stored by a transaction which looks, decides, and writes
#   _storing         new jobs, each batch by one statement, or with care
#   _claiming        which jobs are the next that a worker may have, and how it gets them
#   _running         what is written about jobs while they are leased
#   _tending         what time demands
#   _health          whether the server can keep the table of jobs small
#   _postgres_book   all operations, by one connection
#   _lane            one connection, by which operations are made in a thread
#   _desk            few lanes for many operations
#   _tables          tables of other plugins beside the jobs
#   _listener        hears what other processes ring
#   _postgres_store  the store, and the user's own transaction
#   _server_clock    the server's clock
#   _opening         how it is opened

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Literal

from gochan import hookimpl
from gochan.durable import StoreSpec

if TYPE_CHECKING:
    from ._health import Health
    from ._postgres_store import PostgresStore
    from ._tables import Tables, TableWork

__all__ = ["Health", "PostgresStore", "TableWork", "Tables", "open_postgres_store"]


def __getattr__(name: str) -> object:
    if name == "Health":
        from ._health import Health

        return Health
    if name == "PostgresStore":
        from ._postgres_store import PostgresStore

        return PostgresStore
    if name in ("TableWork", "Tables"):
        from . import _tables

        return getattr(_tables, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def open_postgres_store(
    address: str,
    *,
    schema: str = "gochan",
    timeout: float = 10.0,
    access: Literal["create", "write", "read"] = "create",
) -> AbstractAsyncContextManager[PostgresStore, bool | None]:
    """Open a store in a PostgreSQL database, and close it on the way out.

    Args:
        address: as libpq knows it: ``postgresql://user:password@host:5432/database?sslmode=…``.
            What it leaves out is taken from the environment (``PGPASSWORD``, ``PGPASSFILE``, …).
        schema: where the tables are.
        timeout: after how many seconds a call ends with `gochan.durable.StoreUnavailable`,
            whatever the server and the network do.
        access: ``"create"``: schema and tables are made if they are not there. ``"write"``: they
            must be there, and are brought up to date. ``"read"``: they must be up to date.

    Raises:
        StoreUnavailable: the server cannot be reached, or refuses the login. Raised on entering, as
            is the next.
        StoreError: the schema is not ours, or of a newer version.
        TypeError, ValueError: an argument is of the wrong type, or out of range.
    """
    from ._opening import check, opened

    return opened(check(address, schema, timeout, access), schema, timeout, access)


@hookimpl
def gochan_stores() -> Iterable[StoreSpec]:
    """Offer the store, under both names that libpq knows."""
    for scheme in ("postgresql", "postgres"):
        yield StoreSpec(scheme, open_postgres_store, "on PostgreSQL, for fleets of machines")

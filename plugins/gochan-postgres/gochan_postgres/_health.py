"""Health: whether the server can keep the table of jobs small."""

# Theory of operation
# -------------------
# A job that moves on leaves dead rows behind, which the server removes as soon as no transaction
# can see them any more. One transaction that stays open, of anybody in the same database, keeps
# them all; then each claim has to step over more and more of them.

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from ._connection import Connection

_LOOK: Final = """
SELECT coalesce((
        SELECT n_dead_tup FROM pg_stat_user_tables
        WHERE schemaname = %(schema)s AND relname = 'job'
    ), 0),
    coalesce((
        SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::float8
        FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
    ), 0.0),
    pg_notification_queue_usage()"""


@final
@dataclass(frozen=True, slots=True)
class Health:
    """What says whether the server can keep the table of jobs small."""

    dead_rows: int
    """Rows of the table of live jobs that nobody needs; the server removes them in time."""
    oldest_snapshot: float
    """Seconds since the oldest transaction began that still keeps them; 0 without one."""
    notify_usage: float
    """Which part of the server's queue of notifications is used; at 1, commits fail."""


Health.__module__ = "gochan_postgres"


def health(connection: Connection) -> Health:
    """Ask the server."""
    schema = connection.dialect.schema.strip('"')
    return Health(*connection.row(_LOOK, {"schema": schema}))

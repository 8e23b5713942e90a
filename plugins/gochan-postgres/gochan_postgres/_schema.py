"""The tables, and how a database gets the newest ones."""

# Theory of operation
# -------------------
# All is in a schema of its own, ``gochan`` by default, whose table ``version`` says which version
# it has. Each migration leads from one version to the next; all that are needed run in one
# transaction, under an advisory lock, so a hundred workers that start at once do it once.
#
# Jobs that have not ended are in one table, those that have in another: the first stays small,
# is updated all the time and vacuumed often; the second only grows and is pruned.
# ``lease_until`` is in no index, so that a renewal need not touch any (HOT updates).
#
# Times are seconds since the epoch by the server's clock, as doubles.

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from gochan.durable import Migration, StoreError

from ._connection import Connection
from ._rows import ALL, listed

Access: TypeAlias = Literal["create", "write", "read"]

LOCK: Final = 7214  # the class of our advisory locks

_JOB: Final = """
    id bigint NOT NULL,
    queue int NOT NULL,
    state smallint NOT NULL,               -- 0 scheduled, 1 waiting, 2 running, 3 ended
    kind text,
    version int NOT NULL DEFAULT 0,
    payload bytea NOT NULL,
    codec text NOT NULL,
    key text,
    priority bigint NOT NULL,
    grp text,
    route text NOT NULL,                   -- machine and labels as JSON; empty: any worker
    headers text,
    submitted float8 NOT NULL,
    run_at float8,
    expires float8,
    timeout float8,
    attempt int NOT NULL DEFAULT 0,
    max_attempts int NOT NULL,
    crashes int NOT NULL DEFAULT 0,
    lost int NOT NULL DEFAULT 0,
    held int NOT NULL DEFAULT 0,           -- how many jobs have to end first
    worker text,
    started float8,
    lease_until float8,
    ended float8,
    wish text,
    progress text,
    error text,
    result bytea,
    log text,
    forgotten int NOT NULL DEFAULT 0,
    final bool NOT NULL DEFAULT false,     -- whether the last attempt is in the row, not in the log
    once_for float8,
    key_until float8,                      -- an ended job has its key until then
    grants int NOT NULL,                   -- how many attempts a retry adds
    marked bool NOT NULL DEFAULT false,    -- whether attempt counts the present start
    after_all bool NOT NULL DEFAULT false,
    needed bool NOT NULL DEFAULT false     -- whether other jobs wait for its end
"""

_FIRST: Final = f"""
CREATE TABLE {{s}}.queue(
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    paused bool NOT NULL DEFAULT false,
    group_limit int,
    capacity float8,
    settings text
);
CREATE TABLE {{s}}.route(
    queue int NOT NULL,
    route text NOT NULL,
    machine text,
    labels jsonb NOT NULL,
    PRIMARY KEY(queue, route)
);
CREATE TABLE {{s}}.tally(queue int NOT NULL, what text NOT NULL, n bigint NOT NULL);
CREATE SEQUENCE {{s}}.job_id;
CREATE TABLE {{s}}.job({_JOB}, PRIMARY KEY(id)) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05
);
CREATE INDEX job_ready ON {{s}}.job(queue, route, priority DESC, id) WHERE state = 1;
CREATE INDEX job_group ON {{s}}.job(queue, route, grp, priority DESC, id)
    WHERE state = 1 AND grp IS NOT NULL;
CREATE INDEX job_free ON {{s}}.job(queue, route, priority DESC, id) WHERE state = 1 AND grp IS NULL;
CREATE INDEX job_running ON {{s}}.job(queue, grp) WHERE state = 2;
CREATE INDEX job_due ON {{s}}.job(run_at) WHERE state = 0 AND held = 0;
CREATE INDEX job_expires ON {{s}}.job(expires) WHERE state < 2 AND expires IS NOT NULL;
CREATE UNIQUE INDEX job_key ON {{s}}.job(queue, key) WHERE key IS NOT NULL;
CREATE TABLE {{s}}.ended({_JOB}, PRIMARY KEY(id)) WITH (
    autovacuum_vacuum_insert_scale_factor = 0.2
);
CREATE INDEX ended_age ON {{s}}.ended(queue, kind, ended, id) WHERE key_until IS NULL;
CREATE INDEX ended_kept ON {{s}}.ended(key_until) WHERE key_until IS NOT NULL;
CREATE INDEX ended_key ON {{s}}.ended(queue, key) WHERE key_until IS NOT NULL;
CREATE TABLE {{s}}.need(needs bigint NOT NULL, job bigint NOT NULL, PRIMARY KEY(needs, job));
CREATE INDEX need_job ON {{s}}.need(job);
CREATE TABLE {{s}}.receipt(receipt text PRIMARY KEY, id bigint NOT NULL);
CREATE INDEX receipt_id ON {{s}}.receipt(id)
"""

MIGRATIONS: Final = (_FIRST,)
NEWEST: Final = len(MIGRATIONS)

assert all(f"\n    {column} " in _JOB for column in ALL), listed(ALL)


def migrate(connection: Connection, address: str, access: Access) -> Migration:
    """Bring the tables of a database up to date; return which there were, and are.

    Raises:
        StoreError: they are of a newer gochan, or somebody else's; or that is not wanted.
    """
    found = _version(connection, address)
    if found == NEWEST:
        return Migration(NEWEST, NEWEST)
    if access == "read" or (access == "write" and not found):
        had = f"schema version {found}, and this needs {NEWEST}" if found else "no tables yet"
        raise StoreError(
            f"the store {address} has {had}; bring it up to date by `gochan migrate`, or by "
            'opening it with access="create"'
        )
    schema = connection.dialect.schema
    with connection.transaction():
        connection.run("SELECT pg_advisory_xact_lock(%(lock)s, 0)", {"lock": LOCK})
        version = _version(connection, address)
        if not connection.value("SELECT to_regnamespace(%(name)s) IS NOT NULL", {"name": schema}):
            connection.script("CREATE SCHEMA {s}")
        for script in MIGRATIONS[version:]:
            connection.script(script)
        if version < NEWEST:
            connection.script(
                "CREATE TABLE IF NOT EXISTS {s}.version(version int NOT NULL);"
                "DELETE FROM {s}.version;"
                f"INSERT INTO {{s}}.version VALUES ({NEWEST})"
            )
    return Migration(version, NEWEST)


def _version(connection: Connection, address: str) -> int:
    """Return the version of the tables that are there; 0 if there are none."""
    schema = connection.dialect.schema
    ours, others = connection.row(
        "SELECT to_regclass(%(name)s) IS NOT NULL, EXISTS (SELECT FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %(schema)s)",
        {"name": f"{schema}.version", "schema": schema.strip('"')},
    )
    if not ours and others:
        raise StoreError(
            f"the schema {schema} of {address} has tables, but no store of gochan; "
            "choose another one, with schema="
        )
    version: int = connection.value("SELECT version FROM {s}.version") if ours else 0
    if version > NEWEST:
        raise StoreError(
            f"the store {address} has schema version {version}, and this gochan-postgres knows "
            f"versions up to {NEWEST}; use a newer one"
        )
    return version

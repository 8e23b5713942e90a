"""``gochan migrate``: a store gets the tables of this version."""

from __future__ import annotations

import click

from ...durable import Migration, Store
from ._as_json import text_of
from ._place import Place, StoreCommand, at_store, json_option


@click.command(
    name="migrate", cls=StoreCommand, short_help="Bring the tables of a store up to date."
)
@at_store("create")
@json_option
def migrate_command(place: Place, as_json: bool) -> int:
    """Say which schema the store has, and bring it up to date.

    It is made if it is not there. Workers and `gochan submit` do the same when they start; so
    this is for a deploy that wants to do it beforehand. With --json: one document, an object with
    "found", which is 0 for a new store, and "now".

    Exit status: 2 if the store is of a newer gochan; nothing was changed.
    """

    async def ask(store: Store) -> tuple[str, Migration]:
        migration = getattr(store, "migration", None)
        if not isinstance(migration, Migration):
            raise click.UsageError(f"{store.address} has no schema that could be migrated")
        return store.address, migration

    address, migration = place.ask(ask)
    if as_json:
        print(text_of(migration))
    elif migration.found == migration.now:
        print(f"{address} has schema {migration.now}, the newest that this gochan knows")
    elif migration.found:
        print(f"{address} had schema {migration.found}, and has schema {migration.now} now")
    else:
        print(f"{address} is new, and has schema {migration.now}")
    return 0

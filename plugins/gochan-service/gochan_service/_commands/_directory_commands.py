"""``gochan people import`` and ``sync``: the people of a directory, in the register."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import trio

from .._directories import (
    DirectoryAccess,
    DirectoryError,
    DirectoryPerson,
    people_of,
    read_directory,
    read_ldif,
)
from .._people import ROLES, Role, Rules, Sync, compare
from ._using_register import here, use_register

PASSWORD: Final = "GOCHAN_DIRECTORY_PASSWORD"

Command = TypeVar("Command", bound=Callable[..., Any])


def _roles(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    """Read ``GROUP=ROLE``."""
    roles: dict[str, Any] = {}
    for one in given:
        group, _, role = one.rpartition("=")
        if not group or role not in ROLES:
            raise click.BadParameter(f"{one!r} is not like ops=operator; roles: {', '.join(ROLES)}")
        roles[group] = role
    return roles


_OPTIONS: Final = (
    click.option(
        "--group", "roles", multiple=True, metavar="GROUP=ROLE", callback=_roles,
        help="The role of those in a group; the highest one counts. May be repeated.",
    ),
    click.option(
        "--others", type=click.Choice([*ROLES, "none"]), default="viewer", show_default=True,
        help="The role of those in none of these groups; 'none' leaves them out.",
    ),
    click.option("--source", metavar="NAME", help="What the directory is called here."),
    click.option("--yes", is_flag=True, help="The directory may shrink by more than a tenth."),
    click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
)  # fmt: skip


def _with_rules(command: Command) -> Command:
    """Give a command the options that say what becomes of people."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(name="import", short_help="Add the people in an LDIF file.")
@click.argument("file", type=click.File("rb"))
@click.option("--login", default="uid", show_default=True, help="The attribute with the login.")
@click.option("--whole", is_flag=True, help="Who is not in the file has left, and is blocked.")
@_with_rules
@click.pass_obj
def import_command(place: str, /, file: Any, login: str, whole: bool, **options: Any) -> None:
    """Add the people in FILE, an export of a directory, to the register; - is standard input.

    Those of an earlier import are changed, if FILE says something else of them.
    """
    try:
        people = people_of(read_ldif(file.read()), login=login)
    except DirectoryError as error:
        raise click.UsageError(f"{file.name}: {error}") from None
    _sync(place, people, "ldif", whole, **options)


@click.command(name="sync", short_help="Copy a directory of people.")
@click.argument("address")
@click.option("--user", default="", help="Who asks, as the directory names them.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=f"The password of the user; otherwise, {PASSWORD} of the environment.",
)
@click.option(
    "--ca",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Certificates to trust instead of the system's.",
)
@click.option("--groups-at", default="", metavar="DN", help="Where the groups are.")
@click.option("--ignore-referrals", is_flag=True, help="Leave out what other servers keep.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an answer may take.",
)
@_with_rules
@click.pass_obj
def sync_command(
    place: str,
    /,
    address: str,
    user: str,
    password_file: Path | None,
    ca: Path | None,
    groups_at: str,
    ignore_referrals: bool,
    timeout: float,
    **options: Any,
) -> None:
    """Make the register like the directory at ADDRESS: who has left it is blocked.

    An address is like ldaps://ldap.example.com/ou=people,dc=example,dc=com, with the plugin
    gochan-ldap. Any answer but a complete one changes nothing.
    """
    password = os.environ.get(PASSWORD, "")
    if password_file is not None:
        password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
    access = DirectoryAccess(user, password, ca, groups_at, ignore_referrals, timeout)
    try:
        people = trio.run(partial(read_directory, address, access))
    except DirectoryError as error:
        raise click.UsageError(f"nothing was changed: {error}") from None
    _sync(place, people, address, True, **options)


def _sync(
    place: str,
    /,
    people: Sequence[DirectoryPerson],
    called: str,
    whole: bool,
    *,
    roles: dict[str, Role],
    others: str,
    source: str | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """Make the register like a directory, and say what was done."""
    if source == "local":
        raise click.UsageError("'local' is who was added by hand; call the directory otherwise")
    rest: Any = None if others == "none" else others
    rules = Rules(source or called, roles, rest, whole, yes)
    _tell(use_register(place, lambda register: _synced(register, people, rules, dry_run)))


def _synced(register: Any, people: Sequence[DirectoryPerson], rules: Rules, dry_run: bool) -> Sync:
    comparing = partial(compare, people, rules)
    if dry_run:
        return comparing(register.people())
    done: Sync = register.sync(comparing, **here())
    return done


def _tell(sync: Sync) -> None:
    for line in sync.lines:
        click.echo(line)
    click.echo(sync.summary)

"""``gochan people``: who may come in, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

import click

from .._people import ROLES, Person, Register, Role
from ._directory_commands import import_command, sync_command
from ._harmless import harmless
from ._using_register import here, use_register

_DAY: Final = 86_400.0


@click.group(name="people", short_help="Who may use a job server, and what they may do.")
@click.option(
    "--register",
    "place",
    metavar="FILE|STORE",
    default="jobs.db.people",
    show_default=True,
    envvar="GOCHAN_REGISTER",
    show_envvar=True,
    help="The file that 'gochan serve' keeps beside its store, or the address of the store.",
)
@click.pass_context
def people_command(context: click.Context, place: str) -> None:
    """Add people to the register of a job server, give them tokens, and block them.

    A viewer looks. A submitter also submits jobs, and cancels and retries their own. An operator
    may do everything. A server that runs sees each change at once.
    """
    context.obj = place


people_command.add_command(import_command)
people_command.add_command(sync_command)


def _with_register(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the register, and what to note about who uses it."""

    @wraps(command)
    def call(**options: Any) -> None:
        place: str = click.get_current_context().obj
        use_register(place, lambda register: command(register, here(), **options))

    return call


@people_command.command(name="add", short_help="Add somebody.")
@click.argument("login")
@click.option("--role", type=click.Choice(ROLES), default="submitter", show_default=True)
@click.option("--name", default="", help="For people.")
@click.option("--mail", default="")
@_with_register
def _add(
    register: Register, here: dict[str, Any], login: str, role: Role, name: str, mail: str
) -> None:
    """Add LOGIN; 'gochan people token LOGIN' lets them in."""
    register.add(Person(login, role, name, mail), **here)


@people_command.command(name="list", short_help="List all.")
@_with_register
def _list(register: Register, here: dict[str, Any]) -> None:
    """List all: login, role, name, mail, source, and whether they are blocked or gone."""
    for person in register.people():
        words = [person.login, person.role, person.name, person.mail, person.source]
        state = "" if person.active else "blocked"
        _print([*words, "gone" if person.gone else state])


@people_command.command(name="token", short_help="Make a token for somebody.")
@click.argument("login")
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True, max=36_500), default=90.0,
    show_default=True, help="How long it opens anything.",
)  # fmt: skip
@click.option("--note", default="", help="What it is for.")
@_with_register
def _token(register: Register, here: dict[str, Any], login: str, days: float, note: str) -> None:
    """Print a new token for LOGIN. It is shown once: the register has only its hash."""
    click.echo(register.make_token(login, lasts=days * _DAY, note=note, **here))
    person = register.person(login)
    if person.gone or not person.active:
        why = "has left the directory" if person.gone else "is blocked"
        line = f"{harmless(login)} {why}, so this token opens nothing for now"
        click.echo(f"gochan: {line}", err=True)


@people_command.command(name="role", short_help="Give somebody another role.")
@click.argument("login")
@click.argument("role", type=click.Choice(ROLES))
@_with_register
def _role(register: Register, here: dict[str, Any], login: str, role: Role) -> None:
    """Give LOGIN another ROLE."""
    register.set_role(login, role, **here)


@people_command.command(name="block", short_help="Let somebody in no more.")
@click.argument("login")
@_with_register
def _block(register: Register, here: dict[str, Any], login: str) -> None:
    """Let LOGIN in no more: their tokens open nothing, and their sessions end."""
    register.set_active(login, False, **here)


@people_command.command(name="unblock", short_help="Let somebody in again.")
@click.argument("login")
@_with_register
def _unblock(register: Register, here: dict[str, Any], login: str) -> None:
    """Let LOGIN in again."""
    register.set_active(login, True, **here)


@people_command.command(name="revoke", short_help="Let no token of somebody open anything.")
@click.argument("login")
@_with_register
def _revoke(register: Register, here: dict[str, Any], login: str) -> None:
    """Let no token and no session of LOGIN open anything; new ones can be made."""
    click.echo(f"{register.revoke(login, **here)} tokens")


@people_command.command(name="audit", short_help="What was done, by whom.")
@click.option("-n", "number", type=click.IntRange(min=1), default=50, show_default=True)
@_with_register
def _audit(register: Register, here: dict[str, Any], number: int) -> None:
    """List what was done, the newest first: when, who, from where, what."""
    for entry in register.audit(limit=number):
        moment = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
        _print([moment, entry.login, entry.source, entry.what, entry.details])


def _print(words: list[str]) -> None:
    """Print words that people have written: nothing in them ends the line, or steers a terminal."""
    click.echo("\t".join(map(harmless, words)).rstrip())

"""The place of a store: its address and options, and what a command asks there."""

# Theory of operation
# -------------------
# A command opens the store, asks, and closes it. What can go wrong on the way is one line for the
# user. No such line shows an address as it was given, since that may hold a password; stores say
# theirs without.
#
# A command that only looks leaves no trace: it makes no file, and writes to none.

from __future__ import annotations

import functools
import json
import os
import sys
import warnings
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, redirect_stdout
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypeVar, final

import click
import trio

from ..._plugins import PluginError, PluginWarning, installed_plugins
from ...durable import Store, StoreError, StoreUnavailable, open_store
from .._first_error import first_error
from .._parameters import Pair
from .._standard_files import complain
from .._suggestions import suggest_texts
from ._address import SERVER, AddressArgument, StoreCommand

T = TypeVar("T")

Access: TypeAlias = Literal["create", "write", "read"]
"""What a command does with a store: it may make one, changes one, or only looks."""

_WHERE: Final = (
    ". This is the usual server, and 'gochan serve' starts it; if the jobs are elsewhere, say so "
    "with GOCHAN_URL or --at, as in --at sqlite:jobs.db"
)

# The options by which stores are told so, by the schemes of their addresses.
_ACCESS: Final = dict.fromkeys(("sqlite", "postgresql", "postgres"), "access")


@final
@dataclass(frozen=True)
class Place:
    """Where a store is, and how it is opened."""

    address: str
    options: dict[str, Any]
    access: Access
    named: bool = True  # whether the user has said where it is

    def ask(self, question: Callable[[Store], Awaitable[T]]) -> T:
        """Open the store, and return the answer to ``question``.

        Raises:
            click.UsageError: the store cannot be opened, or cannot do what it is asked.
        """
        if self.address == "memory:":
            raise click.BadParameter(
                "a store in memory is gone as soon as the command ends; use a file, as in "
                '"sqlite:jobs.db"',
                param_hint="--at",
            )

        async def main() -> T:
            async with AsyncExitStack() as stack:
                store = await self.open(stack)
                return await question(store)

        problem: BaseException
        try:
            return trio.run(main)
        except* (StoreError, click.ClickException) as group:
            problem = first_error(group)
        if isinstance(problem, click.ClickException):
            raise problem
        raise click.UsageError(f"{str(problem).rstrip('.')}{self._hint(problem)}")

    def _hint(self, problem: BaseException) -> str:
        """Return what else to try if the server is not there that nobody has named."""
        if self.named or not isinstance(problem, StoreUnavailable):
            return ""
        return _WHERE

    async def open(self, stack: AsyncExitStack) -> Store:
        """Open the store for as long as ``stack`` is; say what it and plugins warn of.

        Raises:
            click.BadParameter: nobody offers such a store, or it has no such option.
            StoreError: it cannot be opened.
        """
        scheme = self.address.partition(":")[0]
        options = dict(self.options)
        problems: list[str] = []
        with warnings.catch_warnings(record=True) as caught, redirect_stdout(sys.stderr):
            for kind in (PluginWarning, RuntimeWarning):
                warnings.simplefilter("always", kind)
            if scheme in _ACCESS:
                options.setdefault(_ACCESS[scheme], self.access)
            if scheme != "sqlite":
                problems += installed_plugins().complaints()  # a plugin may print
            try:
                return await stack.enter_async_context(open_store(self.address, **options))
            except (TypeError, ValueError, PluginError) as error:
                where = "" if self.named else _WHERE
                raise click.BadParameter(f"{error}{where}", param_hint="--at") from None
            finally:
                for problem in [*problems, *(str(warning.message) for warning in caught)]:
                    complain(problem)


def at_store(access: Access) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command a `Place` as its first argument, and the options that say which.

    The command has to be a `StoreCommand`.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @click.argument("word", required=False, cls=AddressArgument, metavar="[URL|STORE]")
        @click.option(
            "--at",
            metavar="URL|STORE",
            envvar="GOCHAN_URL",
            show_envvar=True,
            help=f"The server or the store; without it, {SERVER}.",
            shell_complete=suggest_texts(SERVER, "sqlite:", "postgresql://"),
        )
        @click.option(
            "--option",
            "options",
            type=Pair(),
            multiple=True,
            envvar="GOCHAN_STORE_OPTIONS",
            show_envvar=True,
            help="An option of the store, such as shared=true.",
        )
        @functools.wraps(command)
        def ask(
            word: str | None, at: str | None, options: tuple[tuple[str, str], ...], **others: Any
        ) -> int:
            return command(place_of(word, at, options, access), **others)

        return ask

    return decorate


def place_of(
    word: str | None, at: str | None, options: Sequence[tuple[str, str]], access: Access
) -> Place:
    """Return the place that the first word, or else an option or the environment, says."""
    address = word or at
    if address is not None and ":" not in address and os.path.isfile(address):
        address = f"sqlite:{address}"  # such as a journal of `gochan run`
    values = {name: _value(text) for name, text in options}
    return Place(address or SERVER, values, access, named=address is not None)


def _value(text: str) -> Any:
    """Return the value of an option: what it is in JSON, otherwise the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")

__all__ = ["Access", "Place", "StoreCommand", "at_store", "json_option", "place_of"]

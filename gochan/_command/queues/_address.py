"""The address of a store or a server: from an option, the environment, or the first word."""

# Theory of operation
# -------------------
# Every command for durable queues says in the same way where the jobs are: --at, or GOCHAN_URL;
# without either, it is the server that `gochan serve` starts. The first word of a command may be
# the address as well, as in `gochan jobs sqlite:jobs.db`.
#
# A first word is taken for an address if there are more words than the command can take without
# it; or if there are enough without it, and it looks like an address. So the name of a queue
# with a colon in it stays one where no other word could be the name.

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, final

import click

from .._suggestions import leave_to_shell

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SERVER: Final = "http://127.0.0.1:8000"
"""Where `gochan serve` listens, if it is told nothing else."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

_LEADS: Final = f"{__name__}.leads"


@final
class StoreCommand(click.Command):
    """A command whose first word may be the address of a store."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find out whether the first word is an address, and parse all."""
        given = self._given(ctx, args)
        if ctx.resilient_parsing and "words" not in given:
            args = args[:-1]  # an option whose value is being typed
            given = self._given(ctx, args)
        words = given.get("words")
        words = words if isinstance(words, tuple) else ()  # click has a mark of its own for none
        ctx.meta[_LEADS] = "at" not in given and self._begins_with_address(ctx, words)
        return super().parse_args(ctx, args)

    def _given(self, ctx: click.Context, args: list[str]) -> dict[str, Any]:
        """Return the options that are given, and the words as they are."""
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
        parser = click.Command(None, params=[*options, words]).make_parser(ctx)
        try:
            given, _, _ = parser.parse_args([*args])
        except click.UsageError:
            return {}  # it comes again, and is told then
        return given

    def _begins_with_address(self, ctx: click.Context, words: Sequence[str]) -> bool:
        others = [one for one in self.get_params(ctx) if _takes_words(one)]
        needed = sum(one.required for one in others)
        most = sum(math.inf if one.nargs < 0 else one.nargs for one in others)
        if len(words) > most:
            return True
        # Who completes a line has not typed all words yet.
        enough = len(words) > needed or (bool(words) and ctx.resilient_parsing)
        return enough and _looks_like_address(words[0])


@final
class AddressArgument(click.Argument):
    """The address as the first word; not there if that is another one."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Add it, if the command line has one."""
        if ctx.meta.get(_LEADS):
            super().add_to_parser(parser, ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Suggest what the word may be otherwise, and files."""
        others = [one for one in ctx.command.get_params(ctx) if _takes_words(one)]
        found = [item for one in others[:1] for item in one.shell_complete(ctx, incomplete)]
        return [*found, *leave_to_shell("file", incomplete)]


def _takes_words(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument) and not isinstance(parameter, AddressArgument)


def _looks_like_address(word: str) -> bool:
    return _SCHEME.match(word) is not None or os.path.isfile(word)

"""A group of options, and a command whose help shows its options in groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, final

import click

T = TypeVar("T")

Values: TypeAlias = Mapping[str, Any]
"""The values of all options, by name."""


@final
@dataclass(frozen=True)
class Group(Generic[T]):
    """Options that belong together.

    Attributes:
        title: what the help calls them.
        options: in the order of the help.
        make: returns what they ask for, from their values. It may open files, which it leaves
            to the stack to close, and raises `click.ClickException` if something is wrong.
    """

    title: str
    options: Sequence[click.Option]
    make: Callable[[Values, ExitStack], T]


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups."""

    def __init__(
        self,
        *args: Any,
        groups: Sequence[Group[Any]],
        params: Sequence[click.Parameter] = (),
        **others: Any,
    ) -> None:
        self._groups = groups
        options = [option for group in groups for option in group.options]
        super().__init__(*args, **others)
        self.params = [*options, *params]

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups, each below its title."""
        sections = [(group.title, group.options) for group in self._groups]
        own = self.get_help_option(context)
        for title, options in [*sections, ("Help", [own] if own else [])]:
            records = [option.get_help_record(context) for option in options]
            with formatter.section(title):
                formatter.write_dl([record for record in records if record is not None])

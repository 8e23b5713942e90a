"""The built-in commands by their names; each is imported when it is asked for."""

# Theory of operation
# -------------------
# Somebody who types a command waits until it has been imported. So each command is imported
# by itself, and no command pays for another one.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final, final

import click

from . import queues

_HERE: Final = ("completion", "man", "plugins", "run")

BUILT_IN: Final = frozenset({*_HERE, *queues.FILES})


@final
class BuiltInCommands(Mapping[str, click.Command]):
    """The built-in commands by their names."""

    def __getitem__(self, name: str) -> click.Command:
        if name in queues.FILES:
            return queues.load(name)
        if name not in _HERE:
            raise KeyError(name)
        module = import_module(f"._{name}_command", __package__)
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(BUILT_IN)

    def __len__(self) -> int:
        return len(BUILT_IN)

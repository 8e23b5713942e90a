"""What a shell may suggest as the value of an option or an argument."""

# Each function has the signature that click wants for ``shell_complete``. Files, folders and
# programs are not listed here: the shell knows better which there are.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Suggest: TypeAlias = Callable[[click.Context, click.Parameter, str], list[str]]


def suggest_files(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Suggest files."""
    return leave_to_shell("file", typed)


def suggest_folders(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Suggest folders."""
    return leave_to_shell("dir", typed)


def suggest_programs(_: click.Context, __: click.Parameter, ___: str) -> list[CompletionItem[str]]:
    """Suggest programs, because a command begins here."""
    return leave_to_shell("command", "0")


def leave_to_shell(kind: str, value: str) -> list[CompletionItem[str]]:
    """Let the shell suggest what it knows; the scripts say which kinds there are."""
    from click.shell_completion import CompletionItem  # only who presses Tab needs it

    return [CompletionItem(value, type=kind)]


def suggest_texts(*texts: str) -> Suggest:
    """Suggest these."""
    return lambda _context, _parameter, typed: _beginning(typed, texts)


def suggest_strategies(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Suggest the strategies of all plugins."""
    from .._plugins import installed_plugins

    names = {name for info in installed_plugins() for name in info.strategies}
    return _beginning(typed, sorted(names))


def _beginning(typed: str, texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text.startswith(typed)]

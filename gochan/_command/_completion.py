"""What may come next in a command line that somebody types."""

# Theory of operation
# -------------------
# click knows the options, and which of them wants a value. It does not know of commands within
# commands: in ``gochan run sort -n``, the -n is not ours. So that is looked at first.

from __future__ import annotations

from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, ShellComplete

from ._suggestions import leave_to_shell


def suggest(root: click.Group, words: Sequence[str]) -> list[CompletionItem[str]]:
    """Return what the last word may become; the others are complete."""
    *before, last = words
    if before:
        context = click.Context(root, info_name="gochan", resilient_parsing=True)
        command = root.get_command(context, before[0])
        if command is None:
            return []
        own = _own_command(command, context, before[1:])
        if own:
            from .run_options import MARKS  # which were loaded with the command

            if {*own}.isdisjoint(MARKS):
                return leave_to_shell("command", str(len(own)))
            return leave_to_shell("file", last)  # arguments are files most often
    return ShellComplete(root, {}, "gochan", "").get_completions(before, last)


def _own_command(
    command: click.Command, parent: click.Context, words: Sequence[str]
) -> Sequence[str]:
    """Return the words of the user's own command, if ours runs it and it has begun."""
    if command.context_settings.get("allow_interspersed_args", True):
        return ()
    context = command.make_context(None, [*words], parent=parent, resilient_parsing=True)
    return context.params.get("command") or ()

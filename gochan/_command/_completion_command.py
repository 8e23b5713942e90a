"""``gochan completion``: the script for a shell, and what the script asks for."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import cast

import click

from ._completion import suggest
from ._completion_scripts import SCRIPTS


@click.command(
    name="completion",
    context_settings={"allow_interspersed_args": False},
    short_help="Print a script that completes commands in a shell.",
)
@click.argument("shell", metavar="[bash|zsh|fish]", type=click.Choice([*SCRIPTS]))
@click.argument("words", nargs=-1, metavar="", type=click.UNPROCESSED)
@click.pass_context
def completion_command(context: click.Context, shell: str, words: tuple[str, ...]) -> None:
    """Print a script that completes the commands of gochan when you press Tab.

    Try it in the shell that runs:

    \b
      source <(gochan completion bash)
      source <(gochan completion zsh)
      gochan completion fish | source

    Keep it for all new shells. For zsh, the folder must be in $fpath before compinit runs.

    \b
      gochan completion bash >~/.local/share/bash-completion/completions/gochan
      gochan completion zsh >~/.zfunc/_gochan
      gochan completion fish >~/.config/fish/completions/gochan.fish

    Bash needs the package bash-completion to load such files, and to complete the commands that
    'gochan run' runs. The script asks gochan, so it need not be printed again after an upgrade.
    """  # noqa: D301  # click wants the character
    if not words:
        print(SCRIPTS[shell], end="")
        return
    with redirect_stdout(sys.stderr):  # a plugin may print
        found = suggest(cast("click.Group", context.find_root().command), words)
    for item in found:
        text = " ".join((item.help or "").split())
        print(item.type, item.value, text, sep="\t")

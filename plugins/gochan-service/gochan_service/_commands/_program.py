"""Whether there is the program that a command begins with: before anything is started for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Final

import click

_NOT_FOUND: Final = 127  # as for a shell, and for `gochan run`
_NOT_STARTED: Final = 126


def check_program(command: Sequence[str]) -> None:
    """Refuse a command whose program cannot be run; one that differs by the job is passed over.

    Raises:
        click.ClickException: there is no such program, or it cannot be executed.
    """
    name = next(iter(command), "{}")
    if "{" in name or shutil.which(name) is not None:
        return
    folders = [""] if os.sep in name else os.get_exec_path()
    paths = [os.path.join(folder, name) for folder in folders]
    found = [path for path in paths if name and os.path.exists(path)]
    why = f"{found[0]}: cannot be executed" if found else f"{name}: command not found"
    problem = click.ClickException(why)
    problem.exit_code = _NOT_STARTED if found else _NOT_FOUND
    raise problem

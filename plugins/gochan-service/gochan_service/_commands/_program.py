"""Whether there is the program that a command begins with: before anything is started for it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Final

_NOT_FOUND: Final = 127  # as for a shell, and for `gochan run`
_NOT_STARTED: Final = 126


def check_program(command: Sequence[str]) -> int:
    """Say so if the program of a command cannot be run, and return the status, or 0.

    A program that is another one for each job is passed over.
    """
    name = next(iter(command), "{}")
    if "{" in name or shutil.which(name) is not None:
        return 0
    folders = [""] if os.sep in name else os.get_exec_path()
    paths = [os.path.join(folder, name) for folder in folders]
    found = [path for path in paths if name and os.path.exists(path)]
    why = f"{found[0]}: cannot be executed" if found else f"{name}: command not found"
    print(f"gochan: {why}", file=sys.stderr, flush=True)
    return _NOT_STARTED if found else _NOT_FOUND

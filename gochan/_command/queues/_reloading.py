"""Reloading: whether a Python file has changed, and the same command once more."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final, NoReturn, final

INTERVAL: Final = 0.5
"""Seconds between two looks."""


@final
class Sources:
    """The Python files below a folder, but for hidden folders and virtual environments.

    Args:
        folder: where to look.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen = self._look()

    def changed(self) -> str | None:
        """Return a file that was changed, made or removed since the last call, if there is any."""
        before, self._seen = self._seen, self._look()
        different = before.items() ^ self._seen.items()
        return min((path for path, _ in different), default=None)

    def _look(self) -> dict[str, int]:
        """Return when each file was changed."""
        found = {}
        for folder, folders, names in os.walk(self._folder):
            if "pyvenv.cfg" in names:
                folders.clear()
                continue
            folders[:] = [name for name in folders if name[0] != "." and name != "node_modules"]
            for name in names:
                if name.endswith(".py"):
                    path = os.path.join(folder, name)
                    with suppress(OSError):  # it has gone meanwhile
                        found[path] = os.stat(path).st_mtime_ns
        return found


def start_again() -> NoReturn:
    """Become the same command as at the start, in a new interpreter."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

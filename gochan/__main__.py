"""The command ``gochan``, also as ``python -m gochan``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

# What the extra "cli" brings.
_NEEDED = ("click", "rich")


def main() -> NoReturn:
    """Run the command line, and exit with its status."""
    try:
        from ._command._command_line import command_line
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise  # something else is broken, and installing the extra would not mend it
        print(
            f"gochan: the command line needs {error.name}, from the extra 'cli' of trio-gochan: "
            f"pip install 'trio-gochan[cli]', or in a clone: pip install '.[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:  # pragma: no cover  # within some milliseconds
        sys.exit(130)
    sys.exit(command_line(sys.argv[1:]))


def _forget_current_folder() -> None:
    """Import nothing from the folder in which the command happens to be started.

    ``python -m`` puts it first on the path, before the installed packages, so a ``click.py`` that
    lies there would run. A folder that the user has named in ``PYTHONPATH`` stays.
    """
    with suppress(OSError):  # the folder has been removed, so nothing lies in it
        if not sys.flags.safe_path and sys.path[0] in {"", os.getcwd()}:
            del sys.path[0]


if __name__ == "__main__":
    _forget_current_folder()
    main()

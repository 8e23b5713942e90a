"""The command ``gochan``, also as ``python -m gochan``."""

from __future__ import annotations

import sys
from typing import NoReturn

from _gochan_start import finish

# What the extra "cli" brings.
_NEEDED = ("click", "rich")


def main() -> NoReturn:
    """Run the command line, and exit with its status."""
    try:
        from ._command._command_line import command_line

        finish()
        status = command_line(sys.argv[1:], alone=True)
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise  # something else is broken, and installing the extra would not mend it
        print(
            f"gochan: this needs {error.name}, from the extra 'cli'; "
            "in a clone of gochan: pip install '.[cli]'",
            file=sys.stderr,
        )
        status = 2
    sys.exit(status)


if __name__ == "__main__":
    main()

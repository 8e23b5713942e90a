"""The command ``gochan``, also as ``python -m gochan``."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, and exit with its status."""
    try:
        from ._command._command_line import command_line
    except ModuleNotFoundError as error:
        print(
            f"gochan: the command line needs {error.name}; pip install 'trio-gochan[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:  # pragma: no cover  # within some milliseconds
        sys.exit(130)
    sys.exit(command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()

"""The start of the command ``gochan``: what must be done before anything else is imported.

It is beside the package, because importing anything of a package imports the package first.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn


def prepare() -> None:
    """Import modules fast, and let Ctrl-C end the program without a traceback meanwhile."""
    gc.disable()  # nothing that is imported becomes garbage
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish() -> None:
    """Undo that, once all is imported."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def forget_current_folder() -> None:
    """Import nothing from the folder in which the command happens to be started.

    ``python -m`` puts it first on the path, before the installed packages, so a ``click.py`` that
    lies there would run. A folder that the user has named in ``PYTHONPATH`` stays.
    """
    with suppress(OSError):  # the folder has been removed, so nothing lies in it
        if not sys.flags.safe_path and sys.path[0] in {"", os.getcwd()}:
            del sys.path[0]


def main() -> NoReturn:
    """Run the command, and exit with its status."""
    prepare()
    from gochan.__main__ import main

    main()

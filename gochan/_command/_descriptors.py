"""The numbers of the standard files, and the exit status when nobody reads them."""

from __future__ import annotations

import signal
from typing import Final

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2

# The exit status when nobody reads the output any more, as a shell reports it.
BROKEN_PIPE: Final = 128 + signal.SIGPIPE

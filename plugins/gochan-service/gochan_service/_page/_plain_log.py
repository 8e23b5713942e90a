"""A log without what a terminal would obey: it is kept as it was, and shown as text."""

from __future__ import annotations

import re
from typing import Final

# Sequences of ECMA-48: CSI … a final byte; OSC and other strings up to their end; two bytes.
_SEQUENCES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_OTHERS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Return a part of a log as text.

    A carriage return begins a line anew, as progress bars do; here it ends the line.
    """
    text = _SEQUENCES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _OTHERS.sub("\N{REPLACEMENT CHARACTER}", text)

"""The script: what was done in a lab, as a program that does it again."""

from __future__ import annotations

from typing import Final, final

import trio

_DIGITS: Final = 6


@final
class Script:
    """Lines of Python, each with its moment."""

    def __init__(self) -> None:
        self._lines: list[tuple[float, str]] = []
        self._begun = trio.current_time()

    def note(self, line: str) -> None:
        """Note what is done now."""
        self._lines.append((trio.current_time(), line))

    def __str__(self) -> str:
        lines: list[str] = []
        before = self._begun
        for at, line in self._lines:
            pause = at - before
            if pause > 0:
                lines.append(f"await trio.sleep({pause!r})")
            lines.append(line)
            before = at
        return "\n".join(lines)

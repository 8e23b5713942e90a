"""What ``gochan run`` shows: what every display can do, and the words that all use."""

# Theory of operation
# -------------------
# Standard output carries what the commands print, untouched, so that it can be piped on.
# Everything about the run goes to standard error: on a terminal a live view of what runs,
# elsewhere a line for each command that has ended; at the end, a table.
#
# If nobody reads standard error, or it cannot be written, the run goes on all the same.

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final

from ...terminal import printable
from ._state import Control, RunState

# How many characters of a command are shown.
_LONGEST: Final = 201


class Display(ABC):
    """Shows a run while it goes on.

    Attributes:
        live: whether it shows how the run stands.
    """

    live: bool = False

    async def run(self, control: Control | None = None) -> None:  # noqa: B027
        """Show the run until cancelled; keys change it by ``control``, if there is one."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Show lines about the run."""

    @property
    def names_done(self) -> bool:
        """Whether it shows the names of commands that are done."""
        return False

    @abstractmethod
    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        """Show how a command ended."""

    def update(self, state: RunState) -> None:  # noqa: B027
        """Show the state of the run, if that is shown at all."""

    def stands_on(self, descriptor: int) -> bool:
        """Return whether the view is where ``descriptor`` leads, so that output must not hit it."""
        return False

    async def show(self, chunks: Iterable[bytes], descriptor: int) -> None:
        """Show what a command has written, where the view stands.

        Raises:
            OSError: it cannot be written.
        """
        raise NotImplementedError  # pragma: no cover  # there is no view

    async def drained(self) -> None:  # noqa: B027
        """Wait until all that was accepted is shown."""

    def close(self) -> None:  # noqa: B027
        """Stop showing the state of the run; lines and the summary can still be shown."""

    def summarize(self, rows: Sequence[tuple[str, str]], notes: Iterable[str] = ()) -> None:
        """Show the table at the end, and lines below it."""
        self.say("\n".join([table(rows), *notes]))


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Return a table: words on the left, figures on the right, an empty line before and after."""
    left = max(len(name) for name, _ in rows)
    right = max(len(value) for _, value in rows)
    lines = [f" {name:<{left}}   {value:>{right}}" for name, value in rows]
    return "\n".join(["", *lines, ""])


def describe(kind: str, seconds: float, command: str, why: str) -> str:
    """Return the line about a command that has ended."""
    end = f" ({why})" if why else ""
    return printable(f"{kind.replace('_', ' '):<11} {seconds:7.2f} s  {command}{end}")


def shortened(title: str) -> str:
    """Return ``title``, without its middle if it is long."""
    if len(title) <= _LONGEST:
        return title
    half = (_LONGEST - 1) // 2
    return f"{title[:half]}…{title[-half:]}"


def encoded(text: str) -> bytes:
    """Return lines as they are written: each without any character that a terminal would obey."""
    lines = map(printable, text.split("\n"))
    return ("\n".join(lines) + "\n").encode(errors="replace")

"""What is said at the end: what failed, what was not done, and how to go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, final

from .._options import Options
from ..pace import FIRST_FAILURE

# How a job can end, in the order of the summary.
KINDS: Final = (
    "done", "failed", "timed_out", "cancelled", "interrupted", "refused", "dropped", "handed_back"
)  # fmt: skip

# Words that mean something to a shell, and hardly anything to a program.
_OPERATORS: Final = frozenset(
    {"|", "|&", "||", "&&", ">", ">>", "<", "2>", "2>>", "2>&1", "&>", ">/dev/null", "2>/dev/null"}
)

# How many failures are named at the end.
_NAMED: Final = 20

# How many lines about later commands may follow a failure, so that it is still in sight.
_IN_SIGHT: Final = 20


@final
class Failures:
    """The commands that failed, of which the first are kept."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._count = 0
        self._since = 0  # how many commands have ended since the first of them

    def add(self, line: str) -> None:
        """Keep a line about a command that has failed."""
        self._count += 1
        if self._count <= _NAMED:
            self._lines.append(line)

    def pass_by(self) -> None:
        """Count a command that has ended otherwise."""
        self._since += bool(self._count)

    def lines(self) -> Iterator[str]:
        """Say what failed, unless the lines about that are still in sight."""
        if self._count + self._since <= _IN_SIGHT or not self._count:
            return
        yield f"{_NAMED} of {self._count} failures:" if self._count > _NAMED else "failures:"
        yield from self._lines


def _for_shell(command: Iterable[str]) -> str | None:
    """Return a word of a command that was meant for a shell, to judge by its looks."""
    return next((word for word in command if word in _OPERATORS), None)


def hints(options: Options, *, untried: bool, halted: bool) -> Iterator[str]:
    """Say where to look for what was not done, and how to go on.

    Args:
        options: of the run.
        untried: whether it ended before everything had been tried.
        halted: whether that was because of how commands have ended.
    """
    stop, output = options.stop, options.output
    if not options.input.shell and (word := _for_shell(options.command)):
        yield f"no shell has seen {word}, since none was asked for: say --shell, or --bash"
    if untried and halted and options.failures.halt is FIRST_FAILURE:
        yield "a failure ends the run; --keep-going goes on with the other lines"
    if output.results is not None:
        yield f"what each command printed is in {output.results}"
    if stop.left_over is not None:
        yield f"the lines that were not done are in {stop.left_over}; --input takes them"
    elif untried and stop.journal is None:
        yield "--left-over FILE would keep the lines that were not done, for the next run"

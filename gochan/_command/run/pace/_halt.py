"""When a run ends early: after so many failures, successes, or ends of commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, final

# How many commands must have ended before their share says anything, while more are to come.
_FEW: Final = 3


@final
@dataclass(frozen=True, slots=True)
class Halt:
    """A rule by which a run ends.

    Attributes:
        when: whether commands that run are ended now, or the run ends as soon as they have.
        what: which ends of commands are counted.
        number: how many of them there have to be.
        percent: whether that is a percentage of all lines.
    """

    when: Literal["now", "soon"]
    what: Literal["fail", "success", "done"]
    number: float
    percent: bool = False

    def reached(self, failed: int, done: int, total: int | None) -> bool:
        """Return whether the run is to end.

        While the total is not known, a percentage of failures is one of the commands that have
        ended, once these are a few; other percentages have to wait.

        Args:
            failed: how many commands have failed for good.
            done: how many have succeeded.
            total: how many there will be.
        """
        ended = failed + done
        count = {"fail": failed, "success": done, "done": ended}[self.what]
        if not self.percent:
            return count >= self.number
        if total is None:
            total = ended if self.what == "fail" and ended >= _FEW else None
        return total is not None and count > 0 and count * 100 >= self.number * total


FIRST_FAILURE: Final = Halt("soon", "fail", 1)
"""The rule if no other is given."""

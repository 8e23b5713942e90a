"""What has become of a run, in numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any, final

from ... import Job
from .display import KINDS


@final
class Tally:
    """The numbers of a run.

    Attributes:
        submitted: how many items.
        not_accepted: how many lines, of an item that came too late.
        done: how many commands have succeeded.
        failed: how many have failed for good.
        ended: how many jobs have ended, by kind.
    """

    def __init__(self) -> None:
        self.submitted = 0
        self.not_accepted = 0
        self.done = 0
        self.failed = 0
        self.ended: Counter[str] = Counter()

    def note_end(self, job: Job[Any, Any]) -> tuple[str, str]:
        """Count a job that has ended; return the kind of its end, and the reason."""
        outcome = job.outcome
        assert outcome is not None
        kind: str = getattr(outcome.error, "kind", outcome.kind)
        self.ended[kind] += 1
        return kind, outcome.reason

    @property
    def untried(self) -> bool:
        """Whether any job has not been tried to its end."""
        return bool(self.ended["interrupted"] + self.ended["handed_back"])

    def rows(
        self, *, done_before: int, retried: int, untouched: int | None, unread: bool
    ) -> list[tuple[str, str]]:
        """Return the rows of the summary.

        Args:
            done_before: how many items were done by earlier runs.
            retried: how many attempts followed another one.
            untouched: how many lines no item was made of; ``None`` if that is not known.
            unread: whether more may arrive that nobody reads.
        """
        counts = {"done before": done_before}
        counts |= {kind.replace("_", " "): self.ended[kind] for kind in KINDS}
        counts |= {"retried": retried, "never started": (untouched or 0) + self.not_accepted}
        rows = [(name, str(count)) for name, count in counts.items() if count]
        if untouched is None:
            rows.append(("rest of the input", "not counted"))
        if unread:
            rows.append(("rest of the input", "not read"))
        return rows

"""A standstill, in sentences: why durable queues do not become idle, or a job does not end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from ..durable import DurableQueue, JobRecord

_SHOWN: Final = 10  # jobs in a message

_JUMP: Final = (
    "with pytest-trio's fixture autojump_clock as an argument of the test, hours pass at once"
)


@final
@dataclass(frozen=True, slots=True)
class Goal:
    """What a test waits for: that queues are idle, or that a job has ended."""

    queues: Sequence[DurableQueue[Any, Any]]
    """The queues; one if it is about a job."""
    job: int | None = None
    """The number of the job."""

    def __str__(self) -> str:
        names = ", ".join(repr(queue.name) for queue in self.queues)
        queues = f"queue{'s' * (len(self.queues) > 1)} {names}"
        return queues if self.job is None else f"job {self.job} of {queues}"

    @property
    def verb(self) -> str:
        """What it does when the goal is reached."""
        return "be idle" if self.job is None else "end"

    @property
    def not_yet(self) -> str:
        """That the goal is not reached."""
        if self.job is not None:
            return f"{self} has not ended"
        return f"{self} {'are' if len(self.queues) > 1 else 'is'} not idle"


async def say_never(goal: Goal, stuck: Sequence[JobRecord]) -> str:
    """Say that the goal will never be reached, and why each of these jobs waits."""
    lines = [f"{goal} will never {goal.verb}:"]
    lines += await _why(goal, sorted(record.id for record in stuck))
    return "\n".join(lines + _about_handlers(goal, {record.queue for record in stuck}))


async def say_not_soon(goal: Goal, due: JobRecord, *, stands_still: bool) -> str:
    """Say that too much time has to pass before the time of a job comes."""
    lines = [f"{goal} will not {goal.verb} soon:", *await _why(goal, [due.id])]
    how = "the clock of this test stands still" if stands_still else "this test runs in real time"
    return "\n".join([*lines, f"{how}; {_JUMP}"])


async def say_not_yet(goal: Goal, why: str, *, give_time: bool = False) -> str:
    """Say that the goal was not reached, and which jobs there still are."""
    ids = [goal.job] if goal.job is not None else await _live(goal)
    lines = [f"{goal.not_yet}{why}:", *await _why(goal, ids)]
    if give_time:
        lines.append("if that is as it should be, say how long it may take: within=SECONDS")
    return "\n".join(lines)


async def _live(goal: Goal) -> list[int]:
    pages = [await queue.jobs(state=("running", "waiting", "scheduled")) for queue in goal.queues]
    return sorted(record.id for page in pages for record in page)


async def _why(goal: Goal, ids: Sequence[int]) -> list[str]:
    """Return a line for each job: why it waits, or what it does."""
    lines = []
    for id in ids[:_SHOWN]:
        explanation = await goal.queues[0].explain(id)
        if explanation is not None:  # pragma: no branch  # it was there a moment ago
            record = explanation.record
            reasons = " ".join(explanation.reasons)
            lines.append(f"  job {id} of {record.queue!r} ({record.state}): {reasons}")
    if len(ids) > _SHOWN:
        lines.append(f"  and {len(ids) - _SHOWN} more")
    return lines


def _about_handlers(goal: Goal, names: Iterable[str]) -> list[str]:
    """Return a line for each of these queues that runs nothing here."""
    lines = []
    for queue in goal.queues:
        if queue.name in names:
            try:
                phase = queue.job_queue.phase
            except RuntimeError:
                lines.append(f"queue {queue.name!r} was opened without a handler")
            else:
                if phase != "run":
                    lines.append(f"queue {queue.name!r} was stopped")
    return lines

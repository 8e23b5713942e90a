"""A roster: who works, where a store knows that."""

# Annotations are no strings here: these classes say that they are of gochan.durable, where not all
# names in them are known, and tools for data look at the types of fields.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, final, runtime_checkable

from ._records import Worker


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KnownWorker:
    """A worker, as far as it has told a store about itself."""

    name: str
    """What records call it."""
    machine: str | None = None
    """Jobs that are pinned to this machine are for it as well."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Jobs that need some of these are for it as well."""
    capacity: int | None = None
    """How many jobs it runs at the same time; ``None`` if it has not said so."""
    silent: float | None = None
    """For how many seconds it has not been heard of."""
    phase: str = ""
    """Of its stop, such as ``"drain"``; empty as long as it takes jobs."""
    queues: tuple[str, ...] = ()
    """Whose jobs it has asked for, sorted; empty if that is not known."""

    @property
    def has_stopped(self) -> bool:
        """Whether nothing runs there any more, and nothing will."""
        return self.phase == "report"  # the last one

    @property
    def stop(self) -> str:
        """What to say of its stop, such as ``"stops: drain"``; empty as long as it takes jobs."""
        if self.has_stopped:
            return "has stopped"
        return f"stops: {self.phase}" if self.phase else ""

    def suits(self, machine: str | None, labels: Mapping[str, str]) -> bool:
        """Whether a job that is pinned like this may run there."""
        return Worker(self.name, self.machine, self.labels).suits(machine, labels)


@runtime_checkable
class Roster(Protocol):
    """A store that also knows who works, as that of a server does."""

    async def workers(self) -> Sequence[KnownWorker]:
        """Return the workers that have been heard of, sorted by name."""

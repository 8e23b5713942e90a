"""How far a job has come, for displays; it has no other effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come, as its handler last reported. As a string ``"3/10"`` or ``"3"``."""

    done: float
    """How much is done, in whatever unit the handler counts."""
    total: float | None = None
    """How much there is to do; ``None`` if that is not known."""

    @property
    def fraction(self) -> float | None:
        """The share that is done, from 0 to 1; ``None`` if the total is not known."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total else 1.0

    def __str__(self) -> str:
        return f"{self.done}" if self.total is None else f"{self.done}/{self.total}"

"""What the tests of displays show."""

from __future__ import annotations

from typing import Any

from gochan._command.run.display._state import Running, RunState


def state(
    ended: int = 0, *names: str, ages: float = 1.0, total: int | None = None, **others: Any
) -> RunState:
    """Return the state of a run in which these commands run, each for so long."""
    running = [Running(number, name, ages) for number, name in enumerate(names, 1)]
    known = ended + len(names) if total is None else total
    values: dict[str, Any] = {"submitted": known, "failed": 0, "workers": 4}
    return RunState(ended=ended, running=running, total=total, **{**values, **others})

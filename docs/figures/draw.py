"""Draws the pictures of the documentation, from what really happens.

uv run python docs/figures/draw.py            write docs/figures/*.svg
uv run python docs/figures/draw.py --check    say which of them are not up to date
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
from overload import overload
from scenarios import TRACED
from states import job_states, operation_states
from trio.testing import MockClock

from gochan._choosing import chance
from gochan.debug import Trace, trace
from gochan.lowlevel import yield_interval

HERE = Path(__file__).parent


def record(program: Callable[[], Awaitable[None]], seed: int = 0) -> Trace:
    """Run a program under virtual time, and always in the same order."""
    chance.seed(seed)
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True
    trio._core._run._r.seed(seed)

    async def main() -> None:
        with trace() as recorded:
            await program()
        seen.append(recorded)

    seen: list[Trace] = []
    with yield_interval(float("inf")):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    return seen[0]


def pictures() -> dict[str, str]:
    """Return all pictures by their names."""
    drawn = {
        name: record(program).svg(title=program.__doc__ or "") for name, program in TRACED.items()
    }
    drawn["operation-states"] = operation_states(record)
    drawn["job-states"] = job_states(record)
    drawn["overload"] = overload()
    return drawn


def update(arguments: list[str]) -> str | None:
    """Write the pictures, or compare them with what is there."""
    check = arguments == ["--check"]
    stale = []
    for name, picture in pictures().items():
        path = HERE / f"{name}.svg"
        if not path.exists() or path.read_text(encoding="utf-8") != picture:
            stale.append(path.name)
        if not check:
            path.write_text(picture, encoding="utf-8")
    if check and stale:
        return f"not up to date, so run python docs/figures/draw.py: {', '.join(stale)}"
    return None


if __name__ == "__main__":
    sys.exit(update(sys.argv[1:]))

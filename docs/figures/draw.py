"""Draws the pictures of the documentation from real runs.

uv run python docs/figures/draw.py            write docs/figures/*.svg
uv run python docs/figures/draw.py --check    say which of them are not up to date
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import trio
from durable_queue import durable_queue
from late_worker import late_worker
from overload import overload
from scenarios import TRACED
from states import job_states, operation_states
from travelling_cancel import travelling_cancel
from trio.testing import MockClock

from gochan._core._choice import chance
from gochan.lowlevel import yield_interval
from gochan_trace import Trace, trace

HERE = Path(__file__).parent


@contextmanager
def settled(seed: int) -> Iterator[None]:
    """Fix random choices, the order of tasks and the clock."""
    original = trio.run
    chance.seed(seed)
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True
    trio._core._run._r.seed(seed)
    trio.run = partial(original, clock=MockClock(autojump_threshold=0))
    try:
        with yield_interval(float("inf")):
            yield
    finally:
        trio.run = original


def record(program: Callable[[], Awaitable[None]], seed: int = 0) -> Trace:
    """Return the trace of a program."""

    async def main() -> None:
        await program()

    with settled(seed), trace() as seen:
        trio.run(main)
    return seen


def record_page(name: str) -> Trace:
    """Return the trace of the first example of a page, where it is called ``seen``."""
    page = (HERE.parent / name).read_text(encoding="utf-8")
    example = page.partition("```python\n")[2].partition("```")[0]
    there: dict[str, Any] = {"__name__": "example"}
    with settled(0), redirect_stdout(StringIO()):
        exec(example, there)
    seen: Trace = there["seen"]
    return seen


def pictures() -> dict[str, str]:
    """Return all pictures by their names."""
    drawn = {
        name: record(program).svg(title=program.__doc__ or "") for name, program in TRACED.items()
    }
    drawn["record-a-timeline"] = record_page("how-to/record-a-timeline.md").svg()
    drawn["operation-states"] = operation_states(record)
    drawn["job-states"] = job_states(record)
    drawn["overload"] = overload()
    with settled(0):
        drawn["late-worker"] = late_worker()
        drawn["durable-queue"] = durable_queue()
        drawn["travelling-cancel"] = travelling_cancel()
    return drawn


def update(arguments: list[str]) -> str | None:
    """Write the pictures, or compare them with the files."""
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

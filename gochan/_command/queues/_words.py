"""Words: tables, ages, and text that is safe to print."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from ...durable import JobRecord, moment
from ..terminal import printable

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def table(columns: Iterable[str], rows: Iterable[Sequence[str]], *, wide: int = 0) -> str:
    """Return a table of text; what does not fit is cut.

    Args:
        columns: their titles; a number is set to the right below one that ends with ``>``.
        rows: the cells.
        wide: how many of the last columns share the width that the others leave.
    """
    from rich import box  # only a table needs it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    titles = [*columns]
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for number, title in enumerate(titles):
        found.add_column(
            title.removesuffix(">"),
            justify="right" if title.endswith(">") else "left",
            no_wrap=number < len(titles) - wide,  # rich cuts the others first
        )
    for row in rows:
        found.add_row(*(Text(printable(cell), no_wrap=True, overflow="ellipsis") for cell in row))
    text = io.StringIO()  # rich would end the process if nobody reads what it prints
    width = shutil.get_terminal_size().columns
    Console(file=text, width=width, markup=False, emoji=False).print(found)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n")


def age(since: datetime, now: float) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    seconds = int((moment(now) - since).total_seconds())
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 s"  # also by a clock that went back


def state_of(record: JobRecord) -> str:
    """Return where a job is, or how it ended."""
    return (record.kind or record.state).replace("_", " ")


def data_of(data: bytes | None, codec: str) -> str:
    """Return a payload or a result as text."""
    if data is None:
        return ""
    if codec == "json":
        return data.decode(errors="replace")
    return f"{len(data)} bytes of {codec}"


def counted(number: int, noun: str) -> str:
    """Return a number and a noun, as in ``2 jobs``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

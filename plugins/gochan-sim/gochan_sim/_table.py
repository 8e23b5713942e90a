"""A table for people, under a title."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence


def table_text(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    width: int,
    *,
    folded: Sequence[str] = (),
) -> str:
    """Return a table as text.

    Args:
        title: a line above it.
        columns: their names; the first one has words, the others have figures.
        rows: a cell for each column.
        width: of the terminal.
        folded: other columns whose cells may take several lines.
    """
    # Who completes a command loads all plugins, and does not need this.
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    first, *others = columns
    table.add_column(first, overflow="fold")
    for name in others:
        if name in folded:
            table.add_column(name, justify="right", overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)  # … where it does not fit
    for row in rows:
        table.add_row(*row)
    text = io.StringIO()  # on a closed pipe, rich would end the process
    Console(file=text, width=width, markup=False, emoji=False, highlight=False).print(table)
    lines = [title, *text.getvalue().splitlines()]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"

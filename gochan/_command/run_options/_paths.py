"""What options name: files and folders, and what is wrong with one that cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def naming(path: str, option: str | None = None) -> Iterator[None]:
    """Name the path, and the option if there is one, if the block finds no such file.

    Raises:
        click.UsageError: in place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        if option is None:
            raise click.UsageError(f"{path}: {error.strerror}") from None
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint=option) from None


def refuse_dash(path: str | None, option: str) -> None:
    """Refuse what stands for a standard file elsewhere.

    Raises:
        click.BadParameter: it is that.
    """
    if path == "-":
        raise click.BadParameter("- is no file; ./- would be one", param_hint=option)

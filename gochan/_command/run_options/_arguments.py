"""The arguments of a command line that follow its command, after ``:::`` and its like."""

# Theory of operation
# -------------------
# Each mark begins a list of values: ``:::`` of those that follow it, ``::::`` of the lines of
# the file that follows it; further files are further lists, as for GNU parallel. The commands
# are for all combinations of the lists. A mark that ends in a plus links its lists to the one
# before: the first value to the first, and so on.

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final, TypeAlias

import click

from ._paths import naming

MARKS: Final = (":::", ":::+", "::::", "::::+")
"""Words that begin a list of values."""

Values: TypeAlias = list[tuple[bytes, ...]]
"""A list of values; those in a tuple belong together."""


def split_command(words: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, list[str]]]]:
    """Return the command, and what follows each mark.

    Raises:
        click.UsageError: there is no command.
    """
    marks = [place for place, word in enumerate(words) if word in MARKS]
    starts = [0, *marks]
    parts = [[*words[start:end]] for start, end in zip(starts, [*marks, len(words)], strict=True)]
    command = parts.pop(0)
    if not command:
        raise click.UsageError(
            f"there is no command before {words[0]}; 'sh -c' would run each argument"
        )
    return (*command,), [(mark, rest) for mark, *rest in parts]


def read_sources(marked: Sequence[tuple[str, list[str]]], end: bytes) -> list[Values]:
    """Return the lists of values.

    Raises:
        click.UsageError: a file cannot be read, or there is nothing to link to.
    """
    sources: list[Values] = []
    for mark, words in marked:
        for values in _lists(mark, words, end):
            if not mark.endswith("+"):
                sources.append(values)
            elif not sources:
                raise click.UsageError(f"there is nothing before {mark} to link to")
            else:
                pairs = zip(sources[-1], values, strict=False)
                sources[-1] = [one + other for one, other in pairs]
    return sources


def _lists(mark: str, words: Sequence[str], end: bytes) -> list[Values]:
    """Return the lists that follow a mark."""
    if mark.startswith("::::") and words:
        return [[(line,) for line in _read(word, end)] for word in words]
    return [[(os.fsencode(word),) for word in words]]


def _read(path: str, end: bytes) -> list[bytes]:
    """Return the lines of a file that are not empty."""
    with naming(path):
        if path == "-":
            content = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:
                content = file.read()
    return [line for line in content.split(end) if line]

"""Payloads: JSON from an argument, or from standard input, one document or one a line."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import click


def read_payloads(text: str | None, *, lines: bool) -> list[Any]:
    """Return the payloads of the jobs to submit, in their order.

    Args:
        text: the argument; ``-`` or ``None`` for standard input.
        lines: whether each line is a payload; empty ones are skipped.

    Raises:
        click.UsageError: something is no JSON, or cannot be read; then there is nothing to submit.
    """
    if text is not None and text != "-":
        if lines:
            raise click.UsageError("--lines reads standard input; leave PAYLOAD out, or give -")
        return [_parse(text, "PAYLOAD")]
    given = _standard_input(named=text is not None)
    if not lines:
        return [_parse(given, "standard input")]
    return [
        _parse(line, f"line {number} of standard input")
        for number, line in enumerate(given.splitlines(), 1)
        if line.strip()
    ]


def _standard_input(*, named: bool) -> str:
    if sys.stdin is None:
        raise click.UsageError("standard input is closed; give the payload as an argument")
    if not named and sys.stdin.isatty():
        raise click.UsageError("Missing argument 'PAYLOAD': JSON, or - to type it.")
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"standard input is not UTF-8: {error}") from None


def _parse(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        hint = ""
        if text.strip() and text.strip()[0] not in '{["':
            hint = """; a text needs quotes, as in '"text"'"""
        raise click.UsageError(f"{what} is not JSON: {error}{hint}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it has no {constant}")

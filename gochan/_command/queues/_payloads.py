"""Payloads: JSON from an argument; or from standard input, where each line may be a text."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import click


def read_payloads(text: str | None, *, lines: bool, null: bool) -> list[Any]:
    """Return the payloads of the jobs to submit, in their order.

    Args:
        text: the argument: JSON, or ``-`` for JSON from standard input; ``None`` for its lines.
        lines: whether these lines are JSON, and not text; empty ones are skipped.
        null: whether they end with a NUL.

    Raises:
        click.UsageError: something is no JSON, or cannot be read; then there is nothing to submit.
    """
    if text is None or (text == "-" and lines):
        return _payloads_in(_standard_input(named=text is not None), lines=lines, null=null)
    if lines or null:
        option = "--lines" if lines else "--null"
        raise click.UsageError(f"{option} is about the lines of standard input; leave PAYLOAD out")
    if text == "-":
        return [_parse(_standard_input(named=True), "standard input")]
    return [_parse(text, "PAYLOAD")]


def _payloads_in(given: str, *, lines: bool, null: bool) -> list[Any]:
    """Return what the lines of standard input say, each a text or JSON."""
    rows = given.split("\0") if null else given.split("\n")
    if not lines:
        return [row for row in (row if null else row.removesuffix("\r") for row in rows) if row]
    return [
        _parse(row, f"line {number} of standard input")
        for number, row in enumerate(rows, 1)
        if row.strip()
    ]


def _standard_input(*, named: bool) -> str:
    if sys.stdin is None:
        raise click.UsageError("standard input is closed; give the payload as an argument")
    if not named and sys.stdin.isatty():
        raise click.UsageError(
            "Missing argument 'PAYLOAD': JSON, or - to type it; or lines of text from a pipe."
        )
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

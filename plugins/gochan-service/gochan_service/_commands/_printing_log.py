"""Printing the log of a job, as it comes."""

from __future__ import annotations

import os
import sys

import click
import httpx

from .._remote._address import reason_of, trust_of
from ._asking import checked, why
from ._harmless import harmless


def print_log(url: str, id: int, *, follow: bool, version: int | None) -> None:
    """Print the log of a job of a server.

    Raises:
        click.UsageError: the server cannot be reached, or has none.
    """
    address, token = checked(url)
    question: dict[str, str | int] = {"follow": int(follow)}
    if version is not None:
        question["version"] = version
    headers = {"authorization": f"Bearer {token}"}
    timeout = httpx.Timeout(10.0, read=None)
    try:
        with httpx.stream(
            "GET", f"{address}/api/v1/jobs/{id}/log", params=question, headers=headers,
            timeout=timeout, trust_env=False, verify=trust_of(address),
        ) as response:  # fmt: skip
            if response.status_code != 200:
                response.read()
                raise click.UsageError(why(response, address, token))
            for chunk in response.iter_bytes():
                _print(chunk)
    except httpx.HTTPError as error:
        raise click.UsageError(f"{address}: {reason_of(error)}") from None


def _print(chunk: bytes) -> None:
    """Write to standard output; to a terminal, nothing that it would obey but ends of lines."""
    if not os.isatty(sys.stdout.fileno()):
        sys.stdout.buffer.write(chunk)
    else:
        sys.stdout.write(harmless(chunk.decode(errors="replace"), keep="\n\t"))
    sys.stdout.flush()

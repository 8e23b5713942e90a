"""Asking the API of a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click
import httpx

from .._remote._address import check, described, reason_of, trust_of


def checked(url: str) -> tuple[str, str]:
    """Return the address of a server, and what opens its door for a person.

    Raises:
        click.UsageError: it is no address, or there is no token.
    """
    try:
        address, token, _ = check(url, None, None, 10.0)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return address, token


def ask(method: str, url: str, *path: str) -> Any:
    """Ask for something, and return the answer.

    Args:
        method: of HTTP.
        url: of the server.
        path: below ``/api/v1/``, in parts.

    Raises:
        click.UsageError: the server cannot be reached, or refuses it.
    """
    address, token = checked(url)
    place = "/".join(quote(part, safe="") for part in path)
    try:
        response = httpx.request(
            method, f"{address}/api/v1/{place}", headers={"authorization": f"Bearer {token}"},
            timeout=10.0, trust_env=False, verify=trust_of(address),
        )  # fmt: skip
    except httpx.HTTPError as error:
        raise click.UsageError(f"{address}: {reason_of(error)}") from None
    if not response.is_success:
        raise click.UsageError(why(response, address, token))
    return response.json()


def why(response: httpx.Response, address: str, token: str) -> str:
    """Return what a server says about what it refuses; of a token, which one that was."""
    if response.status_code == 401:
        return f"{address} does not accept {described(token)}"
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the server answers {response.status_code}"

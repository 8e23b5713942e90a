"""Tokens: words that let people in. They are shown once, and kept as hashes."""

# Theory of operation
# -------------------
# A token has 256 random bits, so a plain hash is enough: there is nothing to guess. (For passwords,
# which people choose, it would not be.) It is looked up by its hash, so the time that takes tells
# nothing about others.

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from .._token import TOKEN

_BYTES: Final = 32


def make_token() -> str:
    """Return a new token."""
    return TOKEN + secrets.token_urlsafe(_BYTES)


def hash_of(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()

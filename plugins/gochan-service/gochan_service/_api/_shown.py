"""Answers that say what the store knows, as JSON."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from gochan.durable import plain_data


def answer(thing: Any, status: int = 200) -> Response:
    """Return an answer that says ``thing``."""
    return told(as_json(thing), status)


def as_json(thing: Any) -> bytes:
    """Return the JSON that says ``thing``."""
    return json.dumps(plain_data(thing), ensure_ascii=False).encode()


def told(body: bytes, status: int = 200) -> Response:
    """Return an answer that is JSON."""
    headers = {"cache-control": "no-store"}
    return Response(body, status, headers, media_type="application/json")

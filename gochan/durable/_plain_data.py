"""Records as JSON can say them: the names are those of their fields."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from ._records import JobRecord


def plain_data(thing: Any) -> Any:
    """Return what JSON can say of records, and of lists and mappings of them.

    A record becomes a dict of its fields; a payload or a result becomes what it is in JSON, and the
    bytes of another codec become ``{codec: base64}``. Times are as ISO 8601 says, and an infinite
    number becomes ``None``.

    Args:
        thing: a record such as `JobRecord`, or a list or mapping with some in it.
    """
    if isinstance(thing, JobRecord):
        data = {name: _decoded(getattr(thing, name), thing.codec) for name in ("payload", "result")}
        return {name: data.get(name, value) for name, value in _fields(thing).items()}
    if is_dataclass(thing):
        return _fields(thing)
    if isinstance(thing, Mapping):
        return {key: plain_data(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [plain_data(value) for value in thing]
    if isinstance(thing, datetime):
        return thing.isoformat()
    if isinstance(thing, float) and not math.isfinite(thing):
        return None  # JSON has no such number
    return thing


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: plain_data(getattr(record, field.name)) for field in fields(record)}


def _decoded(data: bytes | None, codec: str) -> Any:
    """Return a payload or a result: itself if it is JSON, otherwise its bytes in base64."""
    if data is None:
        return None
    if codec == "json":
        return json.loads(data)
    return {codec: b64encode(data).decode()}

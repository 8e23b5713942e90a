"""What a store knows, as JSON: the names are those of the records."""

from __future__ import annotations

import json

from ...durable import plain_data


def text_of(thing: object, *, indent: int | None = 2) -> str:
    """Return JSON for records, and for lists and dicts of them.

    Args:
        thing: what is to be written.
        indent: by how much; ``None`` for a single line.
    """
    return json.dumps(plain_data(thing), indent=indent)

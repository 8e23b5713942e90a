"""The words of a command, from the payload of a job."""

from __future__ import annotations

import json
from collections.abc import Sequence


def fill_in(words: Sequence[str], payload: object) -> list[str]:
    """Put a payload in the place of each ``{}``, or at the end if there is none.

    A text stands for itself; anything else is its JSON. It is one argument: no shell looks at it.
    """
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    if any("{}" in word for word in words):
        return [word.replace("{}", text) for word in words]
    return [*words, text]


def command_in(payload: object) -> list[str]:
    """Return the command that a payload is: a list of words.

    Raises:
        ValueError: it is none.
    """
    if isinstance(payload, list) and payload and all(isinstance(word, str) for word in payload):
        return [*payload]
    raise ValueError("the payload is no command: it has to be a list of words, as in ['ls', '-l']")

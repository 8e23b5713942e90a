"""Quoting for a shell: where in a text a value stands, and how it is written there."""

# Theory of operation
# -------------------
# A value never becomes a part of what the shell parses. The text refers to it as a variable,
# and the value is a parameter of the shell. So what is found here, how a place is quoted, is
# needed only to write the reference in a way that keeps the value together. If the text is so
# tangled that we read it in another way than the shell does, the value may be split, but it
# is not run.

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

from ...._children import Place

Context: TypeAlias = Literal["bare", "double", "single"]
"""How a place is quoted by the text around it."""

# What matters for quoting. A backslash takes the next character with it.
_TOKEN: Final = re.compile(rb"""\\.|\$\(|[()'"]""", re.DOTALL)


def find_contexts(parts: Sequence[bytes | Place]) -> Iterator[bytes | tuple[Place, Context]]:
    """Say of each place how it is quoted."""
    # What we are in, innermost last: quotes, and parentheses that a command stands in.
    open_: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            for token in _TOKEN.findall(part):
                _follow(open_, token)
            yield part
        else:
            yield part, _CONTEXTS.get(open_[-1] if open_ else b"", "bare")


_CONTEXTS: Final[dict[bytes, Context]] = {b"'": "single", b'"': "double"}


def _follow(open_: list[bytes], token: bytes) -> None:
    """Enter or leave what a token opens or closes."""
    inside = open_[-1] if open_ else b""
    if inside == b"'":
        if token.endswith(b"'"):  # a backslash is nothing special here
            open_.pop()
    elif token == inside == b'"' or (token == b")" and inside == b"("):
        open_.pop()
    elif token == b"$(" or (token == b"(" and inside != b'"'):
        open_.append(b"(")
    elif token == b'"' or (token == b"'" and inside != b'"'):
        open_.append(token)


def refer(names: Sequence[bytes], context: Context) -> bytes:
    """Write references to variables, so that each is one word where the text is not quoted."""
    if context == "double":
        return b" ".join(b"${%b}" % name for name in names)
    if context == "single":
        return b"'\"%b\"'" % refer(names, "double")
    return b" ".join(b'"${%b}"' % name for name in names)


def write(values: Sequence[bytes], context: Context) -> bytes:
    """Write values themselves, as one would type them there."""
    if context == "double":
        return b" ".join(re.sub(rb'([\\"$`])', rb"\\\1", value) for value in values)
    if context == "single":
        return b" ".join(values).replace(b"'", rb"'\''")
    return b" ".join(os.fsencode(shlex.quote(os.fsdecode(value))) for value in values)

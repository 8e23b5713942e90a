"""The first error in a group of groups, which is the one that users are told."""

from __future__ import annotations

from typing import Any


def first_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """Return the first error in a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

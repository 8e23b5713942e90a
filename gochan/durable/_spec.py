"""Spec: what a plugin says about a store that it offers by the scheme of an address."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import final

from ._store import Store


@final
@dataclass(frozen=True, slots=True)
class StoreSpec:
    """What a plugin offers: a scheme, and how to open a store at an address of that scheme.

    Attributes:
        scheme: what addresses begin with, without the colon; lower case letters, digits, ``+``,
            ``-`` and ``.``.
        open: called with the whole address, and with the options as keywords; returns an async
            context manager that opens a store, and closes it on the way out.
        summary: one line for ``gochan plugins``.
        api: the version of `Store` that it was written for.

    Raises:
        TypeError: something is of the wrong type.
        ValueError: the scheme is not of that form, or the summary is not one line.
    """

    scheme: str
    open: Callable[..., AbstractAsyncContextManager[Store, bool | None]]
    summary: str
    api: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.scheme, str) or not re.fullmatch("[a-z][a-z0-9+.-]*", self.scheme):
            raise ValueError(
                f"a store's scheme is made of a-z, 0-9, '+', '-' and '.', not {self.scheme!r}"
            )
        if not callable(self.open):
            raise TypeError(
                f"what opens store {self.scheme!r} is {self.open!r}, which cannot be called"
            )
        if not isinstance(self.summary, str):
            raise TypeError(
                f"the summary of store {self.scheme!r} must be a string, not {self.summary!r}"
            )
        if len(self.summary.splitlines()) > 1:
            raise ValueError(
                f"the summary of store {self.scheme!r} must be one line, not {self.summary!r}"
            )

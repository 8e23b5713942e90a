"""A plugin that offers a class where a spec is asked for."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> Iterable[object]:
    yield Block

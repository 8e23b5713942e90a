"""A store of which some methods raise, for as long as the test wants."""

from __future__ import annotations

from typing import Any

import trio

from gochan.durable import Store


class Broken:
    """A store whose methods named in ``errors`` raise what is there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.errors: dict[str, Exception] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name in ("address", "patience", "loses_answers", "now", "listen"):
            return method

        async def call(*arguments: Any, **options: Any) -> Any:
            await trio.lowlevel.checkpoint()
            if name in self.errors:
                raise self.errors[name]
            return await method(*arguments, **options)

        return call

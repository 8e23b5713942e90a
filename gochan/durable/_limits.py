"""Limits: what is said about a queue that holds for the whole fleet."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, final

from ..strategies import check_count
from ._arguments import check_kind_of, check_text
from ._errors import StoreError
from ._queue_records import Keep, QueueSettings
from ._store import Store


@final
class Limits:
    """What was said about a queue that holds for the whole fleet."""

    def __init__(
        self,
        name: str,
        capacity: int | float | None,
        when_full: Literal["wait", "refuse", "drop-oldest"] | None,
        group_limit: int | None,
        keep: Keep | None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise TypeError(f"the name of a queue must be a str that is not empty, not {name!r}")
        check_text("the name of a queue", name)
        if when_full not in (None, "wait", "refuse", "drop-oldest"):
            raise ValueError(
                f'when_full must be "wait", "refuse" or "drop-oldest", not {when_full!r}'
            )
        if capacity is not None:
            check_count("capacity", capacity, least=1, infinite=True)
        if group_limit is not None:
            check_count("group_limit", group_limit, least=1)
        if keep is not None:
            check_kind_of("keep", keep, Keep, "Keep(done=86400)")
        self._name = name
        self._said = {
            "capacity": capacity,
            "when_full": "drop-oldest" if when_full == "drop-oldest" else None,
            "group_limit": group_limit,
            "keep": keep,
        }

    async def keep_in(self, store: Store, *, update: bool) -> QueueSettings:
        """Have the store keep them; return what holds.

        Raises:
            StoreError: others hold, and ``update`` is False.
        """
        said = {name: value for name, value in self._said.items() if value is not None}
        kept = await store.configure(self._name)
        if not said:
            return kept
        wanted = replace(kept, **said)  # type: ignore[arg-type]  # each is of its type
        kept = await store.configure(self._name, wanted, update=update)
        for name, value in said.items():
            if getattr(kept, name) != value:
                raise StoreError(
                    f"queue {self._name!r} on {store.address} has {name}={getattr(kept, name)!r}, "
                    f"not {value!r}; say the same in all processes, or update=True to change it"
                )
        return kept

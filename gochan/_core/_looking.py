"""What can be seen of a channel, from each of its ends."""

from __future__ import annotations

from typing import Any

from ._cases import Case, CloseCase
from ._state import ChanState


class Looking:
    """What a `Chan` and its ends show of the channel."""

    __slots__ = ()

    _state: ChanState[Any]

    @property
    def _thing(self) -> object:
        """The channel, as reports name it."""
        return self

    @property
    def closed(self) -> bool:
        """Whether the channel has been closed, by either end.

        Values that were buffered before may be left to receive.
        """
        return self._state.closed

    @property
    def capacity(self) -> int | float:
        """How many values the channel can hold without a receiver."""
        return self._state.max_size

    @property
    def name(self) -> str | None:
        """The name that the channel was given."""
        return self._state.name

    def on_close(self, *, priority: int = 0) -> Case[None]:
        """A case for `select`: the channel is closed, whatever it still holds."""
        return CloseCase.at(self, priority)

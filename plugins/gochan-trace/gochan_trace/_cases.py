"""The cases of a select, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gochan._core._cases import CloseCase, ReceiveCase, ReceiveOkCase, SendCase
from gochan._core._select import Default
from gochan._core._timers import After, At, TickCase
from gochan._core._wait_group import DoneCase

from ._places import Place

SENDING: Final = SendCase

# How many cases of one select are told of.
MOST: Final = 8


def is_receiving(case: object) -> bool:
    """Whether it is a case of a channel to receive from."""
    return isinstance(case, (ReceiveCase, ReceiveOkCase))


def received(case: object, value: Any) -> list[object]:
    """Return what was received, if anything, with a case whose value is ``value``."""
    if isinstance(case, ReceiveOkCase):
        return [value[0]] if value[1] else []
    return [value]


def describe(case: object, place: Callable[[object], Place]) -> str:
    """Say what a case does."""
    match case:
        case SendCase():
            return f"send to {place(case._channel).name}"
        case ReceiveCase() | ReceiveOkCase():
            return f"receive from {place(case._channel).name}"
        case CloseCase():
            return f"close of {place(case._channel).name}"
        case DoneCase():
            return f"end of {place(case._group).name}"
        case TickCase():
            return f"tick every {case._ticker._period:g} s"
        case After():
            return f"after {case._seconds:g} s"
        case At():
            return f"at {case._deadline:g}"
        case Default():
            return "default"
    return "never"

"""Control-C at every step: whether a call can be interrupted while it is under way."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import trio


async def unprotected_steps(function: Callable[..., Any], call: Callable[[], Any]) -> list[str]:
    """Return at which steps of ``function``, which ``call`` leads to, Control-C may strike.

    The steps are all calls and returns, of whatever function, from its call to its return.
    """
    code = inspect.unwrap(function).__code__
    steps: list[tuple[str, bool]] = []

    def look(frame: FrameType, event: str, _: object) -> None:
        here: FrameType | None = frame
        while here is not None and here.f_code is not code:
            here = here.f_back
        if here is not None:
            step = f"{event} of {frame.f_code.co_qualname}"
            steps.append((step, trio.lowlevel.currently_ki_protected()))

    previous = sys.getprofile()
    sys.setprofile(look)
    try:
        result = call()
        if inspect.isawaitable(result):
            await result
    finally:
        sys.setprofile(previous)
    assert steps, "the function was called"
    return [step for step, protected in steps if not protected]

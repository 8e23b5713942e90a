"""A moment that nobody may look at: what strategies are told that say they ignore it."""

from __future__ import annotations

from typing import Any, Final, NoReturn, final


class Looked(Exception):
    """The moment was used for something."""


def _look(self: object, *_: object) -> NoReturn:
    raise Looked


@final
class Moment:
    """It can be passed on, and nothing else."""

    __slots__ = ()

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _look
    __add__ = __radd__ = __sub__ = __rsub__ = __float__ = __bool__ = __hash__ = _look


UNSEEN: Final[Any] = Moment()

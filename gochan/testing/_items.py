"""The items that strategies are tested with. A strategy may carry them, and nothing more."""

from __future__ import annotations

from random import Random
from typing import Any, Final, NoReturn, final


class Touched(Exception):
    """A strategy did more with an item than read its attributes."""


def _touch(deed: str) -> Any:
    def touch(self: Item, *_: object) -> NoReturn:
        raise Touched(deed)

    return touch


@final
class Item:
    """An item with the attributes of a job, as awkward as a value in a channel can be.

    To compare it, to hash it, or to test its truth raises an error. A strategy that did this
    would confuse values that are equal, and fail on values that are unhashable or whose ``==``
    raises. So one kind of item stands for all of these.

    Attributes:
        priority: higher priorities go first.
        key: the group to which it belongs.
        payload: the number that the item was made from.
    """

    __slots__ = ("key", "payload", "priority")

    def __init__(self, priority: int, key: str | None, payload: int) -> None:
        self.priority = priority
        self.key = key
        self.payload = payload

    __eq__ = _touch("compared an item with ==")
    __ne__ = _touch("compared an item with !=")
    __lt__ = _touch("compared an item with <")
    __le__ = _touch("compared an item with <=")
    __gt__ = _touch("compared an item with >")
    __ge__ = _touch("compared an item with >=")
    __hash__ = _touch("hashed an item")
    __bool__ = _touch("tested whether an item is true")
    __len__ = _touch("asked for the length of an item")

    def __repr__(self) -> str:
        return f"<item: {traits(self) or 'plain'}>"


def traits(item: Any) -> str:
    """Describe an item, apart from its number."""
    if not isinstance(item, Item):
        return repr(item)
    said = [f"priority {item.priority}"] if item.priority else []
    said += [] if item.key is None else [f"key {item.key!r}"]
    return ", ".join(said)


# From this, `any_item` makes an item without traits, which makes a history easier to read.
PLAIN: Final = 1


def any_item(dice: Random) -> Item:
    """Return an item with one of a few priorities and keys, so that many items share them."""
    return Item(
        dice.choice((0, 0, 0, 1, 2, -1)), dice.choice((None, "a", "b", "c")), dice.randrange(100)
    )


def rival(dice: Random, number: int, *, new_key: bool) -> Item:
    """Return an item that goes before all others, if items decide about that."""
    return Item(1000, f"new {number}" if new_key else dice.choice("abc"), number)

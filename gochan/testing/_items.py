"""The items that strategies are tested with: they can be carried, and nothing else."""

from __future__ import annotations

from random import Random
from typing import Any, Final, NoReturn, final


class Touched(Exception):
    """An item was used for more than its attributes."""


def _touch(deed: str) -> Any:
    def touch(self: Item, *_: object) -> NoReturn:
        raise Touched(deed)

    return touch


@final
class Item:
    """What a job looks like to a strategy, and as awkward as a value in a channel can be.

    It can be neither compared nor hashed, and is neither true nor false. A strategy that
    tries would take one item for another, or fail, with values for which all that means
    something else. So one kind of item stands for equal ones, unhashable ones, and those
    whose ``==`` raises.

    Attributes:
        priority: the higher goes first.
        key: the group to which it belongs.
        payload: the number that the item was made from.
    """

    __slots__ = ("key", "payload", "priority")

    def __init__(self, priority: int, key: str | None, payload: int) -> None:
        self.priority = priority
        self.key = key
        self.payload = payload

    __eq__ = _touch("compared it with ==")
    __ne__ = _touch("compared it with !=")
    __lt__ = _touch("compared it with <")
    __le__ = _touch("compared it with <=")
    __gt__ = _touch("compared it with >")
    __ge__ = _touch("compared it with >=")
    __hash__ = _touch("hashed it")
    __bool__ = _touch("asked whether it is true")
    __len__ = _touch("asked for its length")

    def __repr__(self) -> str:
        return f"<item: {traits(self) or 'plain'}>"


def traits(item: Any) -> str:
    """Return what there is to say about an item beside its number."""
    if not isinstance(item, Item):
        return repr(item)
    said = [f"priority {item.priority}"] if item.priority else []
    said += [] if item.key is None else [f"key {item.key!r}"]
    return ", ".join(said)


# What `any_item` makes of this has no traits, so histories are easier to read.
PLAIN: Final = 1


def any_item(dice: Random) -> Item:
    """Return an item with a priority and a key from a few, so that many have the same."""
    return Item(
        dice.choice((0, 0, 0, 1, 2, -1)), dice.choice((None, "a", "b", "c")), dice.randrange(100)
    )


def rival(dice: Random, number: int, *, new_key: bool) -> Item:
    """Return one that comes before all others, as far as items have a say in that."""
    return Item(1000, f"new {number}" if new_key else dice.choice("abc"), number)

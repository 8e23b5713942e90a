"""The rules for every strategy, and the error that names a broken one."""

from __future__ import annotations

from enum import Enum, unique
from typing import final

from ..strategies import Promise


@unique
class Rule(Enum):
    """A rule for every strategy, whatever it promises. The value is the rule in words."""

    NOTHING_LOST = "what was admitted comes out, is dropped or is handed back"
    NOTHING_INVENTED = "nothing comes out that was not put in"
    NOTHING_REPEATED = "nothing comes out twice"
    LENGTH = "its length is the number of waiting items"
    VERDICT = "offer returns ADMIT, WAIT or Refuse"
    TURNED_AWAY = "an item that it refuses, or that has to wait, is not stored"
    EMPTY = "take raises Empty when nothing waits"
    DROPS = "only waiting items are dropped, each with a reason"
    CLOSE = "close hands back a list of waiting items, and keeps none of them"
    REMOVE = (
        "remove takes out that very item and returns True, or returns False and changes nothing"
    )
    SPARE = "spare names a waiting item that remove can take out, or None"
    TAKE_ALL = "take_all gives out everything that waits"
    NOTHING_HELD = "no item and no sender waits for ever"
    TIME = "next_change names the future moment at which time alone changes an answer"
    NUMBERS = "capacity and retry_after are numbers that make sense"
    ANY_ITEM = "any object can be an item"
    NO_ERRORS = "no method raises an error"
    OWN_STATE = "instances share nothing"
    SAME_ANSWERS = "the same calls at the same times have the same answers"


@final
class Broken(AssertionError):
    """A strategy has broken a rule, or one of its promises.

    Attributes:
        rule: the rule or promise.
    """

    def __init__(self, rule: Rule | Promise, message: str) -> None:
        super().__init__(message)
        self.rule = rule

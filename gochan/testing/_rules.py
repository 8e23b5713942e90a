"""The rules that every strategy keeps, and the error that names the one that was broken."""

from __future__ import annotations

from enum import Enum, unique
from typing import final

from ..strategies import Promise


@unique
class Rule(Enum):
    """What every strategy keeps to, whatever it promises; the value is the rule in words."""

    NOTHING_LOST = "what was admitted comes out, is dropped or is handed back"
    NOTHING_INVENTED = "nothing comes out that was not put in"
    NOTHING_REPEATED = "nothing comes out twice"
    LENGTH = "its length is the number of waiting items"
    VERDICT = "offer says ADMIT, WAIT or Refuse"
    TURNED_AWAY = "an item that it refuses, or that has to wait, is not stored"
    EMPTY = "take on nothing raises Empty"
    DROPS = "what is dropped was waiting, and there is a reason"
    CLOSE = "close hands back a list of waiting items, and keeps none of them"
    REMOVE = "remove takes out the very item and says True, or says False and changes nothing"
    SPARE = "spare names a waiting item that remove can take out, or None"
    TAKE_ALL = "take_all gives out everything that waits"
    NOTHING_HELD = "nothing and nobody waits for ever"
    TIME = "next_change tells the future moment at which time alone changes an answer"
    NUMBERS = "capacity and retry_after are numbers that make sense"
    ANY_ITEM = "any object can be an item"
    NO_ERRORS = "every question has an answer"
    OWN_STATE = "instances share nothing"
    SAME_ANSWERS = "the same questions at the same times have the same answers"


@final
class Broken(AssertionError):
    """A strategy has broken a rule, or one of its promises.

    Attributes:
        rule: which one.
    """

    def __init__(self, rule: Rule | Promise, message: str) -> None:
        super().__init__(message)
        self.rule = rule
